/**
 * What a service asks of balancing beside its algorithm: slow start, zones, sessions, circuit breaker, the bound on
 * requests in flight. From fields that are all right to their part of the Plan.
 * Must not check the shape of fields: their declarations do.
 */
import type { SourceRange } from "../model/basics.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import type { PlanLocality, PlanPersistence, PlanService } from "../model/plan.ts";
import { Word64, xxhash64 } from "../balancers/xxhash64.ts";
import type { BalancingConfig, ServiceConfig } from "./document.ts";
import type { Path } from "./tree.ts";

type Resilience = Pick<
  PlanService,
  "slowStart" | "locality" | "persistence" | "circuitBreaker" | "maxParallelRequests"
>;

/** @param range of a part of the service in the file. */
export function resilience(
  config: ServiceConfig,
  shared: BalancingConfig,
  name: string,
  endpoints: readonly PlanEndpoint[],
  range: (part: Path) => SourceRange,
): Resilience {
  const { sessionPersistence: sessions, circuitBreaker, maxParallelRequests } = config;
  const { slowStart, locality } = shared;
  return {
    ...(slowStart === undefined || slowStart === 0 ? {} : { slowStart }),
    ...(locality === undefined
      ? {}
      : { locality: localityOf(locality, endpoints, range(["loadBalancer", "locality"])) }),
    ...(sessions === undefined ? {} : { persistence: persistenceOf(sessions, name, range(["sessionPersistence"])) }),
    ...(circuitBreaker === undefined
      ? {}
      : { circuitBreaker: { ...circuitBreaker, source: range(["circuitBreaker"]) } }),
    ...(maxParallelRequests === undefined ? {} : { maxParallelRequests }),
  };
}

/**
 * What a session that stays at an endpoint carries. Opaque, so that no client learns an address from it or comes to
 * depend on one, and the same after every start and edit, so that sessions outlive both. Nothing secret hangs on it: all
 * that a forged one can do is to ask for a replica that the balancer might have chosen anyway.
 */
export function sessionToken(url: string): string {
  const { hi, lo } = xxhash64(url, 0, new Word64());
  return hi.toString(16).padStart(8, "0") + lo.toString(16).padStart(8, "0");
}

function persistenceOf(
  { type, name, ttl }: NonNullable<ServiceConfig["sessionPersistence"]>,
  service: string,
  source: SourceRange,
): PlanPersistence {
  const of = { Cookie: name ?? `sy_${service}`, Header: (name ?? "").toLowerCase(), SourceAddress: "" };
  return { type, name: of[type], ttl, source };
}

function localityOf(
  { zone, spillover, distances }: NonNullable<BalancingConfig["locality"]>,
  endpoints: readonly PlanEndpoint[],
  source: SourceRange,
): PlanLocality {
  const header = /^header\s+(\S+)$/.exec(zone)?.[1].toLowerCase();
  const served = [...new Set(endpoints.flatMap((endpoint) => endpoint.zone ?? []))];
  const named = Object.entries(distances).flatMap(([from, to]) => [from, ...Object.keys(to)]);
  const between = (a: string, b: string) =>
    a === b ? 0 : Math.min(distances[a]?.[b] ?? Infinity, distances[b]?.[a] ?? Infinity);
  const ranksFrom = (from: string) => {
    const steps = [...new Set(served.map((to) => between(from, to)))].toSorted((a, b) => a - b);
    return new Map(served.map((to) => [to, steps.indexOf(between(from, to))]));
  };
  return {
    ...(header === undefined ? { zone } : { header }),
    spillover,
    ranks: new Map([...new Set([...served, ...named])].map((from) => [from, ranksFrom(from)])),
    source,
  };
}
