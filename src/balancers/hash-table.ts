/**
 * The tables of consistent hashing: a ring and a Maglev table, built once per edit as Envoy builds them (checked against
 * its published tables), and rendezvous, whose short table is filled for each hash.
 * A table knows endpoints by index and is walked when one may not be picked.
 * Must not know requests, health or load.
 */
import { Word64, xxhash64 } from "./xxhash64.ts";

export interface HashTable {
  /** Endpoint that owns each slot. */
  readonly owners: Int32Array;
  /** Slot where a hash lands. What `owners` holds counts until the next call. */
  slot(hash: Word64): number;
}

/** An endpoint with a name that outlives edits. @field weight above 0 */
export interface TableEntry {
  readonly endpoint: number;
  readonly key: string;
  readonly weight: number;
}

/** Extreme weights must not make an edit slow: the table is built on every save. */
const MAXIMUM_RING = 1 << 16;

/**
 * Ketama-like ring: each endpoint stands at xxHash64(key_0), xxHash64(key_1), ... as often as its weight asks.
 * Source: Envoy, ring_hash_lb.cc. @param minimum at least so many points in all.
 */
export function ringTable(entries: readonly TableEntry[], minimum: number): HashTable & { readonly points: Word64[] } {
  const total = entries.reduce((sum, entry) => sum + entry.weight, 0);
  const least = Math.min(...entries.map((entry) => entry.weight)) / total;
  const scale = Math.min(Math.ceil(least * minimum) / least, MAXIMUM_RING);
  const placed: { point: Word64; endpoint: number; key: string }[] = [];
  let target = 0;
  for (const { endpoint, key, weight } of entries) {
    target += (scale * weight) / total;
    // A sum of fractions falls short of a whole by a hair: 0.1 + 0.2.
    for (let i = 0; placed.length < target - 1e-9; i++) {
      placed.push({ point: xxhash64(`${key}_${i}`, 0, new Word64()), endpoint, key });
    }
  }
  placed.sort((a, b) => a.point.compare(b.point.hi, b.point.lo) || (a.key < b.key ? -1 : 1));
  const points = placed.map(({ point }) => point);
  return {
    points,
    owners: Int32Array.from(placed, ({ endpoint }) => endpoint),
    slot(hash) {
      let low = 0;
      let high = points.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (points[middle].compare(hash.hi, hash.lo) < 0) low = middle + 1;
        else high = middle;
      }
      return low === points.length ? 0 : low;
    },
  };
}

/**
 * Maglev: every endpoint fills the slots of its own permutation in turn, so that shares are even to within a slot.
 * Sources: Eisenbud and others, "Maglev", NSDI 2016, section 3.4; Envoy, maglev_lb.cc. @param size prime.
 */
export function maglevTable(entries: readonly TableEntry[], size: number): HashTable {
  const owners = new Int32Array(size).fill(-1);
  const word = new Word64();
  // By name, so that the order in the file does not move anyone.
  const builders = entries
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ endpoint, key, weight }) => ({
      endpoint,
      weight,
      target: 0,
      at: xxhash64(key, 0, word).modulo(size),
      skip: xxhash64(key, 1, word).modulo(size - 1) + 1,
    }));
  const heaviest = Math.max(...entries.map((entry) => entry.weight));
  let filled = 0;
  for (let round = 1; filled < size && builders.length > 0; round++) {
    for (const builder of builders) {
      if (filled === size) break;
      // Lighter endpoints sit out rounds in proportion.
      if (round * builder.weight < builder.target) continue;
      builder.target += heaviest;
      while (owners[builder.at] >= 0) builder.at = (builder.at + builder.skip) % size;
      owners[builder.at] = builder.endpoint;
      builder.at = (builder.at + builder.skip) % size;
      filled++;
    }
  }
  return { owners, slot: (hash) => hash.modulo(size) };
}

/**
 * Rendezvous (highest random weight): every endpoint scores the hash, and they own it in the order of their scores. No
 * table to build, and whoever leaves gives only its own keys away; the price is one score per endpoint and request.
 * Sources: Thaler and Ravishankar 1998; weights by -w / ln(u), Schindelhauer and Schomaker 2005.
 */
export function rendezvousTable(entries: readonly TableEntry[]): HashTable {
  const owners = Int32Array.from(entries, ({ endpoint }) => endpoint);
  const scores = new Float64Array(entries.length);
  const names = entries.map(({ key }) => xxhash64(key, 0, new Word64()));
  return {
    owners,
    slot(hash) {
      for (let i = 0; i < entries.length; i++) {
        const score = -entries[i].weight / Math.log(fractionOf(hash, names[i]));
        let at = i;
        for (; at > 0 && scores[at - 1] < score; at--) {
          scores[at] = scores[at - 1];
          owners[at] = owners[at - 1];
        }
        scores[at] = score;
        owners[at] = entries[i].endpoint;
      }
      return 0;
    },
  };
}

/** Uniform in (0, 1), for one hash and one name. Mixer: MurmurHash3's 64-bit words through its 32-bit finaliser. */
function fractionOf(hash: Word64, name: Word64): number {
  let h = Math.imul(hash.lo ^ name.lo, 0x85ebca6b) ^ name.hi;
  h = Math.imul(h ^ (h >>> 13) ^ hash.hi, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h ^= h >>> 16;
  return ((h >>> 0) + 0.5) / 4294967296;
}
