/**
 * State as it is before the first request. Both a first start and an edit that adds a slot begin here.
 * Must not look at any older state: keeping it over an edit is policyfile/carry's work.
 */
import type { Plan, PlanEndpoint, PlanService, PlanStep } from "./plan.ts";
import { Life, Probe, type EndpointState, type ServiceState, type State } from "./state.ts";

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
  };
}

export function freshStep(step: PlanStep): unknown {
  return step.policy.state?.(step.config);
}

export function freshState(plan: Plan): State {
  return { steps: plan.steps.map(freshStep), services: plan.services.map(freshService) };
}
