/**
 * What the engine's tests stand on: an engine over plans built by hand, backends that do as they are told, raw clients.
 * Must not sleep to wait for anything: every wait is for an event, bounded by mocha's own limit.
 */
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { SourceRange } from "../../../src/model/basics.ts";
import { Decision } from "../../../src/model/decision.ts";
import { freshState } from "../../../src/model/fresh.ts";
import type { PlanEndpoint } from "../../../src/model/endpoint.ts";
import type { Plan, PlanRoute, PlanService, PlanStep, Timeouts } from "../../../src/model/plan.ts";
import { balancers } from "../../../src/balancers/index.ts";
import { FactGatherer } from "../../../src/gateway/facts/gatherer.ts";
import { Engine, type EngineOptions } from "../../../src/gateway/listen/engine.ts";
import type { Captured, RecordKeeper, Recording } from "../../../src/gateway/record/recording.ts";

const range: SourceRange = {
  file: "switchyard.yaml",
  line: 7,
  column: 3,
  endLine: 7,
  endColumn: 9,
  offset: 90,
  endOffset: 96,
};

// ---- Recording ---------------------------------------------------------------------------------------------------

/** As the recorder keeps: all of it would make a test of 10 MB copy a gigabyte. */
const MOST_KEPT = 65_536;

function capture(into: Captured, bytes: Buffer, start: number, end: number): void {
  into.bytes += end - start;
  if (into.keptBytes >= MOST_KEPT) return;
  const piece = Buffer.from(bytes.subarray(start, end));
  into.kept = into.kept === undefined ? piece : Buffer.concat([into.kept, piece]);
  into.keptBytes = into.kept.length;
}

/** What a test may know of an ended request: copied, since arrival and caller are reused. */
export interface Kept extends Omit<Recording, "arrival" | "caller"> {
  readonly method: string | undefined;
  readonly path: string | undefined;
}

export class TestKeeper implements RecordKeeper {
  readonly done: Kept[] = [];
  readonly pending = new Set<Recording>();
  private next = 1;
  private waiting: (() => void)[] = [];

  open(): Recording {
    const recording = {
      id: this.next++,
      at: 0,
      start: 0,
      end: 0,
      revision: 0,
      seed: 0,
      facts: {},
      decision: new Decision(),
      requestHead: "",
      upstreamHead: "",
      responseHead: "",
      replyHead: "",
      requestBody: { bytes: 0, kept: undefined, keptBytes: 0 },
      responseBody: { bytes: 0, kept: undefined, keptBytes: 0 },
      attempts: [],
      status: 0,
      failure: 0,
      refusal: "",
      refusalDetail: "",
      upgraded: false,
    } as unknown as Recording;
    this.pending.add(recording);
    return recording;
  }

  began(): void {}

  captureRequest(recording: Recording, bytes: Buffer, start: number, end: number): void {
    capture(recording.requestBody, bytes, start, end);
  }

  captureResponse(recording: Recording, bytes: Buffer, start: number, end: number): void {
    capture(recording.responseBody, bytes, start, end);
  }

  ended(recording: Recording): void {
    if (!this.pending.delete(recording)) throw new Error("ended twice");
    const { method, path } = recording.arrival;
    this.done.push({ ...recording, method, path });
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** Settles once `count` requests have ended. */
  async has(count: number): Promise<Kept[]> {
    while (this.done.length < count) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.done;
  }
}

// ---- Plans -------------------------------------------------------------------------------------------------------

export interface PlanOptions {
  /** Port or host:port of each endpoint. */
  readonly endpoints: readonly (number | string)[];
  readonly timeouts?: Partial<Timeouts>;
  readonly steps?: readonly PlanStep[];
  /** Path prefix of the only route. */
  readonly prefix?: string;
  readonly listenPort?: number;
  readonly addresses?: readonly string[];
  readonly listenerName?: string;
  readonly service?: Partial<PlanService>;
  readonly needs?: PlanRoute["needs"];
}

/** One listener, one route, one service with round robin. */
export function planOf(options: PlanOptions): Plan {
  const kind = balancers.find(({ type }) => type === "RoundRobin");
  if (kind === undefined) throw new Error("no RoundRobin");
  const endpoints = options.endpoints.map((place, index): PlanEndpoint => {
    const text = typeof place === "number" ? `127.0.0.1:${place}` : place;
    const at = text.lastIndexOf(":");
    const host = text.slice(0, at).replace(/^\[|\]$/g, "");
    const port = Number(text.slice(at + 1));
    return {
      index,
      url: `http://${text}`,
      host,
      port,
      label: `:${port}`,
      weight: 1,
      priority: 0,
      admin: 0,
      source: range,
    };
  });
  const config = kind.config.parse({});
  const service: PlanService = {
    index: 0,
    name: "orders",
    endpoints,
    balancerKind: kind,
    balancerConfig: config,
    balancer: kind.compile(config, endpoints),
    passive: { consecutive5xx: 5, baseEjectionTime: 30_000, maxEjectionPercent: 50 },
    panicThreshold: 0,
    drain: 30_000,
    source: range,
    ...options.service,
  };
  const steps = options.steps ?? [];
  const route: PlanRoute = {
    index: 0,
    name: "all",
    listeners: [0],
    hostnames: [],
    matches: [
      { path: { kind: "prefix", value: options.prefix ?? "/" }, methods: [], headers: [], query: [], source: range },
    ],
    steps: steps.filter(({ act }) => "peek" in act).map(({ index }) => index),
    shapes: steps.filter(({ act }) => "request" in act || "response" in act).map(({ index }) => index),
    needs: options.needs ?? [],
    backends: [{ service: 0, weight: 1, source: range }],
    totalWeight: 1,
    timeouts: { connect: 3000, request: 0, backendRequest: 0, idle: 0, ...options.timeouts },
    source: range,
  };
  return {
    file: "switchyard.yaml",
    listeners: [
      {
        name: options.listenerName ?? "edge",
        protocol: "HTTP",
        port: options.listenPort ?? 0,
        addresses: options.addresses ?? ["127.0.0.1"],
        steps: [],
        source: range,
      },
    ],
    services: [service],
    routes: [route],
    steps,
    order: [[{ route: 0, match: 0, hostnames: [] }]],
  };
}

// ---- Engine ------------------------------------------------------------------------------------------------------

export interface Running {
  readonly engine: Engine;
  readonly keeper: TestKeeper;
  readonly plan: Plan;
  readonly port: number;
}

const running: Engine[] = [];
const sockets = new Set<Socket>();
const servers: Server[] = [];

export async function startEngine(plan: Plan, options: Partial<EngineOptions> = {}): Promise<Running> {
  const keeper = new TestKeeper();
  let seed = 12345;
  const engine = new Engine({
    recorder: keeper,
    facts: new FactGatherer({ baseDirectory: process.cwd() } as ConstructorParameters<typeof FactGatherer>[0]),
    now: () => performance.now(),
    wallClock: () => Date.now(),
    seed: () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0),
    ...options,
  });
  running.push(engine);
  await engine.apply(plan, freshState(plan), 1);
  return { engine, keeper, plan, port: engine.listeners[0].addresses[0].port };
}

/** Ends everything a test has started. Call from afterEach. */
export async function stopEverything(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(running.splice(0).map((engine) => engine.drain(0)));
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
}

/** A promise and who settles it. */
export function signal(): { readonly promise: Promise<void>; resolve(): void } {
  let settle: (() => void) | undefined;
  const promise = new Promise<void>((done) => (settle = done));
  return { promise, resolve: () => settle?.() };
}

/** Settles when the peer has closed, one way or the other. */
export function whenLeft(socket: Socket): Promise<void> {
  const left = signal();
  socket.on("end", left.resolve);
  socket.on("close", left.resolve);
  return left.promise;
}

// ---- Backends ----------------------------------------------------------------------------------------------------

export interface Backend {
  readonly port: number;
  readonly server: Server;
  /** Connections accepted so far. */
  readonly accepted: Socket[];
}

/** A backend that is nothing but a socket: the test says what it answers. */
export async function rawBackend(
  serve: (socket: Socket, index: number) => void,
  host = "127.0.0.1",
  port = 0,
): Promise<Backend> {
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    accepted.push(socket);
    serve(socket, accepted.length - 1);
  });
  servers.push(server);
  server.listen(port, host);
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, server, accepted };
}

/** Calls `answer` with the text of each whole message read so far whenever a head is complete. */
export function onHead(socket: Socket, answer: (head: string, rest: Reader) => void): void {
  const reader = new Reader(socket);
  void reader.until("\r\n\r\n").then(
    (head) => answer(head, reader),
    () => {},
  );
}

/** A backend that answers every request without a body with `response`, on kept connections. */
export async function simpleBackend(response: string | ((head: string) => string), host?: string): Promise<Backend> {
  return rawBackend((socket) => {
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      for (let at = text.indexOf("\r\n\r\n"); at >= 0; at = text.indexOf("\r\n\r\n")) {
        const head = text.slice(0, at + 4);
        text = text.slice(at + 4);
        socket.write(typeof response === "string" ? response : response(head), "latin1");
      }
    });
    socket.on("end", () => socket.end());
  }, host);
}

export const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// ---- Clients -----------------------------------------------------------------------------------------------------

/** Reads a socket piece by piece. */
export class Reader {
  ended = false;
  readonly socket: Socket;
  private pieces: string[] = [];
  private size = 0;
  private waiting: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.pieces.push(bytes.toString("latin1"));
      this.size += bytes.length;
      this.wake();
    });
    socket.on("error", () => this.wake());
    socket.on("end", () => this.finish());
    socket.on("close", () => this.finish());
  }

  /** What has arrived and was not asked for yet. */
  get text(): string {
    if (this.pieces.length > 1) this.pieces = [this.pieces.join("")];
    return this.pieces[0] ?? "";
  }

  /** @returns everything up to and with `mark`, and forgets it. Rejects when the stream ends first. */
  async until(mark: string): Promise<string> {
    let at: number;
    while ((at = this.text.indexOf(mark)) < 0) {
      if (this.ended) throw new Error(`ended before ${JSON.stringify(mark)}: ${JSON.stringify(this.text)}`);
      await this.more();
    }
    return this.cut(at + mark.length);
  }

  async bytes(count: number): Promise<string> {
    while (this.size < count) {
      if (this.ended) throw new Error(`ended before ${count} bytes: ${JSON.stringify(this.text)}`);
      await this.more();
    }
    return this.cut(count);
  }

  /** @returns everything until the peer's FIN or reset. */
  async all(): Promise<string> {
    while (!this.ended) await this.more();
    return this.cut(this.text.length);
  }

  private cut(count: number): string {
    const { text } = this;
    this.pieces = text.length > count ? [text.slice(count)] : [];
    this.size = text.length - count;
    return text.slice(0, count);
  }

  private more(): Promise<void> {
    return new Promise((resolve) => (this.waiting = resolve));
  }

  private finish(): void {
    this.ended = true;
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }
}

/** A raw client connection. */
export async function client(port: number, host = "127.0.0.1"): Promise<Reader> {
  const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
  socket.on("error", () => {});
  sockets.add(socket);
  await once(socket, "connect");
  return new Reader(socket);
}

export interface Reply {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Lower-case names. */
  field(name: string): string | undefined;
}

/** Reads one response whose body is delimited by Content-Length, chunks or nothing. */
export async function readReply(reader: Reader, method = "GET"): Promise<Reply> {
  const head = await reader.until("\r\n\r\n");
  const status = Number(head.slice(9, 12));
  const field = (name: string): string | undefined =>
    head
      .split("\r\n")
      .slice(1)
      .filter((line) => line.toLowerCase().startsWith(name + ":"))
      .map((line) => line.slice(name.length + 1).trim())
      .join(", ") || undefined;
  let body = "";
  const length = field("content-length");
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) body = "";
  else if (field("transfer-encoding") === "chunked") {
    for (;;) {
      const size = Number.parseInt(await reader.until("\r\n"), 16);
      if (size === 0) break;
      body += (await reader.bytes(size + 2)).slice(0, -2);
    }
    while ((await reader.until("\r\n")) !== "\r\n");
  } else if (length !== undefined) body = await reader.bytes(Number(length));
  else body = await reader.all();
  return { status, head, body, field };
}

/** Sends raw text on a fresh connection and reads one reply. */
export async function ask(port: number, request: string, method = request.split(" ")[0]): Promise<Reply> {
  const reader = await client(port);
  reader.socket.write(request, "latin1");
  const reply = await readReply(reader, method);
  reader.socket.destroy();
  return reply;
}

export function get(path = "/", more = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${more}\r\n`;
}
