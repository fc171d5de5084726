/**
 * Services with their replicas, and routes, as the trees show them: rates, shares, and a sentence for each health.
 * Must not judge health: it words what the core's state holds.
 */
import type { EndpointView, RouteView, ServiceView } from "../../contract/services.ts";
import { circuitCounts } from "../../decide/circuit.ts";
import { exitWords } from "../../decide/exclusions.ts";
import { millisWords } from "../../decide/words.ts";
import type { Millis } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { PlanCircuitBreaker, PlanRoute, PlanService } from "../../model/plan.ts";
import { Admin, Circuit, Life, Probe } from "../../model/state.ts";
import type { CircuitState, EndpointState, ServiceState, State } from "../../model/state.ts";
import type { EndpointRecord } from "../record/endpoint-record.ts";
import { grpcWords } from "../record/grpc-status.ts";
import { locationOf } from "../record/location.ts";
import type { PlanPage } from "../record/plan-book.ts";
import { RATE_SECONDS } from "../record/rates.ts";
import type { Recorder } from "../record/recorder.ts";
import { routeLatencies } from "./route-latency.ts";

/** What stands beside plan and state. */
export interface Beside {
  /** What is simulated on a replica, in words. */
  simulation(service: string, url: string): string | undefined;
  /** How many replicas there are to be; undefined where the gateway does not run them. */
  scale(service: string): number | undefined;
}

export function serviceViews({ plan, endpoints }: PlanPage, state: State, now: Millis, beside: Beside): ServiceView[] {
  return plan.services.map((service) => {
    const rates = endpoints[service.index];
    const hits = rates.map((rate) => rate.recent(now, RATE_SECONDS).hits);
    const sum = hits.reduce((total, each) => total + each, 0);
    const views = service.endpoints.map((endpoint) =>
      endpointView(service, endpoint, state.services[service.index].endpoints[endpoint.index], {
        now,
        perSecond: rounded(rates[endpoint.index].perSecond(now)),
        share: sum === 0 ? 0 : rounded(hits[endpoint.index] / sum),
        record: rates[endpoint.index],
        simulation: beside.simulation(service.name, endpoint.url),
      }),
    );
    const scale = beside.scale(service.name);
    const sentence = boundsOf(service, state.services[service.index], now);
    return {
      name: service.name,
      ...(sentence === undefined ? {} : { sentence }),
      ...(scale === undefined ? {} : { scale }),
      algorithm: service.balancerKind.type,
      healthy: views.filter(isHealthy).length,
      total: views.length,
      perSecond: rounded(rates.reduce((total, rate) => total + rate.perSecond(now), 0)),
      endpoints: views,
      location: locationOf(service.source),
    };
  });
}

/** "orders 2/3" for each service that has fewer healthy replicas than replicas. */
export function unhealthyServices(services: readonly ServiceView[]): string[] {
  return services.filter((s) => s.healthy < s.total).map((s) => `${s.name} ${s.healthy}/${s.total}`);
}

function isHealthy(view: EndpointView): boolean {
  return view.health === "up" || view.health === "unknown";
}

/** By model Admin. */
const ADMIN = ["Up", "Drain", "Maintenance"] as const;

interface Measured {
  readonly now: Millis;
  readonly perSecond: number;
  readonly share: number;
  readonly record: EndpointRecord;
  readonly simulation: string | undefined;
}

function endpointView(
  service: PlanService,
  endpoint: PlanEndpoint,
  state: EndpointState,
  { now, perSecond, share, record, simulation }: Measured,
): EndpointView {
  const { health, sentence } = healthOf(service, state, record, now);
  return {
    index: endpoint.index,
    label: endpoint.label,
    url: endpoint.url,
    health,
    sentence,
    inFlight: state.inFlight,
    weight: endpoint.weight,
    latency: tenths(state.latency),
    perSecond,
    share,
    p50: tenths(record.durations.percentile(now, 0.5)),
    p95: tenths(record.durations.percentile(now, 0.95)),
    history: record.history(now),
    admin: ADMIN[state.admin],
    managed: endpoint.managed === true,
    ...(simulation === undefined ? {} : { simulation }),
    location: locationOf(endpoint.source),
  };
}

function tenths(millis: Millis): number {
  return millis < 0 ? -1 : Math.round(millis * 10) / 10;
}

/** What bounds the service as a whole, with its numbers. */
function boundsOf(service: PlanService, { circuit, endpoints }: ServiceState, now: Millis): string | undefined {
  const parts: string[] = [];
  const { circuitBreaker, maxParallelRequests } = service;
  if (circuit !== undefined && circuitBreaker !== undefined) parts.push(circuitWords(circuit, circuitBreaker, now));
  if (maxParallelRequests !== undefined) {
    const inFlight = endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
    parts.push(`${inFlight} of at most ${maxParallelRequests} requests in flight`);
  }
  return parts.length === 0 ? undefined : parts.join("; ");
}

function circuitWords(circuit: CircuitState, settings: PlanCircuitBreaker, now: Millis): string {
  const { failedThen, totalThen, until, phase, trials, passed } = circuit;
  const why = `${failedThen} of ${count(totalThen, "attempt")} failed`;
  if (phase === Circuit.Open && now < until) {
    return `circuit breaker open: ${why}, a trial in ${millisWords(until - now)}`;
  }
  if (phase === Circuit.Open) return `circuit breaker open: ${why}, the next request is a trial`;
  if (phase === Circuit.HalfOpen)
    return `circuit breaker half-open: ${count(trials, "trial")} on the way, ${passed} went well`;
  const { failed, total } = circuitCounts(circuit, settings, now);
  return `circuit breaker closed: ${failed} of ${count(total, "attempt")} failed in the last ${millisWords(settings.window)}`;
}

function healthOf(
  service: PlanService,
  state: EndpointState,
  { lastGrpc }: EndpointRecord,
  now: Millis,
): Pick<EndpointView, "health" | "sentence"> {
  if (state.life !== Life.Serving) return lifeOf(state, now);
  if (state.admin === Admin.Maintenance) return { health: "maintenance", sentence: "in maintenance: gets no requests" };
  if (state.admin === Admin.Drain) return { health: "drain", sentence: "draining: gets no new requests" };
  const last = lastGrpc === 0 ? "" : ` (the last one gRPC status ${grpcWords(lastGrpc)})`;
  if (state.ejectedUntil > now) {
    const back = millisWords(state.ejectedUntil - now);
    return {
      health: "ejected",
      sentence: `ejected, back in ${back} after ${count(service.passive.consecutive5xx, "failure")}${last}`,
    };
  }
  if (state.probe === Probe.Down) return { health: "down", sentence: "down: its health check fails" };
  const failing = state.failures > 0 ? `, ${count(state.failures, "failure")} in a row${last}` : "";
  if (state.probe === Probe.Up) return { health: "up", sentence: `up${failing}` };
  if (service.active !== undefined) return { health: "unknown", sentence: `not probed yet, gets requests${failing}` };
  if (state.latency < 0 && state.failed === 0) return { health: "unknown", sentence: "no request yet" };
  return { health: "up", sentence: `up${failing}` };
}

function lifeOf(state: EndpointState, now: Millis): Pick<EndpointView, "health" | "sentence"> {
  switch (state.life) {
    case Life.Starting:
      return { health: "starting", sentence: "starting: gets requests once it is healthy" };
    case Life.Restarting: {
      const sentence = `restarting in ${millisWords(state.lifeUntil - now)} after ${exitWords(state.exitCode)}`;
      return { health: "restarting", sentence };
    }
    case Life.Forbidden:
      return { health: "forbidden", sentence: "not started: commands of this policy file may not be run here" };
    default: {
      const left = state.inFlight === 0 ? "nothing left to end" : `${count(state.inFlight, "request")} may still end`;
      return { health: "leaving", sentence: `leaving: ${left}` };
    }
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export function routeViews({ plan, routes, revision }: PlanPage, now: Millis, recorder: Recorder): RouteView[] {
  const p95 = routeLatencies(recorder, revision, now);
  return plan.routes.map((route) => {
    const rate = routes[route.index];
    return {
      name: route.name,
      summary: summaryOf(route),
      perSecond: rounded(rate.perSecond(now)),
      rejectedShare: rounded(rate.refusedShare(now, 60)),
      ...(p95.has(route.index) ? { p95: p95.get(route.index) } : {}),
      total: rate.total,
      location: locationOf(route.source),
    };
  });
}

/** "GET POST /orders", "any /" */
function summaryOf(route: PlanRoute): string {
  if (route.layer4) return route.hostnames.length === 0 ? "every connection" : route.hostnames.join(" ");
  const matches = route.matches.map(({ methods, path }) => {
    const words = path.kind === "regex" ? `~${path.value}` : path.kind === "exact" ? `=${path.value}` : path.value;
    return [...methods, words].join(" ");
  });
  const host = route.hostnames.length === 0 ? "" : `${route.hostnames.join(" ")} `;
  return `${host}${matches.join(", ")}`;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
