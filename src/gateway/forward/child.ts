/**
 * A request that a policy sends by itself on behalf of another one: a part of an aggregate, the renewal of a stored answer.
 * Decided, sent, settled and recorded like any request, with a row of its own that names its parent. It has no body, and its
 * answer goes to whoever asked for it. Must not read its parent once it has begun: that one may be over first.
 */
import { decide } from "../../decide/decide.ts";
import { refusalOf } from "../../decide/refusals.ts";
import { enterCopy } from "../../decide/sending.ts";
import { settle } from "../../decide/settle.ts";
import type { Facts } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Decision } from "../../model/decision.ts";
import { Failure, type Outcome } from "../../model/state.ts";
import { Framing, type Head } from "../http1/head.ts";
import { Event, MessageReader } from "../http1/reader.ts";
import { HeadArrival } from "../listen/arrival.ts";
import type { Timed } from "../listen/clock.ts";
import { keptArrival } from "../record/journal.ts";
import type { Recording } from "../record/recording.ts";
import { forwardProblem } from "../refuse/problems.ts";
import type { Exchange } from "./exchange.ts";
import type { Hop } from "./hop.ts";
import { LivePassage } from "./passage.ts";
import { Relay } from "./relay.ts";
import type { AnswerTaker, Run } from "./run.ts";
import type { Active, EngineServices } from "./services.ts";
import { seconds } from "./sentences.ts";
import type { Visit } from "./visit.ts";

/** Who takes the answer. Every child ends with one call of `ended` or `failed`, unless it is given up. */
export interface ChildOwner {
  head(head: Head): void;
  /** To be copied before it returns. */
  bytes(buffer: Buffer, start: number, end: number): void;
  ended(): void;
  /** No whole answer. @param status that a client would have got. */
  failed(status: number, detail: string): void;
}

/** What is asked. */
export interface ChildRequest {
  /** Of PlanRoute.children. */
  readonly name: string;
  /** A whole head without a body, as text in latin1. */
  readonly head: string;
  readonly visit?: Visit;
}

export class Child implements Run, Timed {
  readonly services: EngineServices;
  readonly exchange: ChildExchange;
  readonly arrival: HeadArrival;
  readonly passage: LivePassage;
  readonly hop: Hop;
  readonly active: Active;
  recording: Recording | undefined;
  readonly body = undefined;
  readonly race = undefined;
  reply: AnswerTaker | undefined = undefined;
  private readonly owner: ChildOwner;
  private readonly relay: Relay;
  private readonly outcome: Outcome = { status: 0, failure: Failure.None, firstByte: -1 };
  private requestDue: Millis = Infinity;

  /** @returns undefined when it cannot be asked: its head is none, or the route has no request of that name; the owner hears nothing then. */
  static begin(of: Run, request: ChildRequest, owner: ChildOwner, now: Millis): Child | undefined {
    const head = readHead(request.head);
    if (head === undefined) return undefined;
    const child = new Child(of, head, request, owner);
    return child.start(of, request, now) ? child : undefined;
  }

  private constructor(of: Run, head: Head, request: ChildRequest, owner: ChildOwner) {
    const { services, exchange, arrival, hop, active } = of;
    this.services = services;
    this.active = active;
    this.owner = owner;
    this.hop = Object.assign(Object.create(Object.getPrototypeOf(hop)) as Hop, hop);
    const { clientIp, clientPort, sni, clientCertificate: client } = arrival;
    this.arrival = new HeadArrival(head, clientIp, clientPort, { protocol: "", version: "", sni, client });
    this.arrival.listener = arrival.listener;
    this.arrival.fill(head.path);
    this.passage = new LivePassage(this.arrival);
    this.exchange = new ChildExchange(head, request.head, exchange, this.arrival, owner);
    this.relay = new Relay(this);
  }

  get decision(): Decision {
    return (this.recording as Recording).decision;
  }

  get routeName(): string {
    return this.active.plan.routes[this.decision.route].name;
  }

  private start(of: Run, { name, visit, head }: ChildRequest, now: Millis): boolean {
    const { services, passage } = this;
    const { recorder, journal } = services;
    const parent = of.recording as Recording;
    const recording = recorder.open();
    this.recording = recording;
    recording.at = services.wallClock();
    recording.start = now;
    recording.revision = this.active.revision;
    recording.seed = services.seed();
    recording.arrival = this.arrival;
    recording.requestHead = head;
    recording.protocol = "http/1.1";
    recording.decision.clear();
    passage.begin(recording.id, recording.seed, recording.at);
    passage.visit = visit;
    recording.caller = passage.caller;
    recording.facts = passage.facts;
    recorder.began(recording);
    passage.id = recording.id;
    const { at: wallClock, seed, id } = recording;
    const arrival = keptArrival(this.arrival, head);
    journal?.aside(recording, passage, {
      kind: "copy",
      id,
      at: now,
      wallClock,
      seed,
      arrival,
      of: parent.id,
      child: name,
    });
    const known = { passage: of.passage, decision: of.decision, id: parent.id };
    if (!enterCopy(passage, this.active.plan, now, known, recording.decision, name)) {
      this.finish(0, Failure.None);
      return false;
    }
    services.mirrors.add(this);
    services.clock.watch(this);
    services.clock.wake();
    this.lookUp(now);
    return true;
  }

  private lookUp(now: Millis): void {
    const { needs, timeouts } = this.active.plan.routes[this.decision.route];
    this.requestDue = timeouts.request > 0 ? now + timeouts.request : Infinity;
    const found = this.services.facts.gather(needs, this.passage);
    if (!(found instanceof Promise)) return this.judge(found, now);
    found.then(
      (facts) => {
        if (this.recording !== undefined) this.judge(facts, this.services.now());
      },
      (error: unknown) => this.fail(Failure.ConnectFailed, `What its policies need is not known: ${error}`),
    );
  }

  private judge(facts: Facts, now: Millis): void {
    const { passage, active, services } = this;
    const recording = this.recording as Recording;
    passage.facts = recording.facts = facts;
    services.journal?.decide(recording, passage, now);
    decide(passage, active.plan, active.state, now, recording.decision);
    const refusal = refusalOf(recording.decision, active.plan, passage);
    if (refusal !== undefined) {
      this.finish(refusal.status, Failure.None);
      return this.owner.failed(refusal.status, refusal.sentence);
    }
    if (recording.decision.answer < 0) return this.relay.start(now);
    if (passage.visit?.answers(active.plan, recording.decision) === true) return passage.visit.answer(this);
    // A service's own policy answers: it has nothing that could be taken for this service's answer.
    this.finish(0, Failure.None);
    this.owner.failed(502, "a policy of the service answers by itself");
  }

  tick(now: Millis): boolean {
    if (this.recording === undefined) return false;
    if (now < this.requestDue) {
      if (this.decision.service >= 0) this.relay.tick(now);
      return true;
    }
    const limit = seconds(this.active.plan.routes[this.decision.route].timeouts.request);
    this.relay.abandon();
    this.fail(Failure.RequestTimeout, `no whole answer within ${limit}`);
    return true;
  }

  bodyThere(): void {}

  refuseLate(): void {
    this.relay.abandon();
    this.finish(502, Failure.None);
    this.owner.failed(502, "a policy refused its answer");
  }

  fail(failure: number, detail: string): void {
    const { recording } = this;
    if (recording === undefined) return;
    const { type, status } = forwardProblem(failure, detail);
    recording.refusal = type;
    recording.refusalDetail = detail;
    this.finish(status, failure);
    this.owner.failed(status, detail);
  }

  finish(status: number, failure: number): void {
    const { services, recording, outcome, passage, active } = this;
    if (recording === undefined) return;
    const now = services.now();
    const { decision } = recording;
    const last = recording.attempts.at(-1);
    outcome.failure = failure;
    outcome.status = last === undefined ? status : last.status;
    outcome.firstByte = last === undefined || last.firstByteAt < 0 ? -1 : last.firstByteAt - last.startedAt;
    this.relay.conclude(failure, now);
    const { service, endpoint, holds } = decision;
    services.journal?.settle(recording, passage, now, outcome);
    settle(passage, decision, active.plan, active.state, outcome, now);
    if (holds && (failure !== Failure.None || outcome.status >= 500)) {
      services.attemptFailed(active, service, endpoint, failure, now);
    }
    recording.status = status;
    recording.failure = failure;
    recording.end = now;
    this.recording = undefined;
    passage.visit?.ended(failure);
    services.clock.forget(this);
    services.mirrors.delete(this);
    services.recorder.ended(recording);
  }

  /** Nobody waits for it any more. */
  giveUp(failure: number): void {
    if (this.recording === undefined) return;
    this.relay.abandon();
    this.finish(0, failure);
  }
}

/** The child's side of the exchange: no body, and an answer that goes to its owner. */
class ChildExchange implements Exchange {
  readonly arrival: HeadArrival;
  readonly head: Head;
  readonly local: boolean;
  readonly version = "1.1";
  readonly requestHead: string;
  readonly secure: boolean;
  readonly complete = true;
  readonly committed = false;
  readonly pending = false;
  private readonly owner: ChildOwner;

  constructor(head: Head, text: string, parent: Exchange, arrival: HeadArrival, owner: ChildOwner) {
    this.head = head;
    this.requestHead = text;
    this.arrival = arrival;
    this.owner = owner;
    this.local = parent.local;
    this.secure = parent.secure;
    head.framing = Framing.None;
  }

  respond(head: Head): string {
    this.owner.head(head);
    return "";
  }

  body(buffer: Buffer, start: number, end: number): void {
    this.owner.bytes(buffer, start, end);
  }

  end(): void {
    this.owner.ended();
  }

  wantBody(): void {}
  holdBody(): void {}
  inform(): void {}
  flush(): void {}
  upgrade(): string {
    return "";
  }
  endTunnel(): void {}
  refuse(): string {
    return "";
  }
  cut(): void {}
  done(): void {}
}

function readHead(text: string): Head | undefined {
  const reader = new MessageReader("request");
  const bytes = Buffer.from(text, "latin1");
  return reader.next(bytes, 0, bytes.length) === Event.Head ? reader.head : undefined;
}
