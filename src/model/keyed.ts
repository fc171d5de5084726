/**
 * State per key (a bucket per caller): bounded, plain data, with least-recently-used eviction.
 * From half full on the order of the Map is the order of use: whatever was used while the second half filled outlives
 * what was not. What is evicted depends on nothing but what happened before, so replay evicts the same. Must not grow beyond its bound, whatever keys strangers send.
 */
import { xxHash32 } from "js-xxhash";

export interface Keyed<Value> {
  /** Least recently used first (from half full on). */
  readonly entries: Map<string, Value>;
}

/** Most keys that one limit keeps. */
export const MOST_KEYS = 100_000;

/** Longest key kept as it is; a longer one is cut and told apart by a hash, so that memory stays bounded. */
export const LONGEST_KEY = 128;

export function freshKeyed<Value>(): Keyed<Value> {
  return { entries: new Map() };
}

/** Reads without counting as use. */
export function lookUp<Value>(keyed: Keyed<Value>, key: string): Value | undefined {
  return keyed.entries.get(key);
}

/** The value of a key, which counts as used; made, and the least recently used evicted, when it is new. */
export function use<Value>(keyed: Keyed<Value>, key: string, make: () => Value, most = MOST_KEYS): Value {
  const { entries } = keyed;
  const known = entries.get(key);
  if (known !== undefined) {
    // Moving a key within a Map is dear; far from the bound nothing is evicted, and order does not matter yet.
    if (entries.size * 2 >= most) {
      entries.delete(key);
      entries.set(key, known);
    }
    return known;
  }
  if (entries.size >= most) {
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      break;
    }
  }
  const made = make();
  entries.set(key, made);
  return made;
}

export function boundedKey(key: string): string {
  if (key.length <= LONGEST_KEY) return key;
  return `${key.slice(0, LONGEST_KEY - 12)}...${xxHash32(key, 0).toString(16).padStart(8, "0")}`;
}
