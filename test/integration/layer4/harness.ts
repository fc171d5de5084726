/**
 * What the layer-4 tests stand on: a whole gateway started from the text of a policy file, rows awaited by event, and
 * servers and clients of plain sockets. Must not sleep to wait for anything.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Readable } from "node:stream";
import type { Detail } from "../../../src/contract/detail.ts";
import type { Row } from "../../../src/contract/traffic.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";

const gateways: Gateway[] = [];
const servers: Server[] = [];
const sockets = new Set<Socket>();
const closers: (() => Promise<unknown> | void)[] = [];

/** Ends everything a test has started. Call from afterEach. */
export async function stopEverything(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const close of closers.splice(0)) await close();
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop(0)));
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
}

export function atEnd(close: () => Promise<unknown> | void): void {
  closers.push(close);
}

export class Running {
  readonly gateway: Gateway;
  private ended = 0;
  private moved = 0;
  private waiting: (() => void)[] = [];

  constructor(gateway: Gateway) {
    this.gateway = gateway;
    const wake = (): void => this.waiting.splice(0).forEach((resolve) => resolve());
    gateway.recorder.listen({
      began: () => {},
      progressed: () => void (this.moved++, wake()),
      ended: () => void (this.ended++, wake()),
      evicted: () => {},
      cleared: () => {},
    });
  }

  /** Port of a listener by name. */
  port(name: string): number {
    const { listeners } = this.gateway.statusView({ generation: "", seq: 0 });
    const found = listeners.find((listener) => listener.name === name);
    if (found === undefined) throw new Error(`no listener ${name}`);
    return found.port;
  }

  /** Rows from the first on, once `count` of them have ended. */
  async rows(count: number): Promise<Row[]> {
    while (this.ended < count) await new Promise<void>((resolve) => this.waiting.push(resolve));
    const { first, next } = this.gateway.recorder;
    return Array.from({ length: next - first }, (_, i) => this.gateway.row(first + i)!);
  }

  /** Settles when a pending row shows something new for the `count`th time. */
  async progress(count: number): Promise<void> {
    while (this.moved < count) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  detail(row: Row): Detail {
    return this.gateway.detail(row.id, false)!;
  }
}

/** @param policy without `version`. */
export async function start(policy: string): Promise<Running> {
  const gateway = new Gateway({ file: "layer4.switchyard.yaml" });
  gateways.push(gateway);
  await gateway.start(`version: 1\n${policy}`);
  return new Running(gateway);
}

/** A server that is nothing but a socket. */
export async function server(serve: (socket: Socket) => void): Promise<number> {
  const made = createServer({ allowHalfOpen: true }, (socket) => {
    keep(socket);
    serve(socket);
  });
  servers.push(made);
  made.listen(0, "127.0.0.1");
  await once(made, "listening");
  return (made.address() as AddressInfo).port;
}

/** Sends back what it gets, after its name; closes its half when the client has closed. */
export function echo(name = ""): Promise<number> {
  return server((socket) => {
    if (name !== "") socket.write(name);
    socket.pipe(socket);
  });
}

export async function client(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  keep(socket);
  await once(socket, "connect");
  return socket;
}

export function keep(socket: Socket): void {
  socket.on("error", () => {});
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
}

/** Everything until the peer's FIN. Rejects on a reset. */
export async function all(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket.iterator({ destroyOnReturn: false })) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** What has come over streams that `bytes` was asked about, and was not given yet. */
const come = new WeakMap<Readable, { text: string; over: boolean; wake(): void }>();

function hear(stream: Readable) {
  const heard = { text: "", over: false, wake: () => {} };
  come.set(stream, heard);
  // For good: whoever waits for one piece after the other misses those that come together.
  stream.on("data", (piece: Buffer | string) => {
    heard.text += typeof piece === "string" ? piece : piece.toString("latin1");
    heard.wake();
  });
  for (const end of ["end", "close", "error"]) stream.once(end, () => ((heard.over = true), heard.wake()));
  return heard;
}

/** The next `count` bytes at least, and all that came with them. From then on the stream is read. */
export async function bytes(stream: Readable, count: number): Promise<string> {
  const heard = come.get(stream) ?? hear(stream);
  while (heard.text.length < count) {
    if (heard.over) throw new Error(`ended before ${count} bytes: ${JSON.stringify(heard.text)}`);
    await new Promise<void>((resolve) => (heard.wake = resolve));
  }
  const { text } = heard;
  heard.text = "";
  return text;
}

/** How a socket closed: "end" for a FIN, else the error's code. */
export function closing(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    socket.once("end", () => resolve("end"));
    socket.once("close", () => resolve("close"));
    socket.resume();
  });
}
