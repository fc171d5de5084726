/**
 * One listener over TCP: its addresses, bound, and the connections they accepted, each given to whoever speaks the
 * listener's protocol. The ports stay open while the protocol of a listener is edited.
 * Must not decide when to open or close: the engine does.
 */
import { createServer, type Server, type Socket } from "node:net";
import { parseRange, rangesHold, type AddressRange } from "../../model/address-range.ts";
import type { PlanListener } from "../../model/plan.ts";
import { WRITE_MARK } from "../forward/outgoing.ts";
import type { EngineServices } from "../forward/services.ts";
import { ProxiedDoor } from "../layer4/proxied-door.ts";
import { refuseConnection, tooMany } from "../layer4/refuse.ts";
import type { Objection } from "../layer4/crossing.ts";
import { TcpConnection } from "../layer4/tcp-connection.ts";
import { Http2Connection } from "../http2/connection.ts";
import { openAll, type ListenerAddress } from "./addresses.ts";
import type { Terminator } from "../tls/terminator.ts";
import { plainAddress } from "./arrival.ts";
import { doorOf, type Bound, type Connection, type Door } from "./bound.ts";
import { Http1Connection } from "./connection.ts";
import type { Listening } from "./listening.ts";

/** A TLS handshake on its way: nothing is lost when it ends. */
class Greeting implements Connection {
  socket: Socket | undefined;
  readonly gone = false;

  retire(): void {
    this.socket?.destroy();
  }

  destroy(): void {
    this.socket?.destroy();
  }
}

export class BoundListener implements Bound, Listening {
  index = -1;
  name: string;
  readonly connections = new Set<Connection>();
  addresses: readonly ListenerAddress[] = [];
  private readonly services: EngineServices;
  private servers: Server[] = [];
  private emptied: (() => void) | undefined;
  /** Accepted before the plan that wants this listener serves; still unread. */
  private early: Socket[] | undefined = [];
  private planned: PlanListener | undefined;
  private terminator: Terminator | undefined;
  /** Who may send PROXY headers; undefined: none are expected. */
  private trusted: readonly (AddressRange | undefined)[] | undefined;

  constructor(services: EngineServices, name: string) {
    this.services = services;
    this.name = name;
  }

  async open(listener: PlanListener): Promise<void> {
    this.addresses = await openAll(listener, {
      bind: (address, port) => this.bind(address, port),
      close: () => this.close(),
    });
  }

  activate(index: number, listener: PlanListener, terminator?: Terminator): void {
    this.index = index;
    this.terminator = terminator;
    this.name = listener.name;
    this.planned = listener;
    this.trusted = listener.proxyProtocol?.trusted.map(parseRange);
    const { early } = this;
    this.early = undefined;
    early?.forEach((socket) => this.accept(socket));
  }

  async close(): Promise<void> {
    const servers = this.servers;
    this.servers = [];
    this.early?.splice(0).forEach((socket) => socket.destroy());
    this.addresses = [];
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  empty(): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.emptied = resolve));
  }

  left(connection: Connection): void {
    this.connections.delete(connection);
    if (this.connections.size === 0) this.emptied?.();
  }

  private accept(socket: Socket): void {
    const { remoteAddress, remotePort = 0 } = socket;
    // Gone again already: Node has no address for it.
    if (remoteAddress === undefined) return void socket.destroy();
    const why = this.objection(plainAddress(remoteAddress));
    if (why !== undefined) {
      const protocol = this.planned?.protocol === "TLS" ? "tls" : "tcp";
      const client = [plainAddress(remoteAddress), remotePort] as const;
      return refuseConnection(this.services, { socket, client, protocol, listener: this.index, why });
    }
    const door = doorOf(socket);
    if (this.trusted === undefined) return this.serve(door);
    const protocol = this.planned?.protocol === "TLS" ? "tls" : "tcp";
    this.connections.add(new ProxiedDoor(this.services, this, door, protocol, (behind) => this.serve(behind)));
  }

  private objection(client: string): Objection | undefined {
    const { maxConnections = Infinity } = this.planned ?? {};
    if (this.connections.size >= maxConnections) return tooMany(this.name, maxConnections);
    if (this.trusted === undefined || rangesHold(this.trusted, client)) return undefined;
    return {
      code: "proxy-untrusted",
      sentence: `Listener ${this.name} takes connections with a PROXY header only, from the ranges that proxyProtocol.trusted names; ${client} is in none of them.`,
    };
  }

  private serve(door: Door): void {
    const protocol = this.planned?.protocol;
    if (this.terminator !== undefined && door.secured === undefined) return this.secure(door, this.terminator);
    const connection =
      protocol === "TCP" || protocol === "TLS"
        ? new TcpConnection(this.services, this, door, protocol === "TLS")
        : door.secured?.protocol === "h2"
          ? new Http2Connection(this.services, this, door)
          : new Http1Connection(this.services, this, door, (again) => this.serveHttp2(again));
    if (!connection.gone) this.connections.add(connection);
  }

  private serveHttp2(door: Door): void {
    const connection = new Http2Connection(this.services, this, door);
    if (!connection.gone) this.connections.add(connection);
  }

  private secure(door: Door, terminator: Terminator): void {
    const greeting = new Greeting();
    this.connections.add(greeting);
    greeting.socket = terminator.accept(door, (secured) => {
      if (secured !== undefined) this.serve(secured);
      this.left(greeting);
    });
  }

  private bind(address: string, port: number): Promise<number> {
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true, highWaterMark: WRITE_MARK };
    const server = createServer(options, (socket) => {
      socket.on("error", () => {});
      if (this.early === undefined) this.accept(socket);
      else this.early.push(socket);
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address, port, ipv6Only: true }, () => {
        server.off("error", reject);
        // Running out of file descriptors must not end the process: the next accept may succeed.
        server.on("error", () => {});
        this.servers.push(server);
        const bound = server.address();
        resolve(bound !== null && typeof bound !== "string" ? bound.port : port);
      });
    });
  }
}
