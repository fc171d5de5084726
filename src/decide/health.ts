/**
 * What is known of each endpoint's health: probes that ask it, and answers that betray it (passive ejection).
 * Must not probe or time anything: verdicts and outcomes are handed in, with the time that belongs to them.
 */
import type { Millis } from "../model/basics.ts";
import type { Decision } from "../model/decision.ts";
import type { Plan, PlanService } from "../model/plan.ts";
import { Admin, Failure, Life, Probe, type EndpointState, type Outcome, type State } from "../model/state.ts";
import { leaveCircuit } from "./circuit.ts";

/** Weight of the newest time to first byte in the running mean. */
const LATENCY_WEIGHT = 0.2;
/** Ejection doubles at most this often: 30 s becomes at most 16 min. */
const MAXIMUM_DOUBLINGS = 5;

/** Ends an attempt at the endpoint that `out` holds, if it holds one. */
export function release(plan: Plan, state: State, out: Decision, outcome: Outcome, now: Millis): void {
  if (!out.holds) return;
  out.holds = false;
  const { endpoints: states, balancer, circuit } = state.services[out.service];
  const endpoint = states[out.endpoint];
  endpoint.inFlight--;
  if (outcome.firstByte >= 0) {
    endpoint.latency =
      endpoint.latency < 0
        ? outcome.firstByte
        : endpoint.latency + LATENCY_WEIGHT * (outcome.firstByte - endpoint.latency);
  }
  const service = plan.services[out.service];
  const verdict = blames(outcome) ? -1 : praises(outcome) ? 1 : 0;
  if (verdict < 0) failed(service, states, endpoint, now);
  else if (verdict > 0) succeeded(service, endpoint, now);
  if (circuit !== undefined && service.circuitBreaker !== undefined) {
    leaveCircuit(circuit, service.circuitBreaker, verdict, out.trial, now);
  }
  if (service.balancer.ended !== undefined) service.balancer.ended(out.endpoint, balancer, outcome, now);
}

/** True when the outcome speaks against the endpoint: any 5xx, no connection, a reset, no answer in time. */
function blames(outcome: Outcome): boolean {
  switch (outcome.failure) {
    case Failure.None:
      return outcome.status >= 500;
    case Failure.RequestTimeout:
      return outcome.status === 0;
    case Failure.IdleTimeout:
    case Failure.ClientGone:
    case Failure.Deregistered:
    case Failure.Outrun:
    case Failure.Behind:
      return false;
    default:
      return true;
  }
}

/**
 * A client that went away, or silence in a stream, says nothing either way. At layer 4 there is no status: a connection
 * that was made and did not fail speaks for the endpoint.
 */
function praises({ failure, status, firstByte }: Outcome): boolean {
  return failure === Failure.None && (status > 0 ? status < 500 : firstByte >= 0);
}

function failed(service: PlanService, states: readonly EndpointState[], endpoint: EndpointState, now: Millis): void {
  const { consecutive5xx, baseEjectionTime, maxEjectionPercent } = service.passive;
  endpoint.failed++;
  endpoint.failures++;
  // Late answers of an ejected endpoint do not lengthen its ejection.
  if (consecutive5xx === 0 || endpoint.failures < consecutive5xx || now < endpoint.ejectedUntil) return;
  let ejected = 0;
  for (const other of states) if (now < other.ejectedUntil) ejected++;
  if ((ejected + 1) * 100 > maxEjectionPercent * states.length) return;
  endpoint.ejectedUntil = now + baseEjectionTime * 2 ** Math.min(endpoint.ejections, MAXIMUM_DOUBLINGS);
  endpoint.upSince = endpoint.ejectedUntil;
  endpoint.ejections++;
  endpoint.failures = 0;
}

/** An endpoint that has behaved for `baseEjectionTime` since its return has its record wiped. */
function succeeded(service: PlanService, endpoint: EndpointState, now: Millis): void {
  endpoint.failures = 0;
  if (endpoint.ejections > 0 && now >= endpoint.ejectedUntil + service.passive.baseEjectionTime) endpoint.ejections = 0;
}

/**
 * One active check ended. A success readmits an ejected endpoint at once: it was asked and it answered.
 * @returns true when the endpoint's health changed for whoever looks.
 */
export function probed(plan: Plan, state: State, service: number, endpoint: number, up: boolean, now: Millis): boolean {
  const check = plan.services[service].active;
  const seen = state.services[service].endpoints[endpoint];
  const readmitted = up && now < seen.ejectedUntil;
  if (readmitted) {
    seen.ejectedUntil = seen.upSince = now;
    seen.failures = 0;
  }
  const verdict = up ? Probe.Up : Probe.Down;
  if (seen.probe === verdict) {
    // While down the streak goes on counting failed probes: it is shown as the reason.
    seen.probeStreak = up ? 0 : Math.max(seen.probeStreak, 0) + 1;
    return readmitted;
  }
  const threshold = up ? (check?.healthyThreshold ?? 1) : (check?.unhealthyThreshold ?? 1);
  const back = seen.probe === Probe.Down;
  if (!turned(seen, verdict, threshold)) return readmitted;
  if (back) seen.upSince = now;
  return true;
}

/**
 * Counts one probe against the current verdict. `probeStreak` counts failures upward; while an endpoint is Down,
 * successes on the way back are counted below zero, so that a failure in between starts them over.
 */
function turned(seen: EndpointState, verdict: number, threshold: number): boolean {
  if (verdict === Probe.Down) {
    seen.probeStreak = Math.max(seen.probeStreak, 0) + 1;
    if (seen.probeStreak < threshold) return false;
  } else {
    seen.probeStreak = Math.min(seen.probeStreak, 0) - 1;
    if (-seen.probeStreak < threshold) return false;
    seen.probeStreak = 0;
  }
  seen.probe = verdict;
  return true;
}

/**
 * Somebody has started, lost or given up the process behind an endpoint. One that serves (again) is a new process, so
 * nothing is held against it that its predecessor did.
 * @param life one of model Life. @param until see EndpointState.lifeUntil. @param exitCode see EndpointState.exitCode.
 * @returns true when that changed anything.
 */
export function setLife(
  state: State,
  service: number,
  endpoint: number,
  life: number,
  until: Millis,
  exitCode: number,
  now: Millis,
): boolean {
  const seen = state.services[service].endpoints[endpoint];
  if (seen.life === life && seen.lifeUntil === until && seen.exitCode === exitCode) return false;
  if (life === Life.Serving && seen.life !== Life.Serving) {
    seen.probe = Probe.Unknown;
    seen.probeStreak = seen.ejectedUntil = seen.ejections = seen.failures = 0;
    seen.upSince = now;
  }
  seen.life = life;
  seen.lifeUntil = until;
  seen.exitCode = exitCode;
  return true;
}

/**
 * A person drained, closed or reopened an endpoint. Requests in flight there go on.
 * @param admin one of model Admin.
 * @returns true when that changed anything.
 */
export function setAdmin(state: State, service: number, endpoint: number, admin: number, now: Millis): boolean {
  const seen = state.services[service].endpoints[endpoint];
  if (seen.admin === admin) return false;
  if (admin === Admin.Up) seen.upSince = now;
  seen.admin = admin;
  return true;
}
