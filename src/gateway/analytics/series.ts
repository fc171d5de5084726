/**
 * What happened to one thing - the gateway, a route, a service, a consumer: requests, errors, rejections, bytes and how
 * long they took, over the last minute, the last fifteen, and since the start. A request costs a few increments in the
 * slice of ten seconds that it ends in; a slice that is over is added to its minute and to the whole.
 * Must not read a clock: times are handed in.
 */
import type { Millis } from "../../model/basics.ts";
import { addBins, binOf, freshBins, type Bins } from "./sketch.ts";

const TEN: Millis = 10_000;
const TENS = 6;
const MINUTES = 15;

export const WINDOWS = ["1m", "15m", "all"] as const;
export type Window = (typeof WINDOWS)[number];

/** How a request ended, for whoever counts. */
export const Ending = { Well: 0, Failed: 1, Rejected: 2 } as const;

/** One stretch of time. */
export class Slice {
  /** Which one it is, counted from the clock's zero; -1 = none yet. */
  number = -1;
  requests = 0;
  /** Answered 5xx, or not at all, by fault of the backend. */
  failed = 0;
  /** Refused by the gateway. */
  rejected = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Milliseconds, of those whose duration was counted. */
  duration = 0;
  timed = 0;
  bins: Bins | undefined;

  clear(number: number): void {
    this.number = number;
    this.requests = this.failed = this.rejected = this.bytesIn = this.bytesOut = this.duration = this.timed = 0;
    this.bins?.fill(0);
  }

  add(other: Slice): void {
    this.requests += other.requests;
    this.failed += other.failed;
    this.rejected += other.rejected;
    this.bytesIn += other.bytesIn;
    this.bytesOut += other.bytesOut;
    this.duration += other.duration;
    this.timed += other.timed;
    if (other.bins !== undefined && other.timed > 0) addBins((this.bins ??= freshBins()), other.bins);
  }
}

/** The slice of ten seconds that a time is in. */
export function sliceOf(now: Millis): number {
  return Math.floor(now / TEN);
}

export class Series {
  private readonly tens = Array.from({ length: TENS }, () => new Slice());
  private readonly minutes = Array.from({ length: MINUTES }, () => new Slice());
  private readonly whole = new Slice();
  private current: Slice = this.tens[0];

  /** @param duration milliseconds; below 0 = not to be counted. */
  count(now: Millis, ending: number, duration: Millis, bytesIn: number, bytesOut: number): void {
    this.countIn(sliceOf(now), ending, duration, duration < 0 ? 0 : binOf(duration), bytesIn, bytesOut);
  }

  /** As `count`, for whoever counts the same request in several series. @param number from `sliceOf`. @param bin of `duration`. */
  countIn(number: number, ending: number, duration: Millis, bin: number, bytesIn: number, bytesOut: number): void {
    const slice = this.current.number === number ? this.current : this.turn(number);
    slice.requests++;
    if (ending === Ending.Failed) slice.failed++;
    else if (ending === Ending.Rejected) slice.rejected++;
    slice.bytesIn += bytesIn;
    slice.bytesOut += bytesOut;
    if (duration < 0) return;
    slice.duration += duration;
    slice.timed++;
    (slice.bins ??= freshBins())[bin]++;
  }

  /** All that was counted in a window. The running slice of ten seconds, or minute, is a part of it. */
  over(now: Millis, window: Window): Slice {
    const sum = new Slice();
    const ten = Math.floor(now / TEN);
    if (window === "1m") {
      for (const slice of this.tens) if (slice.number > ten - TENS && slice.number <= ten) sum.add(slice);
      return sum;
    }
    if (window === "all") sum.add(this.whole);
    else {
      const minute = Math.floor(ten / TENS);
      for (const slice of this.minutes) if (slice.number > minute - MINUTES && slice.number <= minute) sum.add(slice);
    }
    // The slice that still counts is in neither of them yet.
    const inside = window === "all" || Math.floor(this.current.number / TENS) > Math.floor(ten / TENS) - MINUTES;
    if (this.current.number >= 0 && inside) sum.add(this.current);
    return sum;
  }

  /** Requests by slice of the window, oldest first: six of ten seconds, or fifteen minutes. */
  history(now: Millis, window: Window): number[] {
    const ten = Math.floor(now / TEN);
    const [slices, last] = window === "1m" ? [this.tens, ten] : [this.minutes, Math.floor(ten / TENS)];
    const counts = Array.from({ length: slices.length }, () => 0);
    const put = (number: number, requests: number): void => {
      const place = slices.length - 1 - (last - number);
      if (number <= last && place >= 0) counts[place] += requests;
    };
    for (const slice of slices) if (slice.number >= 0) put(slice.number, slice.requests);
    if (window !== "1m" && this.current.number >= 0) {
      put(Math.floor(this.current.number / TENS), this.current.requests);
    }
    return counts;
  }

  private turn(number: number): Slice {
    const { current } = this;
    if (current.number >= 0) {
      const minute = Math.floor(current.number / TENS);
      const place = this.minutes[modulo(minute, MINUTES)];
      if (place.number !== minute) place.clear(minute);
      place.add(current);
      this.whole.add(current);
    }
    const next = this.tens[modulo(number, TENS)];
    next.clear(number);
    this.current = next;
    return next;
  }
}

/** Seconds that a window looks back from `now`. @param since when counting began. */
export function secondsOf(now: Millis, window: Window, since: Millis): number {
  const slice = window === "1m" ? TEN : TEN * TENS;
  const slices = window === "1m" ? TENS : MINUTES;
  const age = Math.max(1, (now - since) / 1000);
  if (window === "all") return age;
  const begun = (now - Math.floor(now / slice) * slice) / 1000;
  return Math.min(age, ((slices - 1) * slice) / 1000 + begun);
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
