/**
 * What goes beside a decided request: it counts for the route's budgets, and perhaps a copy of it goes to a mirror.
 * Must not choose an endpoint: that is done.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { Mark, SendNote, type Decision } from "../model/decision.ts";
import { draw, DrawOf } from "../model/draw.ts";
import type { Plan, PlanRoute } from "../model/plan.ts";
import type { State } from "../model/state.ts";
import { countRequest } from "./budget.ts";

/** `out` has an endpoint now. For routes that retry, hedge or mirror. */
export function beginSending(x: Passage, route: PlanRoute, state: State, now: Millis, out: Decision): void {
  const sent = state.sent[route.index];
  if (sent !== undefined) countRequest(sent, now);
  if (route.mirror === undefined) return;
  const { percent } = route.mirror;
  const drawn = percent === 100 ? 0 : draw(x.seed, DrawOf.Mirror) * 100;
  out.mirrored = drawn < percent;
  out.trace.mark(Mark.Send, 0, out.mirrored ? SendNote.Mirrored : SendNote.NotMirrored, drawn, percent);
}

/**
 * `enter` for a copy: no listener's policies and no matching, it goes where its request's route mirrors. The caller is the
 * one that was found for the request. `decide` and `settle` follow as for any other.
 * @param of the request: its passage, its decision, and its number.
 * @param child name of a request that a policy of its route sends by itself, instead of the mirror's copy.
 * @returns false when that decision mirrors nothing under this plan, or its route sends nothing of that name.
 */
export function enterCopy(
  x: Passage,
  plan: Plan,
  now: Millis,
  of: { readonly passage: Passage; readonly decision: Decision; readonly id: number },
  out: Decision,
  child?: string,
): boolean {
  out.clear();
  out.enteredAt = now;
  x.tried = 0;
  Object.assign(x.caller, of.passage.caller);
  const { decision } = of;
  if (child !== undefined) return enterChild(plan, of, child, out);
  const mirror = decision.route < 0 ? undefined : plan.routes[decision.route].mirror;
  if (mirror === undefined || !decision.mirrored) return false;
  out.route = mirror.route;
  out.match = decision.match;
  out.tookListener = true;
  out.trace.mark(Mark.Send, 0, SendNote.Copy, of.id, 0);
  return true;
}

function enterChild(
  plan: Plan,
  { decision, id }: { readonly decision: Decision; readonly id: number },
  child: string,
  out: Decision,
): boolean {
  const route = decision.route < 0 ? undefined : plan.routes[decision.route].children?.get(child);
  if (route === undefined) return false;
  out.route = route;
  out.match = 0;
  out.tookListener = true;
  out.trace.mark(Mark.Send, 0, SendNote.Child, id, 0);
  return true;
}
