/**
 * Waiting for a condition: the one way in which a test of the gateway waits for what tells it of no event.
 * Must not be given a time: a busy machine is slow, not wrong, so patience ends only what never comes.
 */
import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds: far beyond what anything takes on a machine that is fifty times slower than ours. */
const PATIENCE = 240_000;

/** Milliseconds between two looks. */
const PAUSE = 10;

/**
 * Settles once the condition holds.
 *
 * @param tell what was waited for, or all that is known, for the message when it does not come about.
 * @throws what the condition throws.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  tell: string | (() => string) = "",
): Promise<void> {
  for (const end = performance.now() + PATIENCE; !(await condition()); await delay(PAUSE))
    if (performance.now() > end)
      throw new Error(`It did not come about. ${typeof tell === "string" ? tell : tell()}`.trim());
}
