/**
 * Folds a journal over a plan and its state: the same requests, times, seeds, facts and outcomes give the same
 * decisions and the same state, number for number. With another plan the same fold answers "what if".
 * Must not read anything that the journal does not hold; what another plan would need beyond it is marked, not guessed.
 */
import { again, drop, hedge, retry } from "../decide/again.ts";
import { decide } from "../decide/decide.ts";
import { enter } from "../decide/enter.ts";
import { probed, setAdmin, setLife } from "../decide/health.ts";
import { enterCopy } from "../decide/sending.ts";
import { changeLimit } from "../decide/limit-change.ts";
import { settle } from "../decide/settle.ts";
import type { FactRequest, Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { Decision } from "../model/decision.ts";
import type { JournalEvent, Sent, LimitChange } from "../model/journal.ts";
import type { Plan, PlanListener } from "../model/plan.ts";
import { Failure, type Outcome, type State } from "../model/state.ts";
import { carry, sameValue } from "../policyfile/carry.ts";
import { borrow } from "./borrow.ts";
import { decisionFrom } from "./resume.ts";

export interface ReplayOptions {
  /** The plan to judge by at the start; with `recorded` absent, also the one that was recorded. */
  readonly plan: Plan;
  /** State before the first event: advanced by the replay, so hand in a clone. */
  readonly state: State;
  /** Plans of the recording's swaps by revision. One that is not given is not swapped in. */
  planOf?(revision: number): Plan | undefined;
  /**
   * "What if `plan` had served throughout?": the plan under which the journal begins. Swaps are not made then, only
   * followed, to know which listener, endpoint or step a recorded number means: they are found by name.
   */
  readonly recorded?: Plan;
  /** A fact that the recording lacks; undefined = it cannot be known, and the request stays undecided. */
  factOf?(need: FactRequest, passage: Passage): unknown;
  /** After each request is settled. The decision and passage are the request's own and may be kept, unless `recycles`. */
  ended?(request: Replayed): void;
  /** `ended` keeps no decision: it serves the next request again. */
  readonly recycles?: boolean;
}

/** What was assumed of a request that another plan treats otherwise than the recording; bits. */
export const Assumed = {
  /** It went elsewhere: how that ended is not known. */
  Moved: 1,
  /** It was not sent on when it was recorded: how that would have ended is not known. */
  NewlySent: 2,
  /** A fact was never looked up: the request is left undecided. */
  Fact: 4,
  /** The listener by which it came is gone. */
  Listener: 8,
} as const;

export interface Replayed {
  readonly id: number;
  readonly decision: Decision;
  readonly passage: Passage;
  readonly plan: Plan;
  readonly outcome: Outcome;
  /** Bits of Assumed; 0 = everything about it is known. */
  readonly assumed: number;
}

interface Open {
  readonly passage: Passage;
  readonly decision: Decision;
  /** The pair that decided it, whatever is swapped in meanwhile. */
  readonly plan: Plan;
  readonly state: State;
  /** The plan whose numbers the journal uses for it. */
  readonly recorded: Plan | undefined;
  /** It was decided before the journal begins, so it is no decision of this replay. */
  readonly resumed: boolean;
  decided: boolean;
  assumed: number;
}

/** @returns the pair after the last event. Requests that never settle in the journal stay in flight. */
export function replay(options: ReplayOptions, journal: Iterable<JournalEvent>): { plan: Plan; state: State } {
  const fold = new Fold(options);
  for (const event of journal) fold.step(event);
  return { plan: fold.plan, state: fold.state };
}

/** Neither for nor against an endpoint: nobody knows how it ended. */
const UNKNOWN: Outcome = { status: 0, failure: Failure.None, firstByte: -1 };

class Fold {
  plan: Plan;
  state: State;
  #recorded: Plan | undefined;
  readonly #options: ReplayOptions;
  readonly #open = new Map<number, Open>();
  readonly #free: Decision[] = [];
  readonly #recycles: boolean;
  readonly #listeners = new WeakMap<Plan, readonly number[]>();

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.plan = options.plan;
    this.state = options.state;
    this.#recorded = options.recorded;
    this.#recycles = options.recycles === true || options.ended === undefined;
  }

  step(event: JournalEvent): void {
    switch (event.kind) {
      case "enter":
        return this.#enter(event);
      case "decide":
        return this.#decide(event);
      case "copy":
        return this.#copy(event);
      case "retry":
      case "hedge":
      case "drop":
        return this.#sendAgain(event);
      case "again":
        return this.#again(event);
      case "settle":
        return this.#settle(event);
      case "resume":
        return this.#resume(event);
      case "probe":
      case "admin":
      case "life":
        return this.#health(event);
      case "reset":
        return this.#limit(event.step, { kind: "reset", key: event.key }, event.at);
      case "limit":
        return this.#limit(event.step, event.change, event.at);
      case "swap":
        return this.#swap(event.revision, event.at);
    }
  }

  #enter({ id, at, wallClock, seed, arrival }: Extract<JournalEvent, { kind: "enter" }>): void {
    const listener = this.#listenerOf(arrival.listener);
    const passage: Passage = {
      arrival: listener === arrival.listener || listener < 0 ? arrival : { ...arrival, listener },
      facts: {},
      caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
      seed,
      tried: 0,
      wallClock,
      requestId: () => String(id),
    };
    const open: Open = {
      passage,
      decision: this.#free.pop() ?? new Decision(),
      plan: this.plan,
      state: this.state,
      recorded: this.#recorded,
      resumed: false,
      decided: false,
      assumed: 0,
    };
    this.#open.set(id, open);
    if (listener < 0) {
      open.decision.clear();
      open.assumed = Assumed.Listener;
    } else enter(passage, open.plan, open.state, at, open.decision);
  }

  #decide({ id, at, facts, wallClock }: Extract<JournalEvent, { kind: "decide" }>): void {
    const open = this.#open.get(id);
    if (open === undefined || open.resumed || open.decision.over || open.assumed !== 0) return;
    open.passage.facts = facts;
    if (wallClock !== undefined) open.passage.wallClock = wallClock;
    this.#judge(open, at);
  }

  #judge(open: Open, at: Millis): void {
    open.decided = true;
    if (this.#options.recorded !== undefined && !this.#complete(open)) {
      open.assumed = Assumed.Fact;
      return;
    }
    decide(open.passage, open.plan, open.state, at, open.decision);
  }

  /** Another route may need what was not looked up when the request was recorded. */
  #complete({ passage, plan, decision }: Open): boolean {
    const { needs } = plan.routes[decision.route];
    for (const need of needs) {
      if (need.name in passage.facts) continue;
      const fact = this.#options.factOf?.(need, passage);
      if (fact === undefined) return false;
      passage.facts = { ...passage.facts, [need.name]: fact };
    }
    return true;
  }

  /** Only where this plan mirrors its request too. */
  #copy({ id, of, at, wallClock, seed, arrival, child }: Extract<JournalEvent, { kind: "copy" }>): void {
    const original = this.#open.get(of);
    if (original === undefined || (original.decision.over && child === undefined)) return;
    const { plan, state, recorded } = original;
    const caller = { consumer: undefined, groups: [], jwt: undefined, label: undefined };
    const requestId = () => String(id);
    const passage: Passage = { arrival, facts: {}, caller, seed, tried: 0, wallClock, requestId };
    const decision = new Decision();
    if (!enterCopy(passage, plan, at, { ...original, id: of }, decision, child)) return;
    this.#open.set(id, { passage, decision, plan, state, recorded, resumed: false, decided: false, assumed: 0 });
  }

  #sendAgain(event: Extract<JournalEvent, { kind: "retry" | "hedge" | "drop" }>): void {
    const open = this.#open.get(event.id);
    if (open === undefined || !open.decision.holds) return;
    const { passage, plan, state, decision } = open;
    if (event.kind === "hedge") hedge(passage, plan, state, event.at, decision);
    else if (event.kind === "drop") drop(plan, state, event.at, event.endpoint, event.outcome, decision);
    else if (this.#isElsewhere(open, event.sent)) open.assumed |= Assumed.Moved;
    else retry(passage, plan, state, event.at, event.outcome, decision);
  }

  #again({ id, at, outcome, sent }: Extract<JournalEvent, { kind: "again" }>): void {
    const open = this.#open.get(id);
    if (open === undefined || !(open.decision.holds || open.decision.waiting)) return;
    if (!open.decision.waiting && this.#isElsewhere(open, sent)) open.assumed |= Assumed.Moved;
    else again(open.passage, open.plan, open.state, at, outcome, open.decision);
  }

  #settle({ id, at, outcome: recorded, sent, undecided }: Extract<JournalEvent, { kind: "settle" }>): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    const { passage, decision, plan, state } = open;
    // Recorded as refused on entry, but not by this plan: the rest of the decision is made up for.
    const owed = this.#options.recorded !== undefined && !open.decided && !open.resumed && !decision.over;
    if (owed && undecided !== true && open.assumed === 0) this.#judge(open, decision.enteredAt);
    let outcome = recorded;
    if (decision.holds && this.#isElsewhere(open, sent)) {
      open.assumed |= sent === null ? Assumed.NewlySent : Assumed.Moved;
      outcome = UNKNOWN;
    }
    settle(passage, decision, plan, state, outcome, at);
    if (open.resumed) return;
    this.#options.ended?.({ id, decision, passage, plan, outcome, assumed: open.assumed });
    if (this.#recycles) this.#free.push(decision);
  }

  /** The recorded outcome is of another endpoint than the one that this plan chose, or of none. */
  #isElsewhere({ decision, plan, recorded, resumed }: Open, sent: Sent | undefined): boolean {
    if (recorded === undefined || resumed || sent === undefined) return false;
    if (sent === null) return true;
    if (recorded === plan) return sent.service !== decision.service || sent.endpoint !== decision.endpoint;
    const before = recorded.services[sent.service];
    const here = plan.services[decision.service];
    return before.name !== here.name || before.endpoints[sent.endpoint].url !== here.endpoints[decision.endpoint].url;
  }

  #resume(event: Extract<JournalEvent, { kind: "resume" }>): void {
    const { id, revision, wallClock, seed, tried, decided, arrival, facts, caller } = event;
    if (this.#open.has(id)) return;
    const ofThen = this.#options.planOf?.(revision) ?? this.#recorded ?? this.plan;
    this.#open.set(id, {
      passage: { arrival, facts, caller, seed, tried, wallClock, requestId: () => String(id) },
      decision: decisionFrom(event.decision),
      plan: ofThen,
      state: ofThen === this.plan ? this.state : borrow(this.state, this.plan, ofThen),
      recorded: this.#recorded,
      resumed: true,
      decided,
      assumed: 0,
    });
  }

  #health(event: Extract<JournalEvent, { kind: "probe" | "admin" | "life" }>): void {
    const place = this.#placeOf(event.service, event.endpoint);
    if (place === undefined) return;
    if (event.kind === "probe") probed(this.plan, this.state, place.service, place.endpoint, event.up, event.at);
    else if (event.kind === "life")
      setLife(this.state, place.service, place.endpoint, event.life, event.until, event.exitCode, event.at);
    else setAdmin(this.state, place.service, place.endpoint, event.admin, event.at);
  }

  /** Where an endpoint of the recorded plan stands in this one. */
  #placeOf(service: number, endpoint: number): { service: number; endpoint: number } | undefined {
    const recorded = this.#recorded;
    if (recorded === undefined) return { service, endpoint };
    const before = recorded.services[service];
    const here = this.plan.services.find(({ name }) => name === before?.name);
    const found = here?.endpoints.find(({ url }) => url === before.endpoints[endpoint]?.url);
    return here && found && { service: here.index, endpoint: found.index };
  }

  /** Index of the listener by which a recorded request would come in this plan; -1 = nobody listens there. */
  #listenerOf(index: number): number {
    const recorded = this.#recorded;
    if (recorded === undefined || recorded === this.plan) return index < this.plan.listeners.length ? index : -1;
    let known = this.#listeners.get(recorded);
    if (known === undefined) {
      const here = this.plan.listeners.map(doorOf);
      known = recorded.listeners.map((listener) => here.indexOf(doorOf(listener)));
      this.#listeners.set(recorded, known);
    }
    return known[index] ?? -1;
  }

  #limit(step: number, change: LimitChange, at: Millis): void {
    const recorded = this.#recorded;
    const here =
      recorded === undefined
        ? this.plan.steps[step]
        : this.plan.steps.find(({ identity }) => identity === recorded.steps[step]?.identity);
    if (here === undefined) return;
    const before = recorded?.steps[step];
    // What was counted by something else, or in another way, means nothing here.
    if (change.kind === "whole" && before !== undefined && !sameValue(before.config, here.config)) return;
    changeLimit(here, this.state, change, at);
  }

  #swap(revision: number, at: Millis): void {
    const next = this.#options.planOf?.(revision);
    if (next === undefined) return;
    if (this.#recorded !== undefined) {
      this.#recorded = next;
      return;
    }
    this.state = carry(this.state, this.plan, next, at);
    this.plan = next;
  }
}

/** What clients connect to. */
function doorOf({ name, port, protocol }: PlanListener): string {
  return `${protocol === "UDP" ? "udp" : "tcp"} ${port === 0 ? name : port}`;
}
