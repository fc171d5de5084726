/**
 * Hedging: a request that is not answered yet goes to another endpoint as well, and the first good answer counts.
 * Each attempt has a relay of its own; they share the client's exchange, which hears of the winner alone.
 * Must not run for requests with a body, nor for methods that are not safe. Leaves no timer and no connection behind.
 */
import { drop, hedge } from "../../decide/again.ts";
import type { Millis } from "../../model/basics.ts";
import { isSafe } from "../../model/methods.ts";
import type { PlanHedge, PlanRoute } from "../../model/plan.ts";
import { Failure, type Outcome } from "../../model/state.ts";
import type { Recording, AttemptRecord } from "../record/recording.ts";
import type { Racer, Rivals, Run } from "./run.ts";

/** Whoever has the request: `relay` is the attempt that its exchange listens to. */
export interface RaceOwner<Relay extends Racer> extends Run {
  relay: Relay;
  newRelay(): Relay;
}

export class Race<Relay extends Racer> implements Rivals {
  private readonly owner: RaceOwner<Relay>;
  private readonly settings: PlanHedge;
  /** Attempts on their way. */
  private racers: Relay[];
  private timer: NodeJS.Timeout | undefined;

  /** @returns undefined when the request may not be sent twice. The first attempt has just been started. */
  static begin<Relay extends Racer>(owner: RaceOwner<Relay>, { hedge: settings }: PlanRoute): Race<Relay> | undefined {
    const { exchange, body } = owner;
    if (settings === undefined || !exchange.complete || body !== undefined) return undefined;
    if (!isSafe(exchange.head.method) || exchange.head.upgrade !== "") return undefined;
    return new Race(owner, settings);
  }

  private constructor(owner: RaceOwner<Relay>, settings: PlanHedge) {
    this.owner = owner;
    this.settings = settings;
    this.racers = [owner.relay];
    this.arm();
  }

  get undecided(): boolean {
    return this.racers.length > 1;
  }

  /** The attempt that counts. */
  get attempt(): AttemptRecord | undefined {
    return this.owner.relay.current;
  }

  takes(relay: Racer, status: number, now: Millis): boolean {
    if (!this.undecided) {
      clearTimeout(this.timer);
      return true;
    }
    const { retry: settings } = this.owner.active.plan.routes[this.owner.decision.route];
    if (status >= 500 || settings?.codes.has(status)) {
      const { firstByteAt, startedAt } = relay.current as AttemptRecord;
      this.leave(relay, { status, failure: Failure.None, firstByte: firstByteAt - startedAt }, now);
      return false;
    }
    clearTimeout(this.timer);
    for (const other of this.racers) {
      if (other !== relay) this.leave(other, { status: 0, failure: Failure.Outrun, firstByte: -1 }, now);
    }
    return true;
  }

  yields(relay: Racer, failure: number, now: Millis): boolean {
    if (!this.undecided) {
      clearTimeout(this.timer);
      return false;
    }
    this.leave(relay, { status: 0, failure, firstByte: -1 }, now);
    return true;
  }

  /** Deadlines of the attempts that the owner's own tick does not reach. */
  tick(now: Millis): void {
    for (const racer of this.racers) if (racer !== this.owner.relay) racer.tick(now);
  }

  /** The request is over. */
  end(now: Millis): undefined {
    clearTimeout(this.timer);
    for (const racer of this.racers) {
      if (racer === this.owner.relay) continue;
      racer.abandon();
      racer.conclude(Failure.Outrun, now);
    }
    this.racers = [];
  }

  private arm(): void {
    this.timer = setTimeout(() => this.send(), this.settings.after);
  }

  private send(): void {
    const { owner } = this;
    const { passage, active, decision, services } = owner;
    const recording = owner.recording as Recording;
    // An attempt that waits to be tried again is nobody's rival.
    if (!this.racers.every((racer) => racer.unanswered)) return;
    const now = services.now();
    services.journal?.aside(recording, passage, { kind: "hedge", id: recording.id, at: now });
    if (!hedge(passage, active.plan, active.state, now, decision)) return;
    const rival = owner.newRelay();
    this.racers = [...this.racers, rival];
    if (decision.hedges < this.settings.max) this.arm();
    rival.start(now);
    const { current } = rival;
    if (current !== undefined) current.hedge = true;
  }

  /** The attempt is out of it; another is the one that counts, if this was. */
  private leave(relay: Racer, outcome: Outcome, now: Millis): void {
    const { owner } = this;
    const { active, decision, passage, services } = owner;
    const { service } = decision;
    const { endpoint } = relay.current as AttemptRecord;
    const recording = owner.recording as Recording;
    this.racers = this.racers.filter((racer) => racer !== relay);
    if (owner.relay === relay) [owner.relay] = this.racers;
    relay.abandon();
    relay.conclude(outcome.failure, now);
    services.journal?.aside(recording, passage, { kind: "drop", id: recording.id, at: now, endpoint, outcome });
    drop(active.plan, active.state, now, endpoint, outcome, decision);
    if (outcome.failure !== Failure.Outrun) {
      services.attemptFailed(active, service, endpoint, outcome.failure, now);
    }
  }
}
