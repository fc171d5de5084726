/**
 * Folds a journal over a plan and its state: the same requests, times, seeds, facts and outcomes give the same
 * decisions and the same state, number for number. With another plan the same fold answers "what if".
 * Must not read anything that the journal does not hold; the state it is given is used up.
 */
import { again } from "../decide/again.ts";
import { decide } from "../decide/decide.ts";
import { enter } from "../decide/enter.ts";
import { probed, setAdmin, setLife } from "../decide/health.ts";
import { settle } from "../decide/settle.ts";
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { Decision } from "../model/decision.ts";
import type { JournalEvent } from "../model/journal.ts";
import type { Plan } from "../model/plan.ts";
import type { Outcome, State } from "../model/state.ts";
import { carry } from "../policyfile/carry.ts";

export interface ReplayOptions {
  /** The plan to judge by at the start; with `recorded` absent, also the one that was recorded. */
  readonly plan: Plan;
  /** State before the first event: advanced by the replay, so hand in a clone. */
  readonly state: State;
  /** Plans of the recording's swaps by revision. One that is not given is not swapped in: "what if this plan had stayed". */
  planOf?(revision: number): Plan | undefined;
  /** The plan under which the journal was written, when another is asked "what if": its endpoints are found by name. */
  readonly recorded?: Plan;
  /** After each request is settled. The decision and passage are the request's own and may be kept. */
  ended?(request: Replayed): void;
}

export interface Replayed {
  readonly id: number;
  readonly decision: Decision;
  readonly passage: Passage;
  readonly plan: Plan;
  readonly outcome: Outcome;
}

interface Open {
  readonly passage: Passage;
  readonly decision: Decision;
  /** The pair that decided it, whatever is swapped in meanwhile. */
  readonly plan: Plan;
  readonly state: State;
  decided: boolean;
}

/** @returns the pair after the last event. Requests that never settle in the journal stay in flight. */
export function replay(options: ReplayOptions, journal: Iterable<JournalEvent>): { plan: Plan; state: State } {
  const fold = new Fold(options);
  for (const event of journal) fold.step(event);
  return { plan: fold.plan, state: fold.state };
}

class Fold {
  plan: Plan;
  state: State;
  readonly #options: ReplayOptions;
  readonly #open = new Map<number, Open>();

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.plan = options.plan;
    this.state = options.state;
  }

  step(event: JournalEvent): void {
    switch (event.kind) {
      case "enter":
        return this.#enter(event);
      case "decide":
        return this.#decide(event);
      case "again": {
        const open = this.#open.get(event.id);
        if (open?.decided) again(open.passage, open.plan, open.state, event.at, event.outcome, open.decision);
        return;
      }
      case "settle":
        return this.#settle(event.id, event.at, event.outcome);
      case "probe":
      case "admin":
      case "life":
        return this.#health(event);
      case "reset":
        return this.#reset(event.step, event.key, event.at);
      case "swap":
        return this.#swap(event.revision, event.at);
    }
  }

  #enter({ id, at, wallClock, seed, arrival }: Extract<JournalEvent, { kind: "enter" }>): void {
    const passage: Passage = {
      arrival,
      facts: {},
      caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
      seed,
      tried: 0,
      wallClock,
      requestId: () => String(id),
    };
    const open = { passage, decision: new Decision(), plan: this.plan, state: this.state, decided: false };
    // A listener that another plan does not have: there is nobody to ask.
    if (arrival.listener >= this.plan.listeners.length) return;
    this.#open.set(id, open);
    enter(passage, open.plan, open.state, at, open.decision);
  }

  #decide({ id, at, facts, wallClock }: Extract<JournalEvent, { kind: "decide" }>): void {
    const open = this.#open.get(id);
    if (open === undefined || open.decision.over) return;
    open.passage.facts = facts;
    if (wallClock !== undefined) open.passage.wallClock = wallClock;
    open.decided = true;
    decide(open.passage, open.plan, open.state, at, open.decision);
  }

  #settle(id: number, at: Millis, outcome: Outcome): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    // Recorded as refused on entry, but not by this plan: the rest of the decision is made up for, without facts.
    const owed = this.#options.recorded !== undefined && !open.decided && !open.decision.over;
    if (owed) decide(open.passage, open.plan, open.state, open.decision.enteredAt, open.decision);
    settle(open.passage, open.decision, open.plan, open.state, outcome, at);
    this.#options.ended?.({ id, decision: open.decision, passage: open.passage, plan: open.plan, outcome });
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
    const { recorded } = this.#options;
    if (recorded === undefined) return { service, endpoint };
    const before = recorded.services[service];
    const here = this.plan.services.find(({ name }) => name === before?.name);
    const found = here?.endpoints.find(({ url }) => url === before.endpoints[endpoint]?.url);
    return here && found && { service: here.index, endpoint: found.index };
  }

  #reset(step: number, key: string, at: Millis): void {
    const { recorded } = this.#options;
    const here =
      recorded === undefined
        ? this.plan.steps[step]
        : this.plan.steps.find(({ identity }) => identity === recorded.steps[step]?.identity);
    if (here === undefined) return;
    here.policy.gauge?.reset(here.config, this.state.steps[here.index], key, at);
  }

  #swap(revision: number, at: Millis): void {
    const next = this.#options.planOf?.(revision);
    if (next === undefined) return;
    this.state = carry(this.state, this.plan, next, at);
    this.plan = next;
  }
}
