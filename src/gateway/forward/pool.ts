/**
 * Idle connections to backends, per host and port, newest first, retired before the backend would close them.
 * Keyed by address, port and how they are secured, so that a reload keeps them.
 * Must not hand out a connection that is known to be closed.
 */
import type { Millis } from "../../model/basics.ts";
import type { Timed } from "../listen/clock.ts";
import type { UpstreamSecurity } from "../tls/upstream-security.ts";
import { Dial, resolve, type DialProblem, type Resolver } from "./dial.ts";
import { Upstream } from "./upstream.ts";

/** Node's http server closes idle connections after 5 s; a request must never meet that moment. */
const IDLE_GUESS: Millis = 4000;
/** A backend that announces its limit is believed, less this much. */
const IDLE_MARGIN: Millis = 1000;
const MAX_IDLE = 256;

export type Dialled = (upstream: Upstream | undefined, problem: DialProblem | undefined) => void;

/** What is kept for one host and port. */
class Place {
  readonly host: string;
  readonly port: number;
  /** Oldest first. */
  readonly idle: Upstream[] = [];
  readonly open = new Set<Upstream>();
  /** Address that won the last race. */
  winner: string | undefined;

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
  }
}

export class UpstreamPool implements Timed {
  private readonly places = new Map<string, Place>();
  /** The places without TLS, by host and port. */
  private readonly plain = new Map<string, Map<number, Place>>();
  private readonly resolver: Resolver;
  private closing = false;

  constructor(resolver: Resolver = resolve) {
    this.resolver = resolver;
  }

  /** @returns the idle connection used last, or undefined. */
  take(host: string, port: number, now: Millis, security?: UpstreamSecurity): Upstream | undefined {
    const { idle } = this.place(host, port, security);
    for (let upstream = idle.pop(); upstream !== undefined; upstream = idle.pop()) {
      if (upstream.alive && now < upstream.retireAt) return upstream;
      upstream.abandon();
    }
    return undefined;
  }

  /** Opens a fresh connection. @param done is never called synchronously. @returns how to call it off. */
  dial(host: string, port: number, done: Dialled, security?: UpstreamSecurity): () => void {
    const place = this.place(host, port, security);
    const race = new Dial<Upstream>(
      host,
      port,
      place.winner,
      (address, at) => new Upstream(address, at, security),
      (upstream, problem, address) => {
        place.winner = upstream && address;
        if (upstream !== undefined) {
          place.open.add(upstream);
          upstream.gone = (it) => this.forget(place, it);
        }
        done(upstream, problem);
      },
      this.resolver,
    );
    return () => {
      race.cancel();
      // Called off because it took too long, as a rule: the next race shall be open again.
      place.winner = undefined;
    };
  }

  /** Gives a connection back after a complete exchange. @param announced seconds of its `Keep-Alive: timeout`, or -1. */
  put(host: string, port: number, upstream: Upstream, announced: number, now: Millis): void {
    const { idle } = this.place(host, port, upstream.security);
    const rest = announced < 0 ? IDLE_GUESS : Math.max(announced * 1000 - IDLE_MARGIN, announced * 500);
    if (this.closing || !upstream.alive || !upstream.out.clear || idle.length >= MAX_IDLE || rest <= 0) {
      upstream.abandon();
      return;
    }
    upstream.owner = undefined;
    upstream.retireAt = now + rest;
    upstream.socket.resume();
    idle.push(upstream);
  }

  /** Closes what has idled too long. */
  tick(now: Millis): boolean {
    for (const { idle } of this.places.values()) {
      for (let i = idle.length - 1; i >= 0; i--) {
        if (now < idle[i].retireAt) continue;
        const [upstream] = idle.splice(i, 1);
        upstream.abandon();
      }
    }
    return false;
  }

  /** Idle and busy connections of one place, for tests and status. */
  count(host: string, port: number): { idle: number; open: number } {
    const { idle, open } = this.place(host, port);
    return { idle: idle.length, open: open.size };
  }

  /** Closes idle connections, and from now on every connection that comes back. */
  close(): void {
    this.closing = true;
    for (const { idle } of this.places.values()) for (const upstream of idle.splice(0)) upstream.abandon();
  }

  private forget(place: Place, upstream: Upstream): void {
    place.open.delete(upstream);
    const at = place.idle.indexOf(upstream);
    if (at >= 0) place.idle.splice(at, 1);
  }

  private place(host: string, port: number, security?: UpstreamSecurity): Place {
    // Asked for more than once a request: without TLS no key is built when the place is known.
    const plain = security === undefined ? this.plain.get(host)?.get(port) : undefined;
    if (plain !== undefined) return plain;
    const key = security === undefined ? `${host}:${port}` : `${host}:${port} ${security.key}`;
    let place = this.places.get(key);
    if (place === undefined) this.places.set(key, (place = new Place(host, port)));
    if (security === undefined) {
      const ports = this.plain.get(host) ?? new Map<number, Place>();
      this.plain.set(host, ports.set(port, place));
    }
    return place;
  }
}
