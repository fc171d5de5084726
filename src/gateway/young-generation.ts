/**
 * Keeps V8 from letting the garbage of a busy gateway stand: by itself its young generation grows to 128 MiB, of which a
 * gateway uses little, since what a request makes dies with the request. It exists because the option that bounds it is
 * read before any of our code runs, and a gateway is started in many ways: so the one that is read at each growth is used.
 * Must not be needed for anything else: without it everything works, in more memory.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** Bytes of both halves of it. */
export const YOUNG_BYTES = 8 * 1_048_576;

/** @returns bytes of both halves at the moment. */
export function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}

/** Call it once per process, as early as possible. */
export function boundYoungGeneration(): void {
  let mayGrow = true;
  const look = (): void => {
    const room = youngBytes() < YOUNG_BYTES;
    if (room === mayGrow) return;
    mayGrow = room;
    // It doubles when much survived; times one is no growth. V8 shrinks it when little happens, so it may have to grow again.
    setFlagsFromString(`--semi-space-growth-factor=${room ? 2 : 1}`);
  };
  look();
  // A collection lets it grow once at most, so looking after each is soon enough, and an idle process is not woken.
  new PerformanceObserver(look).observe({ type: "gc" });
}
