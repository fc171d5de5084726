/**
 * The second half of a decision: which service by weight, the policies of the route and of that service, which endpoint.
 * Runs once the route's facts are there; if they had to be awaited, with a `now` of its own.
 * Must not read a clock, wait, or build strings.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { BuiltIn, Mark, type Decision } from "../model/decision.ts";
import { draw, DrawOf } from "../model/draw.ts";
import type { Plan, PlanRoute } from "../model/plan.ts";
import type { Shape } from "../model/policy.ts";
import type { State } from "../model/state.ts";
import { pick } from "./pick.ts";
import { beginSending } from "./sending.ts";
import { runStage } from "./stage.ts";

/** After `enter` found a route. Either `out.refused`, or a policy answers (`out.answer`), or `out.service` and `out.endpoint` say where it goes. */
export function decide(x: Passage, plan: Plan, state: State, now: Millis, out: Decision): void {
  out.decidedAt = now;
  const route = plan.routes[out.route];
  // Which service comes first: the policies that stand on a service speak only when it is the one drawn.
  const chosen = route.chooser === undefined ? -1 : choose(x, plan, route, route.chooser, out);
  const backend = chosen < 0 ? split(x, route, out) : chosen;
  const service = backend < 0 ? -1 : route.backends[backend].service;
  if (!runStage(x, plan, route.steps, service, state, now, out)) return;
  out.tookRoute = true;
  if (out.answer >= 0) return;
  if (service < 0) {
    out.builtIn = BuiltIn.NoService;
    return;
  }
  out.service = service;
  out.builtIn = pick(x, plan, state, now, out);
  if (out.builtIn !== BuiltIn.None) return;
  if (route.retry !== undefined || route.hedge !== undefined || route.mirror !== undefined) {
    beginSending(x, route, state, now, out);
  }
}

/** @returns an index into route.backends, or -1 when the policy that may choose does not. */
function choose(x: Passage, plan: Plan, route: PlanRoute, chooser: number, out: Decision): number {
  const { act, when } = plan.steps[chooser];
  if (when !== undefined && !when(x)) return -1;
  const name = (act as Shape).service?.(x);
  const chosen = route.backends.findIndex(({ service }) => plan.services[service].name === name);
  if (chosen >= 0) out.trace.mark(Mark.Split, chosen, 1, 0, 0);
  return chosen;
}

/** @returns an index into route.backends, or -1 when none has weight. Draws only where there is a choice. */
function split(x: Passage, route: PlanRoute, out: Decision): number {
  const backends = route.backends;
  const total = route.totalWeight;
  if (!(total > 0)) return -1;
  if (backends.length === 1) return 0;
  const at = draw(x.seed, DrawOf.Split) * total;
  let left = at;
  let chosen = -1;
  for (let i = 0; i < backends.length && left >= 0; i++) {
    if (backends[i].weight === 0) continue;
    chosen = i;
    left -= backends[i].weight;
  }
  out.trace.mark(Mark.Split, chosen, 0, at, total);
  return chosen;
}
