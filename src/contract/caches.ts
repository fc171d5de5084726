/**
 * What the gateway's caches hold, answer by answer, and how often they answered. Heads and bodies stay in the gateway.
 * Must hold plain JSON only.
 */
import type { Location } from "./location.ts";

/** One stored answer, or a URL whose answers are not stored. */
export interface CacheEntryView {
  readonly url: string;
  readonly state: "fresh" | "stale" | "uncacheable";
  /** Why: "12 s old, fresh for 60 s (max-age)". */
  readonly sentence: string;
  readonly status: number;
  readonly size: number;
  readonly hits: number;
  /** Names of request fields that select it. */
  readonly selectors: readonly string[];
}

export interface CacheView {
  /** What `purgeCache` takes. */
  readonly identity: string;
  /** "route catalog" */
  readonly owner: string;
  readonly bytes: number;
  readonly maxSize: number;
  readonly count: number;
  /** Since the cache is there: answered from it, and sent on. */
  readonly hits: number;
  readonly misses: number;
  /** Latest used first, then what is not stored; at most as many as asked for. */
  readonly entries: readonly CacheEntryView[];
  readonly location?: Location;
}

export interface CachesView {
  readonly at: number;
  readonly caches: readonly CacheView[];
}
