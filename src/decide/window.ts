/**
 * Counts over the last stretch of time, kept in slices: what the oldest slice held leaves the count at once.
 * Plain arrays, so that they can be cloned; bounded, whatever comes. Must not know what is counted.
 */
import type { Millis } from "../model/basics.ts";

/** The slice of time that `now` is in. */
function sliceAt(slices: readonly number[], window: Millis, now: Millis): number {
  return Math.floor((now * slices.length) / window);
}

/** The place that counts now. When it still holds an older slice, `empty` is called for it first. */
export function placeNow(slices: number[], window: Millis, now: Millis, empty: (place: number) => void): number {
  const slice = sliceAt(slices, window, now);
  const { length } = slices;
  const place = ((slice % length) + length) % length;
  if (slices[place] !== slice) {
    slices[place] = slice;
    empty(place);
  }
  return place;
}

/** What `counts` holds for the window that ends now. */
export function recent(slices: readonly number[], counts: readonly number[], window: Millis, now: Millis): number {
  const oldest = sliceAt(slices, window, now) - slices.length;
  let sum = 0;
  for (let i = 0; i < slices.length; i++) if (slices[i] > oldest) sum += counts[i];
  return sum;
}
