/**
 * One UDP listener: its sockets, and the sessions that datagrams belong to. A session is a flow, one client address and
 * port; the first datagram decides where it goes, and silence ends it.
 * The number of sessions is bounded, and a flow that was refused is remembered, so that nobody who sends datagrams with
 * made-up addresses costs more than that. Must not look into a datagram.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Millis } from "../../model/basics.ts";
import type { PlanListener } from "../../model/plan.ts";
import { Failure } from "../../model/state.ts";
import type { EngineServices } from "../forward/services.ts";
import { plainAddress } from "../listen/arrival.ts";
import type { Bound, Connection } from "../listen/bound.ts";
import type { Listening } from "../listen/listening.ts";
import { openAll, type ListenerAddress, type Opener } from "../listen/addresses.ts";
import { Cause, First, Stage } from "../record/ending.ts";
import { ConnectionArrival, Crossing } from "./crossing.ts";
import { REFUSED_FLOWS } from "./limits.ts";
import { tooMany } from "./refuse.ts";
import { UdpSession } from "./udp-session.ts";

/** Between two rows that say "too many sessions": the flows in between are only counted. */
const REFUSAL_PAUSE: Millis = 1000;

export class UdpListener implements Bound, Listening {
  index = -1;
  name: string;
  addresses: readonly ListenerAddress[] = [];
  readonly connections = new Set<Connection>();
  private readonly services: EngineServices;
  private readonly sessions = new Map<string, UdpSession>();
  /** Refused flows, oldest first. */
  private readonly refused = new Set<string>();
  private sockets: Socket[] = [];
  private most = Infinity;
  private active = false;
  private refusedAt = -Infinity;
  private emptied: (() => void) | undefined;

  constructor(services: EngineServices, name: string) {
    this.services = services;
    this.name = name;
  }

  /** @throws ListenProblem, with nothing left open. */
  async open(listener: PlanListener): Promise<void> {
    this.addresses = await openAll(listener, this.opener);
  }

  activate(index: number, listener: PlanListener): void {
    this.index = index;
    this.name = listener.name;
    this.most = listener.maxConnections ?? Infinity;
    this.active = true;
    // Another plan may let in whom the last one refused.
    this.refused.clear();
  }

  async close(): Promise<void> {
    this.active = false;
    this.addresses = [];
    // Sessions on their way still answer through these sockets: the last one out closes them.
    if (this.connections.size === 0) await this.closeSockets();
  }

  empty(): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.emptied = resolve));
  }

  left(connection: Connection): void {
    this.connections.delete(connection);
    if (connection instanceof UdpSession && this.sessions.get(connection.key) === connection) {
      this.sessions.delete(connection.key);
    }
    if (this.connections.size > 0) return;
    if (!this.active) void this.closeSockets();
    this.emptied?.();
  }

  private readonly opener: Opener = {
    bind: async (address, port) => {
      const six = address.includes(":");
      const socket = createSocket(six ? { type: "udp6", ipv6Only: true } : { type: "udp4" });
      this.sockets.push(socket);
      const bound = once(socket, "listening");
      socket.bind({ address, port, exclusive: true });
      await bound;
      const number = this.sockets.length - 1;
      const local = [plainAddress(address), socket.address().port] as const;
      // A refused reply (the client is gone) must not end the process.
      socket.on("error", () => {});
      socket.on("message", (bytes, from) => this.received(socket, number, local, bytes, from));
      return socket.address().port;
    },
    close: () => this.closeSockets(),
  };

  private async closeSockets(): Promise<void> {
    const sockets = this.sockets.splice(0);
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => closeQuietly(socket, resolve))));
  }

  private received(
    socket: Socket,
    number: number,
    local: readonly [string, number],
    bytes: Buffer,
    from: RemoteInfo,
  ): void {
    const key = `${number} ${from.address} ${from.port}`;
    const session = this.sessions.get(key);
    if (session !== undefined) return session.fromClient(bytes);
    if (!this.active || this.refused.has(key)) return;
    const client = [plainAddress(from.address), from.port] as const;
    if (this.sessions.size >= this.most) return this.overfull(client, local);
    const arrival = new ConnectionArrival("udp", client, local);
    const crossing = new Crossing(this.services, arrival, this.index);
    const fresh = new UdpSession(this.services, this, key, crossing, (answer) =>
      socket.send(answer, from.port, from.address),
    );
    this.sessions.set(key, fresh);
    this.connections.add(fresh);
    if (!fresh.begin(bytes)) this.rememberRefused(key);
  }

  private overfull(client: readonly [string, number], local: readonly [string, number]): void {
    const now = this.services.now();
    if (now - this.refusedAt < REFUSAL_PAUSE) return;
    this.refusedAt = now;
    const crossing = new Crossing(this.services, new ConnectionArrival("udp", client, local), this.index);
    crossing.object(tooMany(this.name, this.most));
    crossing.finish(`${Cause.Gateway}${Stage.Request}${First.Gateway}`, Failure.None);
  }

  private rememberRefused(key: string): void {
    this.refused.add(key);
    if (this.refused.size <= REFUSED_FLOWS) return;
    for (const oldest of this.refused) return void this.refused.delete(oldest);
  }
}

function closeQuietly(socket: Socket, done: () => void): void {
  try {
    socket.close(done);
  } catch {
    // It was never opened, or is closed already.
    done();
  }
}
