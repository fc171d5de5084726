/**
 * What the cache policy asks to be looked up, and what the gateway says it holds: numbers and names, no bodies.
 * They are recorded with the request, so that a replay judges freshness by the same facts and the recorded clock.
 * Must not hold a stored answer: that is the gateway's.
 */
import type { Millis } from "./basics.ts";

/** How one cache finds and keeps answers; the same object for every request of a plan. */
export interface CacheSource {
  /** Where the policy stands ("route/catalog"): what is stored is carried over an edit by this. */
  readonly owner: string;
  /** Milliseconds for answers that say nothing about their freshness; undefined = by their Last-Modified. */
  readonly ttl: Millis | undefined;
  readonly methods: readonly string[];
  /** Lower-case names of request fields on which answers are taken to depend, beside their own Vary. */
  readonly vary: readonly string[];
  /** Milliseconds, for answers that do not say it themselves. */
  readonly staleWhileRevalidate: Millis;
  readonly staleIfError: Millis;
  /** Bytes of all that is stored. */
  readonly maxSize: number;
  readonly key: CacheKey;
}

/** Which parts of a request name what it asks for. */
export interface CacheKey {
  readonly host: boolean;
  readonly path: boolean;
  /** true = the whole query, false = none of it, else these parameters of it. */
  readonly query: boolean | readonly string[];
  readonly cookies: readonly string[];
}

/** From where the freshness lifetime of an answer comes (RFC 9111 section 4.2.1). */
export type LifetimeSource = "s-maxage" | "max-age" | "Expires" | "ttl" | "heuristic" | "none";

/** What the cache holds for a request. Times are monotonic unless they say otherwise. */
export type CacheFact =
  /** Not looked up. */
  | { readonly state: "bypass"; readonly why: BypassReason }
  | {
      readonly state: "none";
      /** Answers held for this URL that were selected by other request fields (RFC 9111 section 4.1). */
      readonly variants: number;
      /** What became of the request whose answer was waited for. */
      readonly waited?: "unsuitable" | "failed";
    }
  | {
      readonly state: "held";
      readonly status: number;
      readonly storedAt: Millis;
      /** Epoch milliseconds. */
      readonly storedWall: number;
      /** Seconds that it was old when it was stored (corrected_initial_age, RFC 9111 section 4.2.3). */
      readonly age: number;
      /** Seconds that it is fresh for. */
      readonly lifetime: number;
      readonly from: LifetimeSource;
      /** Never to be used without asking: no-cache. */
      readonly noCache: boolean;
      /** Never to be used stale: must-revalidate, proxy-revalidate, s-maxage. */
      readonly mustRevalidate: boolean;
      /** Seconds beyond its lifetime. */
      readonly staleWhileRevalidate: number;
      readonly staleIfError: number;
      /** It can be revalidated by this field. */
      readonly validator: "ETag" | "Last-Modified" | "none";
    };

/** Why the cache was not asked. */
export type BypassReason =
  | "method"
  | "range"
  | "precondition"
  | "upgrade"
  /** The policy's `methods` do not name it. */
  | "unlisted";
