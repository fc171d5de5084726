/**
 * State per key (a bucket per caller): bounded, plain data, in two generations. What is used moves into the young one;
 * when that is full it becomes the old one, and whatever was left in the old one goes. So the keys used last are kept,
 * eviction costs nothing per request (a Map finds its first key ever more slowly the more keys before it have gone), and
 * what is evicted depends on nothing but what happened before: replay evicts the same.
 * Must not grow beyond its bound, whatever keys strangers send.
 */
export interface Keyed<Value> {
  young: Map<string, Value>;
  old: Map<string, Value>;
}

/** Most keys that one limit keeps; the half of them that was used last is always among those kept. */
export const MOST_KEYS = 100_000;

/** Longest key kept as it is; a longer one is cut and told apart by a hash, so that memory stays bounded. */
export const LONGEST_KEY = 128;

export function freshKeyed<Value>(): Keyed<Value> {
  return { young: new Map(), old: new Map() };
}

/** Reads without counting as use. */
export function lookUp<Value>(keyed: Keyed<Value>, key: string): Value | undefined {
  return keyed.young.get(key) ?? keyed.old.get(key);
}

/** The value of a key, which counts as used; made when it is new. @param most at least 2. */
export function use<Value>(keyed: Keyed<Value>, key: string, make: () => Value, most = MOST_KEYS): Value {
  const known = keyed.young.get(key);
  if (known !== undefined) return known;
  const before = keyed.old.get(key);
  if (before !== undefined) keyed.old.delete(key);
  const value = before ?? make();
  if (keyed.young.size >= Math.floor(most / 2)) {
    keyed.old = keyed.young;
    keyed.young = new Map();
  }
  keyed.young.set(ownText(key), value);
  return value;
}

/** A piece of a request's head keeps the whole head alive for as long as it lives: a key that stays is a text of its own. */
function ownText(text: string): string {
  // Joining makes a new text when it is cut again.
  return ` ${text}`.slice(1);
}

/** @returns whether it was there. */
export function forget<Value>(keyed: Keyed<Value>, key: string): boolean {
  return keyed.young.delete(key) || keyed.old.delete(key);
}

export function sizeOf<Value>(keyed: Keyed<Value>): number {
  return keyed.young.size + keyed.old.size;
}

/** Every key with its value, those used longest ago first. */
export function* entriesOf<Value>(keyed: Keyed<Value>): Iterable<readonly [string, Value]> {
  yield* keyed.old;
  yield* keyed.young;
}

export function clear<Value>(keyed: Keyed<Value>): void {
  keyed.young.clear();
  keyed.old.clear();
}

export function boundedKey(key: string): string {
  if (key.length <= LONGEST_KEY) return key;
  return `${key.slice(0, LONGEST_KEY - 19)}...${digest(key)}`;
}

/** 64 bits in two lanes, 16 hexadecimal digits (FNV-1a over UTF-16 code units, two offsets and primes). */
function digest(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x27d4eb2f;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b);
    b ^= b >>> 13;
  }
  return (a >>> 0).toString(16).padStart(8, "0") + (b >>> 0).toString(16).padStart(8, "0");
}
