/**
 * Rolling counts by the second: what "per second", "share refused" and "p95" on every surface come from.
 * They are counted when a request ends, so that showing them costs nothing per row.
 * Must not read a clock: times are handed in.
 */
import type { Millis } from "../../model/basics.ts";

/** Seconds that are remembered. */
const SPAN = 64;
/** The rate that is shown looks back this far. */
export const RATE_SECONDS = 10;

/** Counts of one thing (gateway, route, endpoint). */
export class Rate {
  private readonly seconds = new Float64Array(SPAN).fill(-1);
  private readonly hits = new Uint32Array(SPAN);
  private readonly refused = new Uint32Array(SPAN);
  total = 0;

  count(now: Millis, refused: boolean): void {
    const second = Math.floor(now / 1000);
    const slot = modulo(second, SPAN);
    if (this.seconds[slot] !== second) {
      this.seconds[slot] = second;
      this.hits[slot] = this.refused[slot] = 0;
    }
    this.hits[slot]++;
    if (refused) this.refused[slot]++;
    this.total++;
  }

  /** Requests in the `seconds` up to now. */
  recent(now: Millis, seconds: number): { hits: number; refused: number } {
    const current = Math.floor(now / 1000);
    let hits = 0;
    let refused = 0;
    for (let slot = 0; slot < SPAN; slot++) {
      const age = current - this.seconds[slot];
      if (this.seconds[slot] === -1 || age < 0 || age >= seconds) continue;
      hits += this.hits[slot];
      refused += this.refused[slot];
    }
    return { hits, refused };
  }

  perSecond(now: Millis): number {
    // The running second is not over: its share of the window is what has passed of it.
    const span = RATE_SECONDS - 1 + (now / 1000 - Math.floor(now / 1000));
    return this.recent(now, RATE_SECONDS).hits / span;
  }

  refusedShare(now: Millis, seconds: number): number {
    const { hits, refused } = this.recent(now, seconds);
    return hits === 0 ? 0 : refused / hits;
  }
}

/** Eight bins per doubling from 1/16 ms to over an hour: a percentile is within 9%. */
const BINS = 208;
const LOWEST = 0.0625;

/** Durations of the last ten seconds. */
export class Durations {
  private readonly seconds = new Float64Array(RATE_SECONDS).fill(-1);
  private readonly bins = Array.from({ length: RATE_SECONDS }, () => new Uint32Array(BINS));

  count(now: Millis, duration: Millis): void {
    const second = Math.floor(now / 1000);
    const slot = modulo(second, RATE_SECONDS);
    if (this.seconds[slot] !== second) {
      this.seconds[slot] = second;
      this.bins[slot].fill(0);
    }
    this.bins[slot][binOf(duration)]++;
  }

  /** @param share 0..1. @returns milliseconds, or -1 when nothing was counted. */
  percentile(now: Millis, share: number): Millis {
    const current = Math.floor(now / 1000);
    const sum = new Uint32Array(BINS);
    let total = 0;
    for (let slot = 0; slot < RATE_SECONDS; slot++) {
      const age = current - this.seconds[slot];
      if (this.seconds[slot] === -1 || age < 0 || age >= RATE_SECONDS) continue;
      for (let k = 0; k < BINS; k++) {
        sum[k] += this.bins[slot][k];
        total += this.bins[slot][k];
      }
    }
    if (total === 0) return -1;
    let below = 0;
    for (let k = 0; k < BINS; k++) {
      below += sum[k];
      if (below >= share * total) return LOWEST * 2 ** ((k + 0.5) / 8);
    }
    return LOWEST * 2 ** (BINS / 8);
  }
}

function binOf(duration: Millis): number {
  if (!(duration > LOWEST)) return 0;
  return Math.min(BINS - 1, Math.floor(Math.log2(duration / LOWEST) * 8));
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
