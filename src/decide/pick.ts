/**
 * One endpoint of the chosen service: who may be picked, the session's or else the balancer's choice among them, and the
 * count of requests in flight. Every endpoint leaves one entry in the trace, chosen or not, so that the choice can be
 * shown whole.
 * Must not allocate per request: the pool is one, lent to the balancer for the length of a pick.
 */
import type { Passage } from "../model/arrival.ts";
import type { Pool } from "../model/balancer.ts";
import type { Millis } from "../model/basics.ts";
import { BuiltIn, Exclusion, Mark, SessionNote, type Decision } from "../model/decision.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import type { Plan, PlanService } from "../model/plan.ts";
import { Admin, Life, Probe, type EndpointState, type State } from "../model/state.ts";
import { circuitRefuses, enterCircuit } from "./circuit.ts";
import { Zones } from "./locality.ts";
import { keepSession, readSession } from "./session.ts";

/** `tried` holds one bit per endpoint. */
const MAXIMUM_ENDPOINTS = 32;
/** An endpoint that starts slowly gets at least this share of its weight, else it would never be seen to work (Envoy's, too). */
const LEAST_SHARE = 0.1;

class LentPool implements Pool {
  endpoints: readonly PlanEndpoint[] = [];
  states: readonly EndpointState[] = [];
  readonly eligible = new Int32Array(MAXIMUM_ENDPOINTS);
  readonly weights = new Float64Array(MAXIMUM_ENDPOINTS);
  /** One of Exclusion, or 0. */
  readonly exclusions = new Uint8Array(MAXIMUM_ENDPOINTS);
  count = 0;
}

const pool = new LentPool();
const zones = new Zones();

/**
 * Picks for `out.service`, marks the endpoint as tried and counts the request as in flight there.
 * @returns 0, or which BuiltIn refuses; then nothing has changed but the trace.
 */
export function pick(x: Passage, plan: Plan, state: State, now: Millis, out: Decision): number {
  const service = plan.services[out.service];
  const live = state.services[out.service];
  const { endpoints: states, balancer, circuit } = live;
  const { trace } = out;
  if (circuit !== undefined && circuitRefuses(circuit, now, out)) return BuiltIn.CircuitOpen;
  if (service.maxParallelRequests !== undefined && isFull(states, service.maxParallelRequests, out)) {
    return BuiltIn.TooManyInFlight;
  }
  pool.endpoints = service.endpoints;
  pool.states = states;
  judge(x, service, states, now, out);
  if (service.persistence !== undefined && out.attempts === 0) {
    readSession(x, service, service.persistence, live, now, out);
  }
  let chosen = out.wanted;
  const kept = chosen >= 0 && keeps(x, chosen, states[chosen], now);
  if (!kept && service.locality !== undefined) narrow(x, service, states, now, out);
  tell(service, states, now, out);
  if (chosen >= 0) {
    trace.mark(Mark.Session, chosen, kept ? SessionNote.Kept : SessionNote.Moved, pool.exclusions[chosen], 0);
  }
  if (!kept) {
    if (pool.count === 0) return BuiltIn.NoEndpoint;
    trace.speakerMark = Mark.Draw;
    trace.speakerIndex = out.service;
    chosen = service.balancer.pick(x, pool, balancer, now, trace);
    if (chosen < 0) return BuiltIn.NoEndpoint;
  }
  if (circuit !== undefined) enterCircuit(circuit, out);
  states[chosen].inFlight++;
  states[chosen].picks++;
  x.tried |= 1 << chosen;
  out.endpoint = chosen;
  out.holds = true;
  out.attempts++;
  if (live.sessions !== undefined && service.persistence !== undefined) {
    keepSession(x, service, service.persistence, live.sessions, now, out);
  }
  trace.mark(Mark.Picked, chosen, out.attempts, 0, 0);
  return BuiltIn.None;
}

/** Whether an endpoint that is well and that this request has not tried could be picked. */
export function hasUntried(x: Passage, plan: Plan, state: State, service: number, now: Millis): boolean {
  const { endpoints } = plan.services[service];
  const states = state.services[service].endpoints;
  for (let i = 0; i < endpoints.length; i++) {
    if ((x.tried & (1 << i)) === 0 && isMeantToServe(endpoints[i], states[i]) && isHealthy(states[i], now)) return true;
  }
  return false;
}

function isFull(states: readonly EndpointState[], most: number, out: Decision): boolean {
  let inFlight = 0;
  for (let i = 0; i < states.length; i++) inFlight += states[i].inFlight;
  if (inFlight < most) return false;
  out.trace.mark(Mark.Full, 0, 0, inFlight, most);
  return true;
}

/**
 * Fills `pool.eligible`, `.weights` and `.exclusions`.
 * When fewer than `panicThreshold` per cent of the endpoints in service are healthy, health is disregarded: sending
 * everything to the few that are left would only take them down too. What a person drained stays out.
 */
function judge(x: Passage, service: PlanService, states: readonly EndpointState[], now: Millis, out: Decision): void {
  const { endpoints } = service;
  let inService = 0;
  let healthy = 0;
  for (let i = 0; i < endpoints.length; i++) {
    if (!isMeantToServe(endpoints[i], states[i])) continue;
    inService++;
    if (isHealthy(states[i], now)) healthy++;
  }
  const panic = healthy * 100 < service.panicThreshold * inService;
  if (panic) out.trace.mark(Mark.Panic, 0, 0, healthy, inService);
  const slowStart = service.slowStart ?? 0;
  let count = 0;
  for (let i = 0; i < endpoints.length; i++) {
    const exclusion = exclusionOf(x, endpoints[i], states[i], i, panic, now);
    pool.exclusions[i] = exclusion;
    pool.weights[i] = slowStart === 0 ? endpoints[i].weight : endpoints[i].weight * rampOf(states[i], slowStart, now);
    if (exclusion === 0) pool.eligible[count++] = i;
  }
  pool.count = count;
}

function isMeantToServe(endpoint: PlanEndpoint, state: EndpointState): boolean {
  return endpoint.weight > 0 && state.admin === Admin.Up && state.life === Life.Serving;
}

function isHealthy(state: EndpointState, now: Millis): boolean {
  return now >= state.ejectedUntil && state.probe !== Probe.Down;
}

/** Linear, from LEAST_SHARE to 1 over `slowStart`. */
function rampOf({ upSince }: EndpointState, slowStart: Millis, now: Millis): number {
  if (upSince === 0 || now >= upSince + slowStart) return 1;
  return Math.max(LEAST_SHARE, (now - upSince) / slowStart);
}

/** Leaves the candidates of one zone. */
function narrow(x: Passage, service: PlanService, states: readonly EndpointState[], now: Millis, out: Decision): void {
  const { locality, endpoints } = service;
  if (locality === undefined || !zones.begin(x, locality, out)) return;
  for (let i = 0; i < endpoints.length; i++) {
    if (!isMeantToServe(endpoints[i], states[i])) continue;
    zones.count(endpoints[i], endpoints[i].weight, isHealthy(states[i], now), pool.exclusions[i] === 0);
  }
  const chosen = zones.choose(x, locality, out);
  let count = 0;
  for (let i = 0; i < pool.count; i++) {
    const endpoint = pool.eligible[i];
    if (zones.rankOf(endpoints[endpoint]) === chosen) pool.eligible[count++] = endpoint;
    else pool.exclusions[endpoint] = Exclusion.OtherZone;
  }
  pool.count = count;
}

/** One entry for each endpoint: a candidate with its numbers, or why it is none. */
function tell(service: PlanService, states: readonly EndpointState[], now: Millis, out: Decision): void {
  const { trace } = out;
  for (let i = 0; i < states.length; i++) {
    const endpoint = states[i];
    const exclusion = pool.exclusions[i];
    if (exclusion === 0) {
      trace.mark(Mark.Candidate, i, 0, endpoint.inFlight, pool.weights[i]);
    } else if (exclusion === Exclusion.Ejected) {
      trace.mark(Mark.Excluded, i, exclusion, endpoint.ejectedUntil - now, service.passive.consecutive5xx);
    } else if (exclusion === Exclusion.Restarting) {
      trace.mark(Mark.Excluded, i, exclusion, endpoint.lifeUntil - now, endpoint.exitCode);
    } else if (exclusion === Exclusion.OtherZone) {
      trace.mark(Mark.Excluded, i, exclusion, zones.rankOf(service.endpoints[i]), 0);
    } else {
      trace.mark(Mark.Excluded, i, exclusion, Math.max(endpoint.probeStreak, 0), 0);
    }
  }
}

/** By model Life. */
const LIFELESS = [0, Exclusion.Starting, Exclusion.Restarting, Exclusion.Leaving, Exclusion.Forbidden] as const;

function exclusionOf(
  x: Passage,
  planned: PlanEndpoint,
  endpoint: EndpointState,
  index: number,
  panic: boolean,
  now: Millis,
): number {
  if (endpoint.life !== Life.Serving) return LIFELESS[endpoint.life];
  if (endpoint.admin === Admin.Drain) return Exclusion.Drain;
  if (endpoint.admin === Admin.Maintenance) return Exclusion.Maintenance;
  if (planned.weight === 0) return Exclusion.Weightless;
  if ((x.tried & (1 << index)) !== 0) return Exclusion.Tried;
  if (panic) return 0;
  if (now < endpoint.ejectedUntil) return Exclusion.Ejected;
  if (endpoint.probe === Probe.Down) return Exclusion.ProbeDown;
  return 0;
}

/** Whether a session may stay: as for anybody, and also at an endpoint that only gets no new ones (drained, or weight 0). */
function keeps(x: Passage, index: number, endpoint: EndpointState, now: Millis): boolean {
  const exclusion = pool.exclusions[index];
  if (exclusion === 0) return true;
  if (exclusion !== Exclusion.Drain && exclusion !== Exclusion.Weightless) return false;
  return (x.tried & (1 << index)) === 0 && isHealthy(endpoint, now);
}
