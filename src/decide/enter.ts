/**
 * The first half of a decision: the listener's policies, then which route. Cheap, so that it may run before anything
 * is looked up for the request: address and brute-force limits cost nothing dearer than a peek.
 * Must not read a clock, wait, or build strings.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { BuiltIn, type Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { State } from "../model/state.ts";
import { matchRoute } from "./match.ts";
import { runStage } from "./stage.ts";

/**
 * Starts `out` and the passage's caller afresh. Afterwards either `out.over`, or `out.route` is set and `decide`
 * is to be called once the route's facts (`plan.routes[out.route].needs`) are in `x.facts`.
 * Whatever came out, the request ends with one call of `settle`.
 */
export function enter(x: Passage, plan: Plan, state: State, now: Millis, out: Decision): void {
  out.clear();
  out.enteredAt = now;
  x.tried = 0;
  x.caller.consumer = undefined;
  x.caller.groups = NO_GROUPS;
  x.caller.jwt = undefined;
  x.caller.label = undefined;
  if (!runStage(x, plan, plan.listeners[x.arrival.listener].steps, -1, state, now, out)) return;
  out.tookListener = true;
  if (out.answer >= 0) return;
  if (!matchRoute(plan, x.arrival, out)) out.builtIn = BuiltIn.NoRoute;
}

const NO_GROUPS: readonly string[] = [];
