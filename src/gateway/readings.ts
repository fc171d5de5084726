/**
 * The only clock and the only randomness of a gateway: read once per moment and handed on, so that they can be recorded.
 * Must not be read by anything that decides.
 */
import { randomFillSync } from "node:crypto";

/** Looked up once: the global is an accessor, and this is read with every event of a socket. */
const { performance } = globalThis;

/** Monotonic milliseconds. */
export function now(): number {
  return performance.now();
}

/** Epoch milliseconds. */
export function wallClock(): number {
  return Date.now();
}

const SEEDS = 1024;
const seeds = new Uint32Array(SEEDS);
let nextSeed = SEEDS;

/** One per request, recorded with it. Cut from a block: asking the generator for four bytes costs more than using them. */
export function seed(): number {
  if (nextSeed === SEEDS) {
    randomFillSync(seeds);
    nextSeed = 0;
  }
  return seeds[nextSeed++];
}
