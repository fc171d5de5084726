/**
 * Walks one request through its steps: enter, facts, decide, forward or refuse, settle, record.
 * One per connection, reused: no promise, closure or stream is made for a request that needs no awaited fact.
 * Must not touch sockets (the relay and the exchange do) and must settle every request it entered exactly once.
 */
import { decide } from "../../decide/decide.ts";
import { answerOf } from "../../decide/answers.ts";
import { enter } from "../../decide/enter.ts";
import { normalisePath, pathProblem } from "../../decide/path.ts";
import { refusalOf } from "../../decide/refusals.ts";
import { settle } from "../../decide/settle.ts";
import type { Facts } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Decision } from "../../model/decision.ts";
import type { Answer } from "../../model/policy.ts";
import { Failure, type Outcome } from "../../model/state.ts";
import type { HeadArrival } from "../listen/arrival.ts";
import { httpStatusOf } from "../record/grpc-status.ts";
import type { Recording } from "../record/recording.ts";
import { forwardProblem, malformed, requestProblem, type Unreadable } from "../refuse/problems.ts";
import { ownAnswer, problemOf, type Problem } from "../refuse/refuse.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { Hop } from "./hop.ts";
import { isGrpc } from "../http2/grpc.ts";
import { LivePassage } from "./passage.ts";
import type { AggregatePlan, AggregateStep } from "../../policies/aggregate.ts";
import { Aggregation } from "../aggregate/aggregation.ts";
import { Mirror } from "./mirror.ts";
import { Race, type RaceOwner } from "./race.ts";
import { ownBody } from "./own-body.ts";
import { Relay } from "./relay.ts";
import { RequestBody } from "./request-body.ts";
import type { Active, EngineServices } from "./services.ts";
import { seconds } from "./sentences.ts";
import type { AnswerTaker } from "./run.ts";
import { policyLines, shapeAnswer } from "./shapes.ts";

/** Between two looks of the traffic view at a request on its way. */
const PROGRESS: Millis = 1000;

/** gRPC is HTTP/2 with a content type of its own. */
function protocolOf({ version, head }: Exchange): Recording["protocol"] {
  if (version === "1.1") return "http/1.1";
  return isGrpc(head.get("content-type")) ? "grpc" : "h2";
}

export class Handling implements Handler, RaceOwner<Relay> {
  readonly services: EngineServices;
  readonly exchange: Exchange;
  readonly arrival: HeadArrival;
  readonly passage: LivePassage;
  readonly hop: Hop;
  /** The pair that this request entered with. */
  active: Active;
  recording: Recording | undefined;
  /** Set while a route that works on bodies has the request. */
  body: RequestBody | undefined;
  reply: AnswerTaker | undefined;
  private spareBody: RequestBody | undefined;
  relay: Relay;
  /** Set while the request may be sent to several endpoints. */
  race: Race<Relay> | undefined;
  /** A copy of the request on its way to a mirror. */
  private mirror: Mirror | undefined;
  /** Its parts are on their way. */
  private aggregation: Aggregation | undefined;
  private readonly outcome: Outcome = { status: 0, failure: Failure.None, firstByte: -1 };
  /** Counts requests, so that a late fact is told from one of this request. */
  private turn = 0;
  private entered = false;
  private requestDue: Millis = Infinity;
  /** When the traffic view was told of a request that takes long, and of how many bytes. */
  private toldAt: Millis = 0;
  private toldBytes = -1;
  private readonly startTrace = (): string => {
    const { services } = this;
    return `00-${services.randomId()}${services.randomId()}-${services.randomId()}-01`;
  };

  constructor(services: EngineServices, exchange: Exchange, arrival: HeadArrival) {
    this.services = services;
    this.exchange = exchange;
    this.arrival = arrival;
    this.active = services.active();
    this.passage = new LivePassage(arrival);
    const listener = this.active.plan.listeners[arrival.listener]?.name ?? "";
    this.hop = new Hop(`${services.pseudonym}-${listener}`, arrival.clientIp, exchange.secure, exchange.version);
    this.relay = new Relay(this);
  }

  get busy(): boolean {
    return this.recording !== undefined;
  }

  get decision(): Decision {
    return (this.recording as Recording).decision;
  }

  arrived(): void {
    const { services, arrival, passage } = this;
    const { head } = this.exchange;
    const now = services.now();
    const path = normalisePath(head.path);
    arrival.fill(path ?? head.path);
    const recording = this.open(now, this.exchange.requestHead);
    recording.protocol = protocolOf(this.exchange);
    services.recorder.began(recording);
    passage.id = recording.id;
    if (head.method === "CONNECT") {
      return this.refuse(
        requestProblem(
          501,
          "connect",
          "CONNECT is for forward proxies; this gateway forwards only to the services of its policy file.",
        ),
      );
    }
    if (path === undefined) {
      const why = pathProblem(head.path) ?? "the path has no unambiguous form";
      return this.refuse(requestProblem(400, "path", `The request target is refused: ${why}.`));
    }
    this.hop.read(head, this.startTrace);
    if (this.hop.loop) {
      return this.refuse(
        requestProblem(
          508,
          "loop",
          `The request has passed listener ${this.active.plan.listeners[arrival.listener]?.name ?? ""} already (Via names it): an endpoint of the policy file points back at it.`,
        ),
      );
    }
    const { plan, state } = this.active;
    this.entered = true;
    services.journal?.enter(recording, passage, now);
    enter(passage, plan, state, now, recording.decision);
    if (recording.decision.refused) return this.refuseByPolicy();
    if (recording.decision.answer >= 0) return this.proceed(now);
    const route = plan.routes[recording.decision.route];
    this.requestDue = route.timeouts.request > 0 ? now + route.timeouts.request : Infinity;
    if (route.bodies !== undefined) {
      this.body = this.spareBody ??= new RequestBody(this);
      if (this.body.begin(route, now)) return;
    }
    if (route.needs.length === 0) return this.judge(now);
    this.gather(now);
  }

  /** The body is collected, as far as it will be. */
  bodyThere(): void {
    if (this.busy) this.gather(this.services.now());
  }

  private gather(now: Millis): void {
    const { needs } = this.active.plan.routes[this.decision.route];
    const facts = this.services.facts.gather(needs, this.passage, this.body?.as);
    if (facts instanceof Promise) this.awaitFacts(facts);
    else this.gathered(facts, now);
  }

  /** The client's bytes are no request. @param problem as the reader says it. */
  unreadable(problem: Unreadable): void {
    this.arrival.blank();
    const recording = this.open(this.services.now(), problem.seen);
    this.services.recorder.began(recording);
    this.passage.id = recording.id;
    this.refuse(malformed(problem));
  }

  /** The request broke off or broke HTTP's grammar in its body. */
  broken(problem: Unreadable): void {
    if (!this.busy) return;
    this.relay.abandon();
    if (this.exchange.committed) {
      this.exchange.cut();
      this.finish(this.recordedStatus, Failure.ClientGone);
    } else {
      this.refuse(malformed(problem), Failure.ClientGone);
    }
  }

  bodyBytes(buffer: Buffer, start: number, end: number): void {
    this.mirror?.bytes(buffer, start, end);
    if (this.body?.bytes(buffer, start, end)) return;
    this.relay.requestBytes(buffer, start, end);
  }

  bodyEnded(trailers: string): void {
    this.mirror?.ended(trailers);
    if (this.body?.ended(trailers)) return;
    this.relay.requestEnded(trailers);
  }

  bodyRead(): void {
    this.relay.requestRead();
  }

  clientEnded(): void {
    this.relay.clientEnded();
  }

  clientDrained(): void {
    if (this.reply !== undefined) return this.reply.drained();
    this.relay.clientDrained();
  }

  clientGone(): void {
    if (!this.busy) return;
    this.relay.abandon();
    this.finish(this.recordedStatus, Failure.ClientGone);
  }

  /** @returns true while a request is on its way. */
  tick(now: Millis): boolean {
    if (!this.busy) return false;
    if (now - this.toldAt >= PROGRESS) this.progress(now);
    if (now >= this.requestDue) {
      const limit = this.active.plan.routes[this.decision.route].timeouts.request;
      this.requestDue = Infinity;
      this.relay.expired(
        Failure.RequestTimeout,
        `The exchange was not complete within ${seconds(limit)} (timeouts.request of route ${this.routeName}).`,
        now,
      );
      return true;
    }
    if (this.body?.overdue(now)) {
      this.refuse(requestProblem(408, "body-timeout", "The request's body was not there in time."), Failure.ClientGone);
      return true;
    }
    this.race?.tick(now);
    this.relay.tick(now);
    return true;
  }

  /** An open WebSocket, and whatever takes long, shows where it goes and how much has moved before it ends. */
  private progress(now: Millis): void {
    const { attempts, requestBody, responseBody } = this.recording as Recording;
    this.toldAt = now;
    const bytes = requestBody.bytes + responseBody.bytes;
    if (bytes === this.toldBytes || attempts.length === 0 || attempts[attempts.length - 1].connectedAt < 0) return;
    this.toldBytes = bytes;
    this.services.recorder.progressed?.(this.recording as Recording);
  }

  get routeName(): string {
    return this.active.plan.routes[this.decision.route].name;
  }

  /** A backend could not be reached, or failed: says so to the client. */
  fail(failure: number, detail: string): void {
    if (!this.exchange.committed && this.passage.visit?.rescues(this, failure) === true) return;
    if (this.exchange.committed) {
      this.exchange.cut();
      this.finish(this.recordedStatus, failure);
    } else {
      this.refuse(forwardProblem(failure, detail), failure);
    }
  }

  /** A verdict has come after the decision, and is in it now. */
  refuseLate(): void {
    this.relay.abandon();
    if (!this.exchange.committed) return this.refuseByPolicy();
    this.exchange.cut();
    this.finish(this.recordedStatus, Failure.None);
  }

  /** Ends the request: settles, records, and frees the connection for the next one. */
  finish(status: number, failure: number, now = this.services.now()): void {
    const { services, recording, outcome } = this;
    if (recording === undefined) return;
    const { decision } = recording;
    const { attempts } = recording;
    const last = this.race?.attempt ?? (attempts.length === 0 ? undefined : attempts[attempts.length - 1]);
    outcome.failure = failure;
    outcome.status = last === undefined ? status : last.status;
    if (recording.grpcStatus > 0 && outcome.status === 200 && !decision.refused && recording.refusal === "")
      outcome.status = httpStatusOf(recording.grpcStatus);
    outcome.firstByte = last === undefined || last.firstByteAt < 0 ? -1 : last.firstByteAt - last.startedAt;
    if (last !== undefined && last.endedAt < 0) {
      last.endedAt = now;
      last.failure = failure;
    }
    if (this.entered) {
      const { service, endpoint, holds } = decision;
      services.journal?.settle(recording, this.passage, now, outcome);
      settle(this.passage, decision, this.active.plan, this.active.state, outcome, now);
      if (holds && (failure !== Failure.None || outcome.status >= 500)) {
        services.attemptFailed(this.active, service, endpoint, failure, now);
      }
    }
    if (this.body !== undefined) {
      this.body.end();
      this.body = undefined;
      this.reply?.abandon();
      this.reply = undefined;
    }
    this.race = this.race?.end(now);
    this.mirror = this.mirror?.left(this.exchange.complete);
    this.aggregation = this.aggregation?.abandon();
    this.entered = false;
    recording.status = status;
    recording.failure = this.passage.visit?.rescued === true ? Failure.None : failure;
    this.passage.visit?.ended(failure);
    recording.end = now;
    this.recording = undefined;
    this.turn++;
    services.recorder.ended(recording);
    this.exchange.done(now);
  }

  private get recordedStatus(): number {
    return this.exchange.committed ? (this.recording?.status ?? 0) : 0;
  }

  private open(now: Millis, requestHead: string): Recording {
    const { services, passage } = this;
    const recording = services.recorder.open();
    const seed = services.seed();
    const wallClock = services.wallClock();
    this.active = services.costs.pick(services.active());
    this.entered = false;
    this.requestDue = Infinity;
    this.recording = recording;
    passage.begin(recording.id, seed, wallClock);
    recording.at = wallClock;
    recording.start = this.toldAt = now;
    this.toldBytes = -1;
    recording.revision = this.active.revision;
    recording.seed = seed;
    recording.arrival = this.arrival;
    recording.caller = passage.caller;
    recording.facts = passage.facts;
    recording.requestHead = requestHead;
    recording.protocol = this.exchange.version === "2" ? "h2" : "http/1.1";
    recording.decision.clear();
    services.clock.wake();
    return recording;
  }

  private awaitFacts(facts: Promise<Facts>): void {
    const { turn } = this;
    this.exchange.holdBody();
    facts.then(
      (found) => {
        if (turn === this.turn && this.busy) this.gathered(found, this.services.now());
      },
      (error: unknown) => {
        if (turn !== this.turn || !this.busy) return;
        const detail = error instanceof Error ? error.message : String(error);
        this.refuse({
          ...requestProblem(500, "facts", `What the policies need to know could not be looked up: ${detail}`),
          proxyError: "proxy_internal_error",
        });
      },
    );
  }

  private gathered(facts: Facts, now: Millis): void {
    this.passage.facts = facts;
    (this.recording as Recording).facts = facts;
    this.judge(now);
  }

  private judge(now: Millis): void {
    const recording = this.recording as Recording;
    const { plan, state } = this.active;
    this.services.journal?.decide(recording, this.passage, now);
    decide(this.passage, plan, state, now, recording.decision);
    if (recording.decision.refused) this.refuseByPolicy();
    else this.proceed(now);
  }

  /** Decided: to the backend, or to the policy's own answer; later, when a policy wants it to wait. */
  private proceed(now: Millis): void {
    if (this.body !== undefined && !this.body.admitted()) return;
    const { delay } = this.decision;
    if (delay > 0) return this.wait(delay);
    if (this.decision.answer >= 0) this.answerByPolicy();
    else this.send(now);
  }

  private send(now: Millis): void {
    const route = this.active.plan.routes[this.decision.route];
    if (this.decision.mirrored) this.mirror = Mirror.begin(this, now);
    this.relay.start(now);
    if (route.hedge !== undefined && this.busy) this.race = Race.begin(this, route);
  }

  newRelay(): Relay {
    return new Relay(this);
  }

  private wait(delay: Millis): void {
    const { turn } = this;
    this.exchange.holdBody();
    setTimeout(() => {
      if (turn !== this.turn || !this.busy) return;
      if (this.decision.answer >= 0) this.answerByPolicy();
      else this.send(this.services.now());
    }, delay).unref();
  }

  private answerByPolicy(): void {
    const { passage, decision } = this;
    const { plan } = this.active;
    if (passage.visit?.answers(plan, decision) === true) return passage.visit.answer(this);
    const { aggregate } = plan.steps[decision.answer].act as Partial<AggregateStep>;
    if (aggregate !== undefined) return this.gatherParts(aggregate);
    const answer = answerOf(plan, decision.answer, decision, passage);
    if (answer.reset === true) {
      this.exchange.cut();
      return this.finish(0, Failure.None);
    }
    this.say(answer);
  }

  private gatherParts(plan: AggregatePlan): void {
    const fields = [["Content-Type", "application/json"]] as const;
    this.exchange.holdBody();
    const give = (body: string): void => this.say({ status: 200, fields, body });
    this.aggregation = new Aggregation(this, plan, this.decision.answer, give);
    this.aggregation.proceed();
  }

  /** An answer of the gateway's own, as the shapes behind it change it. */
  private say(answer: Answer): void {
    const { passage, decision, exchange } = this;
    const { plan } = this.active;
    const recording = this.recording as Recording;
    const edit = shapeAnswer(answer, passage, plan, decision);
    const said = ownAnswer(answer, edit.fields, policyLines(passage, plan, decision));
    const content = this.body === undefined ? undefined : ownBody(answer.body, edit, this);
    const problem = content === undefined ? said : { ...said, content };
    recording.replyHead = exchange.refuse(problem, passage.requestId());
    const body = Buffer.from(answer.body, "utf8");
    if (body.length > 0) this.services.recorder.captureResponse(recording, body, 0, body.length);
    this.finish(answer.status, Failure.None);
  }

  private refuseByPolicy(): void {
    const { plan } = this.active;
    const refusal = refusalOf(this.decision, plan, this.passage);
    if (refusal === undefined) return;
    const problem = problemOf(refusal, plan, policyLines(this.passage, plan, this.decision));
    const recording = this.recording as Recording;
    recording.replyHead = this.exchange.refuse(problem, this.passage.requestId());
    this.finish(problem.status, Failure.None);
  }

  private refuse(problem: Problem, failure: number = Failure.None): void {
    const recording = this.recording as Recording;
    recording.refusal = problem.type;
    recording.refusalDetail = problem.detail;
    recording.replyHead = this.exchange.refuse(problem, this.passage.requestId());
    this.finish(problem.status, failure);
  }
}
