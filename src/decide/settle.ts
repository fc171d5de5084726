/**
 * The end of a request: in-flight counts, latency, passive health, and the steps that count outcomes.
 * Must be called once for every request that was entered, refused ones too; a second call does nothing.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import type { Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { Step } from "../model/policy.ts";
import type { Outcome, State } from "../model/state.ts";
import { dropOthers } from "./again.ts";
import { release } from "./health.ts";

/** `plan` and `state` are the pair that decided the request, whatever runs by now. */
export function settle(x: Passage, out: Decision, plan: Plan, state: State, outcome: Outcome, now: Millis): void {
  if (out.beside.length > 0) dropOthers(plan, state, now, out);
  release(plan, state, out, outcome, now);
  const count = out.takenCount;
  out.takenCount = 0;
  for (let i = 0; i < count; i++) {
    const index = out.taken[i];
    const act = plan.steps[index].act as Step<unknown>;
    if (act.end !== undefined) act.end(x, state.steps[index], outcome, now);
  }
}
