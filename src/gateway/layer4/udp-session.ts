/**
 * One UDP flow through the gateway: datagrams of one client to one server, and the answers back, until silence ends it.
 * A server that refuses (ICMP port unreachable) before it has answered is passed over for another: a refused datagram
 * was never delivered. Must not order, repeat or merge datagrams that were delivered.
 */
import { createSocket, type Socket } from "node:dgram";
import type { Millis } from "../../model/basics.ts";
import { BuiltIn } from "../../model/decision.ts";
import { Failure } from "../../model/state.ts";
import { resolve } from "../forward/dial.ts";
import { connectSentence, failureOfConnect } from "../forward/sentences.ts";
import type { EngineServices } from "../forward/services.ts";
import type { Bound, Connection } from "../listen/bound.ts";
import type { Timed } from "../listen/clock.ts";
import { Cause, First, Stage, type CauseLetter, type StageLetter } from "../record/ending.ts";
import type { Crossing } from "./crossing.ts";
import { DRAIN, EARLY_DATAGRAMS } from "./limits.ts";
import { encodeProxyHeader } from "./proxy-header.ts";

export class UdpSession implements Connection, Timed {
  /** Of its flow. */
  readonly key: string;
  /** Where its datagrams come from. */
  readonly peer: string;
  private readonly services: EngineServices;
  private readonly bound: Bound;
  private readonly crossing: Crossing;
  private readonly reply: (answer: Buffer) => void;
  private server: Socket | undefined;
  private connected = false;
  /** Addresses of the endpoint that were not tried yet. */
  private addresses: string[] = [];
  private tried: string[] = [];
  /** Datagrams without an answer yet, oldest first; undefined once a server has answered. */
  private early: Buffer[] | undefined = [];
  private closed = false;
  private moved = false;
  private quietSince: Millis;
  private killDue: Millis = Infinity;

  constructor(
    services: EngineServices,
    bound: Bound,
    { key, peer }: { readonly key: string; readonly peer: string },
    crossing: Crossing,
    reply: (answer: Buffer) => void,
  ) {
    this.services = services;
    this.bound = bound;
    this.key = key;
    this.peer = peer;
    this.crossing = crossing;
    this.reply = reply;
    this.quietSince = crossing.recording.start;
    services.clock.watch(this);
    services.clock.wake();
  }

  /** @returns false when the flow was refused; then the session has ended. */
  begin(first: Buffer): boolean {
    const now = this.services.now();
    if (!this.crossing.judge(now)) {
      const unavailable = this.crossing.recording.decision.builtIn === BuiltIn.NoEndpoint;
      this.crossing.recording.requestBody.bytes += first.length;
      this.finish(unavailable ? Cause.ServerAborted : Cause.Gateway, unavailable ? Stage.Connect : Stage.Request);
      // That no server is there may be over with the next datagram; a refusal by policy is not.
      return unavailable;
    }
    this.fromClient(first);
    this.attempt(now);
    return true;
  }

  fromClient(bytes: Buffer): void {
    this.moved = true;
    this.crossing.recording.requestBody.bytes += bytes.length;
    if (this.early !== undefined && this.early.length < EARLY_DATAGRAMS) this.early.push(bytes);
    if (this.connected) this.server?.send(bytes);
  }

  /** Asks the endpoint of the decision. */
  private attempt(now: Millis): void {
    const { endpoint } = this.crossing;
    this.crossing.begin(now);
    resolve(endpoint.host, (addresses, code) => {
      if (this.closed) return;
      // IPv4 first: what listens for datagrams on localhost listens there, as a rule, and nothing answers a handshake.
      this.addresses = addresses.toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
      this.tried = [];
      if (this.addresses.length > 0) this.connect();
      else this.refused(code);
    });
  }

  private connect(): void {
    const address = this.addresses.shift() as string;
    this.tried.push(address);
    const server = createSocket(address.includes(":") ? "udp6" : "udp4");
    this.server = server;
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (this.server === server) this.refused(error.code ?? "ECONNREFUSED");
    });
    server.on("message", (bytes) => this.fromServer(bytes));
    server.connect(this.crossing.endpoint.port, address, () => {
      if (this.server !== server || this.closed) return;
      this.connected = true;
      this.crossing.connected(this.services.now(), server.address().port);
      const header = this.header();
      for (const [i, bytes] of (this.early ?? []).entries()) {
        server.send(i === 0 && header !== undefined ? [header, bytes] : bytes);
      }
    });
  }

  /** Stands before the payload in the first datagram of the flow: the others are told by their port. */
  private header(): Uint8Array | undefined {
    const { service, arrival, recording } = this.crossing;
    if (service.proxyProtocol === undefined) return undefined;
    const { clientIp, clientPort, localIp, localPort } = arrival;
    recording.upstreamHead = `PROXY ${clientIp} ${localIp} ${clientPort} ${localPort} (v2)\r\n`;
    const source = { ip: clientIp, port: clientPort };
    return encodeProxyHeader(2, { source, destination: { ip: localIp, port: localPort }, datagrams: true });
  }

  private fromServer(bytes: Buffer): void {
    if (this.closed) return;
    if (this.early !== undefined) this.crossing.answered(this.services.now());
    this.early = undefined;
    this.moved = true;
    this.crossing.recording.responseBody.bytes += bytes.length;
    this.reply(bytes);
  }

  /** The server's machine says that nobody listens, or it could not be reached. */
  private refused(code: string): void {
    this.dropServer();
    if (this.closed) return;
    // Datagrams were delivered: they are not sent to anybody else. The next one begins a new session.
    if (this.early === undefined) return this.finish(Cause.ServerAborted, Stage.Data, Failure.ResetDuringResponse);
    if (this.addresses.length > 0) return this.connect();
    const failure = failureOfConnect(code);
    const { service, endpoint } = this.crossing;
    const sentence = connectSentence(`${service.name} at ${endpoint.label}`, failure, { code, addresses: this.tried });
    const now = this.services.now();
    if (this.crossing.again(failure, now)) return this.attempt(now);
    this.crossing.object({ code: "unreachable", sentence });
    this.finish(Cause.ServerAborted, Stage.Connect, failure);
  }

  private dropServer(): void {
    const { server } = this;
    this.server = undefined;
    this.connected = false;
    try {
      server?.close();
    } catch {
      // Closed already.
    }
  }

  retire(): void {
    this.killDue = Math.min(this.killDue, this.services.now() + DRAIN);
  }

  destroy(): void {
    this.finish(Cause.Killed, Stage.Data);
  }

  get gone(): boolean {
    return this.closed;
  }

  tick(now: Millis): boolean {
    if (this.moved) {
      this.moved = false;
      this.quietSince = now;
    }
    if (now >= this.killDue) this.finish(Cause.Killed, Stage.Data);
    else if (this.connected && this.crossing.overstays(now)) {
      this.finish(Cause.Killed, Stage.Data, Failure.Deregistered);
    }
    if (this.closed) return false;
    this.crossing.progress(now);
    const { idle } = this.crossing.route.timeouts;
    const left = idle === 0 ? Infinity : this.quietSince + idle - now;
    if (left <= 0) {
      // Silence is how a UDP session ends, unless nobody ever answered.
      if (this.early === undefined) this.finish(Cause.Normal, Stage.Done);
      else this.finish(Cause.ServerTimeout, Stage.Data, Failure.IdleTimeout);
    }
    return left < 1000;
  }

  private finish(cause: CauseLetter, stage: StageLetter, failure: number = Failure.None): void {
    if (this.closed) return;
    this.closed = true;
    this.dropServer();
    this.early = undefined;
    this.services.clock.forget(this);
    this.crossing.finish(`${cause}${stage}${First.Gateway}`, failure);
    this.bound.left(this);
  }
}
