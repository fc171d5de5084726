/**
 * What the gateway remembers of one endpoint beside the core's state: its rate, how fast it answered of late, and a
 * short history of how well. For views alone: no decision reads it.
 * Must not read a clock: times are handed in.
 */
import type { Millis } from "../../model/basics.ts";
import { Durations, Rate } from "./rates.ts";

/** The history: so many places of so many milliseconds, the last one running. Five minutes. */
export const HISTORY_PLACES = 30;
export const HISTORY_STEP: Millis = 10_000;

export class EndpointRecord extends Rate {
  /** Of attempts that were answered, to the first byte. */
  readonly durations = new Durations();
  /** gRPC status with which its latest failure came; 0 = with none. */
  lastGrpc = 0;
  private readonly steps = new Float64Array(HISTORY_PLACES).fill(-1);
  private readonly attempts = new Uint32Array(HISTORY_PLACES);
  private readonly failures = new Uint32Array(HISTORY_PLACES);

  /** An attempt ended. @param firstByte milliseconds after its start; below 0 = none came. @param grpc status with which it failed. */
  attempt(now: Millis, failed: boolean, firstByte: Millis, grpc = 0): void {
    this.count(now, failed);
    if (failed) this.lastGrpc = grpc;
    if (firstByte >= 0) this.durations.count(now, firstByte);
    const step = Math.floor(now / HISTORY_STEP);
    const place = step % HISTORY_PLACES;
    if (this.steps[place] !== step) {
      this.steps[place] = step;
      this.attempts[place] = this.failures[place] = 0;
    }
    this.attempts[place]++;
    if (failed) this.failures[place]++;
  }

  /** Oldest first, HISTORY_PLACES long: the share of attempts that failed, 0 to 1; -1 where there was none. */
  history(now: Millis): number[] {
    const current = Math.floor(now / HISTORY_STEP);
    return Array.from({ length: HISTORY_PLACES }, (_, i) => {
      const step = current - HISTORY_PLACES + 1 + i;
      const place = step < 0 ? 0 : step % HISTORY_PLACES;
      if (step < 0 || this.steps[place] !== step || this.attempts[place] === 0) return -1;
      return Math.round((this.failures[place] / this.attempts[place]) * 100) / 100;
    });
  }
}
