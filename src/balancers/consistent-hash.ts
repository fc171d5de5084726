/**
 * The same key to the same endpoint, and as few keys as possible moved when endpoints come, go or fall ill.
 * An endpoint that may not be picked passes each of its keys on to whoever stands next in the table for that key, so
 * its share is spread and nobody else's moves. With `boundedLoad` a full endpoint passes on too.
 * Sources: Karger and others 1997; Mirrokni and others, "Consistent Hashing with Bounded Loads", 2018.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import type { Balancer, BalancerKind, Pool } from "../model/balancer.ts";
import type { Note } from "../model/decision.ts";
import { draw, DrawOf } from "../model/draw.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import { KEY_PATTERN, keyReader, type KeyReader } from "./hash-key.ts";
import { maglevTable, rendezvousTable, ringTable, type HashTable } from "./hash-table.ts";
import { drawByWeight, drawOfAttempt } from "./weighted-draw.ts";
import { Word64, xxhash64 } from "./xxhash64.ts";

const KEY_ERROR = "write what is hashed: client.ip, path, header.<name>, cookie.<name> or jwt.<claim>";

const config = z.strictObject({
  algorithm: z.prefault(z.enum(["ring", "maglev", "rendezvous"]), "ring").check(
    z.meta({
      description:
        "ring and rendezvous move the fewest keys when an endpoint comes or goes; maglev and rendezvous spread them most evenly. rendezvous compares all endpoints for each request.",
    }),
  ),
  on: z.prefault(z.string().check(z.regex(KEY_PATTERN, { error: KEY_ERROR })), "client.ip").check(
    z.meta({
      description: "What is hashed: client.ip, path, header.<name>, cookie.<name> or jwt.<claim>.",
      examples: ["client.ip", "header.x-user", "cookie.session", "path", "jwt.sub"],
    }),
  ),
  boundedLoad: z.optional(
    z
      .number()
      .check(z.gte(1, { error: "must be at least 1" }), z.lte(100, { error: "must be at most 100" }))
      .check(
        z.meta({
          description: "Most requests in flight at one endpoint, as a multiple of its fair share; absent = no bound.",
          examples: [1.25],
        }),
      ),
  ),
});

export type ConsistentHashConfig = z.infer<typeof config>;

/**
 * Points of the lightest endpoint. Per endpoint, not per ring: with a ring of fixed size every newcomer would also
 * take points away from the others, and move keys between endpoints that did not change.
 */
const RING_POINTS = 256;
/** Prime. */
const MAGLEV_SIZE = 65537;

const HOME = 1;
const MOVED = 2;
const FULL = 3;
const NO_KEY = 4;
const WARMING = 5;
const LONGEST_KEY_SHOWN = 64;

export class ConsistentHash implements Balancer<null> {
  readonly #table: HashTable;
  readonly #key: KeyReader;
  readonly #bound: number;
  readonly #hash = new Word64();

  constructor(table: HashTable, key: KeyReader, bound: number) {
    this.#table = table;
    this.#key = key;
    this.#bound = bound;
  }

  pick(x: Passage, pool: Pool, _state: null, _now: number, note: Note): number {
    if (pool.count === 0) return -1;
    const key = this.#key(x);
    if (key === undefined || this.#table.owners.length === 0) {
      const at = drawOfAttempt(x, 0);
      note.put(NO_KEY, at, pool.count);
      return drawByWeight(pool, at, -1);
    }
    const hash = xxhash64(key, 0, this.#hash);
    // Which part of the keys this one belongs to: an endpoint at 30% of its weight takes the keys below 0.3.
    return this.#walk(this.#table.slot(hash), draw(hash.hi ^ hash.lo, DrawOf.Balance), pool, note);
  }

  /**
   * From the key's slot to the first endpoint that may take it; each endpoint passed over is said. One that starts
   * slowly takes a growing part of its keys, and is the last resort for the rest.
   */
  #walk(start: number, part: number, pool: Pool, note: Note): number {
    const owners = this.#table.owners;
    const eligible = maskOf(pool);
    const perWeight = this.#bound > 0 ? (this.#bound * (inFlightOf(pool) + 1)) / weightOf(pool) : 0;
    let passed = 0;
    let warming = -1;
    for (let i = 0, slot = start; i < owners.length; i++, slot = slot + 1 === owners.length ? 0 : slot + 1) {
      const endpoint = owners[slot];
      const bit = 1 << endpoint;
      if ((passed & bit) !== 0) continue;
      const fits = (eligible & bit) !== 0;
      const room = Math.ceil(perWeight * pool.weights[endpoint]);
      const share = fits ? pool.weights[endpoint] / pool.endpoints[endpoint].weight : 0;
      if (fits && part >= share) {
        note.put(WARMING, endpoint, share);
        if (warming < 0) warming = endpoint;
      } else if (fits && (perWeight === 0 || pool.states[endpoint].inFlight < room)) {
        note.put(passed === 0 ? HOME : MOVED, passed === 0 ? endpoint : owners[start], slot);
        return endpoint;
      } else if (fits) note.put(FULL, endpoint, room);
      passed |= bit;
    }
    return warming;
  }
}

function maskOf(pool: Pool): number {
  let mask = 0;
  for (let i = 0; i < pool.count; i++) mask |= 1 << pool.eligible[i];
  return mask;
}

function inFlightOf(pool: Pool): number {
  let sum = 0;
  for (let i = 0; i < pool.count; i++) sum += pool.states[pool.eligible[i]].inFlight;
  return sum;
}

function weightOf(pool: Pool): number {
  let sum = 0;
  for (let i = 0; i < pool.count; i++) sum += pool.weights[pool.eligible[i]];
  return sum;
}

export function tableOf(algorithm: ConsistentHashConfig["algorithm"], endpoints: readonly PlanEndpoint[]): HashTable {
  const entries = endpoints
    .filter(({ weight }) => weight > 0)
    .map(({ index, host, port, weight }) => ({ endpoint: index, key: `${host}:${port}`, weight }));
  if (entries.length === 0) return { owners: new Int32Array(0), slot: () => 0 };
  if (algorithm === "maglev") return maglevTable(entries, MAGLEV_SIZE);
  if (algorithm === "rendezvous") return rendezvousTable(entries);
  const total = entries.reduce((sum, { weight }) => sum + weight, 0);
  const least = Math.min(...entries.map(({ weight }) => weight));
  return ringTable(entries, Math.floor((RING_POINTS * total) / least));
}

export const consistentHash: BalancerKind<ConsistentHashConfig, null> = {
  type: "ConsistentHash",
  summary: "The same client, header, cookie, path or claim goes to the same endpoint, with few moves on a change.",
  example: "type: ConsistentHash\nalgorithm: ring\non: client.ip",
  config,
  reasons: {
    home: (x, y, label) => `its key belongs to ${label(x)} (slot ${y})`,
    moved: (x, y, label) => `its key belongs to ${label(x)}, which could not take it: passed on to slot ${y}`,
    full: (x, y, label) => `${label(x)} was full: at most ${y} in flight by boundedLoad`,
    noKey: (x, y) =>
      `the request has no such key: drew ${x.toFixed(3)} of 1 over ${y === 1 ? "1 endpoint" : `${y} endpoints`}`,
    warming: (x, y, label) =>
      `${label(x)} starts slowly: it takes ${Math.round(y * 100)}% of its keys, not yet this one`,
  },
  brief(reason, _x, _y, seen, { on }) {
    if (reason !== "home" && reason !== "moved") return undefined;
    const key = keyReader(on)(seen);
    const words =
      key === undefined ? on : `${on.replace(/^(?:header|cookie)\./, "")}=${key.slice(0, LONGEST_KEY_SHOWN)}`;
    return `consistent hash ${words}${reason === "moved" ? ", passed on" : ""}`;
  },
  concerns: (reason, x) => (reason === "full" || reason === "warming" ? x : -1),
  state: () => null,
  compile: (settings, endpoints) =>
    new ConsistentHash(tableOf(settings.algorithm, endpoints), keyReader(settings.on), settings.boundedLoad ?? 0),
};
