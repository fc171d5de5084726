/**
 * One TCP connection of a layer-4 listener: judged, connected to a server, then spliced: bytes both ways with
 * back-pressure, each half closed by itself, an abort on one side passed on as an abort.
 * A TLS listener reads the ClientHello first, for the server name; it passes it on unchanged.
 * Must not look at the bytes that flow, and nothing either side sends may throw out of here.
 */
import type { Socket } from "node:net";
import type { Millis } from "../../model/basics.ts";
import { BuiltIn } from "../../model/decision.ts";
import { Failure } from "../../model/state.ts";
import { Dial, type DialProblem } from "../forward/dial.ts";
import { connectSentence, failureOfConnect, seconds } from "../forward/sentences.ts";
import { scratch } from "../forward/scratch.ts";
import type { EngineServices } from "../forward/services.ts";
import type { AcceptedSocket, SocketReader } from "../listen/accept.ts";
import { plainAddress } from "../listen/arrival.ts";
import type { Bound, Connection, Door } from "../listen/bound.ts";
import type { Timed } from "../listen/clock.ts";
import {
  Cause,
  First,
  Stage as Phase,
  type CauseLetter,
  type FirstLetter,
  type StageLetter,
} from "../record/ending.ts";
import { alertOf, peekClientHello } from "./client-hello.ts";
import { ConnectionArrival, Crossing } from "./crossing.ts";
import { remember, remembered } from "./places.ts";
import { encodeProxyHeader, type Said } from "./proxy-header.ts";
import * as Limit from "./limits.ts";
import { ServerSide, type ServerOwner } from "./server-side.ts";

const Stage = { Hello: 0, Dialling: 1, Open: 2, Closed: 3 } as const;

export class TcpConnection implements Connection, SocketReader, ServerOwner, Timed {
  private readonly services: EngineServices;
  private readonly bound: Bound;
  private readonly client: Socket;
  private readonly taken: AcceptedSocket;
  private readonly crossing: Crossing;
  private buffer = scratch;
  private stage: number;
  private server: ServerSide | undefined;
  private callOff: (() => void) | undefined;
  /** Client bytes that no server has yet. */
  private early: Buffer | undefined;
  /** Which halves still send. */
  private clientSends = true;
  private serverSends = true;
  private clientClosed = false;
  private serverClosed = false;
  private first: FirstLetter = First.Client;
  /** Something moved since the last tick, and who moved last. */
  private moved = false;
  private clientMovedLast = false;
  private quietSince: Millis;
  /** Of the beginning or of the connection attempt. */
  private due: Millis;
  private killDue: Millis = Infinity;

  /** @param tls read the ClientHello before anything is decided. */
  constructor(services: EngineServices, bound: Bound, door: Door, tls: boolean) {
    this.services = services;
    this.bound = bound;
    this.taken = door.take(this);
    this.client = this.taken.socket;
    const { client } = this;
    const localIp = door.localIp ?? plainAddress(client.localAddress ?? "");
    const local = [localIp, door.localPort ?? client.localPort ?? 0] as const;
    const arrival = new ConnectionArrival(tls ? "tls" : "tcp", [door.clientIp, door.clientPort], local);
    this.crossing = new Crossing(services, arrival, bound.index);
    this.crossing.recording.requestHead = door.said === undefined ? "" : `${door.said}\r\n`;
    this.quietSince = this.crossing.recording.start;
    this.stage = Stage.Hello;
    this.due = this.quietSince + Limit.BEGINNING;
    client.setNoDelay(true);
    client.on("drain", () => this.server?.socket.resume());
    client.on("end", () => this.clientEnded());
    client.on("close", () => this.clientGone());
    services.clock.watch(this);
    services.clock.wake();
    this.taken.start();
    if (!tls) this.judge();
    const { ahead } = door;
    if (ahead !== undefined && ahead.length > 0) this.receive(ahead, ahead.length);
  }

  // ---- From the client -----------------------------------------------------------------------------------------

  readBuffer(): Buffer {
    return this.buffer;
  }

  receive(buffer: Buffer, count: number): void {
    this.moved = true;
    this.clientMovedLast = true;
    if (this.stage === Stage.Open) {
      const piece = buffer.subarray(0, count);
      if (buffer !== scratch) return this.toServer(piece);
      if (count >= Limit.SMALL_READ) this.buffer = Buffer.allocUnsafeSlow(Limit.LARGE_BUFFER);
      this.toServer(Buffer.from(piece));
    } else if (this.stage !== Stage.Closed) {
      const piece = buffer.subarray(0, count);
      this.early = this.early === undefined ? Buffer.from(piece) : Buffer.concat([this.early, piece]);
      if (this.early.length >= Limit.EARLY_BYTES) this.client.pause();
      if (this.stage === Stage.Hello) this.peek(this.early);
    }
  }

  private toServer(bytes: Buffer): void {
    const { socket } = this.server as ServerSide;
    this.crossing.recording.requestBody.bytes += bytes.length;
    socket.write(bytes);
    // Until they have left, the bytes stand in the buffer that the next read would overwrite.
    if (socket.writableLength > 0) this.client.pause();
  }

  private clientEnded(): void {
    if (this.stage === Stage.Hello) {
      const sentence = "The client closed the connection before its ClientHello was whole.";
      return this.refuse("hello", sentence, Cause.ClientAborted);
    }
    this.clientSends = false;
    if (this.serverSends) this.first = First.Client;
    if (this.stage === Stage.Open) this.server?.socket.end();
  }

  private clientGone(): void {
    this.clientClosed = true;
    if (this.stage === Stage.Closed) return;
    // Both halves were closed in order: only the server's side may still be on its way.
    if (this.stage === Stage.Open && !this.clientSends && !this.serverSends) {
      if (this.serverClosed) this.finish(Cause.Normal, Phase.Done);
      return;
    }
    this.finish(Cause.ClientAborted, this.phase, Failure.ClientGone);
  }

  // ---- From the server -----------------------------------------------------------------------------------------

  serverReceived(bytes: Buffer): void {
    const { recording } = this.crossing;
    if (recording.responseBody.bytes === 0) this.crossing.answered(this.services.now());
    this.moved = true;
    this.clientMovedLast = false;
    recording.responseBody.bytes += bytes.length;
    this.client.write(bytes);
    if (this.client.writableLength > 0) this.server?.socket.pause();
  }

  serverDrained(): void {
    this.client.resume();
  }

  serverEnded(): void {
    this.serverSends = false;
    if (this.clientSends) this.first = First.Server;
    this.client.end();
  }

  serverGone(): void {
    this.serverClosed = true;
    if (this.stage === Stage.Closed) return;
    if (!this.serverSends && !this.clientSends) {
      if (this.clientClosed) this.finish(Cause.Normal, Phase.Done);
      return;
    }
    const answered = this.crossing.recording.responseBody.bytes > 0;
    this.finish(Cause.ServerAborted, Phase.Data, answered ? Failure.ResetDuringResponse : Failure.ResetBeforeResponse);
  }

  // ---- The way there -------------------------------------------------------------------------------------------

  private peek(bytes: Buffer): void {
    const found = peekClientHello(bytes);
    if (found.kind === "more") return;
    if (found.kind === "wrong") {
      this.client.write(alertOf("decode_error"));
      return this.refuse("hello", `This is no TLS ClientHello: ${found.problem}.`, Cause.Gateway);
    }
    this.crossing.arrival.sni = found.serverName;
    this.judge();
  }

  private judge(): void {
    const now = this.services.now();
    this.stage = Stage.Dialling;
    if (this.crossing.judge(now)) return this.dial(now);
    const { decision } = this.crossing.recording;
    if (this.crossing.arrival.protocol === "tls") {
      const unnamed = decision.builtIn === BuiltIn.NoRoute;
      const refused = decision.step >= 0;
      this.client.write(alertOf(unnamed ? "unrecognized_name" : refused ? "access_denied" : "internal_error"));
    }
    const unavailable = decision.builtIn === BuiltIn.NoEndpoint;
    this.finish(unavailable ? Cause.ServerAborted : Cause.Gateway, unavailable ? Phase.Connect : Phase.Request);
  }

  private refuse(code: string, sentence: string, cause: CauseLetter): void {
    this.crossing.object({ code, sentence });
    this.finish(cause, Phase.Request, cause === Cause.ClientAborted ? Failure.ClientGone : Failure.None);
  }

  private dial(now: Millis): void {
    const { crossing } = this;
    crossing.begin(now);
    const met = crossing.meet();
    if (met === undefined) return this.reach(now);
    const place = `${crossing.service.name} at ${crossing.endpoint.label}`;
    this.due = Infinity;
    const down = (): void => this.failed(Failure.ConnectRefused, `${place} is simulated to be down: nobody was asked.`);
    const timer = setTimeout(
      () => (met.kind === "down" ? down() : this.reach(this.services.now())),
      met.kind === "down" ? 0 : met.milliseconds,
    );
    this.callOff = () => clearTimeout(timer);
  }

  private reach(now: Millis): void {
    const { endpoint, route } = this.crossing;
    const { connect } = route.timeouts;
    this.due = connect > 0 ? now + connect : Infinity;
    const race = new Dial<ServerSide>(
      endpoint.host,
      endpoint.port,
      remembered(endpoint),
      (address, port) => new ServerSide(address, port),
      (server, problem, address) => {
        remember(endpoint, server === undefined ? undefined : address);
        if (server === undefined) this.unreachable(problem);
        else this.open(server);
      },
    );
    this.callOff = () => race.cancel();
  }

  private unreachable(problem: DialProblem | undefined): void {
    const failure = failureOfConnect(problem?.code ?? "");
    const { service, endpoint } = this.crossing;
    this.failed(failure, connectSentence(`${service.name} at ${endpoint.label}`, failure, problem));
  }

  /** No byte has left for this server: whatever the protocol, another endpoint may have the connection. */
  private failed(failure: number, sentence: string): void {
    const now = this.services.now();
    if (this.crossing.again(failure, now)) return this.dial(now);
    this.crossing.object({ code: "unreachable", sentence });
    const cause = failure === Failure.ConnectTimeout ? Cause.ServerTimeout : Cause.ServerAborted;
    this.finish(cause, Phase.Connect, failure);
  }

  private open(server: ServerSide): void {
    const { crossing, early } = this;
    const now = this.services.now();
    this.callOff = undefined;
    this.server = server;
    server.owner = this;
    this.stage = Stage.Open;
    this.due = Infinity;
    this.quietSince = now;
    const { socket } = server;
    const version = crossing.service.proxyProtocol;
    socket.cork();
    if (version !== undefined) {
      const said = this.said();
      socket.write(encodeProxyHeader(version, said));
      crossing.recording.upstreamHead = `${lineOf(said)} (v${version})\r\n`;
    }
    this.early = undefined;
    if (early !== undefined) this.toServer(early);
    socket.uncork();
    if (!this.clientSends) socket.end();
    else if (socket.writableLength === 0) this.client.resume();
    crossing.connected(now, socket.localPort ?? 0);
  }

  private said(): Said {
    const { clientIp, clientPort, localIp, localPort, sni } = this.crossing.arrival;
    const source = { ip: clientIp, port: clientPort };
    const destination = { ip: localIp, port: localPort };
    return { source, destination, ...(sni === undefined ? {} : { authority: sni }) };
  }

  // ---- The end -------------------------------------------------------------------------------------------------

  /** Connections of a listener that is gone get some time to end. */
  retire(): void {
    this.killDue = Math.min(this.killDue, this.services.now() + Limit.DRAIN);
  }

  destroy(): void {
    this.finish(Cause.Killed, this.phase);
  }

  get gone(): boolean {
    return this.stage === Stage.Closed;
  }

  tick(now: Millis): boolean {
    if (this.moved) {
      this.moved = false;
      this.quietSince = now;
    }
    if (now >= this.due) this.late();
    else if (now >= this.killDue) this.finish(Cause.Killed, this.phase);
    else if (this.stage === Stage.Open && this.crossing.overstays(now)) {
      this.finish(Cause.Killed, Phase.Data, Failure.Deregistered);
    }
    if (this.stage === Stage.Closed) return false;
    this.crossing.progress(now);
    if (this.stage !== Stage.Open) return true;
    const { idle } = this.crossing.route.timeouts;
    if (idle === 0) return false;
    const left = this.quietSince + idle - now;
    if (left <= 0) {
      // Whose turn it was to speak is whose silence ends it.
      const serverSilent = this.clientMovedLast || !this.clientSends;
      this.finish(serverSilent ? Cause.ServerTimeout : Cause.ClientTimeout, Phase.Data, Failure.IdleTimeout);
    }
    return left < 1000;
  }

  private late(): void {
    this.due = Infinity;
    if (this.stage === Stage.Hello) {
      const limit = seconds(Limit.BEGINNING);
      return this.refuse("hello", `The ClientHello was not whole ${limit} after the connection.`, Cause.ClientTimeout);
    }
    this.callOff?.();
    this.callOff = undefined;
    const { service, endpoint, route } = this.crossing;
    remember(endpoint, undefined);
    const place = `${service.name} at ${endpoint.label}`;
    const limit = `${seconds(route.timeouts.connect)} (timeouts.connect of ${ownerOf(route.name)})`;
    this.failed(Failure.ConnectTimeout, `${place} accepted no connection within ${limit}.`);
  }

  private get phase(): StageLetter {
    return this.stage === Stage.Hello ? Phase.Request : this.stage === Stage.Dialling ? Phase.Connect : Phase.Data;
  }

  private finish(cause: CauseLetter, phase: StageLetter, failure: number = Failure.None): void {
    if (this.stage === Stage.Closed) return;
    this.stage = Stage.Closed;
    this.callOff?.();
    this.early = undefined;
    const { server, client } = this;
    // An abort is passed on as one; what a server sent before it went stays on its way to the client.
    if (cause === Cause.Normal) client.destroySoon();
    else if (!this.serverSends || server === undefined) client.destroySoon();
    else client.resetAndDestroy();
    if (server !== undefined) {
      server.owner = undefined;
      if (cause === Cause.Normal) server.socket.destroySoon();
      else server.socket.resetAndDestroy();
    }
    this.services.clock.forget(this);
    this.crossing.finish(`${cause}${phase}${this.first}`, failure);
    this.bound.left(this);
  }
}

/** The listener's own route is named "listener/" and its name. */
function ownerOf(route: string): string {
  return route.startsWith("listener/") ? route.replace("/", " ") : `route ${route}`;
}

function lineOf({ source, destination }: Said): string {
  return `PROXY ${source.ip} ${destination.ip} ${source.port} ${destination.port}`;
}
