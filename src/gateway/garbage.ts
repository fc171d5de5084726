/**
 * Keeps V8 from letting the garbage of a busy gateway stand: by itself its young generation grows to 128 MiB, and its old one
 * by several times of what lives before it is collected. It exists because the options that bound the first are read before any of
 * our code runs, and a gateway is started in many ways: so those are used that are read at each growth.
 * Must not be needed for anything else: without it everything works, in more memory.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of both halves of the young generation. */
const YOUNG_BYTES = 8 * 1_048_576;
/** What the old generation may grow by until it is collected, in percent of what lived at the last time. */
const OLD_GROWTH = 50;

/** @returns bytes of both halves at the moment. */
export function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}

/** Call it once per process, when everything is loaded. */
export function boundGarbage(): void {
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
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH}`);
  // That counts from the first collection on, and the first may be late: what loading left behind is reason enough for one.
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  setFlagsFromString("--no-expose-gc");
}
