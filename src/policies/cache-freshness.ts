/**
 * The two judgements of a shared cache (RFC 9111): may this answer be stored and for how long is it fresh, and may what is
 * held be used for this request. Both are functions of their arguments: the gateway asks the first when an answer comes,
 * the core the second when a request does, and a replay asks it again.
 * Must not store anything.
 */
import type { Arrival } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import type { CacheFact, CacheSource, LifetimeSource } from "../model/cache.ts";
import {
  ageOf,
  httpDate,
  NO_DIRECTIVES,
  parseDirectives,
  parseTargeted,
  secondsOf,
  type Directives,
} from "./cache-control.ts";

export type Held = Extract<CacheFact, { state: "held" }>;

// ---- Storing -----------------------------------------------------------------------------------------------------

/** Status codes that may be stored without explicit freshness (RFC 9110 section 15.1), 206 left out: ranges are left alone. */
const HEURISTIC: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
/** Whose meaning for caching this cache knows (`must-understand`, RFC 9111 section 5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410,
  411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 511,
]);
/** Share of the time since Last-Modified for which an answer is taken to be fresh (RFC 9111 section 4.2.2), and its bound. */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_MOST = 86_400;

/** An answer of a backend, with what of its request matters. Names of fields in lower case. */
export interface Answered {
  readonly method: string;
  /** Field of the request. */
  request(name: string): string | undefined;
  readonly status: number;
  /** Field of the answer. */
  field(name: string): string | undefined;
  /** Epoch milliseconds at which its head arrived, and for how long it had been waited for. */
  readonly wallClock: number;
  readonly delay: Millis;
  readonly now: Millis;
}

/** Why an answer is not stored. */
export type Unstorable =
  | "method"
  | "status"
  | "partial"
  | "no-store"
  | "request no-store"
  | "private"
  | "authorization"
  | "Vary: *"
  | "cookie"
  | "stale at once";

export interface Storable {
  readonly fact: Held;
  /** Lower-case names of the fields that select it. */
  readonly vary: readonly string[];
  /** Lower-case names of fields that may not be stored: arguments of `no-cache` and `private`. */
  readonly without: readonly string[];
}

/** RFC 9111 section 3. */
export function judgeAnswer(source: CacheSource, answer: Answered): Storable | Unstorable {
  const { status } = answer;
  if (answer.method !== "GET") return "method";
  if (status === 206) return "partial";
  if (status < 200 || status === 304 || status > 599) return "status";
  const targeted = parseTargeted(answer.field("cdn-cache-control"));
  const said = targeted ?? parseDirectives(answer.field("cache-control"));
  const understood = said.has("must-understand");
  if (understood && !UNDERSTOOD.has(status)) return "status";
  if (said.has("no-store") && !understood) return "no-store";
  if (parseDirectives(answer.request("cache-control")).has("no-store")) return "request no-store";
  // RFC 9111 section 5.2.2.7: with an argument it forbids only those fields.
  if (said.get("private") === "") return "private";
  const shared = said.has("public") || said.has("s-maxage") || said.has("must-revalidate");
  if (answer.request("authorization") !== undefined && !shared) return "authorization";
  const vary = fieldNames(answer.field("vary"));
  if (vary.includes("*")) return "Vary: *";
  const { lifetime, from } = lifetimeOf(source, answer, said, targeted !== undefined);
  if (from === "none" && !HEURISTIC.has(status) && !said.has("public")) return "status";
  // RFC 6265 says nothing of caches: a cookie is shared only by an answer that says for itself that it may be.
  if ((from === "ttl" || from === "heuristic") && answer.field("set-cookie") !== undefined) return "cookie";
  const fact = factOf(source, answer, said, lifetime, from);
  const useful = fact.validator !== "none" || (!fact.noCache && (fact.age < lifetime || fact.staleIfError > 0));
  if (!useful) return "stale at once";
  const without = [...fieldNames(said.get("no-cache")), ...fieldNames(said.get("private"))];
  return { fact, vary: [...new Set([...vary, ...source.vary])], without };
}

function fieldNames(list: string | undefined): string[] {
  if (list === undefined) return [];
  return list
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** RFC 9111 section 4.2.1. */
function lifetimeOf(
  source: CacheSource,
  answer: Answered,
  said: Directives,
  targeted: boolean,
): { lifetime: number; from: LifetimeSource } {
  const shared = secondsOf(said, "s-maxage");
  if (shared !== undefined) return { lifetime: shared, from: "s-maxage" };
  const own = secondsOf(said, "max-age");
  if (own !== undefined) return { lifetime: own, from: "max-age" };
  const { wallClock } = answer;
  const date = httpDate(answer.field("date"), wallClock) ?? wallClock;
  const expires = targeted ? undefined : answer.field("expires");
  if (expires !== undefined) {
    const until = httpDate(expires, wallClock);
    return { lifetime: until === undefined ? 0 : Math.max(0, (until - date) / 1000), from: "Expires" };
  }
  if (!HEURISTIC.has(answer.status) && !said.has("public")) return { lifetime: 0, from: "none" };
  if (source.ttl !== undefined) return { lifetime: source.ttl / 1000, from: "ttl" };
  const modified = httpDate(answer.field("last-modified"), wallClock);
  if (modified === undefined || modified > date) return { lifetime: 0, from: "none" };
  const lifetime = Math.min(HEURISTIC_MOST, ((date - modified) / 1000) * HEURISTIC_SHARE);
  return { lifetime, from: "heuristic" };
}

function factOf(source: CacheSource, answer: Answered, said: Directives, lifetime: number, from: LifetimeSource): Held {
  const { wallClock } = answer;
  const date = httpDate(answer.field("date"), wallClock) ?? wallClock;
  // RFC 9111 section 4.2.3.
  const apparent = Math.max(0, (wallClock - date) / 1000);
  const corrected = ageOf(answer.field("age")) + answer.delay / 1000;
  const mustRevalidate =
    said.has("must-revalidate") || said.has("proxy-revalidate") || said.has("s-maxage") || said.get("no-cache") === "";
  const stale = (name: string, otherwise: Millis) => secondsOf(said, name) ?? otherwise / 1000;
  const validator =
    answer.field("etag") !== undefined
      ? "ETag"
      : answer.field("last-modified") !== undefined
        ? "Last-Modified"
        : "none";
  return {
    state: "held",
    status: answer.status,
    storedAt: answer.now,
    storedWall: wallClock,
    age: Math.max(apparent, corrected),
    lifetime,
    from,
    noCache: said.get("no-cache") === "",
    mustRevalidate,
    staleWhileRevalidate: mustRevalidate ? 0 : stale("stale-while-revalidate", source.staleWhileRevalidate),
    staleIfError: mustRevalidate ? 0 : stale("stale-if-error", source.staleIfError),
    validator,
  };
}

// ---- Using -------------------------------------------------------------------------------------------------------

/** What is done with a request, and why. Numbers stand in traces: add only at the end. */
export const Use = {
  /** Answered from the store. */
  Hit: 1,
  /** The request accepts it stale (max-stale). */
  StaleAccepted: 2,
  /** Answered stale, and revalidated behind the client's back (RFC 5861 section 3). */
  StaleWhileRevalidate: 3,
  /** Held, but the backend is asked. */
  Stale: 4,
  NoCache: 5,
  RequestNoCache: 6,
  RequestMaxAge: 7,
  RequestMinFresh: 8,
  /** Nothing is held. */
  Miss: 9,
  OtherVariant: 10,
  /** Not asked. */
  Bypass: 11,
  RequestNoStore: 12,
} as const;

/** Seconds. The wall clock counts too, so that a machine that slept wakes with old answers; a jump back makes nothing younger. */
export function ageAt(held: Held, now: Millis, wallClock: number): number {
  return held.age + Math.max(0, now - held.storedAt, wallClock - held.storedWall) / 1000;
}

/** RFC 9111 section 4. @returns one of Use. */
export function judgeUse(fact: CacheFact | undefined, arrival: Arrival, now: Millis, wallClock: number): number {
  if (fact === undefined || fact.state === "bypass") return Use.Bypass;
  const asked = requestDirectives(arrival);
  if (asked.has("no-store")) return Use.RequestNoStore;
  if (fact.state === "none") return fact.variants > 0 ? Use.OtherVariant : Use.Miss;
  const age = ageAt(fact, now, wallClock);
  if (asked !== NO_DIRECTIVES) {
    if (asked.has("no-cache")) return Use.RequestNoCache;
    const most = secondsOf(asked, "max-age");
    if (most !== undefined && age > most) return Use.RequestMaxAge;
    const least = secondsOf(asked, "min-fresh");
    if (least !== undefined && fact.lifetime - age < least) return Use.RequestMinFresh;
  }
  if (fact.noCache) return Use.NoCache;
  if (age < fact.lifetime) return Use.Hit;
  if (fact.mustRevalidate) return Use.Stale;
  const tolerated = asked.get("max-stale");
  if (tolerated === "" || age - fact.lifetime <= (secondsOf(asked, "max-stale") ?? -1)) return Use.StaleAccepted;
  return age - fact.lifetime <= fact.staleWhileRevalidate ? Use.StaleWhileRevalidate : Use.Stale;
}

/** Whether the store answers. */
export function isAnswered(use: number): boolean {
  return use <= Use.StaleWhileRevalidate;
}

/** RFC 5861 section 4. */
export function servesOnError(held: Held, now: Millis, wallClock: number): boolean {
  return !held.noCache && !held.mustRevalidate && ageAt(held, now, wallClock) - held.lifetime <= held.staleIfError;
}

/** Pragma counts where there is no Cache-Control (RFC 9111 section 5.4). */
export function requestDirectives(arrival: Arrival): Directives {
  const said = arrival.header("cache-control");
  if (said !== undefined) return parseDirectives(said);
  const pragma = arrival.header("pragma");
  return pragma !== undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(pragma) ? ONLY_NO_CACHE : NO_DIRECTIVES;
}

const ONLY_NO_CACHE: Directives = new Map([["no-cache", ""]]);
