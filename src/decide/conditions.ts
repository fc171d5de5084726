/**
 * The conditions of one match, each by itself: what the matcher asks quickly and the explanation asks one by one.
 * Must agree with the index of match.ts: a property test holds the two together.
 */
import type { Arrival } from "../model/arrival.ts";
import type { PathMatch } from "../model/path-match.ts";
import type { PlanMatch } from "../model/plan.ts";
import { queryValue } from "./query.ts";

/** A prefix counts by whole segments; its own trailing slash does not matter ("/a/" and "/a" are one prefix). */
export function prefixWithoutSlash(prefix: string): string {
  return prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
}

export function pathMatches(condition: PathMatch, path: string): boolean {
  switch (condition.kind) {
    case "exact":
      return path === condition.value;
    case "prefix": {
      const prefix = prefixWithoutSlash(condition.value);
      return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/");
    }
    case "regex":
      return condition.test(path);
  }
}

/** @param hostname lower case; "*.example.com" stands for one label or more in front, and not for example.com itself. */
export function hostnameMatches(hostname: string, host: string): boolean {
  if (!hostname.startsWith("*.")) return host === hostname;
  return host.length > hostname.length - 1 && host.endsWith(hostname.slice(1));
}

/** How specifically a route's hostnames name the host: the more the earlier it is asked. -1 = not at all. */
export function hostnameRank(hostnames: readonly string[], host: string): number {
  if (hostnames.length === 0) return 0;
  let best = -1;
  for (const hostname of hostnames) {
    if (!hostnameMatches(hostname, host)) continue;
    const rank = hostname.startsWith("*.") ? hostname.length : 1_000_000;
    if (rank > best) best = rank;
  }
  return best;
}

/** Method names are case-sensitive (RFC 9110 section 9.1). */
export function methodMatches(match: PlanMatch, arrival: Arrival): boolean {
  if (match.methods.length === 0 || match.methods.includes(arrival.method ?? "")) return true;
  return match.preflights === true && arrival.method === "OPTIONS" && asksFor(match, arrival);
}

/** A preflight (Fetch standard, "CORS protocol") asks on behalf of another method: the route of that one answers it. */
function asksFor(match: PlanMatch, arrival: Arrival): boolean {
  const wanted = arrival.header("access-control-request-method");
  return wanted !== undefined && arrival.header("origin") !== undefined && match.methods.includes(wanted.trim());
}

/** @returns the index of the first header condition that fails, or -1. */
export function failingHeader(match: PlanMatch, arrival: Arrival): number {
  const fields = match.headers;
  for (let i = 0; i < fields.length; i++) {
    const { name, value, test } = fields[i];
    const found = arrival.header(name);
    if (test === undefined ? found !== value : !test(found)) return i;
  }
  return -1;
}

/** @returns the index of the first query condition that fails, or -1. */
export function failingQuery(match: PlanMatch, arrival: Arrival): number {
  const fields = match.query;
  for (let i = 0; i < fields.length; i++) {
    if (queryValue(arrival.query, fields[i].name) !== fields[i].value) return i;
  }
  return -1;
}
