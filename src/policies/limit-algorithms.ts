/**
 * The arithmetic of rate limits: each algorithm is a few functions over two or three numbers per key.
 * Separate from the policy so that a reference model can be held against it. Must not know keys, config or words.
 */
import type { Millis } from "../model/basics.ts";

/** What one key has used. Which of the numbers mean what is the algorithm's own affair. */
export interface Usage {
  /** Bucket: the moment at which it is full again. Window: the moment at which the current one began. */
  at: Millis;
  /** Window: cost taken in the current one. */
  current: number;
  /** Sliding window: cost taken in the one before. */
  previous: number;
  /** Requests refused since the key appeared. */
  rejected: number;
  /** What was left when a person froze it, which is what is left until they end that; -1 = it is not frozen. */
  frozen: number;
}

export interface LimitShape {
  /** Most that can be taken at once. */
  readonly capacity: number;
  /** Most that can be taken per `per` in the long run. */
  readonly requests: number;
  readonly per: Millis;
}

export interface LimitAlgorithm {
  /** What may be taken now, fractional, from 0 to capacity. */
  left(shape: LimitShape, usage: Usage | undefined, now: Millis): number;
  /** Milliseconds until `cost` may be taken if nobody else takes; 0 = now; Infinity when cost exceeds the capacity. */
  wait(shape: LimitShape, usage: Usage | undefined, cost: number, now: Millis): Millis;
  /** Milliseconds until everything may be taken again. */
  full(shape: LimitShape, usage: Usage | undefined, now: Millis): Millis;
  take(shape: LimitShape, usage: Usage, cost: number, now: Millis): void;
  /** A usage by which `used` is taken at `now`: how a key is kept when its limit changes. */
  begin(shape: LimitShape, used: number, now: Millis): Usage;
}

/** Sums of fractions miss their goal by a little; no request is refused for this many milliseconds, or this much of a cost. */
const ROUNDING_MILLIS = 1e-4;
const ROUNDING = 1e-10;

/**
 * Token bucket in its generic-cell-rate form (ITU-T I.371): one moment is kept, that at which the bucket is full.
 * The leaky bucket as a meter is the same arithmetic with another capacity.
 */
export const bucket: LimitAlgorithm = {
  left({ capacity, requests, per }, usage, now) {
    if (usage === undefined || usage.at <= now) return capacity;
    return Math.max(0, capacity - ((usage.at - now) * requests) / per);
  },
  wait({ capacity, requests, per }, usage, cost, now) {
    if (cost > capacity) return Infinity;
    const missing = Math.max(0, (usage?.at ?? now) - now) + ((cost - capacity) * per) / requests;
    return missing <= ROUNDING_MILLIS ? 0 : missing;
  },
  full: (_shape, usage, now) => Math.max(0, (usage?.at ?? 0) - now),
  take({ requests, per }, usage, cost, now) {
    usage.at = Math.max(usage.at, now) + (cost * per) / requests;
  },
  begin: ({ requests, per }, used, now) => ({
    at: now + (used * per) / requests,
    current: 0,
    previous: 0,
    rejected: 0,
    frozen: -1,
  }),
};

/** Windows of fixed length; a key's first request opens one, so that not all keys start afresh at the same moment. */
export const fixedWindow: LimitAlgorithm = {
  left({ capacity, per }, usage, now) {
    if (usage === undefined || now - usage.at >= per) return capacity;
    return Math.max(0, capacity - usage.current);
  },
  wait(shape, usage, cost, now) {
    if (cost > shape.capacity) return Infinity;
    return fixedWindow.left(shape, usage, now) + ROUNDING >= cost ? 0 : fixedWindow.full(shape, usage, now);
  },
  full({ per }, usage, now) {
    return usage === undefined || usage.current === 0 ? 0 : Math.max(0, usage.at + per - now);
  },
  take({ per }, usage, cost, now) {
    // One in which nothing was taken was not opened by anybody.
    if (usage.current === 0 || now - usage.at >= per) {
      usage.at = now;
      usage.current = 0;
    }
    usage.current += cost;
  },
  begin: (_shape, used, now) => ({ at: now, current: used, previous: 0, rejected: 0, frozen: -1 }),
};

/**
 * Sliding window counter: what was taken in the window before counts by the share of it that is still within `per`
 * of now. Two numbers per key instead of a log of every request; windows lie at multiples of `per`.
 */
export const slidingWindow: LimitAlgorithm = {
  left(shape, usage, now) {
    return Math.max(0, shape.capacity - slidingUse(shape, usage, now));
  },
  wait(shape, usage, cost, now) {
    if (cost > shape.capacity) return Infinity;
    if (usage === undefined || slidingWindow.left(shape, usage, now) + ROUNDING >= cost) return 0;
    const room = shape.capacity - cost;
    const { start, current, previous } = rolled(shape, usage, now);
    // Within this window only the previous one fades; it suffices when the current one alone leaves room.
    if (current <= room) return Math.max(0, start + shape.per * (1 - (room - current) / previous) - now);
    return start + shape.per + shape.per * (1 - room / current) - now;
  },
  full(shape, usage, now) {
    if (usage === undefined) return 0;
    const { start, current, previous } = rolled(shape, usage, now);
    if (current > 0) return start + 2 * shape.per - now;
    return previous > 0 ? start + shape.per - now : 0;
  },
  take(shape, usage, cost, now) {
    const { start, current, previous } = rolled(shape, usage, now);
    usage.at = start;
    usage.current = current + cost;
    usage.previous = previous;
  },
  begin: ({ per }, used, now) => ({
    at: Math.floor(now / per) * per,
    current: used,
    previous: 0,
    rejected: 0,
    frozen: -1,
  }),
};

function rolled({ per }: LimitShape, usage: Usage, now: Millis): { start: Millis; current: number; previous: number } {
  const start = Math.floor(now / per) * per;
  if (start <= usage.at) return { start: usage.at, current: usage.current, previous: usage.previous };
  return { start, current: 0, previous: start - usage.at < per * 1.5 ? usage.current : 0 };
}

function slidingUse(shape: LimitShape, usage: Usage | undefined, now: Millis): number {
  if (usage === undefined) return 0;
  const { start, current, previous } = rolled(shape, usage, now);
  return current + previous * Math.min(1, Math.max(0, 1 - (now - start) / shape.per));
}

export const algorithms = { tokenBucket: bucket, slidingWindow, fixedWindow, leakyBucket: bucket } as const;

export type AlgorithmName = keyof typeof algorithms;
