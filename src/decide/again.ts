/**
 * Stub: replaced within minutes. Another endpoint for a retry; false when none is left.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import type { Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { Outcome, State } from "../model/state.ts";

export function again(x: Passage, plan: Plan, state: State, now: Millis, failed: Outcome, out: Decision): boolean {
  throw new Error(`not there yet ${x.seed} ${plan.file} ${state.steps.length} ${now} ${out.route} ${failed.status}`);
}
