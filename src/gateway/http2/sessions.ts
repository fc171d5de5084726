/**
 * Sessions of HTTP/2 with backends: shared by requests, opened when none has room, closed when nobody uses them.
 * Must not pick an endpoint.
 */
import { connect, type ClientHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Millis } from "../../model/basics.ts";
import type { Backend } from "../forward/backend.ts";
import type { DialProblem } from "../forward/dial.ts";
import type { UpstreamPool } from "../forward/pool.ts";
import type { Upstream } from "../forward/upstream.ts";
import type { Timed } from "../listen/clock.ts";
import type { UpstreamSecurity } from "../tls/upstream-security.ts";
import { BackendStream } from "./backend-stream.ts";

const IDLE_LIMIT: Millis = 30_000;
/** Until the backend has said how many streams it takes. */
const USUAL_STREAMS = 100;

interface Kept {
  readonly session: ClientHttp2Session;
  readonly scheme: string;
  readonly localPort: number;
  streams: number;
  served: number;
  idleSince: Millis;
}

export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly security: UpstreamSecurity | undefined;
}

/** Sessions whose backend has said what it takes. */
const hasSettings = new WeakSet<ClientHttp2Session>();

type Dialled = (backend: Backend | undefined, problem: DialProblem | undefined) => void;

export class BackendSessions implements Timed {
  private readonly pool: UpstreamPool;
  private readonly now: () => Millis;
  private readonly places = new Map<string, Kept[]>();
  /** Requests that wait for the one connection that is being opened for all of them. */
  private readonly waiting = new Map<string, { readonly callers: Set<Dialled>; callOff: () => void }>();
  private closing = false;

  constructor(pool: UpstreamPool, now: () => Millis) {
    this.pool = pool;
    this.now = now;
  }

  /** @returns a stream of a session with room, or undefined. */
  take(to: Destination): Backend | undefined {
    const kept = this.places.get(keyOf(to))?.find(hasRoom);
    return kept === undefined ? undefined : this.stream(kept);
  }

  /**
   * @param done is never called synchronously; gets a connection of HTTP/1.1 when that is all the backend agrees to.
   * @returns how to call it off.
   */
  dial(to: Destination, done: Dialled): () => void {
    const key = keyOf(to);
    const known = this.waiting.get(key);
    const callers = known?.callers ?? new Set<Dialled>();
    callers.add(done);
    if (known === undefined) {
      const { host, port, security } = to;
      const callOff = this.pool.dial(host, port, (upstream, problem) => this.dialled(to, upstream, problem), security);
      this.waiting.set(key, { callers, callOff });
    }
    return () => {
      callers.delete(done);
      const waiting = this.waiting.get(key);
      if (callers.size > 0 || waiting?.callers !== callers) return;
      this.waiting.delete(key);
      waiting.callOff();
    };
  }

  /**
   * For a WebSocket: a stream of a session whose backend takes tunnels (RFC 8441), else a connection of HTTP/1.1.
   * Whether it does stands in its first settings; behind TLS it may also agree to HTTP/1.1 by itself (ALPN).
   * @param plain how the connection of HTTP/1.1 is secured. @param done is never called synchronously.
   * @returns how to call it off.
   */
  dialTunnel(to: Destination, plain: UpstreamSecurity | undefined, done: Dialled): () => void {
    let over = false;
    let callOff = (): void => {};
    const ask = (kept: Kept): void =>
      whenSettled(kept.session, (takes) => {
        if (over) return;
        if (takes) done(this.stream(kept), undefined);
        else callOff = this.pool.dial(to.host, to.port, done, plain);
      });
    const kept = this.places.get(keyOf(to))?.find(hasRoom);
    if (kept !== undefined) ask(kept);
    else {
      const dialled: Dialled = (upstream, problem) => {
        if (upstream === undefined) return done(undefined, problem);
        if (!agreesToHttp2(to, upstream as Upstream)) return done(upstream, undefined);
        ask(this.keep(keyOf(to), to, upstream as Upstream));
      };
      callOff = this.pool.dial(to.host, to.port, dialled, to.security);
    }
    return () => {
      over = true;
      callOff();
    };
  }

  tick(now: Millis): boolean {
    for (const kept of this.places.values())
      for (const one of kept) if (one.streams === 0 && now - one.idleSince >= IDLE_LIMIT) one.session.close();
    return false;
  }

  /** Closes sessions as soon as their streams have ended, and from now on every new one. */
  close(): void {
    this.closing = true;
    for (const kept of this.places.values()) for (const { session } of kept) session.close();
  }

  private dialled(to: Destination, upstream: Upstream | undefined, problem: DialProblem | undefined): void {
    const key = keyOf(to);
    const callers = [...(this.waiting.get(key)?.callers ?? [])];
    this.waiting.delete(key);
    if (upstream === undefined) {
      for (const done of callers) done(undefined, problem);
      return;
    }
    if (!agreesToHttp2(to, upstream)) {
      // One connection serves one request of HTTP/1.1: the first takes it, the others open their own.
      const [first, ...others] = callers;
      if (first === undefined) upstream.abandon();
      else first(upstream, undefined);
      for (const done of others) this.pool.dial(to.host, to.port, done, to.security);
      return;
    }
    const kept = this.keep(key, to, upstream);
    for (const done of callers) done(this.stream(kept), undefined);
    if (this.closing) kept.session.close();
  }

  private keep(key: string, to: Destination, upstream: Upstream): Kept {
    const scheme = to.security === undefined ? "http" : "https";
    const authority = to.host.includes(":") ? `[${to.host}]:${to.port}` : `${to.host}:${to.port}`;
    upstream.handOver();
    const session = connect(`${scheme}://${authority}`, {
      createConnection: () => upstream.socket,
      settings: { enablePush: false, maxHeaderListSize: 16_384 },
      maxHeaderListPairs: 110,
    });
    const { localPort = 0 } = upstream.socket;
    const kept: Kept = { session, scheme, localPort, streams: 0, served: 0, idleSince: this.now() };
    const all = this.places.get(key) ?? [];
    all.push(kept);
    this.places.set(key, all);
    const forget = (): void => {
      const at = all.indexOf(kept);
      if (at >= 0) all.splice(at, 1);
    };
    session.once("remoteSettings", () => void hasSettings.add(session));
    session.on("error", forget);
    session.on("goaway", forget);
    session.on("close", forget);
    return kept;
  }

  private stream(kept: Kept): Backend {
    kept.streams++;
    const stream = new BackendStream(kept.session, kept, () => {
      kept.streams--;
      kept.idleSince = this.now();
    });
    kept.served++;
    return stream;
  }
}

/** In the clear there is nothing to agree upon: it was said. */
function agreesToHttp2(to: Destination, upstream: Upstream): boolean {
  return to.security === undefined || (upstream.socket as TLSSocket).alpnProtocol === "h2";
}

function hasRoom({ session, streams }: Kept): boolean {
  if (session.closed || session.destroyed) return false;
  return streams < Math.min(session.remoteSettings?.maxConcurrentStreams ?? USUAL_STREAMS, 1000);
}

/** @param then is never called synchronously; false also when the session ends before it has said anything. */
function whenSettled(session: ClientHttp2Session, then: (takesTunnels: boolean) => void): void {
  const told = (): void => {
    session.off("remoteSettings", told);
    session.off("close", told);
    // A session that is gone has no settings.
    then(!session.destroyed && session.remoteSettings.enableConnectProtocol === true);
  };
  if (session.destroyed || (!session.connecting && hasSettings.has(session))) return void setImmediate(told);
  session.on("remoteSettings", told);
  session.on("close", told);
}

function keyOf({ host, port, security }: Destination): string {
  return `${host}:${port} ${security?.key ?? ""}`;
}
