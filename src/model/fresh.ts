/**
 * State as it is before the first request. Both a first start and an edit that adds a slot begin here.
 * Must not look at any older state: keeping it over an edit is policyfile/carry's work.
 */
import type { PlanEndpoint } from "./endpoint.ts";
import type { Plan, PlanRoute, PlanService, PlanStep } from "./plan.ts";
import { freshKeyed } from "./keyed.ts";
import { Circuit, Life, Probe } from "./state.ts";
import type { CircuitState, EndpointState, SentState, ServiceState, Session, State } from "./state.ts";

export function freshEndpoint(endpoint: PlanEndpoint): EndpointState {
  return {
    admin: endpoint.admin,
    life: endpoint.managed === true ? Life.Starting : Life.Serving,
    lifeUntil: 0,
    exitCode: 0,
    probe: Probe.Unknown,
    probeStreak: 0,
    ejectedUntil: 0,
    ejections: 0,
    failures: 0,
    upSince: 0,
    inFlight: 0,
    picks: 0,
    failed: 0,
    latency: -1,
  };
}

export function freshService(service: PlanService): ServiceState {
  return {
    endpoints: service.endpoints.map(freshEndpoint),
    balancer: service.balancerKind.state(service.balancerConfig, service.endpoints),
    ...(service.circuitBreaker === undefined ? {} : { circuit: freshCircuit() }),
    ...(service.persistence?.type === "SourceAddress" ? { sessions: freshKeyed<Session>() } : {}),
  };
}

/** Slices of the window: what the oldest of them held leaves the count at once. */
const CIRCUIT_SLICES = 10;

export function freshCircuit(): CircuitState {
  const slices = () => new Array<number>(CIRCUIT_SLICES).fill(0);
  return {
    phase: Circuit.Closed,
    until: 0,
    period: 0,
    trials: 0,
    passed: 0,
    failedThen: 0,
    totalThen: 0,
    slices: slices(),
    well: slices(),
    failed: slices(),
  };
}

/** Slices of the window of a route's budgets. */
const SENT_SLICES = 10;

/** @returns undefined for a route that neither retries nor hedges by its policy. */
export function freshSent({ retry, hedge }: PlanRoute): SentState | undefined {
  if (retry === undefined && hedge === undefined) return undefined;
  const counts = () => new Array<number>(SENT_SLICES).fill(0);
  return { slices: counts(), requests: counts(), retries: counts(), hedges: counts() };
}

export function freshStep(step: PlanStep): unknown {
  return step.policy.state?.(step.config);
}

export function freshState(plan: Plan): State {
  return {
    steps: plan.steps.map(freshStep),
    services: plan.services.map(freshService),
    sent: plan.routes.map(freshSent),
  };
}
