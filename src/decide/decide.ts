/**
 * Stub: replaced within minutes. Listener stage, then the route.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import type { Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { State } from "../model/state.ts";

export function decide(x: Passage, plan: Plan, state: State, now: Millis, out: Decision): void {
  throw new Error(`not there yet ${x.seed} ${plan.file} ${state.steps.length} ${now} ${out.route}`);
}
