/**
 * One client connection of HTTP/2: a session of node:http2 over an accepted socket, its streams as exchanges, and the
 * bounds that keep a hostile client from costing more than it sends.
 * Must not know routes or backends.
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Millis } from "../../model/basics.ts";
import { scratch } from "../forward/scratch.ts";
import type { EngineServices } from "../forward/services.ts";
import type { AcceptedSocket, SocketReader } from "../listen/accept.ts";
import type { Bound, Connection, Door } from "../listen/bound.ts";
import type { Timed } from "../listen/clock.ts";
import * as Limit from "../listen/limits.ts";
import type { Secured } from "../listen/secured.ts";
import type { Unreadable } from "../refuse/problems.ts";
import { Http2Exchange, type StreamHost } from "./exchange.ts";

/** Streams at a time; more are refused, and may be tried again. */
export const MAX_STREAMS = 100;
/**
 * Streams that a client may reset in one second (the "rapid reset" attack, CVE-2023-44487). Node's nghttp2 has a bound
 * of its own (1000 at once, then 33 a second); this one is closer.
 */
export const RESETS_PER_SECOND = 100;
/** Names and values of a head; nghttp2 also ends a session after eight CONTINUATION frames of one head. */
const MAX_PAIRS = 110;
const MAX_HEAD = 16_384;
const END_STREAM = 1;
/** An idle connection is asked once whether its session still works. */
const PING_AFTER: Millis = 4000;

/** The session reads the socket by itself. */
const NOBODY: SocketReader = { readBuffer: () => scratch, receive: () => {} };

export class Http2Connection implements Connection, Timed, StreamHost {
  readonly services: EngineServices;
  readonly clientIp: string;
  readonly clientPort: number;
  readonly secured: Secured | undefined;
  gone = false;
  private readonly bound: Bound;
  private readonly session: ServerHttp2Session;
  private readonly taken: AcceptedSocket;
  private readonly busy = new Set<Http2Exchange>();
  private readonly idle: Http2Exchange[] = [];
  private idleSince: Millis;
  private closingDue: Millis = Infinity;
  private resets = 0;
  private resetsSince: Millis = 0;
  /** Client or gateway have said goodbye, for whatever reason: what ends the session then says nothing new. */
  private over = false;
  private told = false;
  /** Since it idles. */
  private pinged = false;

  constructor(services: EngineServices, bound: Bound, door: Door) {
    this.services = services;
    this.bound = bound;
    this.clientIp = door.clientIp;
    this.clientPort = door.clientPort;
    this.secured = door.secured;
    this.taken = door.take(NOBODY);
    const { socket } = this.taken;
    if (door.ahead !== undefined) socket.unshift(door.ahead);
    socket.setNoDelay(true);
    this.session = performServerHandshake(socket, {
      maxHeaderListPairs: MAX_PAIRS,
      maxSessionInvalidFrames: 100,
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEAD, enableConnectProtocol: true },
    });
    this.idleSince = services.now();
    services.clock.watch(this);
    const left = (): void => void (this.over = true);
    this.session.on("goaway", left);
    socket.on("end", left);
    socket.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
      // Node tells the socket, too, what is wrong with its session.
      if (!code.startsWith("ERR_HTTP2_")) this.over = true;
    });
    this.session.on("error", (error: NodeJS.ErrnoException) => this.broken(error));
    this.session.on("stream", (stream, _, flags, raw?: string[]) => this.opened(stream, flags, raw ?? []));
    this.session.on("close", () => this.closed());
  }

  get listener(): number {
    return this.bound.index;
  }

  left(exchange: Http2Exchange, reset: boolean): void {
    this.busy.delete(exchange);
    this.idle.push(exchange);
    const now = this.services.now();
    this.idleSince = now;
    this.pinged = false;
    if (reset) this.countReset(now);
    if (this.bound.index < 0 && this.busy.size === 0) this.retire();
  }

  retire(): void {
    this.over = true;
    // GOAWAY; streams on their way may end.
    if (!this.session.closed) this.session.close();
    this.closingDue = Infinity;
  }

  destroy(): void {
    this.over = true;
    this.session.destroy();
    this.taken.socket.destroy();
  }

  tick(now: Millis): boolean {
    let busy = false;
    for (const exchange of this.busy) if (exchange.handling.tick(now)) busy = true;
    if (this.busy.size > 0 || this.session.destroyed) return busy;
    if (now >= this.closingDue) this.destroy();
    else if (this.pinged && this.session.state.outboundQueueSize !== 0) this.stuck();
    else if (!this.pinged && now - this.idleSince >= PING_AFTER) {
      this.pinged = true;
      this.session.ping(() => {});
    }
    if (this.closingDue === Infinity && now - this.idleSince >= Limit.KEEP_ALIVE) {
      this.over = true;
      this.session.close();
      this.closingDue = now + Limit.LINGER;
    }
    return false;
  }

  private opened(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    stream.on("error", () => {});
    if (this.busy.size >= MAX_STREAMS || this.bound.index < 0) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    if (stream.destroyed) return;
    const exchange = this.idle.pop() ?? new Http2Exchange(this);
    this.busy.add(exchange);
    exchange.begin(stream, raw, (flags & END_STREAM) !== 0);
  }

  private countReset(now: Millis): void {
    if (now - this.resetsSince >= 1000) {
      this.resetsSince = now;
      this.resets = 0;
    }
    if (++this.resets <= RESETS_PER_SECOND || this.session.destroyed) return;
    const detail = `The client reset more than ${RESETS_PER_SECOND} streams within a second, as in the "rapid reset" attack (CVE-2023-44487): the connection was closed with ENHANCE_YOUR_CALM.`;
    this.tell({ status: 429, code: "http2-resets", detail, seen: "" });
    this.over = true;
    this.session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /**
   * A ping that never leaves: nghttp2 has given the session up. It has told the client by GOAWAY, and Node nothing at all.
   */
  private stuck(): void {
    this.broken({ code: "ERR_HTTP2_SESSION_ERROR", message: "its answer was GOAWAY", name: "" });
    this.destroy();
  }

  /** nghttp2 or Node ended the session because of what the client sent. That its socket broke is no news. */
  private broken({ code = "", message }: NodeJS.ErrnoException): void {
    if (this.over || !code.startsWith("ERR_HTTP2_")) return;
    const detail = `The client broke the rules of HTTP/2, and the connection was closed: ${message} (${code}).`;
    this.tell({ status: 400, code: "http2", detail, seen: "" });
  }

  /** One row a connection says why it was closed, whatever number of streams it had. */
  private tell(why: Unreadable): void {
    if (this.told || this.bound.index < 0) return;
    this.told = true;
    new Http2Exchange(this).unheard(why);
  }

  private closed(): void {
    if (this.gone) return;
    this.gone = true;
    this.services.clock.forget(this);
    this.bound.left(this);
  }
}
