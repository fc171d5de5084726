/**
 * Stub: replaced within minutes. The end of a request.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import type { Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { Outcome, State } from "../model/state.ts";

export function settle(x: Passage, out: Decision, plan: Plan, state: State, outcome: Outcome, now: Millis): void {
  throw new Error(`not there yet ${x.seed} ${plan.file} ${state.steps.length} ${now} ${out.route} ${outcome.status}`);
}
