/**
 * Keeps what lives (buckets, in-flight counts, health) over an edit of the policy file.
 * Slots are matched by identity (owner, kind and name; service name and url), never by position or address alone.
 * Must not drop an in-flight count: requests on their way settle against the pair that decided them, and an endpoint
 * that stays keeps its very EndpointState object, so both pairs count on the same one.
 */
import type { Millis } from "../model/basics.ts";
import type { Plan, PlanService, PlanStep } from "../model/plan.ts";
import { Admin, Life, type ServiceState, type State } from "../model/state.ts";
import { freshEndpoint, freshSent, freshService, freshStep } from "../model/fresh.ts";

/** @returns the state that belongs to `to`. `old` stays usable by requests that are still on their way. */
export function carry(old: State, from: Plan, to: Plan, now: Millis): State {
  const stepOf = new Map(from.steps.map((step) => [step.identity, step]));
  const serviceOf = new Map(from.services.map((service) => [service.name, service]));
  const routeOf = new Map(from.routes.map((route) => [route.name, route]));
  const serviceNow = new Map(to.services.map((service) => [service.name, service]));
  for (const service of from.services) dismiss(old, service, serviceNow.get(service.name), now);
  return {
    steps: to.steps.map((step) => carryStep(old, stepOf.get(step.identity), step, now)),
    services: to.services.map((service) => carryService(old, serviceOf.get(service.name), service, now)),
    // What was sent stays sent, whatever the budgets are now.
    sent: to.routes.map((route) => {
      const fresh = freshSent(route);
      const before = routeOf.get(route.name);
      return fresh && ((before === undefined ? undefined : old.sent[before.index]) ?? fresh);
    }),
  };
}

function carryStep(old: State, from: PlanStep | undefined, to: PlanStep, now: Millis): unknown {
  if (from === undefined || from.kind !== to.kind) return freshStep(to);
  const state = old.steps[from.index];
  if (state === undefined) return freshStep(to);
  if (sameValue(from.config, to.config)) return state;
  return to.policy.carry ? to.policy.carry(state, from.config, to.config, now) : freshStep(to);
}

function carryService(old: State, from: PlanService | undefined, to: PlanService, now: Millis): ServiceState {
  const before = from && old.services[from.index];
  if (from === undefined || before === undefined) return freshService(to);
  const kept = new Map(from.endpoints.map((endpoint) => [endpoint.url, endpoint]));
  const endpoints = to.endpoints.map((endpoint) => {
    const same = kept.get(endpoint.url);
    if (same === undefined) return { ...freshEndpoint(endpoint), upSince: now };
    const state = before.endpoints[same.index];
    // The file speaks again only where it changed its mind: a drain by hand outlives unrelated edits.
    if (same.admin !== endpoint.admin) {
      if (endpoint.admin === Admin.Up && state.admin !== Admin.Up) state.upSince = now;
      state.admin = endpoint.admin;
    }
    return state;
  });
  const { circuit, sessions } = freshService(to);
  const sameCircuit = sameValue(settingsOf(from.circuitBreaker), settingsOf(to.circuitBreaker));
  return {
    endpoints,
    balancer: carryBalancer(before, from, to),
    ...(circuit === undefined ? {} : { circuit: sameCircuit ? (before.circuit ?? circuit) : circuit }),
    ...(sessions === undefined ? {} : { sessions: before.sessions ?? sessions }),
  };
}

function settingsOf(breaker: PlanService["circuitBreaker"]) {
  return breaker && { ...breaker, source: undefined };
}

/**
 * Endpoints that `to` has no more get no further attempts of requests that were decided before; what is on its way there
 * may end until the service's `drain` is over.
 */
function dismiss(old: State, from: PlanService, to: PlanService | undefined, now: Millis): void {
  const stays = new Set(to?.endpoints.map((endpoint) => endpoint.url));
  for (const endpoint of from.endpoints) {
    const state = old.services[from.index]?.endpoints[endpoint.index];
    if (state === undefined || stays.has(endpoint.url)) continue;
    if (state.life !== Life.Leaving || state.lifeUntil === 0) state.lifeUntil = now + from.drain;
    state.life = Life.Leaving;
  }
}

function carryBalancer(before: ServiceState, from: PlanService, to: PlanService): unknown {
  const kind = to.balancerKind;
  const sameKind = kind.type === from.balancerKind.type && sameValue(from.balancerConfig, to.balancerConfig);
  if (sameKind && kind.carry) return kind.carry(before.balancer, from.endpoints, to.endpoints);
  const sameEndpoints =
    from.endpoints.length === to.endpoints.length &&
    to.endpoints.every((endpoint, i) => {
      const other = from.endpoints[i];
      return endpoint.url === other.url && endpoint.weight === other.weight;
    });
  if (sameKind && sameEndpoints) return before.balancer;
  return kind.state(to.balancerConfig, to.endpoints);
}

/** Deep equality of plain data. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length && keys.every((key) => key in right && sameValue(left[key], right[key]))
  );
}
