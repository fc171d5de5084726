/**
 * Counts every request once, where its row is sealed: for the gateway, its route, its service, its consumer, and each
 * policy that spoke. Series go by name, so that they outlive an edit; consumers are strangers' words, so they are bounded.
 * Must not build strings, look at bodies or read a clock while it counts.
 */
import { Mark } from "../../model/decision.ts";
import type { Millis } from "../../model/basics.ts";
import type { Plan } from "../../model/plan.ts";
import type { Recording } from "../record/recording.ts";
import { Series, sliceOf } from "./series.ts";
import { binOf } from "./sketch.ts";

/** Consumers with a series of their own; the rest share one. */
const MOST_CONSUMERS = 100;
export const OTHERS = "(others)";
export const NOBODY = "(nobody)";

/** A trace's code as `Trace.mark` packs it: mark, index, reason. */
const MARK_SHIFT = 20;
const REST = 0xf_ffff;

/** Verdicts of one policy since the start. */
export interface Tally {
  judged: number;
  refused: number;
  /** Would have refused, had it not been in shadow. */
  shadowed: number;
}

/** The series of one plan's parts, by index. */
export interface PlanSeries {
  readonly routes: readonly Series[];
  readonly services: readonly Series[];
  readonly tallies: readonly Tally[];
}

export class Analytics {
  readonly since: Millis;
  readonly gateway = new Series();
  readonly consumers = new Map<string, Series>();
  /** By name; and tallies by the identity of the step. Those of the latest plan. */
  routes: ReadonlyMap<string, Series> = new Map();
  services: ReadonlyMap<string, Series> = new Map();
  tallies: ReadonlyMap<string, Tally> = new Map();
  readonly #pages = new WeakMap<Plan, PlanSeries>();
  #before: Pick<Analytics, "routes" | "services" | "tallies"> | undefined;
  /** The plan of the last request, and its page. */
  #plan: Plan | undefined;
  #page: PlanSeries | undefined;

  /** @param since monotonic: when counting began. */
  constructor(since: Millis) {
    this.since = since;
  }

  /** A plan is about to serve. */
  add(plan: Plan): void {
    const routes = new Map(plan.routes.map(({ name }) => [name, this.routes.get(name) ?? new Series()]));
    const services = new Map(plan.services.map(({ name }) => [name, this.services.get(name) ?? new Series()]));
    const tallies = new Map(
      plan.steps.map(({ identity }) => [
        identity,
        this.tallies.get(identity) ?? { judged: 0, refused: 0, shadowed: 0 },
      ]),
    );
    this.#before = { routes: this.routes, services: this.services, tallies: this.tallies };
    this.routes = routes;
    this.services = services;
    this.tallies = tallies;
    this.#pages.set(plan, {
      routes: [...routes.values()],
      services: [...services.values()],
      tallies: [...tallies.values()],
    });
  }

  /** The plan that was added last could not be served: what was there before is there again. */
  withdraw(): void {
    if (this.#before !== undefined) Object.assign(this, this.#before);
    this.#before = undefined;
  }

  /** @param plan that judged it. @param ending one of Ending. */
  count(recording: Recording, plan: Plan, ending: number): void {
    const { decision, end, caller } = recording;
    // How long a connection stays open says nothing about how fast anything is.
    const duration = recording.arrival.layer === 7 ? Math.max(0, end - recording.start) : -1;
    const bytesIn = recording.requestBody.bytes;
    const bytesOut = recording.responseBody.bytes;
    const slice = sliceOf(end);
    const bin = duration < 0 ? 0 : binOf(duration);
    this.gateway.countIn(slice, ending, duration, bin, bytesIn, bytesOut);
    if (this.#plan !== plan) {
      this.#plan = plan;
      this.#page = this.#pages.get(plan);
    }
    const page = this.#page;
    if (page === undefined) return;
    const { route, service } = decision;
    if (route >= 0) page.routes[route]?.countIn(slice, ending, duration, bin, bytesIn, bytesOut);
    if (service >= 0) page.services[service]?.countIn(slice, ending, duration, bin, bytesIn, bytesOut);
    this.#consumer(caller.consumer ?? caller.label).countIn(slice, ending, duration, bin, bytesIn, bytesOut);
    const { numbers, length } = decision.trace;
    for (let i = 0; i < length; i++) {
      const code = numbers[i * 3];
      const mark = code >> MARK_SHIFT;
      if (mark !== Mark.Step && mark !== Mark.Shadow) continue;
      const rest = code & REST;
      const tally = page.tallies[rest >> 8];
      if (tally === undefined) continue;
      tally.judged++;
      if ((rest & 255) === 0) continue;
      if (mark === Mark.Step) tally.refused++;
      else tally.shadowed++;
    }
  }

  #consumer(name: string | undefined): Series {
    const known = this.consumers.get(name ?? NOBODY);
    if (known !== undefined) return known;
    if (name !== undefined && this.consumers.size >= MOST_CONSUMERS) {
      const others = this.consumers.get(OTHERS) ?? new Series();
      this.consumers.set(OTHERS, others);
      return others;
    }
    const fresh = new Series();
    // A slice of a request head would keep the whole head alive: keep a copy of its own.
    this.consumers.set(name === undefined ? NOBODY : Buffer.from(name).toString(), fresh);
    return fresh;
  }
}
