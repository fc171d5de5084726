/**
 * Carries one decided request to a backend and its answer back: attempts and retries, bodies both ways, deadlines.
 * One per connection, reused. Bodies pass through with back-pressure and are never collected.
 * One state machine from dialling to the last byte: what could stand alone does, in the files that it imports.
 * Must not choose an endpoint (`again` does) and must not retry what a backend may have acted upon.
 */
import { again } from "../../decide/again.ts";
import type { Millis } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import { Failure, Life, type Outcome } from "../../model/state.ts";
import { Next, type AttemptRecord, type Recording } from "../record/recording.ts";
import { shownAsHttp2 } from "../http2/fields.ts";
import type { Backend, UpstreamOwner } from "./backend.ts";
import type { DialProblem } from "./dial.ts";
import { Outbound } from "./outbound.ts";
import { Reach, type Seeker } from "./reach.ts";
import { askRetry, attemptDue, hindrance, keptBodyOf, overdue, whyNoOther, type KeptBody } from "./retry.ts";
import type { Racer, Run } from "./run.ts";
import { connectSentence, failureOfConnect, lostSentence, seconds } from "./sentences.ts";
import { takesAnswer } from "./reply-body.ts";
import { policyLines, sessionLine, Shaping } from "./shapes.ts";
import { Upstream } from "./upstream.ts";

const Stage = { Off: 0, Dialling: 1, Asking: 2, Replying: 3, Tunnel: 4 } as const;

export class Relay implements UpstreamOwner, Racer, Seeker {
  private readonly run: Run;
  private readonly shaping = new Shaping();
  private readonly outbound: Outbound;
  private readonly reach: Reach;
  private readonly failed: Outcome = { status: 0, failure: Failure.None, firstByte: -1 };
  private stage: number = Stage.Off;
  private upstream: Backend | undefined;
  private endpoint: PlanEndpoint | undefined;
  /** The attempt that is on its way, or the last one. */
  current: AttemptRecord | undefined;
  /** It waits for the first body bytes, to leave with them. */
  private headHeld = false;
  /** Body bytes were given to a backend and are not kept: no second one may be asked. */
  private bodyTouched = false;
  /** The body, as long as it may be given to another backend too. */
  private kept: KeptBody | undefined;
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
    this.outbound = new Outbound(run, this.shaping);
    this.reach = new Reach(run, this.outbound, this);
  }

  /** The decision holds an endpoint: go. */
  start(now: Millis): void {
    this.bodyTouched = this.requestSent = this.moved = this.replaced = false;
    this.quietSince = now;
    this.kept = keptBodyOf(this.run);
    this.outbound.compose();
    this.try(now, true, this.run.decision.endpoint);
  }

  /** Forgets the backend: the client is gone, or an answer was found elsewhere. Must not call back. */
  abandon(): void {
    this.stage = Stage.Off;
    this.reach.callOff();
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
    if (this.kept?.add(buffer, start, end) !== true) this.bodyTouched = true;
    if (this.headHeld) this.releaseHead(upstream);
    upstream.out.bytes(buffer, start, end, this.outbound.chunked);
  }

  requestEnded(trailers: string): void {
    const { upstream } = this;
    if (upstream === undefined || this.requestSent) return;
    if (this.headHeld) this.releaseHead(upstream);
    if (this.outbound.chunked) {
      if (this.kept === undefined) this.bodyTouched = true;
      else this.kept.trailers = trailers;
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
    const attempt = this.current as AttemptRecord;
    const recording = run.recording as Recording;
    const { head, version } = upstream;
    this.moved = true;
    this.headAt = run.services.now();
    if (attempt.firstByteAt < 0) attempt.firstByteAt = this.headAt;
    if (head.status < 200 && head.status !== 101) {
      if (run.race?.undecided !== true) run.exchange.inform(head);
      return;
    }
    attempt.status = head.status;
    if (run.race?.takes(this, head.status, attempt.firstByteAt) === false) return;
    if (this.route.retry?.codes.has(head.status) && this.retryAnswer(head.status)) return;
    this.attemptDue = Infinity;
    recording.status = head.status;
    recording.responseHead = version === "2" ? shownAsHttp2(upstream.shownHead ?? head.text) : head.text;
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
    } else if (head.keepAlive && this.requestSent && !this.headHeld && this.reach.target !== undefined) {
      // A slow client still reads from this buffer; the next exchange must not overwrite it.
      if (run.exchange.pending) upstream.renewBuffer();
      const { host, port } = this.reach.target;
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
      const untouched = this.headHeld || upstream.refused;
      const hindered = hindrance(run, { untouched, bodyGone: this.bodyTouched });
      if (hindered === Next.Nothing && upstream.served > 0 && !upstream.answered) {
        this.conclude(failure, now);
        const { current } = this;
        if (current !== undefined) current.next = Next.Repeated;
        return this.try(now, false, current?.endpoint ?? run.decision.endpoint);
      }
      return this.failedBy(failure, lostSentence(this.placeName, failure, detail, false), hindered, now);
    }
    const { committed } = run.exchange;
    const hindered = committed ? Next.Committed : Next.Malformed;
    this.failedBy(failure, lostSentence(this.placeName, failure, detail, committed), hindered, now);
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
      this.reach.callOff();
      return this.connectFailed(
        Failure.ConnectTimeout,
        `${this.placeName} accepted no connection within ${seconds(timeouts.connect)} (timeouts.connect of route ${this.run.routeName}).`,
        now,
      );
    }
    if (this.stage !== Stage.Off && this.overstays(now)) {
      const sentence = `${this.placeName} left the service, and the time that requests on their way get (drain) was over.`;
      return this.expired(Failure.Deregistered, sentence, now);
    }
    if (now >= this.attemptDue) {
      const { failure, sentence } = overdue(this.route, this.placeName);
      const mayFollow = this.route.retry !== undefined;
      const untouched = this.stage === Stage.Dialling || this.headHeld;
      const hindered = mayFollow ? hindrance(this.run, { untouched, bodyGone: this.bodyTouched }) : Next.Unasked;
      this.abandon();
      return this.failedBy(failure, sentence, hindered, now);
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
    const { endpoint: index } = this.current ?? decision;
    const endpoint = active.state.services[decision.service].endpoints[index];
    return endpoint.life === Life.Leaving && endpoint.lifeUntil > 0 && now >= endpoint.lifeUntil;
  }

  /** A deadline has passed. */
  expired(failure: number, sentence: string, now: Millis): void {
    this.abandon();
    this.conclude(failure, now);
    this.run.fail(failure, sentence);
  }

  // ---- Attempts ------------------------------------------------------------------------------------------------

  private try(now: Millis, mayReuse: boolean, index: number): void {
    const { run } = this;
    const { plan } = run.active;
    const { decision } = run;
    const service = plan.services[decision.service];
    const endpoint = service.endpoints[index];
    this.endpoint = endpoint;
    this.requestSent = false;
    this.headAt = -1;
    this.attemptDue = attemptDue(this.route, now);
    const idle = this.reach.begin(service, endpoint, mayReuse, now);
    this.current = {
      endpoint: index,
      startedAt: now,
      connectedAt: idle === undefined ? -1 : now,
      sentAt: -1,
      firstByteAt: -1,
      endedAt: -1,
      status: 0,
      failure: Failure.None,
      reused: idle !== undefined,
      next: Next.Nothing,
      localPort: 0,
      simulated: this.reach.simulated,
    };
    (run.recording as Recording).attempts.push(this.current);
    if (idle !== undefined) return this.ask(idle, now);
    this.stage = Stage.Dialling;
    run.exchange.holdBody();
    this.connectDue = Infinity;
    this.reach.dial(now);
  }

  opening(now: Millis): void {
    const { connect } = this.route.timeouts;
    this.connectDue = connect > 0 ? now + connect : Infinity;
  }

  reached(backend: Backend | undefined, problem: DialProblem | undefined, reused: boolean, now: Millis): void {
    if (backend !== undefined) {
      const attempt = this.current as AttemptRecord;
      attempt.connectedAt = now;
      attempt.reused = reused;
      return this.ask(backend, now);
    }
    const failure = failureOfConnect(problem?.code ?? "");
    this.connectFailed(failure, connectSentence(this.placeName, failure, problem), now);
  }

  pretendedDown(now: Millis): void {
    this.connectFailed(Failure.ConnectRefused, `${this.placeName} is simulated to be down: nobody was asked.`, now);
  }

  private ask(taken: Backend, now: Millis): void {
    const upstream = this.outbound.translates ? (this.run.passage.translation?.wrap(taken) ?? taken) : taken;
    const { exchange } = this.run;
    this.stage = Stage.Asking;
    this.connectDue = Infinity;
    this.upstream = upstream;
    if (upstream.version === "2") (this.run.recording as Recording).upstreamHead = shownAsHttp2(this.outbound.text);
    upstream.attach(this, exchange.head.method, this.outbound.upgrade !== "");
    (this.current as AttemptRecord).localPort = upstream.localPort;
    upstream.out.begin();
    const { kept } = this;
    const { chunked } = this.outbound;
    const held = this.run.body?.held;
    const inHand = held !== undefined || kept?.begun === true;
    const whole = exchange.complete && (!chunked || inHand || kept !== undefined);
    this.headHeld = !whole && !inHand;
    if (this.headHeld) return exchange.wantBody();
    upstream.out.text(this.outbound.text);
    if (inHand) this.sendInHand(upstream, held);
    if (whole) {
      if (chunked) upstream.out.lastChunk(kept?.trailers || (this.run.body?.trailers ?? ""));
      this.markSent(now);
    }
    upstream.out.flush();
    if (!whole && !upstream.out.pending) exchange.wantBody();
  }

  /** What has come of the body so far: what was collected of it for a policy, then what a backend before had got too. */
  private sendInHand(upstream: Backend, held: Buffer | undefined): void {
    if (this.kept === undefined) this.bodyTouched = true;
    if (held !== undefined && held.length > 0) upstream.out.bytes(held, 0, held.length, this.outbound.chunked);
    this.kept?.send(upstream.out, this.outbound.chunked);
  }

  private connectFailed(failure: number, sentence: string, now: Millis): void {
    // Nothing of this request has left: whatever its method, another endpoint may have it.
    const hindered = hindrance(this.run, { untouched: true, bodyGone: this.bodyTouched });
    this.stage = Stage.Off;
    this.failedBy(failure, sentence, hindered, now);
  }

  /** No answer came of this attempt. @param hindered one of Next: why none may follow. */
  private failedBy(failure: number, sentence: string, hindered: number, now: Millis): void {
    const { run, current } = this;
    this.conclude(failure, now);
    if (current !== undefined) current.next = hindered;
    if (run.race?.yields(this, failure, now) === true) return;
    if (hindered === Next.Nothing && this.retry(failure, 0, sentence, now)) return;
    run.fail(failure, sentence + whyNoOther(run, current));
  }

  /** @returns true when the answer is not passed on, but tried to be had better elsewhere. */
  private retryAnswer(status: number): boolean {
    const { run } = this;
    const current = this.current as AttemptRecord;
    const { upstream } = this;
    current.next = hindrance(run, { untouched: false, bodyGone: this.bodyTouched });
    if (current.next !== Next.Nothing) return false;
    const now = run.services.now();
    const wait = this.askRetry(Failure.None, status, now);
    if (wait < 0) return false;
    this.upstream = undefined;
    upstream?.abandon();
    this.conclude(Failure.None, now);
    const sentence = `${this.placeName} answered ${status}.`;
    if (!this.follow(wait, Failure.BadAnswer, sentence, now)) {
      run.fail(Failure.BadAnswer, sentence + whyNoOther(run, current));
    }
    return true;
  }

  private retry(failure: number, status: number, sentence: string, now: Millis): boolean {
    const wait = this.askRetry(failure, status, now);
    return wait >= 0 && this.follow(wait, failure, sentence, now);
  }

  private askRetry(failure: number, status: number, now: Millis): Millis {
    const current = this.current as AttemptRecord;
    const { failed } = this;
    failed.status = status;
    failed.failure = failure;
    failed.firstByte = current.firstByteAt < 0 ? -1 : current.firstByteAt - current.startedAt;
    return askRetry(this.run, failed, current, now);
  }

  /** Another attempt, when `wait` is over. @returns false when nobody is left to be asked now. */
  private follow(wait: Millis, failure: number, sentence: string, now: Millis): boolean {
    this.stage = Stage.Off;
    this.headHeld = false;
    this.attemptDue = this.connectDue = Infinity;
    if (wait <= 0) return this.tryAnother(now);
    this.run.exchange.holdBody();
    this.reach.later(wait, (then) => {
      if (!this.tryAnother(then)) this.run.fail(failure, sentence + whyNoOther(this.run, this.current));
    });
    return true;
  }

  private tryAnother(now: Millis): boolean {
    const { run, failed } = this;
    const { decision, active, services } = run;
    const current = this.current as AttemptRecord;
    services.journal?.again(run.recording as Recording, run.passage, now, failed);
    if (!again(run.passage, active.plan, active.state, now, failed, decision)) {
      current.next = Next.NobodyLeft;
      return false;
    }
    current.next = Next.Retried;
    this.try(now, true, decision.endpoint);
    return true;
  }

  /** An attempt is on its way and has not been answered. */
  get unanswered(): boolean {
    return this.stage === Stage.Dialling || this.stage === Stage.Asking;
  }

  /** The attempt is over. */
  conclude(failure: number, now: Millis): void {
    const { current } = this;
    if (current === undefined || current.endedAt >= 0) return;
    current.endedAt = now;
    current.failure = failure;
  }

  // ---- Parts ---------------------------------------------------------------------------------------------------

  private releaseHead(upstream: Backend): void {
    this.headHeld = false;
    upstream.out.text(this.outbound.text);
  }

  private markSent(now: Millis): void {
    this.requestSent = true;
    this.upstream?.out.finish();
    (this.current as AttemptRecord).sentAt = now;
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
