/**
 * How values are spread, in bins that widen with the value: sixteen to each doubling, from a thousandth to four million.
 * A quantile is off by at most 1/32 of itself. Counting is one shift of a number's bits and one increment.
 * Must not know what it counts.
 *
 * Source: the log-linear layout of HdrHistogram and OpenTelemetry's exponential histogram.
 */

/** Bins per doubling. */
const PER_DOUBLING = 16;
const LOWEST_EXPONENT = -10;
const HIGHEST_EXPONENT = 22;
/** Bin 0 holds what is below 2 ** LOWEST_EXPONENT, the last one what is beyond the highest. */
export const BINS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * PER_DOUBLING + 2;
/** Share of the value by which a quantile may be off. */
export const RELATIVE_ERROR = 1 / (2 * PER_DOUBLING);

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
/** The word that holds sign, exponent and the highest bits of the fraction. */
const HIGH = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;
/** Exponent and four bits of fraction of the lowest bin. */
const BASE = (1023 + LOWEST_EXPONENT) * PER_DOUBLING;

export type Bins = Uint32Array;

export function freshBins(): Bins {
  return new Uint32Array(BINS);
}

/** @param value above 0; anything else counts as the least. */
export function binOf(value: number): number {
  if (!(value > 0)) return 0;
  double[0] = value;
  const bin = (words[HIGH] >>> 16) - BASE + 1;
  return bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
}

/** The least value of a bin. */
export function lowerBound(bin: number): number {
  if (bin <= 0) return 0;
  const place = bin - 1;
  const exponent = Math.floor(place / PER_DOUBLING) + LOWEST_EXPONENT;
  return 2 ** exponent * (1 + (place % PER_DOUBLING) / PER_DOUBLING);
}

/** @param share 0..1. @returns -1 when nothing was counted. */
export function quantile(bins: Bins, share: number): number {
  let total = 0;
  for (let i = 0; i < BINS; i++) total += bins[i];
  if (total === 0) return -1;
  const wanted = Math.max(1, Math.ceil(share * total));
  let seen = 0;
  for (let i = 0; i < BINS; i++) {
    seen += bins[i];
    if (seen >= wanted) return i === 0 ? lowerBound(1) : (lowerBound(i) + lowerBound(i + 1)) / 2;
  }
  return lowerBound(BINS - 1);
}

export function addBins(to: Bins, from: Bins): void {
  for (let i = 0; i < BINS; i++) to[i] += from[i];
}

/** How many values are below a power of two, exactly. @param exponent of the power. */
export function countBelow(bins: Bins, exponent: number): number {
  const end = Math.min(BINS, Math.max(0, (exponent - LOWEST_EXPONENT) * PER_DOUBLING + 1));
  let count = 0;
  for (let i = 0; i < end; i++) count += bins[i];
  return count;
}
