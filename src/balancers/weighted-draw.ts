/**
 * The random choices that balancers share: which draw of the request is theirs, and an endpoint drawn by weight.
 * Exists so that a retry never repeats the draw of the attempt before it: with the same number over one endpoint
 * fewer, everything that failed at one endpoint would land on the same neighbour.
 */
import type { Passage } from "../model/arrival.ts";
import type { Pool } from "../model/balancer.ts";
import { draw, DrawOf } from "../model/draw.ts";

/** @param k 0 or 1: the draw within this attempt. */
export function drawOfAttempt(x: Passage, k: number): number {
  if (x.tried === 0) return draw(x.seed, DrawOf.Balance + k);
  return draw(x.seed, DrawOf.Retry + ((bitCount(x.tried) - 1) & 7) * 2 + k);
}

/** Draws among the eligible endpoints in proportion to weight. @param at in [0, 1). @param without is left out; -1 = none. */
export function drawByWeight(pool: Pool, at: number, without: number): number {
  let total = 0;
  for (let i = 0; i < pool.count; i++) {
    const endpoint = pool.eligible[i];
    if (endpoint !== without) total += pool.weights[endpoint];
  }
  let left = at * total;
  let last = -1;
  for (let i = 0; i < pool.count; i++) {
    const endpoint = pool.eligible[i];
    if (endpoint === without) continue;
    last = endpoint;
    left -= pool.weights[endpoint];
    if (left < 0) return endpoint;
  }
  return last;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
