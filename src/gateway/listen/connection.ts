/**
 * One client connection of HTTP/1.1: reads requests one after another, feeds them to their handling, writes replies.
 * It owns the socket, pipelining, keep-alive, half-close and the deadlines of a silent client.
 * Longer than other files: it is one state machine, and reading, writing and closing all read and set the same mode.
 * Must not know routes or backends, and nothing a client sends may throw out of here.
 */
import type { Socket } from "node:net";
import type { Millis } from "../../model/basics.ts";
import type { Exchange } from "../forward/exchange.ts";
import { Handling } from "../forward/handling.ts";
import { Outgoing } from "../forward/outgoing.ts";
import { scratch } from "../forward/scratch.ts";
import type { EngineServices } from "../forward/services.ts";
import { composeResponse, framingFor, OutgoingResponse } from "../http1/compose.ts";
import type { HeadEdit } from "../http1/edit.ts";
import { Framing, type Head } from "../http1/head.ts";
import { Event, MessageReader } from "../http1/reader.ts";
import type { Unreadable } from "../refuse/problems.ts";
import { composeProblem, type Problem } from "../refuse/refuse.ts";
import type { AcceptedSocket, SocketReader } from "./accept.ts";
import { HeadArrival, isLoopback } from "./arrival.ts";
import type { Bound, Connection, Door } from "./bound.ts";
import type { Timed } from "./clock.ts";
import { httpDate } from "./http-date.ts";
import * as Limit from "./limits.ts";

const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const Mode = {
  /** Between requests, or in a head. */
  Head: 0,
  /** The body goes to the handling. */
  Body: 1,
  /** The request is complete, its answer is not. */
  Reply: 2,
  /** The answer is complete, the request's body is not: it is thrown away. */
  Discard: 3,
  Tunnel: 4,
  /** Nothing more will be answered; what still comes is thrown away. */
  Linger: 5,
  Closed: 6,
} as const;

export class Http1Connection implements Connection, Exchange, SocketReader, Timed {
  readonly arrival: HeadArrival;
  readonly head: Head;
  readonly local: boolean;
  complete = false;
  private readonly services: EngineServices;
  private readonly bound: Bound;
  readonly secure: boolean;
  readonly version = "1.1";
  private readonly socket: Socket;
  private readonly taken: AcceptedSocket;
  private readonly out: Outgoing;
  private readonly reader = new MessageReader("request");
  private readonly reply = new OutgoingResponse();
  private readonly handling: Handling;
  private buffer: Buffer = scratch;
  private mode: number = Mode.Head;
  /** Bytes that arrived before anybody could take them. */
  private stash: Buffer | undefined;
  /** Until it is known that HTTP/1.1 is spoken. */
  private door: Door | undefined;
  private readonly handOver: ((door: Door) => void) | undefined;
  /** The first bytes are still to be looked at. */
  private fresh: boolean;
  private readonly listeners = [
    ["drain", () => this.drained()],
    ["end", () => this.ended()],
    ["close", () => this.closed()],
  ] as const;
  private feeding = false;
  private held = false;
  /** The connection ends after the current reply. */
  private closing = false;
  /** The client has sent its FIN. */
  private halfClosed = false;
  /** Its FIN has come while bytes before it were still put aside. */
  private endPending = false;
  private responding = false;
  private chunkedReply = false;
  private discarded = 0;
  private headSince: Millis = 0;
  private idleSince: Millis;
  private lingerDue: Millis = Infinity;
  private probeDue: Millis = Infinity;
  private probes = 0;

  /** @param handOver takes the connection when it begins with the preface of HTTP/2; absent: HTTP/2 is refused. */
  constructor(services: EngineServices, bound: Bound, door: Door, handOver?: (door: Door) => void) {
    this.services = services;
    this.door = door;
    this.handOver = handOver;
    this.fresh = handOver !== undefined;
    this.bound = bound;
    const { clientIp, clientPort, ahead, secured } = door;
    const taken = door.take(this);
    this.taken = taken;
    this.socket = taken.socket;
    this.secure = secured !== undefined;
    this.head = this.reader.head;
    this.local = isLoopback(clientIp);
    this.arrival = new HeadArrival(this.head, clientIp, clientPort, secured);
    this.arrival.listener = Math.max(0, bound.index);
    this.out = new Outgoing(this.socket, this.secure);
    this.handling = new Handling(services, this, this.arrival);
    this.idleSince = services.now();
    services.clock.watch(this);
    this.socket.setNoDelay(true);
    for (const [event, listener] of this.listeners) this.socket.on(event, listener);
    taken.start();
    if (ahead !== undefined) this.receive(ahead, ahead.length);
  }

  // ---- Reading -------------------------------------------------------------------------------------------------

  readBuffer(): Buffer {
    return this.buffer;
  }

  receive(buffer: Buffer, count: number): void {
    // A full buffer is the sign of a body: from now on fewer and larger reads.
    if (this.taken.direct && count === buffer.length && count < Limit.LARGE_BUFFER) {
      this.buffer = Buffer.allocUnsafeSlow(Limit.LARGE_BUFFER);
    }
    if (this.stash !== undefined) {
      this.stash = Buffer.concat([this.stash, buffer.subarray(0, count)]);
      if (!this.fresh) return;
      const { stash } = this;
      this.stash = undefined;
      this.headSince = 0;
      if (!this.opensHttp2(stash, stash.length)) this.feed(stash, stash.length);
      return;
    }
    if (this.fresh && this.opensHttp2(buffer, count)) return;
    this.feed(buffer, count);
  }

  get requestHead(): string {
    return this.head.text;
  }

  /**
   * The first bytes may begin HTTP/2 with prior knowledge (RFC 9113 section 3.4): looked at once a connection.
   * @returns true when they were dealt with.
   */
  private opensHttp2(buffer: Buffer, count: number): boolean {
    const read = buffer.toString("latin1", 0, Math.min(count, HTTP2_PREFACE.length));
    if (!HTTP2_PREFACE.startsWith(read)) {
      this.fresh = false;
      this.door = undefined;
      return false;
    }
    this.stash = Buffer.from(buffer.subarray(0, count));
    if (read.length < HTTP2_PREFACE.length) {
      this.headSince = this.services.now();
      this.services.clock.wake();
    } else {
      this.fresh = false;
      this.leave();
    }
    return true;
  }

  /** Gives the socket to whoever speaks HTTP/2, with all that was read. */
  private leave(): void {
    const { socket, taken, services } = this;
    const door = this.door as Door;
    this.mode = Mode.Closed;
    socket.pause();
    for (const [event, listener] of this.listeners) socket.off(event, listener);
    services.clock.forget(this);
    // Not inside the read that brought the bytes: the socket is still in the middle of it.
    setImmediate(() => {
      const ahead = this.stash;
      this.stash = undefined;
      this.handOver?.({ ...door, ahead, take: () => taken });
      this.bound.left(this);
    });
  }

  private feed(buffer: Buffer, end: number): void {
    const { reader, handling } = this;
    let at = 0;
    this.feeding = true;
    for (;;) {
      if (this.mode >= Mode.Tunnel) {
        if (this.mode === Mode.Tunnel && at < end) {
          handling.bodyBytes(buffer, at, end);
          handling.bodyRead();
        }
        break;
      }
      if (this.mode === Mode.Reply || (this.mode === Mode.Body && this.held)) {
        if (at < end || this.mode === Mode.Body) this.putAside(buffer, at, end);
        break;
      }
      const event = reader.next(buffer, at, end);
      at = reader.position;
      if (event === Event.More) {
        this.starved();
        break;
      }
      if (event === Event.Head) this.begin(buffer, at, end);
      else if (event === Event.Body) this.bodyEvent(buffer);
      else if (event === Event.End) this.requestEnd(buffer, end);
      else {
        this.broken(reader.error as Unreadable);
        break;
      }
    }
    this.feeding = false;
  }

  /** All bytes are used up. */
  private starved(): void {
    if (this.mode === Mode.Body) this.handling.bodyRead();
    else if (this.mode === Mode.Head && !this.reader.idle && this.headSince === 0) {
      this.headSince = this.services.now();
      this.services.clock.wake();
    }
  }

  private putAside(buffer: Buffer, at: number, end: number): void {
    this.stash = Buffer.from(buffer.subarray(at, end));
    this.socket.pause();
    if (this.mode === Mode.Body) this.handling.bodyRead();
  }

  private begin(buffer: Buffer, at: number, end: number): void {
    const { head, reader } = this;
    this.headSince = 0;
    this.responding = this.complete = this.held = false;
    this.out.begin();
    this.closing = !head.keepAlive || this.halfClosed || this.bound.index < 0;
    this.mode = Mode.Body;
    if (head.framing === Framing.None || head.contentLength === 0) {
      // The end of a request without a body is known with its head.
      if (reader.next(buffer, at, end) === Event.End) {
        this.complete = true;
        this.mode = Mode.Reply;
      }
      if (this.complete && this.overran(buffer, end)) {
        this.mode = Mode.Head;
        this.broken(reader.error as Unreadable);
        return;
      }
    }
    this.arrival.listener = this.bound.index;
    this.handling.arrived();
  }

  /**
   * Bytes after a request that said close are a smuggling attempt or a broken client: while nothing of the request has
   * left, it is refused with them.
   */
  private overran(buffer: Buffer, end: number): boolean {
    const { reader } = this;
    const at = reader.position;
    return !this.head.keepAlive && at < end && reader.next(buffer, at, end) === Event.Error;
  }

  private bodyEvent(buffer: Buffer): void {
    const { bodyStart, bodyEnd } = this.reader;
    if (this.mode === Mode.Body) {
      this.handling.bodyBytes(buffer, bodyStart, bodyEnd);
      return;
    }
    this.discarded += bodyEnd - bodyStart;
    if (this.discarded > Limit.DISCARD_BYTES) this.linger();
  }

  private requestEnd(buffer: Buffer, end: number): void {
    if (this.mode === Mode.Body && this.overran(buffer, end)) {
      this.broken(this.reader.error as Unreadable);
      return;
    }
    this.complete = true;
    if (this.mode === Mode.Body) {
      this.mode = Mode.Reply;
      this.handling.bodyEnded(this.reader.trailers);
      this.handling.bodyRead();
    } else {
      this.ready();
    }
  }

  /** The bytes are no message, or no longer one. */
  private broken(problem: Unreadable): void {
    this.closing = true;
    if (this.mode === Mode.Body) {
      this.handling.broken(problem);
    } else if (this.mode === Mode.Head) {
      this.headSince = 0;
      this.complete = false;
      this.out.begin();
      this.arrival.listener = Math.max(this.bound.index, 0);
      this.handling.unreadable(problem);
    } else {
      this.linger();
    }
  }

  wantBody(): void {
    if (!this.held) return;
    this.held = false;
    this.resume();
  }

  holdBody(): void {
    if (this.held || (this.complete && this.mode !== Mode.Tunnel)) return;
    this.held = true;
    this.socket.pause();
  }

  /** Takes up what was put aside, then reads on. */
  private resume(): void {
    if (this.feeding) return;
    const { stash } = this;
    this.stash = undefined;
    if (stash !== undefined) this.feed(stash, stash.length);
    if (this.stash !== undefined || this.held || this.mode === Mode.Closed) return;
    if (this.endPending) this.ended();
    else this.socket.resume();
  }

  // ---- Writing -------------------------------------------------------------------------------------------------

  get committed(): boolean {
    return this.responding && this.out.sent > 0;
  }

  get pending(): boolean {
    return this.out.pending;
  }

  inform(head: Head): void {
    if (this.head.minor === 0) return;
    const { reply } = this;
    reply.status = head.status;
    reply.reason = head.reason;
    reply.framing = Framing.None;
    reply.contentLength = -1;
    reply.keepAlive = true;
    reply.minor = this.head.minor;
    reply.upgrade = "";
    reply.skip = 0;
    reply.lines = "";
    this.out.text(composeResponse(head, reply));
    this.out.flush();
    this.out.begin();
  }

  respond(head: Head, lines: string, edit: HeadEdit | undefined, size?: number): string {
    const { reply } = this;
    // The client may not know yet that the rest of its body is not wanted.
    if (!this.complete || this.bound.index < 0) this.closing = true;
    this.chunkedReply = false;
    reply.framing = size === undefined ? head.framing : framingFor(head, size);
    if (reply.framing === Framing.Chunked || reply.framing === Framing.UntilClose) {
      if (this.head.minor === 0) {
        reply.framing = Framing.UntilClose;
        this.closing = true;
      } else {
        reply.framing = Framing.Chunked;
        this.chunkedReply = true;
      }
    }
    reply.upgrade = "";
    return this.sendHead(head, lines, edit, size);
  }

  upgrade(head: Head, lines: string, edit: HeadEdit | undefined): string {
    this.reply.framing = Framing.Tunnel;
    this.reply.upgrade = head.upgrade;
    this.chunkedReply = false;
    this.closing = true;
    const text = this.sendHead(head, lines, edit);
    this.mode = Mode.Tunnel;
    this.buffer = scratch;
    this.out.flush();
    // What the client sent ahead belongs to the tunnel.
    this.resume();
    return text;
  }

  private sendHead(head: Head, lines: string, edit: HeadEdit | undefined, size = head.contentLength): string {
    const { reply } = this;
    this.responding = true;
    reply.status = head.status;
    reply.reason = head.reason;
    reply.contentLength = size;
    reply.keepAlive = !this.closing;
    reply.minor = this.head.minor;
    reply.skip = 0;
    reply.lines = lines;
    const text = composeResponse(head, reply, edit);
    this.out.text(text);
    return text;
  }

  body(buffer: Buffer, start: number, end: number): void {
    if (start < end) this.out.bytes(buffer, start, end, this.chunkedReply);
  }

  flush(): void {
    this.out.flush();
  }

  end(trailers: string): void {
    if (this.chunkedReply) this.out.lastChunk(trailers);
    this.out.flush();
  }

  endTunnel(): void {
    this.writeOut();
    this.socket.end();
  }

  refuse(problem: Problem, instance: string): string {
    const { head } = this;
    const readable = this.mode === Mode.Body || this.mode === Mode.Reply;
    const small = head.framing === Framing.Length && head.contentLength <= Limit.SMALL_BODY && !head.expectContinue;
    if (!readable || this.bound.index < 0 || !(this.complete || small)) this.closing = true;
    const { head: text, body } = composeProblem(problem, {
      instance,
      pseudonym: this.services.pseudonym,
      local: this.local,
      bodiless: readable && head.method === "HEAD",
      keepAlive: !this.closing,
      minor: readable ? head.minor : 1,
      date: httpDate(this.services.wallClock()),
    });
    this.responding = true;
    this.chunkedReply = false;
    this.out.begin();
    this.out.text(text + body);
    this.out.flush();
    return text;
  }

  cut(): void {
    this.out.writeNow();
    this.mode = Mode.Closed;
    // A reset, not a FIN: even a client that reads until the end of the connection sees that something is missing.
    this.taken.reset();
  }

  done(now: Millis): void {
    this.idleSince = now;
    this.responding = false;
    this.held = false;
    if (this.mode === Mode.Closed) return;
    if (this.mode === Mode.Tunnel) return this.close();
    if (this.closing) return this.linger();
    if (!this.complete) {
      this.mode = Mode.Discard;
      this.discarded = 0;
      this.lingerDue = this.idleSince + Limit.LINGER;
      this.resume();
      return;
    }
    this.ready();
  }

  /** Ready for the next request, which may have arrived already. */
  private ready(): void {
    this.mode = Mode.Head;
    this.lingerDue = Infinity;
    if (this.bound.index < 0) return this.linger();
    // Bytes of the last body may still be on their way to a backend out of a buffer of its own.
    this.buffer = scratch;
    this.resume();
  }

  // ---- Closing -------------------------------------------------------------------------------------------------

  /** The listener is gone or the gateway stops: ends now if nothing is on its way, else after the reply. */
  retire(): void {
    this.closing = true;
    if (this.mode === Mode.Head && this.reader.idle) this.linger();
  }

  destroy(): void {
    this.socket.destroy();
  }

  get gone(): boolean {
    return this.mode === Mode.Closed;
  }

  /** Sends FIN, then reads and drops what still comes for a while: closing at once would reset the connection and eat the answer. */
  private linger(): void {
    this.writeOut();
    this.mode = Mode.Linger;
    this.stash = undefined;
    this.held = false;
    this.lingerDue = this.services.now() + Limit.LINGER;
    this.services.clock.wake();
    this.socket.end();
    if (this.halfClosed) this.socket.destroySoon();
    else this.socket.resume();
  }

  /** The client has sent its FIN: it may still wait for an answer. */
  private ended(): void {
    this.endPending = this.stash !== undefined;
    if (this.endPending) return;
    this.halfClosed = true;
    switch (this.mode) {
      case Mode.Head:
        if (this.reader.finish() === Event.Error) this.broken(this.reader.error as Unreadable);
        else this.close();
        return;
      case Mode.Body:
        if (this.reader.finish() === Event.Error) this.broken(this.reader.error as Unreadable);
        return;
      case Mode.Reply:
        this.closing = true;
        this.probeDue = this.services.now() + Limit.PROBE_AFTER;
        return;
      case Mode.Tunnel:
        this.handling.clientEnded();
        return;
      default:
        this.close();
    }
  }

  /** Everything that was said leaves now. */
  private writeOut(): void {
    this.out.flush();
    this.out.writeNow();
  }

  /** Ends as soon as everything has left. */
  private close(): void {
    this.writeOut();
    this.socket.destroySoon();
  }

  private drained(): void {
    if (this.mode !== Mode.Closed) this.handling.clientDrained();
  }

  private closed(): void {
    this.mode = Mode.Closed;
    this.bound.left(this);
    this.services.clock.forget(this);
    this.stash = undefined;
    this.handling.clientGone();
  }

  tick(now: Millis): boolean {
    if (this.handling.tick(now)) {
      if (now >= this.probeDue) this.probe(now);
      return true;
    }
    if (this.mode === Mode.Head) {
      if (this.headSince > 0) {
        if (now - this.headSince >= Limit.HEADER) {
          this.broken({
            status: 408,
            code: "header-timeout",
            detail: `The request head was not complete ${Limit.HEADER / 1000} s after its first byte.`,
            seen: "",
          });
        }
        return true;
      }
      if (now - this.idleSince >= Limit.KEEP_ALIVE) this.linger();
      return false;
    }
    if (now >= this.lingerDue) this.socket.destroy();
    return true;
  }

  private probe(now: Millis): void {
    this.probes++;
    this.probeDue = now + (this.probes % 2 === 1 ? Limit.PROBE_AGAIN : Limit.PROBE_PAUSE);
    if (this.mode !== Mode.Reply || this.responding || this.head.minor === 0) return;
    this.out.text(Limit.PROBE);
    this.out.flush();
    this.out.begin();
  }
}
