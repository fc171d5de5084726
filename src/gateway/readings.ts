/**
 * The only clock and the only randomness of a gateway: read once per moment and handed on, so that they can be recorded.
 * Must not be read by anything that decides.
 */
import { randomInt } from "node:crypto";

/** Monotonic milliseconds. */
export function now(): number {
  return performance.now();
}

/** Epoch milliseconds. */
export function wallClock(): number {
  return Date.now();
}

/** One per request, recorded with it. */
export function seed(): number {
  return randomInt(0, 2 ** 32);
}
