/**
 * Every route of the listener with the condition on which it lost, and the nearest misses of a 404.
 * Asks each condition by itself, in the order of precedence. Must not be used to choose: that is match.ts.
 */
import type { Arrival } from "../model/arrival.ts";
import type { Plan, PlanMatch, PlanRoute } from "../model/plan.ts";
import {
  failingHeader,
  failingQuery,
  hostnameRank,
  hostnameMatches,
  methodMatches,
  pathMatches,
  prefixWithoutSlash,
} from "./conditions.ts";
import { queryValue } from "./query.ts";
import type { RouteCandidate } from "./story.ts";

type Condition = RouteCandidate["condition"];

interface Judgement {
  readonly condition: Condition;
  readonly why: string;
  /** How near it came: conditions passed, then how much of the path agrees. */
  readonly nearness: number;
}

/**
 * @param chosen the route and match that won; -1, -1 when none did.
 * @returns one candidate per match of every route on the listener, in order of precedence.
 */
export function routeCandidates(
  plan: Plan,
  arrival: Arrival,
  chosen: { route: number; match: number },
): RouteCandidate[] {
  const seen = new Set<string>();
  const candidates: RouteCandidate[] = [];
  for (const { route, match } of plan.order[arrival.listener]) {
    const key = `${route}/${match}`;
    if (seen.has(key)) continue;
    seen.add(key);
    candidates.push(candidate(plan, arrival, route, match, chosen));
  }
  return candidates;
}

/** The matches that came nearest to a request that none took; one per route. */
export function nearestRoutes(plan: Plan, arrival: Arrival, most: number): { route: string; why: string }[] {
  const bestOf = new Map<number, { why: string; nearness: number }>();
  for (const { route, match } of plan.order[arrival.listener]) {
    const judged = judge(plan.routes[route], plan.routes[route].matches[match], arrival);
    const best = bestOf.get(route);
    if (best === undefined || judged.nearness > best.nearness) bestOf.set(route, judged);
  }
  return [...bestOf]
    .toSorted(([, a], [, b]) => b.nearness - a.nearness)
    .slice(0, most)
    .map(([route, { why }]) => ({ route: plan.routes[route].name, why }));
}

function candidate(
  plan: Plan,
  arrival: Arrival,
  route: number,
  match: number,
  chosen: { route: number; match: number },
): RouteCandidate {
  const conditions = plan.routes[route].matches[match];
  const layer4 = plan.routes[route].layer4 === true;
  const words = layer4 ? nameWords(plan.routes[route]) : matchWords(conditions);
  const shared = { route: plan.routes[route].name, match: words, source: conditions.source };
  if (route === chosen.route && match === chosen.match) {
    return { ...shared, verdict: "chosen", condition: "", why: whyChosen(plan.routes[route], conditions, arrival) };
  }
  const judged = judge(plan.routes[route], conditions, arrival);
  if (judged.condition !== "" || chosen.route < 0) return { ...shared, verdict: "lost", ...pickWords(judged) };
  const winner = plan.routes[chosen.route];
  const why = whyLess(plan.routes[route], conditions, winner, winner.matches[chosen.match], arrival);
  return { ...shared, verdict: "lost", condition: "precedence", why };
}

function pickWords({ condition, why }: Judgement): { condition: Condition; why: string } {
  return { condition, why };
}

function judge(route: PlanRoute, match: PlanMatch, arrival: Arrival): Judgement {
  const host = arrival.host ?? "";
  const path = arrival.path ?? "";
  const hostAgrees = hostnameRank(route.hostnames, host) >= 0;
  const pathAgrees = pathMatches(match.path, path);
  const header = failingHeader(match, arrival);
  const query = failingQuery(match, arrival);
  const method = methodMatches(match, arrival);
  const nearness =
    (hostAgrees ? 4 : 0) +
    (pathAgrees ? 4 : 2 * sharedShare(match, path)) +
    (method ? 1 : 0) +
    (header < 0 ? 0.5 : 0) +
    (query < 0 ? 0.5 : 0);
  const lost = (condition: Condition, why: string): Judgement => ({ condition, why, nearness });
  const asked = route.layer4 && host === "" ? "what was asked for: the client named no server" : host || "there";
  if (!hostAgrees) return lost("hostname", `hostname ${route.hostnames.join(", ")} is not ${asked}`);
  if (!pathAgrees) return lost("path", `path ${pathWords(match)} does not match ${path}`);
  if (!method) return lost("method", `method ${match.methods.join(" or ")} is not ${arrival.method ?? "there"}`);
  if (header >= 0) {
    const { name, value, hidden } = match.headers[header];
    const found = arrival.header(name);
    const words = hidden === true && found !== undefined ? "is another" : foundWords(found);
    return lost("header", `header ${name}: ${value} ${words}`);
  }
  if (query >= 0) {
    const { name, value } = match.query[query];
    return lost("query", `query ${name}=${value} ${foundWords(queryValue(arrival.query, name))}`);
  }
  return lost("", "matches");
}

function foundWords(found: string | undefined): string {
  if (found === undefined) return "is absent";
  return `is ${found.length > 80 ? `${found.slice(0, 80)}…` : found || "empty"}`;
}

/** 0..1: how many leading segments of the match's path the request shares; a wrong first segment gives some for likeness. */
function sharedShare(match: PlanMatch, path: string): number {
  if (match.path.kind === "regex") return 0;
  const wanted = prefixWithoutSlash(match.path.value).split("/");
  const asked = path.split("/");
  let shared = 0;
  while (shared < wanted.length && shared < asked.length && wanted[shared] === asked[shared]) shared++;
  const next = wanted[shared] ?? "";
  const given = asked[shared] ?? "";
  let letters = 0;
  while (letters < next.length && letters < given.length && next[letters] === given[letters]) letters++;
  return (shared + letters / (Math.max(next.length, given.length) + 1)) / (wanted.length + 1);
}

function pathWords(match: PlanMatch): string {
  return match.path.kind === "prefix" ? match.path.value : `${match.path.kind} ${match.path.value}`;
}

/** "GET POST, path prefix /orders, header x-api-version: 2" */
export function matchWords(match: PlanMatch): string {
  const words = match.methods.length > 0 ? [match.methods.join(" ")] : [];
  words.push(`path ${match.path.kind} ${match.path.value}`);
  for (const { name, value } of match.headers) words.push(`header ${name}: ${value}`);
  for (const { name, value } of match.query) words.push(`query ${name}=${value}`);
  return words.join(", ");
}

/** What a route of layer 4 looks at. */
function nameWords(route: PlanRoute): string {
  return route.hostnames.length === 0 ? "every connection" : `server name ${route.hostnames.join(", ")}`;
}

function whyChosen(route: PlanRoute, match: PlanMatch, arrival: Arrival): string {
  const hostname = bestHostname(route, arrival.host ?? "");
  if (route.layer4) return hostname === undefined ? "takes every connection" : `matches server name ${hostname}`;
  return hostname === undefined ? `matches ${matchWords(match)}` : `matches hostname ${hostname}, ${matchWords(match)}`;
}

function bestHostname(route: PlanRoute, host: string): string | undefined {
  const matching = route.hostnames.filter((hostname) => hostnameMatches(hostname, host));
  return matching.toSorted((a, b) => hostnameRank([b], host) - hostnameRank([a], host))[0];
}

const KIND_RANK = { exact: 2, prefix: 1, regex: 0 } as const;

/** On which rule of precedence one match that also fits lost to the winner. */
function whyLess(route: PlanRoute, match: PlanMatch, winner: PlanRoute, won: PlanMatch, arrival: Arrival): string {
  const host = arrival.host ?? "";
  if (hostnameRank(route.hostnames, host) < hostnameRank(winner.hostnames, host)) {
    return `less specific: hostname ${bestHostname(route, host) ?? "any"} against ${bestHostname(winner, host)}`;
  }
  if (KIND_RANK[match.path.kind] !== KIND_RANK[won.path.kind]) {
    return `less specific: ${match.path.kind} path against ${won.path.kind} path ${won.path.value}`;
  }
  if (match.path.kind === "prefix" && match.path.value.length < won.path.value.length) {
    return `less specific: prefix ${match.path.value} against the longer ${won.path.value}`;
  }
  if (match.methods.length === 0 && won.methods.length > 0)
    return `less specific: ${won.methods.join(" ")} is named by ${winner.name}`;
  if (match.headers.length < won.headers.length)
    return `less specific: ${match.headers.length} headers against ${won.headers.length}`;
  if (match.query.length < won.query.length) {
    return `less specific: ${match.query.length} query parameters against ${won.query.length}`;
  }
  return `as specific, but ${winner.name} stands earlier in the file`;
}
