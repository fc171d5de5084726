/**
 * Waiting for what a person would see. No timing is asserted: only that it comes before patience ends.
 */
import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds that anything on the screen may take: a busy machine is slow, not wrong. */
export const PATIENCE = 120_000;

/** Milliseconds until a window or its server is there: on a quiet machine it takes five seconds. */
export const LOADING = 300_000;

type Nothing = undefined | null | false;

/** Repeats assertions until they hold: what a window answers on a busy machine may come a moment late, or be cancelled. */
export async function holds(what: string, check: () => Promise<void> | void): Promise<void> {
  await eventually(what, async () => {
    await check();
    return true;
  });
}

/** Asks `look` until it answers something. */
export async function eventually<T>(what: string, look: () => Promise<T | Nothing> | T | Nothing): Promise<T> {
  const until = Date.now() + PATIENCE;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
    } catch (problem) {
      last = problem;
    }
    if (Date.now() > until) throw new Error(`${what}: not seen within ${PATIENCE / 1000} s`, { cause: last });
    await delay(100);
  }
}
