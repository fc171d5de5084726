/**
 * A request that the gateway enters beside a client's: a mirrored copy (mirror.ts), or what a policy sends by itself
 * (child.ts). Decided, sent, settled and recorded like any request, with a row of its own that names the one it is for.
 * Must not delay, change or fail that one, nor read it once it has entered: it may be over first.
 */
import { decide } from "../../decide/decide.ts";
import { refusalOf } from "../../decide/refusals.ts";
import { enterCopy } from "../../decide/sending.ts";
import { settle } from "../../decide/settle.ts";
import type { Facts } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Decision } from "../../model/decision.ts";
import { Failure, type Outcome } from "../../model/state.ts";
import type { Head } from "../http1/head.ts";
import { HeadArrival } from "../listen/arrival.ts";
import type { Timed } from "../listen/clock.ts";
import { keptArrival } from "../record/journal.ts";
import type { Recording } from "../record/recording.ts";
import { forwardProblem } from "../refuse/problems.ts";
import type { Exchange } from "./exchange.ts";
import type { Hop } from "./hop.ts";
import { LivePassage } from "./passage.ts";
import { Relay } from "./relay.ts";
import type { AnswerTaker, HeldBody, Run } from "./run.ts";
import type { Active, EngineServices } from "./services.ts";
import type { Visit } from "./visit.ts";

/** How it enters. */
export interface Entry {
  readonly requestHead: string;
  readonly protocol: Recording["protocol"];
  /** Of PlanRoute.children; absent = it is the mirror's copy. */
  readonly child?: string;
  readonly visit?: Visit;
}

export abstract class Companion<Side extends Exchange> implements Run, Timed {
  readonly services: EngineServices;
  readonly exchange: Side;
  readonly arrival: HeadArrival;
  readonly passage: LivePassage;
  readonly hop: Hop;
  readonly active: Active;
  recording: Recording | undefined;
  readonly body: HeldBody | undefined = undefined;
  readonly race = undefined;
  reply: AnswerTaker | undefined = undefined;
  protected readonly relay: Relay;
  private readonly outcome: Outcome = { status: 0, failure: Failure.None, firstByte: -1 };

  /** @param path in the one form that is judged. @param sideFor the exchange, whose client nobody is. */
  protected constructor(of: Run, head: Head, path: string, sideFor: (arrival: HeadArrival) => Side) {
    const { services, arrival, hop, active } = of;
    this.services = services;
    this.active = active;
    // The request's own is used again for the next one, while this one may still be on its way.
    this.hop = Object.assign(Object.create(Object.getPrototypeOf(hop)) as Hop, hop);
    const { clientIp, clientPort, sni, clientCertificate: client } = arrival;
    this.arrival = new HeadArrival(head, clientIp, clientPort, { protocol: "", version: "", sni, client });
    this.arrival.listener = arrival.listener;
    this.arrival.fill(path);
    this.passage = new LivePassage(this.arrival);
    this.exchange = sideFor(this.arrival);
    this.relay = new Relay(this);
  }

  get decision(): Decision {
    return (this.recording as Recording).decision;
  }

  get routeName(): string {
    return this.active.plan.routes[this.decision.route].name;
  }

  /** Opens its row. @returns false when no route takes it: then it is over. */
  protected enter(of: Run, { requestHead, protocol, child, visit }: Entry, now: Millis): boolean {
    const { services, passage, active } = this;
    const original = of.recording as Recording;
    const recording = services.recorder.open();
    this.recording = recording;
    recording.at = services.wallClock();
    recording.start = now;
    recording.revision = active.revision;
    recording.seed = services.seed();
    recording.arrival = this.arrival;
    recording.requestHead = requestHead;
    recording.protocol = protocol;
    recording.decision.clear();
    passage.begin(recording.id, recording.seed, recording.at);
    passage.visit = visit;
    recording.caller = passage.caller;
    recording.facts = passage.facts;
    services.recorder.began(recording);
    passage.id = recording.id;
    services.journal?.aside(recording, passage, {
      kind: "copy",
      id: recording.id,
      at: now,
      wallClock: recording.at,
      seed: recording.seed,
      arrival: keptArrival(this.arrival, requestHead),
      of: original.id,
      ...(child === undefined ? {} : { child }),
    });
    const known = { passage: of.passage, decision: of.decision, id: original.id };
    if (!enterCopy(passage, active.plan, now, known, recording.decision, child)) {
      this.finish(0, Failure.None);
      return false;
    }
    services.mirrors.add(this);
    services.clock.watch(this);
    services.clock.wake();
    return true;
  }

  /** What its own policies ask for and nobody has looked up yet; then it is judged. */
  protected lookUp(known: Facts, now: Millis): void {
    const { needs } = this.active.plan.routes[this.decision.route];
    const missing = needs.filter(({ name }) => !(name in known));
    if (missing.length === 0) return this.judge(known, now);
    const found = this.services.facts.gather(missing, this.passage);
    if (!(found instanceof Promise)) return this.judge({ ...known, ...found }, now);
    found.then(
      (facts) => {
        if (this.recording !== undefined) this.judge({ ...known, ...facts }, this.services.now());
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
    this.judged(refusalOf(recording.decision, active.plan, passage), now);
  }

  /** Its steps have run: it goes, or it ends here. */
  protected abstract judged(refusal: ReturnType<typeof refusalOf>, now: Millis): void;

  /** When its route's `timeouts.request` is over. */
  protected dueAfter(now: Millis): Millis {
    const { request } = this.active.plan.routes[this.decision.route].timeouts;
    return request > 0 ? now + request : Infinity;
  }

  abstract tick(now: Millis): boolean;

  bodyThere(): void {}

  abstract refuseLate(): void;

  fail(failure: number, detail: string): void {
    const { recording } = this;
    if (recording === undefined) return;
    const { type, status } = forwardProblem(failure, detail);
    recording.refusal = type;
    recording.refusalDetail = detail;
    this.finish(status, failure);
    this.failed(status, detail);
  }

  /** It ended without a whole answer. @param status that a client would have got. */
  protected abstract failed(status: number, detail: string): void;

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

  /** Nobody waits for it any more: the gateway stops, what it was for broke off, or it fell behind. */
  giveUp(failure: number): void {
    if (this.recording === undefined) return;
    this.relay.abandon();
    this.finish(0, failure);
  }
}
