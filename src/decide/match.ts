/**
 * Which route a request takes, by Gateway API precedence: most specific hostname, then exact path, longest prefix,
 * regex, method, most headers, most query parameters, file order (plan.order).
 * Two hundred routes must not cost more than two: routes are found by host and path, not tried one after another.
 *
 * Paths are compared byte by byte in the form that path.ts gives them, which is the form that is forwarded: the
 * path that was judged is the path that the backend gets.
 */
import type { Arrival } from "../model/arrival.ts";
import { Mark, type Decision } from "../model/decision.ts";
import type { Plan, PlanMatch } from "../model/plan.ts";
import { failingHeader, failingQuery, methodMatches, prefixWithoutSlash } from "./conditions.ts";

interface Ranked {
  readonly route: number;
  readonly match: number;
  readonly conditions: PlanMatch;
}

/** The matches that one hostname leads to, each list in order of precedence. */
interface Bucket {
  readonly exact: Map<string, Ranked[]>;
  /** By prefix without its trailing slash. */
  readonly prefixes: Map<string, Ranked[]>;
  /** hasLength[n] is true when some prefix is n long: spares cutting the path where none can match. */
  readonly hasLength: boolean[];
  readonly regexes: Ranked[];
}

interface ListenerIndex {
  readonly hosts: Map<string, Bucket>;
  /** "*.example.com" stands under ".example.com". */
  readonly suffixes: Map<string, Bucket>;
  readonly any: Bucket;
  readonly routes: number;
}

const indexes = new WeakMap<Plan, ListenerIndex[]>();

/** Sets out.route and out.match and marks the trace. @returns false when no route of the listener matches. */
export function matchRoute(plan: Plan, arrival: Arrival, out: Decision): boolean {
  let perListener = indexes.get(plan);
  if (perListener === undefined) indexes.set(plan, (perListener = plan.order.map((_, i) => indexListener(plan, i))));
  const index = perListener[arrival.listener];
  const found = findByHost(index, arrival);
  if (found === undefined) return false;
  out.route = found.route;
  out.match = found.match;
  out.trace.mark(Mark.Route, found.route, found.match, index.routes, 0);
  return true;
}

function findByHost(index: ListenerIndex, arrival: Arrival): Ranked | undefined {
  const host = arrival.host ?? "";
  const path = arrival.path ?? "";
  if (index.hosts.size > 0) {
    const bucket = index.hosts.get(host);
    const found = bucket && findByPath(bucket, path, arrival);
    if (found !== undefined) return found;
  }
  if (index.suffixes.size > 0) {
    for (let dot = host.indexOf(".", 1); dot > 0; dot = host.indexOf(".", dot + 1)) {
      const bucket = index.suffixes.get(host.slice(dot));
      const found = bucket && findByPath(bucket, path, arrival);
      if (found !== undefined) return found;
    }
  }
  return findByPath(index.any, path, arrival);
}

function findByPath(bucket: Bucket, path: string, arrival: Arrival): Ranked | undefined {
  const exact = bucket.exact.size > 0 ? bucket.exact.get(path) : undefined;
  const found = exact && firstOf(exact, arrival);
  if (found !== undefined) return found;
  for (let end = path.length; end >= 0; end = end === 0 ? -1 : path.lastIndexOf("/", end - 1)) {
    if (!bucket.hasLength[end]) continue;
    const group = bucket.prefixes.get(end === path.length ? path : path.slice(0, end));
    const byPrefix = group && firstOf(group, arrival);
    if (byPrefix !== undefined) return byPrefix;
  }
  for (const ranked of bucket.regexes) {
    const condition = ranked.conditions.path;
    if (condition.kind === "regex" && condition.test(path) && holds(ranked.conditions, arrival)) return ranked;
  }
  return undefined;
}

function firstOf(group: readonly Ranked[], arrival: Arrival): Ranked | undefined {
  for (let i = 0; i < group.length; i++) if (holds(group[i].conditions, arrival)) return group[i];
  return undefined;
}

function holds(conditions: PlanMatch, arrival: Arrival): boolean {
  return (
    methodMatches(conditions, arrival) &&
    failingHeader(conditions, arrival) < 0 &&
    failingQuery(conditions, arrival) < 0
  );
}

function indexListener(plan: Plan, listener: number): ListenerIndex {
  const index: ListenerIndex = {
    hosts: new Map(),
    suffixes: new Map(),
    any: emptyBucket(),
    routes: new Set(plan.order[listener].map((ranked) => ranked.route)).size,
  };
  for (const { route, match, hostnames } of plan.order[listener]) {
    const ranked: Ranked = { route, match, conditions: plan.routes[route].matches[match] };
    if (hostnames.length === 0) addTo(index.any, ranked);
    for (const hostname of new Set(hostnames)) {
      const wildcard = hostname.startsWith("*.");
      const buckets = wildcard ? index.suffixes : index.hosts;
      const key = wildcard ? hostname.slice(1) : hostname;
      let bucket = buckets.get(key);
      if (bucket === undefined) buckets.set(key, (bucket = emptyBucket()));
      addTo(bucket, ranked);
    }
  }
  return index;
}

function emptyBucket(): Bucket {
  return { exact: new Map(), prefixes: new Map(), hasLength: [], regexes: [] };
}

function addTo(bucket: Bucket, ranked: Ranked): void {
  const condition = ranked.conditions.path;
  if (condition.kind === "regex") {
    bucket.regexes.push(ranked);
    return;
  }
  const groups = condition.kind === "exact" ? bucket.exact : bucket.prefixes;
  const key = condition.kind === "exact" ? condition.value : prefixWithoutSlash(condition.value);
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [ranked]);
  else group.push(ranked);
  if (condition.kind === "prefix") {
    while (bucket.hasLength.length <= key.length) bucket.hasLength.push(false);
    bucket.hasLength[key.length] = true;
  }
}
