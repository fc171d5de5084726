/**
 * Which routes, policies and reasons of a plan the tests reach, and which none does.
 * Must not count what was only near: a policy is reached when it was asked, a reason when it refused (or would have).
 */
import { entriesOf } from "../decide/refusals.ts";
import type { SourceRange } from "../model/basics.ts";
import { Mark, type Decision } from "../model/decision.ts";
import type { Plan, PlanStep } from "../model/plan.ts";

export interface CoveredItem {
  readonly kind: "route" | "policy" | "reason";
  /** "orders-read"; "per-user"; "per-user rateLimit/limited". */
  readonly name: string;
  /** In the policy file. */
  readonly range: SourceRange;
  /** Requests. */
  readonly reached: number;
}

export class PolicyCoverage {
  readonly #plan: Plan;
  readonly #counts = new Map<string, number>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  note(decision: Decision): void {
    const { route } = decision;
    const keys = new Set<string>();
    if (route >= 0) keys.add(`route ${route}`);
    for (const { mark, index, reason } of entriesOf(decision)) {
      if (mark !== Mark.Step && mark !== Mark.Shadow) continue;
      keys.add(keyOf(this.#plan.steps[index]));
      if (reason > 0) keys.add(`${keyOf(this.#plan.steps[index])} ${reason}`);
    }
    for (const index of decision.taken.slice(0, decision.takenCount)) keys.add(keyOf(this.#plan.steps[index]));
    // What only shapes is not asked: it works on whatever passes.
    if (route >= 0 && !decision.refused)
      for (const index of this.#plan.routes[route].shapes) keys.add(keyOf(this.#plan.steps[index]));
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** In the order of the file. A policy that is written once and used by name is one, wherever it stands. */
  items(): CoveredItem[] {
    const { routes, steps } = this.#plan;
    const items = new Map<string, CoveredItem>();
    for (const { index, name, listeners, source } of routes)
      if (listeners.length > 0) this.#add(items, `route ${index}`, { kind: "route", name, range: source });
    for (const step of steps) {
      const { name, kind, policy, source } = step;
      this.#add(items, keyOf(step), {
        kind: "policy",
        name: name === kind ? kind : `${name} (${kind})`,
        range: source,
      });
      for (const [number, reason] of Object.keys(policy.reasons).entries())
        this.#add(items, `${keyOf(step)} ${number + 1}`, {
          kind: "reason",
          name: `${name} ${kind}/${reason}`,
          range: source,
        });
    }
    return [...items.values()].toSorted((a, b) => a.range.offset - b.range.offset);
  }

  #add(items: Map<string, CoveredItem>, key: string, item: Omit<CoveredItem, "reached">): void {
    items.set(key, { ...item, reached: this.#counts.get(key) ?? 0 });
  }
}

function keyOf({ kind, source }: PlanStep): string {
  return `policy ${kind} ${source.offset}`;
}
