/**
 * How one attempt gets a connection: an idle one, a fresh one, a stream of HTTP/2, or what is simulated in its place.
 * One per connection, reused. Must not choose an endpoint, and must not say anything to a backend.
 */
import type { Millis } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { PlanService } from "../../model/plan.ts";
import { shownAsTunnel } from "../http2/fields.ts";
import { isWebSocket } from "../http2/websocket.ts";
import type { UpstreamSecurity } from "../tls/upstream-security.ts";
import type { Backend } from "./backend.ts";
import type { DialProblem } from "./dial.ts";
import type { Outbound } from "./outbound.ts";
import type { Run } from "./run.ts";

/** Offered by ALPN where a service does not say that its endpoints speak HTTP/2. */
const HTTP1 = ["http/1.1"];
const HTTP2 = ["h2", "http/1.1"];

export type Place = Pick<PlanEndpoint, "host" | "port">;

/** Whoever wants the connection. */
export interface Seeker {
  /** From now on somebody is asked: the time for it runs. */
  opening(now: Millis): void;
  /** @param backend absent: nobody there, see `problem`. @param reused it was open before. */
  reached(backend: Backend | undefined, problem: DialProblem | undefined, reused: boolean, now: Millis): void;
  /** The endpoint is simulated to be down: nobody was asked. */
  pretendedDown(now: Millis): void;
}

export class Reach {
  /** Where the attempt really goes: the endpoint, or whoever answers in its place while that is simulated. */
  target: Place | undefined;
  /** Something is pretended of the endpoint. */
  simulated = false;
  private readonly run: Run;
  private readonly outbound: Outbound;
  private readonly seeker: Seeker;
  /** HTTP/2 shall be spoken. */
  private http2 = false;
  /** How it is secured; undefined in the clear. */
  private security: UpstreamSecurity | undefined;
  /** A WebSocket, and the service speaks HTTP/2: a tunnel there (RFC 8441) if the backend takes them. */
  private tunnels = false;
  /** How a connection is secured that shall speak HTTP/1.1 whatever else the backend can. */
  private plainSecurity: UpstreamSecurity | undefined;
  private calledOff: (() => void) | undefined;
  /** Milliseconds before anybody is asked; -1 = none are pretended. */
  private latency = -1;
  private down = false;

  constructor(run: Run, outbound: Outbound, seeker: Seeker) {
    this.run = run;
    this.outbound = outbound;
    this.seeker = seeker;
  }

  /** @returns a connection that is there already, or undefined: then `dial`. @param mayReuse an idle one will do. */
  begin(service: PlanService, endpoint: PlanEndpoint, mayReuse: boolean, now: Millis): Backend | undefined {
    const { securities, simulations } = this.run.services;
    const met = simulations.meet(service.name, endpoint.url, this.run.passage.seed, this.run.decision.attempts);
    this.simulated = met !== undefined;
    this.down = met?.kind === "down";
    this.latency = met?.kind === "latency" ? met.milliseconds : -1;
    this.target = met?.kind === "errors" ? met.place : endpoint;
    const own = this.target === endpoint;
    this.http2 = own && this.outbound.wantsHttp2(service.http2 === true);
    this.tunnels = own && service.http2 === true && isWebSocket(this.outbound.upgrade);
    this.security = own ? securities.of(service, endpoint, this.http2 || this.tunnels ? HTTP2 : HTTP1) : undefined;
    this.plainSecurity = this.tunnels ? securities.of(service, endpoint, HTTP1) : undefined;
    const direct = met === undefined || met.kind === "errors";
    return mayReuse && direct ? this.take(now) : undefined;
  }

  /** Opens one, or waits as long as is pretended. What comes of it is told later, never within this call. */
  dial(now: Millis): void {
    if (this.down) this.later(0, (then) => this.seeker.pretendedDown(then));
    else if (this.latency >= 0) this.later(this.latency, (then) => this.afterLatency(then));
    else this.open(now);
  }

  /** Whatever is under way is taken back. */
  callOff(): void {
    this.calledOff?.();
    this.calledOff = undefined;
  }

  /** @param then when the time is over, unless it is called off. */
  later(milliseconds: number, then: (now: Millis) => void): void {
    const timer = setTimeout(() => {
      this.calledOff = undefined;
      then(this.run.services.now());
    }, milliseconds);
    this.calledOff = () => clearTimeout(timer);
  }

  /** Before the connection: the replica never sees an attempt that is given up meanwhile. */
  private afterLatency(now: Millis): void {
    const idle = this.take(now);
    if (idle === undefined) this.open(now);
    else this.seeker.reached(idle, undefined, true, now);
  }

  private take(now: Millis): Backend | undefined {
    const { pool, sessions } = this.run.services;
    const { security } = this;
    const { host, port } = this.target as Place;
    const stream = this.http2 ? sessions.take({ host, port, security }) : undefined;
    // Behind TLS an endpoint may have agreed to HTTP/1.1 only.
    return stream ?? (this.http2 && security === undefined ? undefined : pool.take(host, port, now, security));
  }

  private open(now: Millis): void {
    this.seeker.opening(now);
    const { sessions, pool } = this.run.services;
    const { security } = this;
    const { host, port } = this.target as Place;
    if (this.http2) this.calledOff = sessions.dial({ host, port, security }, this.dialled);
    else if (this.tunnels)
      this.calledOff = sessions.dialTunnel({ host, port, security }, this.plainSecurity, this.dialled);
    else this.calledOff = pool.dial(host, port, this.dialled, security);
  }

  private readonly dialled = (backend: Backend | undefined, problem: DialProblem | undefined): void => {
    this.calledOff = undefined;
    const { recording } = this.run;
    this.seeker.reached(backend, problem, false, this.run.services.now());
    // After it was written down as any request is.
    if (this.tunnels && backend?.version === "2" && recording !== undefined)
      recording.upstreamHead = shownAsTunnel(recording.upstreamHead);
  };
}
