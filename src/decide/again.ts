/**
 * Another endpoint after a failed attempt: the balancer alone. Policies are neither asked nor charged a second time.
 * Must not decide whether a retry is allowed: that is the forwarder's, which knows what was already sent.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { BuiltIn, type Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { Outcome, State } from "../model/state.ts";
import { release } from "./health.ts";
import { pick } from "./pick.ts";

/**
 * Releases the endpoint of the failed attempt, which may eject it, and picks one that this request has not tried.
 * @returns false when none is left: `out.endpoint` still names the last one, and `settle` is still to be called.
 */
export function again(x: Passage, plan: Plan, state: State, now: Millis, failed: Outcome, out: Decision): boolean {
  if (out.service < 0) return false;
  release(plan, state, out, failed, now);
  return pick(x, plan, state, now, out) === BuiltIn.None;
}
