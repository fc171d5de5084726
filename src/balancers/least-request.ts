/**
 * The endpoint with the fewest requests in flight: of two drawn by weight (power of two choices), or of all.
 * Two choices are nearly as even as all and do not send every newcomer to the same momentarily idle endpoint.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
 * Load is in flight / weight. A tie goes to the one drawn first, so that idle endpoints share by weight.
 */
import * as z from "zod/mini";
import type { Balancer, BalancerKind, Pool } from "../model/balancer.ts";
import { drawByWeight, drawOfAttempt } from "./weighted-draw.ts";

const config = z.strictObject({
  choices: z
    .prefault(z.union([z.literal(2), z.literal("all")]), 2)
    .check(z.meta({ description: "How many endpoints are compared: 2 drawn at random by weight, or all." })),
});

export type LeastRequestConfig = z.infer<typeof config>;

const SAMPLED = 1;
const BUSIER = 2;
const ONLY = 3;
const ALL = 4;

function load(pool: Pool, endpoint: number): number {
  return pool.states[endpoint].inFlight / pool.weights[endpoint];
}

const twoChoices: Balancer<null> = {
  pick(x, pool, _state, _now, note) {
    if (pool.count === 0) return -1;
    const first = drawByWeight(pool, drawOfAttempt(x, 0), -1);
    if (pool.count === 1) {
      note.put(ONLY, first, pool.states[first].inFlight);
      return first;
    }
    const second = drawByWeight(pool, drawOfAttempt(x, 1), first);
    const chosen = load(pool, second) < load(pool, first) ? second : first;
    const other = chosen === first ? second : first;
    note.put(SAMPLED, pool.states[chosen].inFlight, pool.states[other].inFlight);
    note.put(BUSIER, other, pool.states[other].inFlight);
    return chosen;
  },
};

/** The least loaded of all; among equals one is drawn by weight, else the first in the file would get every first request. */
const allChoices: Balancer<null> = {
  pick(x, pool, _state, _now, note) {
    let least = Infinity;
    let tiedWeight = 0;
    for (let i = 0; i < pool.count; i++) {
      const value = load(pool, pool.eligible[i]);
      if (value > least) continue;
      if (value < least) tiedWeight = 0;
      least = value;
      tiedWeight += pool.weights[pool.eligible[i]];
    }
    let left = drawOfAttempt(x, 0) * tiedWeight;
    let chosen = -1;
    for (let i = 0; i < pool.count && left >= 0; i++) {
      if (load(pool, pool.eligible[i]) !== least) continue;
      chosen = pool.eligible[i];
      left -= pool.weights[chosen];
    }
    if (chosen >= 0) note.put(ALL, pool.states[chosen].inFlight, pool.count);
    return chosen;
  },
};

export const leastRequest: BalancerKind<LeastRequestConfig, null> = {
  type: "LeastRequest",
  summary: "The less busy of two endpoints drawn by weight (power of two choices), or the least busy of all.",
  example: "type: LeastRequest\nchoices: 2",
  config,
  reasons: {
    sampled: (x, y) => `the less busy of two: ${x} in flight against ${y}, by weight`,
    busier: () => "the other of the two that were drawn",
    only: (x, y, label) => `${label(x)} was the only endpoint left, with ${y} in flight`,
    all: (x, y) => `${x} in flight, by weight the least of ${y === 1 ? "1 endpoint" : `${y} endpoints`}`,
  },
  brief(reason, x, y) {
    if (reason === "all") return `least request ${x}, of ${y}`;
    if (reason !== "sampled") return undefined;
    if (x < y) return `least request ${x} < ${y}`;
    // Idle ones are equal whatever they weigh; busy ones were compared by weight.
    return x === y && x === 0 ? "least request 0 = 0, drawn" : `least request ${x} to ${y}, by weight`;
  },
  concerns: (reason, x) => (reason === "busier" ? x : -1),
  state: () => null,
  compile: (settings) => (settings.choices === "all" ? allChoices : twoChoices),
};
