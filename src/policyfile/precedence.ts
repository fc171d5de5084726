/**
 * The order in which matches are tried, most specific first, as the Gateway API orders them (HTTPRouteMatch and
 * HTTPRouteSpec.hostnames, v1): host name (exact, longer wildcard, shorter wildcard, any), then path (exact, prefix with
 * more segments, regex), then a method, then more headers, then more query parameters, then the order of the file.
 * Also finds matches that can never win. Must not look at a request.
 */
import type { PlanMatch, PlanRoute, RankedMatch } from "../model/plan.ts";

type Routes = readonly PlanRoute[];

/** What `order` needs of a route: it is called while routes are still being put together. */
export function orderOf(routes: Routes, listener: number): RankedMatch[] {
  const ranked: { entry: RankedMatch; rank: readonly number[] }[] = [];
  for (const route of routes) {
    if (!route.listeners.includes(listener)) continue;
    for (const [match, condition] of route.matches.entries()) {
      const ownRank = matchRank(condition);
      for (const [hostRank, hostnames] of hostGroups(route.hostnames)) {
        ranked.push({
          entry: { route: route.index, match, hostnames },
          rank: [hostRank, ...ownRank, -route.index, -match],
        });
      }
    }
  }
  return ranked.toSorted((a, b) => compareRanks(b.rank, a.rank)).map(({ entry }) => entry);
}

/** Host names of one rank stay together: they can never compete with each other within a route. */
function hostGroups(hostnames: readonly string[]): Map<number, readonly string[]> {
  if (hostnames.length === 0) return new Map([[0, []]]);
  const groups = new Map<number, readonly string[]>();
  for (const name of hostnames) {
    const rank = hostRank(name);
    groups.set(rank, [...(groups.get(rank) ?? []), name]);
  }
  return groups;
}

/** All exact names rank alike: two different ones never hold for the same request. */
function hostRank(hostname: string): number {
  return hostname.startsWith("*.") ? hostname.length : 1000;
}

function matchRank(match: PlanMatch): readonly number[] {
  return [...pathRank(match), match.methods.length > 0 ? 1 : 0, match.headers.length, match.query.length];
}

function pathRank({ path }: PlanMatch): readonly [number, number] {
  if (path.kind === "exact") return [2, 0];
  return path.kind === "prefix" ? [1, segmentCount(path.value)] : [0, 0];
}

function segmentCount(prefix: string): number {
  return prefix === "/" ? 0 : prefix.split("/").length - 1;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    if (value !== b[i]) return value - b[i];
  }
  return 0;
}

/** A match that can never be chosen, and the one that always is instead. */
export interface Shadowed {
  readonly route: number;
  readonly match: number;
  readonly by: RankedMatch;
}

/** Matches that on each of their listeners stand after one that holds whenever they do. */
export function shadowedMatches(routes: Routes, order: readonly (readonly RankedMatch[])[]): Shadowed[] {
  const reachable = new Set<string>();
  const shadowed = new Map<string, Shadowed>();
  for (const entries of order) {
    const before = new Map<string, RankedMatch[]>();
    for (const entry of entries) {
      const match = routes[entry.route].matches[entry.match];
      const identity = `${entry.route} ${entry.match}`;
      const rivals = coveringPaths(match).flatMap((key) => before.get(key) ?? []);
      const by = rivals.find((rival) => covers(routes, rival, entry));
      if (by === undefined) reachable.add(identity);
      else if (!shadowed.has(identity)) shadowed.set(identity, { route: entry.route, match: entry.match, by });
      const key = pathKey(match);
      const list = before.get(key);
      if (list === undefined) before.set(key, [entry]);
      else list.push(entry);
    }
  }
  return [...shadowed].filter(([identity]) => !reachable.has(identity)).map(([, found]) => found);
}

function pathKey({ path }: PlanMatch): string {
  return `${path.kind} ${path.value}`;
}

/** Keys of earlier paths that hold wherever this one does. Only prefixes rank before what they contain: regexes. */
function coveringPaths(match: PlanMatch): readonly string[] {
  const keys = [pathKey(match)];
  if (match.path.kind !== "regex") return keys;
  const literal = /[|?*{]/.test(match.path.value)
    ? ""
    : (/^\^?((?:\/[A-Za-z0-9_-]+)*)\//.exec(match.path.value)?.[1] ?? "");
  keys.push("prefix /");
  const segments = literal.split("/").slice(1);
  return [...keys, ...segments.map((_, i) => `prefix /${segments.slice(0, i + 1).join("/")}`)];
}

function covers(routes: Routes, earlier: RankedMatch, later: RankedMatch): boolean {
  const a = routes[earlier.route].matches[earlier.match];
  const b = routes[later.route].matches[later.match];
  return (
    (earlier.route !== later.route || earlier.match !== later.match) &&
    hostsCover(earlier.hostnames, later.hostnames) &&
    (a.methods.length === 0 || (b.methods.length > 0 && b.methods.every((method) => a.methods.includes(method)))) &&
    a.headers.every((one) => b.headers.some((other) => other.name === one.name && other.value === one.value)) &&
    a.query.every((one) => b.query.some((other) => other.name === one.name && other.value === one.value))
  );
}

function hostsCover(earlier: readonly string[], later: readonly string[]): boolean {
  if (earlier.length === 0) return true;
  if (later.length === 0) return false;
  return later.every((host) => earlier.some((name) => hostCovers(name, host)));
}

function hostCovers(name: string, host: string): boolean {
  if (name === host) return true;
  return name.startsWith("*.") && host.replace(/^\*/, "").endsWith(name.slice(1));
}
