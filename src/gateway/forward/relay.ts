/**
 * Carries one decided request to a backend and its answer back: attempts and retries, bodies both ways, deadlines.
 * One per connection, reused. Bodies pass through with back-pressure and are never collected.
 * Must not choose an endpoint (`again` does) and must not retry what a backend may have acted upon.
 */
import { again } from "../../decide/again.ts";
import type { Millis } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import { Failure, Life, type Outcome } from "../../model/state.ts";
import { composeRequest, OutgoingRequest } from "../http1/compose.ts";
import type { RequestHeadEdit } from "../http1/edit.ts";
import { Framing, Known, type Head } from "../http1/head.ts";
import type { AttemptRecord, Recording } from "../record/recording.ts";
import type { UpstreamSecurity } from "../tls/upstream-security.ts";
import { shownAsHttp2 } from "../http2/fields.ts";
import { isGrpc } from "../http2/grpc.ts";
import type { Backend, UpstreamOwner } from "./backend.ts";
import type { DialProblem } from "./dial.ts";
import type { Run } from "./run.ts";
import { connectSentence, failureOfConnect, lostSentence, seconds } from "./sentences.ts";
import { takesAnswer } from "./reply-body.ts";
import { policyLines, sessionLine, Shaping } from "./shapes.ts";
import { Upstream } from "./upstream.ts";
import type { Visit } from "./visit.ts";

/** Attempts in all, the first included; a stale idle connection does not count as one. */
const MAX_ATTEMPTS = 3;
/** A connection that takes longer is given up and another endpoint is asked. */
const CONNECT_LIMIT: Millis = 3000;
/** RFC 9110 section 9.2.2, and the safe methods of WebDAV and QUERY. */
const IDEMPOTENT = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
  "PROPFIND",
  "REPORT",
  "SEARCH",
  "QUERY",
]);

/** Offered by ALPN where a service does not say that its endpoints speak HTTP/2. */
const HTTP1 = ["http/1.1"];
const HTTP2 = ["h2", "http/1.1"];

const Stage = { Off: 0, Dialling: 1, Asking: 2, Replying: 3, Tunnel: 4 } as const;

export class Relay implements UpstreamOwner {
  private readonly run: Run;
  private readonly shaping = new Shaping();
  private readonly request = new OutgoingRequest();
  private readonly failed: Outcome = { status: 0, failure: Failure.None, firstByte: -1 };
  private stage: number = Stage.Off;
  private upstream: Backend | undefined;
  private endpoint: PlanEndpoint | undefined;
  /** Where the attempt really goes: the endpoint, or whoever answers in its place while that is simulated. */
  private target: Pick<PlanEndpoint, "host" | "port"> | undefined;
  /** HTTP/2 shall be spoken. */
  private http2 = false;
  /** How it is secured; undefined in the clear. */
  private security: UpstreamSecurity | undefined;
  private attempt: AttemptRecord | undefined;
  private callOff: (() => void) | undefined;
  /** The head as sent to every backend tried. */
  private head = "";
  /** It waits for the first body bytes, to leave with them. */
  private headHeld = false;
  private chunked = false;
  /** Body bytes were given to a backend: no second one may be asked. */
  private bodyTouched = false;
  private requestSent = false;
  private attemptDue: Millis = Infinity;
  private connectDue: Millis = Infinity;
  /** When the read began that brought the answer's head, while that read lasts; else -1. */
  private headAt: Millis = -1;
  /** Something moved since the last tick. */
  private moved = false;
  private quietSince: Millis = 0;
  private clientHalf = true;
  private upstreamHalf = true;
  /** Something else was answered: what still comes from the backend is nobody's. */
  private replaced = false;

  private readonly resume = (): void => {
    this.moved = true;
    this.upstream?.resume();
  };

  constructor(run: Run) {
    this.run = run;
  }

  /** The decision holds an endpoint: go. */
  start(now: Millis): void {
    this.bodyTouched = this.requestSent = this.moved = this.replaced = false;
    this.quietSince = now;
    this.composeHead();
    this.try(now, true);
  }

  /** Forgets the backend: the client is gone, or an answer was found elsewhere. Must not call back. */
  abandon(): void {
    this.stage = Stage.Off;
    this.callOff?.();
    this.callOff = undefined;
    this.upstream?.abandon();
    this.upstream = undefined;
    this.headHeld = false;
    this.attemptDue = this.connectDue = Infinity;
  }

  // ---- The request's way out -----------------------------------------------------------------------------------

  requestBytes(buffer: Buffer, start: number, end: number): void {
    const { run, upstream } = this;
    if (start === end) return;
    if (run.recording !== undefined) run.services.recorder.captureRequest(run.recording, buffer, start, end);
    if (upstream === undefined) return;
    this.moved = true;
    this.bodyTouched = true;
    if (this.headHeld) this.releaseHead(upstream);
    upstream.out.bytes(buffer, start, end, this.chunked);
  }

  requestEnded(trailers: string): void {
    const { upstream } = this;
    if (upstream === undefined || this.requestSent) return;
    if (this.headHeld) this.releaseHead(upstream);
    if (this.chunked) {
      this.bodyTouched = true;
      upstream.out.lastChunk(trailers);
    }
    this.markSent(this.run.services.now());
  }

  /** One read of the client's is handed over: writes what was held back. */
  requestRead(): void {
    const { upstream } = this;
    if (upstream === undefined) return;
    if (this.headHeld) this.releaseHead(upstream);
    upstream.out.flush();
    if (upstream.out.pending) this.run.exchange.holdBody();
  }

  clientEnded(): void {
    this.clientHalf = false;
    this.upstream?.endTunnel();
    if (!this.upstreamHalf) this.closeTunnel();
  }

  clientDrained(): void {
    this.moved = true;
    this.upstream?.resume();
  }

  // ---- The answer's way back -----------------------------------------------------------------------------------

  upstreamHead(): void {
    const { run } = this;
    const upstream = this.upstream as Backend;
    const attempt = this.attempt as AttemptRecord;
    const recording = run.recording as Recording;
    const { head, version } = upstream;
    this.moved = true;
    this.headAt = run.services.now();
    if (attempt.firstByteAt < 0) attempt.firstByteAt = this.headAt;
    if (head.status < 200 && head.status !== 101) {
      run.exchange.inform(head);
      return;
    }
    this.attemptDue = Infinity;
    attempt.status = head.status;
    recording.status = head.status;
    recording.responseHead = version === "2" ? shownAsHttp2(head.text) : head.text;
    const { caches } = run.services;
    if (caches.watching) caches.changedBy(run.arrival, run.exchange.head.hostHeader, head);
    const { visit } = run.passage;
    if (visit?.replaces(run, head) === true) {
      this.replaced = true;
      this.stage = Stage.Replying;
      return;
    }
    const { plan } = run.active;
    const edit = this.shaping.shapeReply(head, run.passage, plan, recording.decision);
    const { decision } = recording;
    const { viaLine } = run.services;
    const via = version === "2" ? viaLine.replace("1.1", version) : viaLine;
    const lines = via + policyLines(run.passage, plan, decision) + sessionLine(plan, decision) + (visit?.lines ?? "");
    if (head.status === 101) {
      recording.upgraded = true;
      this.stage = Stage.Tunnel;
      this.clientHalf = this.upstreamHalf = true;
      recording.replyHead = run.exchange.upgrade(head, lines, edit);
      return;
    }
    this.stage = Stage.Replying;
    if (run.body !== undefined && takesAnswer(run, head, lines, edit, this.resume)) return;
    recording.replyHead = run.exchange.respond(head, lines, edit);
  }

  upstreamBody(buffer: Buffer, start: number, end: number): void {
    const { run } = this;
    this.moved = true;
    if (this.replaced) return;
    run.passage.visit?.bytes(buffer, start, end);
    run.services.recorder.captureResponse(run.recording as Recording, buffer, start, end);
    if (run.reply === undefined) run.exchange.body(buffer, start, end);
    else run.reply.write(buffer, start, end);
  }

  upstreamRead(): void {
    this.headAt = -1;
    const { exchange, reply } = this.run;
    if (reply !== undefined) return void (reply.read() && this.upstream?.pause());
    exchange.flush();
    if (exchange.pending) this.upstream?.pause();
  }

  upstreamEnd(trailers: string): void {
    const { run } = this;
    if (this.stage === Stage.Tunnel) {
      this.upstreamHalf = false;
      run.exchange.endTunnel();
      if (!this.clientHalf) this.closeTunnel();
      return;
    }
    const upstream = this.upstream as Backend;
    // A small answer ends with the read that began it: no time has passed that would be worth another look at the clock.
    const now = this.headAt >= 0 && upstream instanceof Upstream ? this.headAt : run.services.now();
    const { visit } = run.passage;
    if (!this.replaced) {
      visit?.complete(run);
      if (run.reply === undefined) run.exchange.end(trailers);
    }
    this.upstream = undefined;
    this.stage = Stage.Off;
    const { head } = upstream;
    if (!(upstream instanceof Upstream)) {
      if (!this.requestSent) upstream.abandon();
    } else if (head.keepAlive && this.requestSent && !this.headHeld && this.target !== undefined) {
      // A slow client still reads from this buffer; the next exchange must not overwrite it.
      if (run.exchange.pending) upstream.renewBuffer();
      const { host, port } = this.target;
      run.services.pool.put(host, port, upstream, head.keepAliveTimeout, now);
    } else {
      upstream.abandon();
    }
    this.headHeld = false;
    if (this.replaced) return visit?.give(run);
    if (run.reply !== undefined) return run.reply.end(trailers);
    run.finish(head.status, Failure.None, now);
  }

  upstreamLost(failure: number, detail: string): void {
    const { run } = this;
    const upstream = this.upstream as Backend;
    const now = run.services.now();
    this.upstream = undefined;
    if (this.stage === Stage.Tunnel) return this.closeTunnel();
    const unanswered = this.stage === Stage.Asking;
    this.stage = Stage.Off;
    if (unanswered && failure !== Failure.MalformedResponse) {
      const idempotent = IDEMPOTENT.has(run.exchange.head.method);
      const unsent = this.headHeld || ((idempotent || upstream.refused) && !this.bodyTouched);
      const stale = upstream.served > 0 && !upstream.answered;
      this.endAttempt(failure, now);
      if (stale && unsent) {
        (this.attempt as AttemptRecord).retried = true;
        return this.try(now, false);
      }
      if (unsent && this.retry(failure, now)) return;
    } else {
      this.endAttempt(failure, now);
    }
    run.fail(failure, lostSentence(this.placeName, failure, detail, run.exchange.committed));
  }

  upstreamDrained(): void {
    this.moved = true;
    this.run.exchange.wantBody();
  }

  // ---- Deadlines -----------------------------------------------------------------------------------------------

  tick(now: Millis): void {
    if (this.moved) {
      this.moved = false;
      this.quietSince = now;
    }
    const { timeouts } = this.route;
    if (now >= this.connectDue && this.stage === Stage.Dialling) {
      this.callOff?.();
      this.callOff = undefined;
      return this.connectFailed(
        Failure.ConnectTimeout,
        `${this.placeName} accepted no connection within ${seconds(CONNECT_LIMIT)}.`,
        now,
      );
    }
    if (this.stage !== Stage.Off && this.overstays(now)) {
      const sentence = `${this.placeName} left the service, and the time that requests on their way get (drain) was over.`;
      return this.expired(Failure.Deregistered, sentence, now);
    }
    if (now >= this.attemptDue) {
      const limit = seconds(timeouts.backendRequest);
      const sentence = `${this.placeName} sent no response head within ${limit} (timeouts.backendRequest of route ${this.run.routeName}).`;
      return this.expired(Failure.BackendTimeout, sentence, now);
    }
    const flowing = this.stage >= Stage.Replying || (this.stage === Stage.Asking && !this.run.exchange.complete);
    if (timeouts.idle > 0 && flowing && now - this.quietSince >= timeouts.idle) {
      const what = this.stage === Stage.Asking ? "the client sent nothing" : "nothing moved";
      const sentence = `While the body was on its way, ${what} for ${seconds(timeouts.idle)} (timeouts.idle of route ${this.run.routeName}).`;
      this.expired(Failure.IdleTimeout, sentence, now);
    }
  }

  /** Its endpoint has left the plan, and the time to end what was on its way is over. */
  private overstays(now: Millis): boolean {
    const { decision, active } = this.run;
    const endpoint = active.state.services[decision.service].endpoints[decision.endpoint];
    return endpoint.life === Life.Leaving && endpoint.lifeUntil > 0 && now >= endpoint.lifeUntil;
  }

  /** A deadline has passed. */
  expired(failure: number, sentence: string, now: Millis): void {
    this.abandon();
    this.endAttempt(failure, now);
    this.run.fail(failure, sentence);
  }

  // ---- Attempts ------------------------------------------------------------------------------------------------

  private try(now: Millis, mayReuse: boolean): void {
    const { run } = this;
    const { plan } = run.active;
    const { decision } = run;
    const service = plan.services[decision.service];
    const endpoint = service.endpoints[decision.endpoint];
    this.endpoint = endpoint;
    this.headAt = -1;
    const { securities, simulations } = run.services;
    const limit = this.route.timeouts.backendRequest;
    this.attemptDue = limit > 0 ? now + limit : Infinity;
    const met = simulations.meet(service.name, endpoint.url, run.passage.seed, decision.attempts);
    this.target = met?.kind === "errors" ? met.place : endpoint;
    const direct = met === undefined || met.kind === "errors";
    const own = this.target === endpoint;
    this.http2 = own && this.wantsHttp2(service.http2 === true);
    this.security = own ? securities.of(service, endpoint, this.http2 ? HTTP2 : HTTP1) : undefined;
    const idle = mayReuse && direct ? this.take(this.target, now) : undefined;
    this.attempt = {
      endpoint: decision.endpoint,
      startedAt: now,
      connectedAt: idle === undefined ? -1 : now,
      sentAt: -1,
      firstByteAt: -1,
      endedAt: -1,
      status: 0,
      failure: Failure.None,
      reused: idle !== undefined,
      retried: false,
      localPort: 0,
      simulated: met !== undefined,
    };
    (run.recording as Recording).attempts.push(this.attempt);
    if (idle !== undefined) return this.ask(idle, now);
    this.stage = Stage.Dialling;
    this.connectDue = now + CONNECT_LIMIT;
    run.exchange.holdBody();
    if (met?.kind === "down") return this.pretendDown();
    if (met?.kind === "latency") return this.pretendLatency(met.milliseconds);
    this.dial(this.target);
  }

  /** Upgrades need HTTP/1.1, gRPC needs HTTP/2; else the service says it. */
  private wantsHttp2(said: boolean): boolean {
    const { head } = this.run.exchange;
    if (this.request.upgrade !== "") return false;
    return said || (head.has(Known.ContentType) && isGrpc(head.get("content-type")));
  }

  private take({ host, port }: Pick<PlanEndpoint, "host" | "port">, now: Millis): Backend | undefined {
    const { pool, sessions } = this.run.services;
    const { security } = this;
    const stream = this.http2 ? sessions.take({ host, port, security }) : undefined;
    // Behind TLS an endpoint may have agreed to HTTP/1.1 only.
    return stream ?? (this.http2 && security === undefined ? undefined : pool.take(host, port, now, security));
  }

  private dial({ host, port }: Pick<PlanEndpoint, "host" | "port">): void {
    const { security } = this;
    if (this.http2) {
      this.callOff = this.run.services.sessions.dial({ host, port, security }, this.dialled);
      return;
    }
    this.callOff = this.run.services.pool.dial(host, port, this.dialled, this.security);
  }

  private pretendDown(): void {
    this.later(0, (now) =>
      this.connectFailed(Failure.ConnectRefused, `${this.placeName} is simulated to be down: nobody was asked.`, now),
    );
  }

  /** Before the connection: the replica never sees an attempt that is given up meanwhile. */
  private pretendLatency(milliseconds: number): void {
    this.connectDue = Infinity;
    this.later(milliseconds, (now) => {
      this.connectDue = now + CONNECT_LIMIT;
      const { host, port } = this.target as PlanEndpoint;
      const idle = this.take({ host, port }, now);
      if (idle === undefined) return this.dial({ host, port });
      const attempt = this.attempt as AttemptRecord;
      attempt.connectedAt = now;
      attempt.reused = true;
      this.ask(idle, now);
    });
  }

  /** `callOff` takes it back. */
  private later(milliseconds: number, then: (now: Millis) => void): void {
    const timer = setTimeout(() => {
      this.callOff = undefined;
      then(this.run.services.now());
    }, milliseconds);
    this.callOff = () => clearTimeout(timer);
  }

  private readonly dialled = (upstream: Backend | undefined, problem: DialProblem | undefined): void => {
    this.callOff = undefined;
    const now = this.run.services.now();
    if (upstream !== undefined) {
      (this.attempt as AttemptRecord).connectedAt = now;
      this.ask(upstream, now);
      return;
    }
    const failure = failureOfConnect(problem?.code ?? "");
    this.connectFailed(failure, connectSentence(this.placeName, failure, problem), now);
  };

  private ask(upstream: Backend, now: Millis): void {
    const { exchange } = this.run;
    this.stage = Stage.Asking;
    this.connectDue = Infinity;
    this.upstream = upstream;
    if (upstream.version === "2") (this.run.recording as Recording).upstreamHead = shownAsHttp2(this.head);
    upstream.attach(this, exchange.head.method, this.request.upgrade !== "");
    (this.attempt as AttemptRecord).localPort = upstream.localPort;
    upstream.out.begin();
    const held = this.run.body?.held;
    if (exchange.complete && (!this.chunked || held !== undefined)) {
      this.headHeld = false;
      upstream.out.text(this.head);
      if (held !== undefined) this.sendHeld(upstream, held);
      this.markSent(now);
      upstream.out.flush();
      return;
    }
    this.headHeld = true;
    if (held !== undefined) this.sendHeld(upstream, held);
    exchange.wantBody();
  }

  /** What was collected of the body goes first; all of it, with its trailers, when nothing else will come. */
  private sendHeld(upstream: Backend, held: Buffer): void {
    this.bodyTouched = true;
    if (this.headHeld) this.releaseHead(upstream);
    if (held.length > 0) upstream.out.bytes(held, 0, held.length, this.chunked);
    if (this.run.exchange.complete && this.chunked) upstream.out.lastChunk(this.run.body?.trailers ?? "");
  }

  private connectFailed(failure: number, sentence: string, now: Millis): void {
    this.stage = Stage.Off;
    this.endAttempt(failure, now);
    // Nothing of this request has left: whatever its method, another endpoint may have it.
    if (!this.bodyTouched && this.retry(failure, now)) return;
    this.run.fail(failure, sentence);
  }

  private retry(failure: number, now: Millis): boolean {
    const { run, failed } = this;
    const { decision, active } = run;
    if (decision.attempts >= MAX_ATTEMPTS) return false;
    failed.status = 0;
    failed.failure = failure;
    failed.firstByte = -1;
    const { service, endpoint } = decision;
    run.services.journal?.again(run.recording as Recording, run.passage, now, failed);
    const found = again(run.passage, active.plan, active.state, now, failed, decision);
    run.services.attemptFailed(active, service, endpoint, failure, now);
    if (!found) return false;
    (this.attempt as AttemptRecord).retried = true;
    this.try(now, true);
    return true;
  }

  private endAttempt(failure: number, now: Millis): void {
    const { attempt } = this;
    if (attempt === undefined || attempt.endedAt >= 0) return;
    attempt.endedAt = now;
    attempt.failure = failure;
  }

  // ---- Parts ---------------------------------------------------------------------------------------------------

  private composeHead(): void {
    const { run, request } = this;
    const { exchange, hop, recording } = run;
    const { head } = exchange;
    const { plan } = run.active;
    const { decision } = run;
    const shaped = this.shaping.shapeRequest(head, run.arrival.path, run.passage, plan, decision);
    const edit = run.passage.visit === undefined ? shaped : this.conditioned(run.passage.visit, shaped);
    const { path, query, authority } = this.shaping.request;
    const endpoint = plan.services[decision.service].endpoints[decision.endpoint];
    request.method = head.method;
    request.target = query === undefined ? path : `${path}?${query}`;
    // An HTTP/1.0 client may name no host; a backend of HTTP/1.1 must get one.
    request.host = authority === "" ? authorityOf(endpoint) : authority;
    request.framing = head.framing;
    request.contentLength = head.contentLength;
    request.upgrade = offeredUpgrade(head);
    request.acceptsTrailers = head.acceptsTrailers;
    request.skip = run.body?.held === undefined ? hop.skip : hop.skip | (1 << Known.Expect);
    request.lines = hop.lines;
    this.chunked = head.framing === Framing.Chunked;
    this.head = composeRequest(head, request, edit);
    (recording as Recording).upstreamHead = this.head;
  }

  /** Asks the backend whether what is held still holds. */
  private conditioned(visit: Visit, shaped: RequestHeadEdit | undefined): RequestHeadEdit | undefined {
    const { request } = this.shaping;
    if (shaped === undefined) request.begin(this.run.exchange.head);
    return visit.sent(this.run, request) ? request : shaped;
  }

  private releaseHead(upstream: Backend): void {
    this.headHeld = false;
    upstream.out.text(this.head);
  }

  private markSent(now: Millis): void {
    this.requestSent = true;
    this.upstream?.out.finish();
    (this.attempt as AttemptRecord).sentAt = now;
  }

  private closeTunnel(): void {
    this.abandon();
    this.run.exchange.flush();
    this.run.exchange.endTunnel();
    this.run.finish(101, Failure.None);
  }

  private get route() {
    return this.run.active.plan.routes[this.run.decision.route];
  }

  /** "orders at :4001" */
  private get placeName(): string {
    const service = this.run.active.plan.services[this.run.decision.service];
    return `${service.name} at ${this.endpoint?.label ?? "?"}`;
  }
}

function authorityOf(endpoint: PlanEndpoint): string {
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return endpoint.port === (endpoint.secure === true ? 443 : 80) ? host : `${host}:${endpoint.port}`;
}

/** An upgrade is passed on for requests without a body, and never h2c: a backend would smuggle requests past us in it. */
function offeredUpgrade(head: Head): string {
  if (head.upgrade === "") return "";
  const bodiless = head.framing === Framing.None || head.contentLength === 0;
  return bodiless && !/(?:^|[\s,])h2c(?:$|[\s,/])/i.test(head.upgrade) ? head.upgrade : "";
}
