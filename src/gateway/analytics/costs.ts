/**
 * What each policy costs in microseconds, measured where it runs: one request in so many is decided by a copy of the plan
 * whose steps are timed from outside. The core does not know: to it a plan is a plan, and the state is the same.
 * Must not change a verdict, and costs the other requests one comparison. What is looked up before the decision (a token's
 * signature, another server's word) is not in it: that is waiting, and stands in the request's own timing.
 */
import type { Plan, PlanStep } from "../../model/plan.ts";
import type { Act, Shape, Step } from "../../model/policy.ts";
import type { State } from "../../model/state.ts";
import { binOf, freshBins, quantile } from "./sketch.ts";

/** One request in that many is measured. */
export const ONE_IN = 64;

/** The pair that serves. */
interface Active {
  readonly plan: Plan;
  readonly state: State;
  readonly revision: number;
}

/** Of one policy, in microseconds. */
export class Cost {
  /** Requests measured: those whose peek, or else whose shape, was timed. */
  samples = 0;
  private total = 0;
  private readonly bins = freshBins();

  /** @param first it is the one call that every measured request makes. */
  took(milliseconds: number, first: boolean): void {
    const micros = milliseconds * 1000;
    this.total += micros;
    if (!first) return;
    this.samples++;
    this.bins[binOf(micros)]++;
  }

  /** All its work for one request, on average; -1 when none was measured. */
  get mean(): number {
    return this.samples === 0 ? -1 : this.total / this.samples;
  }

  /** Of its first call, 95 in 100 took no longer; -1 when none was measured. */
  get p95(): number {
    return quantile(this.bins, 0.95);
  }
}

export class PolicyCosts {
  readonly #now: () => number;
  readonly #costs = new Map<string, Cost>();
  #count = 0;
  #measured: Active | undefined;
  #of: Active | undefined;

  /** @param now monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns the pair that the next request is decided by. */
  pick(active: Active): Active {
    if (++this.#count < ONE_IN) return active;
    this.#count = 0;
    if (this.#of !== active || this.#measured === undefined) {
      this.#of = active;
      this.#measured = { ...active, plan: this.#timed(active.plan) };
    }
    return this.#measured;
  }

  of(identity: string): Cost | undefined {
    return this.#costs.get(identity);
  }

  #timed(plan: Plan): Plan {
    const costs = new Map<string, Cost>();
    const steps = plan.steps.map((step): PlanStep => {
      const cost = this.#costs.get(step.identity) ?? new Cost();
      costs.set(step.identity, cost);
      return { ...step, act: timedAct(step.act, cost, this.#now) };
    });
    // Those of steps that are gone go with them.
    this.#costs.clear();
    for (const [identity, cost] of costs) this.#costs.set(identity, cost);
    return { ...plan, steps };
  }
}

type Whole = Step<unknown> & Shape;

/** The act itself stands behind it, with whatever else it has. */
function timedAct(act: Act<unknown>, cost: Cost, now: () => number): Act<unknown> {
  const whole = act as Partial<Whole>;
  const timed = Object.create(act) as Record<string, unknown>;
  const first = whole.peek !== undefined ? "peek" : whole.request !== undefined ? "request" : "response";
  for (const name of ["peek", "take", "end", "answer", "request", "response"] as const) {
    const method = whole[name] as ((...given: unknown[]) => unknown) | undefined;
    if (method === undefined) continue;
    timed[name] = (...given: unknown[]): unknown => {
      const began = now();
      const result = method.apply(act, given);
      cost.took(now() - began, name === first);
      return result;
    };
  }
  return timed as unknown as Act<unknown>;
}
