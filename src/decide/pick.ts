/**
 * One endpoint of the chosen service: who may be picked, the balancer's choice among them, and the count of requests
 * in flight. Every endpoint leaves one entry in the trace, chosen or not, so that the choice can be shown whole.
 * Must not allocate per request: the pool is one, lent to the balancer for the length of a pick.
 */
import type { Passage } from "../model/arrival.ts";
import type { Pool } from "../model/balancer.ts";
import type { Millis } from "../model/basics.ts";
import { Exclusion, Mark, type Decision } from "../model/decision.ts";
import type { Plan, PlanEndpoint, PlanService } from "../model/plan.ts";
import { Admin, Life, Probe, type EndpointState, type State } from "../model/state.ts";

/** `tried` holds one bit per endpoint. */
const MAXIMUM_ENDPOINTS = 32;

class LentPool implements Pool {
  endpoints: readonly PlanEndpoint[] = [];
  states: readonly EndpointState[] = [];
  readonly eligible = new Int32Array(MAXIMUM_ENDPOINTS);
  count = 0;
}

const pool = new LentPool();

/**
 * Picks for `out.service`, marks the endpoint as tried and counts the request as in flight there.
 * @returns false when no endpoint may be picked; then nothing has changed but the trace.
 */
export function pick(x: Passage, plan: Plan, state: State, now: Millis, out: Decision): boolean {
  const service = plan.services[out.service];
  const { endpoints: states, balancer } = state.services[out.service];
  pool.endpoints = service.endpoints;
  pool.states = states;
  fillPool(x, service, states, now, out);
  if (pool.count === 0) return false;
  const trace = out.trace;
  trace.speakerMark = Mark.Draw;
  trace.speakerIndex = out.service;
  const chosen = service.balancer.pick(x, pool, balancer, now, trace);
  if (chosen < 0) return false;
  states[chosen].inFlight++;
  states[chosen].picks++;
  x.tried |= 1 << chosen;
  out.endpoint = chosen;
  out.holds = true;
  out.attempts++;
  trace.mark(Mark.Picked, chosen, out.attempts, 0, 0);
  return true;
}

/**
 * Fills `pool.eligible` and says of each endpoint whether it is a candidate or why not.
 * When fewer than `panicThreshold` per cent of the endpoints in service are healthy, health is disregarded: sending
 * everything to the few that are left would only take them down too. What a person drained stays out.
 */
function fillPool(
  x: Passage,
  service: PlanService,
  states: readonly EndpointState[],
  now: Millis,
  out: Decision,
): void {
  const trace = out.trace;
  const endpoints = service.endpoints;
  let inService = 0;
  let healthy = 0;
  for (let i = 0; i < endpoints.length; i++) {
    if (endpoints[i].weight === 0 || states[i].admin !== Admin.Up || states[i].life !== Life.Serving) continue;
    inService++;
    if (now >= states[i].ejectedUntil && states[i].probe !== Probe.Down) healthy++;
  }
  const panic = healthy * 100 < service.panicThreshold * inService;
  if (panic) trace.mark(Mark.Panic, 0, 0, healthy, inService);
  let count = 0;
  for (let i = 0; i < endpoints.length; i++) {
    const endpoint = states[i];
    const exclusion = exclusionOf(x, service, endpoint, i, panic, now);
    if (exclusion === 0) {
      pool.eligible[count++] = i;
      trace.mark(Mark.Candidate, i, 0, endpoint.inFlight, endpoints[i].weight);
    } else if (exclusion === Exclusion.Ejected) {
      trace.mark(Mark.Excluded, i, exclusion, endpoint.ejectedUntil - now, service.passive.consecutive5xx);
    } else if (exclusion === Exclusion.Restarting) {
      trace.mark(Mark.Excluded, i, exclusion, endpoint.lifeUntil - now, endpoint.exitCode);
    } else {
      trace.mark(Mark.Excluded, i, exclusion, Math.max(endpoint.probeStreak, 0), 0);
    }
  }
  pool.count = count;
}

/** By model Life. */
const LIFELESS = [0, Exclusion.Starting, Exclusion.Restarting, Exclusion.Leaving, Exclusion.Forbidden] as const;

function exclusionOf(
  x: Passage,
  service: PlanService,
  endpoint: EndpointState,
  index: number,
  panic: boolean,
  now: Millis,
): number {
  if (endpoint.life !== Life.Serving) return LIFELESS[endpoint.life];
  if (endpoint.admin === Admin.Drain) return Exclusion.Drain;
  if (endpoint.admin === Admin.Maintenance) return Exclusion.Maintenance;
  if (service.endpoints[index].weight === 0) return Exclusion.Weightless;
  if ((x.tried & (1 << index)) !== 0) return Exclusion.Tried;
  if (panic) return 0;
  if (now < endpoint.ejectedUntil) return Exclusion.Ejected;
  if (endpoint.probe === Probe.Down) return Exclusion.ProbeDown;
  return 0;
}
