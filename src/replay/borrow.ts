/**
 * The state of one plan as another plan sees it: whatever both have is the very same object.
 * For requests that were decided by the one and end under the other. Must not change either state.
 */
import { freshEndpoint, freshSent, freshService, freshState, freshStep } from "../model/fresh.ts";
import type { Plan, PlanService } from "../model/plan.ts";
import type { ServiceState, State } from "../model/state.ts";
import { sameValue } from "../policyfile/carry.ts";

export function borrow(state: State, from: Plan, to: Plan): State {
  const stepOf = new Map(from.steps.map((step) => [step.identity, step]));
  const serviceOf = new Map(from.services.map((service) => [service.name, service]));
  const steps = to.steps.map((step) => {
    const same = stepOf.get(step.identity);
    return same !== undefined && sameValue(same.config, step.config) ? state.steps[same.index] : freshStep(step);
  });
  const services = to.services.map((service) => borrowService(state, serviceOf.get(service.name), service));
  const routeOf = new Map(from.routes.map((route) => [route.name, route]));
  const sent = to.routes.map((route) => {
    const same = routeOf.get(route.name);
    const fresh = freshSent(route);
    return fresh && ((same === undefined ? undefined : state.sent[same.index]) ?? fresh);
  });
  return { ...freshState(to), steps, services, sent };
}

function borrowService(state: State, from: PlanService | undefined, to: PlanService): ServiceState {
  const fresh = freshService(to);
  if (from === undefined) return fresh;
  const before = state.services[from.index];
  const indexOf = new Map(from.endpoints.map(({ url, index }) => [url, index]));
  const endpoints = to.endpoints.map((endpoint) => {
    const index = indexOf.get(endpoint.url);
    return index === undefined ? freshEndpoint(endpoint) : before.endpoints[index];
  });
  const sameBalancer =
    from.balancerKind.type === to.balancerKind.type &&
    sameValue(from.balancerConfig, to.balancerConfig) &&
    sameValue(
      [...indexOf.keys()],
      to.endpoints.map(({ url }) => url),
    );
  return {
    ...fresh,
    endpoints,
    balancer: sameBalancer ? before.balancer : fresh.balancer,
    ...(fresh.circuit === undefined || before.circuit === undefined ? {} : { circuit: before.circuit }),
    ...(fresh.sessions === undefined || before.sessions === undefined ? {} : { sessions: before.sessions }),
  };
}
