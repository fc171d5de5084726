/**
 * One coarse tick that asks everything with a deadline whether it is due: no timer is made per request.
 * Fast while something is in flight, slow while connections only idle, stopped when there is nothing to ask.
 * Must not be used to measure: a deadline is met up to one tick late.
 */
import type { Millis } from "../../model/basics.ts";

/** Whoever has deadlines. */
export interface Timed {
  /** @returns true when something is in flight, so that the next tick should come soon. Must not throw. */
  tick(now: Millis): boolean;
}

const FAST: Millis = 25;
const SLOW: Millis = 500;

export class CoarseClock {
  private readonly watched = new Set<Timed>();
  private readonly now: () => Millis;
  private timer: NodeJS.Timeout | undefined;
  private slow = false;

  constructor(now: () => Millis) {
    this.now = now;
  }

  watch(timed: Timed): void {
    this.watched.add(timed);
    if (this.timer === undefined) this.schedule(SLOW);
  }

  forget(timed: Timed): void {
    this.watched.delete(timed);
  }

  /** Something is in flight from now on. Cheap: does nothing while the tick is fast already. */
  wake(): void {
    if (!this.slow && this.timer !== undefined) return;
    clearTimeout(this.timer);
    this.schedule(FAST);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.watched.clear();
  }

  private schedule(delay: Millis): void {
    this.slow = delay === SLOW;
    this.timer = setTimeout(this.run, delay);
    // The listeners keep the process alive, not the clock.
    this.timer.unref();
  }

  private readonly run = (): void => {
    this.timer = undefined;
    if (this.watched.size === 0) return;
    const now = this.now();
    let busy = false;
    for (const timed of this.watched) if (timed.tick(now)) busy = true;
    if (this.timer === undefined && this.watched.size > 0) this.schedule(busy ? FAST : SLOW);
  };
}
