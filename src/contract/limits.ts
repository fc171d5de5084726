/**
 * The buckets of rate limits and quotas as they stand now, and what a person may do to one of them.
 * Must hold plain JSON only.
 */
import type { Location } from "./location.ts";
import type { Stamp } from "./stamp.ts";

export interface LimitKeyView {
  readonly key: string;
  readonly left: number;
  readonly capacity: number;
  /** Milliseconds from `at` until one more is admitted; 0 = now. */
  readonly nextIn: number;
  readonly fullIn: number;
  readonly rejected: number;
  /** A person froze it: it neither refills nor empties. */
  readonly frozen?: boolean;
}

/** What a person does to one bucket. */
export type BucketChange =
  | { readonly kind: "reset" | "freeze" | "thaw" }
  /** 0 to the bucket's capacity. */
  | { readonly kind: "set"; readonly left: number };

/** `undoBucket` takes the token back until then, epoch milliseconds. */
export interface BucketUndo {
  readonly token: number;
  readonly until: number;
  readonly undoable: boolean;
}

/** Ends with the gateway. */
export interface FrozenBucket {
  readonly identity: string;
  readonly name: string;
  readonly key: string;
}

export interface LimitView {
  /** Step identity: what `changeBucket` takes. */
  readonly identity: string;
  readonly name: string;
  readonly owner: string;
  readonly algorithm: string;
  /** "20 per 1m by jwt.sub" */
  readonly text: string;
  readonly capacity: number;
  /** Refill per second. */
  readonly perSecond: number;
  /** Emptiest first, at most as many as asked for. */
  readonly keys: readonly LimitKeyView[];
  readonly keyCount: number;
  readonly emptyCount: number;
  /** Its buckets can be frozen and set; else they can be reset only. */
  readonly adjustable?: boolean;
  readonly location?: Location;
}

/** Epoch milliseconds `at` lets the view run its countdowns by itself. */
export interface LimitsView {
  readonly stamp: Stamp;
  readonly at: number;
  /** Why quotas are not kept over a restart. */
  readonly problem?: string;
  readonly limits: readonly LimitView[];
}
