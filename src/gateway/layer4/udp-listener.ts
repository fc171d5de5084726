/**
 * One UDP listener: its sockets, and the sessions that datagrams belong to. A session is a flow, one client address and
 * port; the first datagram decides where it goes, and silence ends it.
 * The number of sessions is bounded, and a flow that was refused is remembered, so that nobody who sends datagrams with
 * made-up addresses costs more than that. Must not look into a datagram, but for the PROXY header that a trusted proxy
 * puts before the payload: in the first datagram of a flow, or in every one.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Millis } from "../../model/basics.ts";
import { parseRange, rangesHold, type AddressRange } from "../../model/address-range.ts";
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
import { decodeProxyHeader, isSigned } from "./proxy-header.ts";
import { tooMany } from "./refuse.ts";
import { UdpSession } from "./udp-session.ts";

/** Between two rows that say "too many sessions": the flows in between are only counted. */
const REFUSAL_PAUSE: Millis = 1000;

const CUT = "the datagram ends before it does";
const STREAM = "it speaks of a connection, and this is a datagram";

/** Datagrams that belong together. */
interface Flow {
  readonly key: string;
  /** Address and port that the datagrams come from: the client's, or a proxy's. */
  readonly peer: string;
  readonly client: readonly [string, number];
  readonly local: readonly [string, number];
  /** What a PROXY header said of it. */
  readonly said?: string;
  reply(answer: Buffer): void;
}

export class UdpListener implements Bound, Listening {
  index = -1;
  name: string;
  addresses: readonly ListenerAddress[] = [];
  readonly connections = new Set<Connection>();
  private readonly services: EngineServices;
  private readonly sessions = new Map<string, UdpSession>();
  /** The session of each proxy's address and port that its latest header named: what comes without a header is its. */
  private readonly named = new Map<string, UdpSession>();
  /** Who may send PROXY headers; undefined: none are expected. */
  private trusted: readonly (AddressRange | undefined)[] | undefined;
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
    this.trusted = listener.proxyProtocol?.trusted.map(parseRange);
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
      if (this.named.get(connection.peer) === connection) this.named.delete(connection.peer);
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
    const peer = `${number} ${from.address} ${from.port}`;
    const flow: Flow = {
      key: peer,
      peer,
      client: [plainAddress(from.address), from.port],
      local,
      reply: (answer) => socket.send(answer, from.port, from.address),
    };
    if (this.trusted === undefined) this.deliver(flow, bytes);
    else this.behindProxy(flow, bytes, this.trusted);
  }

  private deliver(flow: Flow, bytes: Buffer): void {
    const { key, peer, client, local, reply, said } = flow;
    const session = this.sessions.get(key);
    if (session !== undefined) {
      if (said !== undefined) this.named.set(peer, session);
      return session.fromClient(bytes);
    }
    if (!this.active || this.refused.has(key)) return;
    if (this.sessions.size >= this.most) return this.overfull(flow);
    const crossing = new Crossing(this.services, new ConnectionArrival("udp", client, local), this.index);
    if (said !== undefined) crossing.recording.requestHead = `${said}\r\n`;
    const fresh = new UdpSession(this.services, this, flow, crossing, reply);
    this.sessions.set(key, fresh);
    this.connections.add(fresh);
    if (said !== undefined) this.named.set(peer, fresh);
    if (!fresh.begin(bytes)) this.rememberRefused(key);
  }

  /** A datagram of a proxy that vouches for its client (PROXY protocol, section 2.2: DGRAM). */
  private behindProxy(flow: Flow, bytes: Buffer, trusted: readonly (AddressRange | undefined)[]): void {
    const { peer, client, local } = flow;
    const [ip, port] = client;
    if (!rangesHold(trusted, ip)) {
      const sentence = `Listener ${this.name} takes datagrams with a PROXY header only, from the ranges that proxyProtocol.trusted names; ${ip} is in none of them.`;
      return this.object(flow, "proxy-untrusted", sentence);
    }
    if (!isSigned(bytes)) {
      const session = this.named.get(peer);
      if (session !== undefined) return session.fromClient(bytes);
      const problem = "the first datagram of the flow does not begin with one of version 2";
      return this.object(flow, "proxy-header", `The PROXY header is refused: ${problem}.`);
    }
    const header = decodeProxyHeader(bytes);
    if (header.kind !== "header" || (header.source !== undefined && header.datagrams !== true)) {
      const problem = header.kind === "wrong" ? header.problem : header.kind === "more" ? CUT : STREAM;
      return this.object(flow, "proxy-header", `The PROXY header is refused: ${problem}.`);
    }
    const { source, destination, line, length } = header;
    const said = `${line} from ${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
    const named: Flow = {
      ...flow,
      key: `${peer} ${line}`,
      said,
      client: source === undefined ? client : [source.ip, source.port],
      local: destination === undefined ? local : [destination.ip, destination.port],
    };
    this.deliver(named, bytes.subarray(length));
  }

  /** Refused before anything is decided: one row for the flow. */
  private object({ peer, client, local }: Flow, code: string, sentence: string): void {
    if (!this.active || this.refused.has(peer)) return;
    this.rememberRefused(peer);
    const crossing = new Crossing(this.services, new ConnectionArrival("udp", client, local), this.index);
    crossing.object({ code, sentence });
    crossing.finish(`${Cause.Gateway}${Stage.Request}${First.Gateway}`, Failure.None);
  }

  private overfull({ client, local }: Flow): void {
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
