/**
 * Everything that touches State, in the order in which it happened: what a replay folds.
 * Must hold only what was handed to the core, so that folding it again gives the same state exactly.
 */
import type { Arrival, Facts } from "./arrival.ts";
import type { Millis, Seed } from "./basics.ts";
import type { Outcome } from "./state.ts";

export type JournalEvent =
  | {
      readonly kind: "enter";
      readonly id: number;
      readonly at: Millis;
      readonly wallClock: number;
      readonly seed: Seed;
      readonly arrival: Arrival;
    }
  | {
      readonly kind: "decide";
      readonly id: number;
      readonly at: Millis;
      /** Absent when nothing was awaited since `enter`. */
      readonly wallClock?: number;
      readonly facts: Facts;
    }
  /** The attempt failed and another endpoint is asked for. */
  | { readonly kind: "again"; readonly id: number; readonly at: Millis; readonly outcome: Outcome }
  | { readonly kind: "settle"; readonly id: number; readonly at: Millis; readonly outcome: Outcome }
  | {
      readonly kind: "probe";
      readonly at: Millis;
      readonly service: number;
      readonly endpoint: number;
      readonly up: boolean;
    }
  | {
      readonly kind: "admin";
      readonly at: Millis;
      readonly service: number;
      readonly endpoint: number;
      readonly admin: number;
    }
  /** A process of ours was started, became healthy, ended or is to leave. */
  | {
      readonly kind: "life";
      readonly at: Millis;
      readonly service: number;
      readonly endpoint: number;
      readonly life: number;
      readonly until: Millis;
      readonly exitCode: number;
    }
  /** A person emptied one key of a limit: index into plan.steps. */
  | { readonly kind: "reset"; readonly at: Millis; readonly step: number; readonly key: string }
  /** A new plan took over; its state was carried from the old one at `at`. */
  | { readonly kind: "swap"; readonly at: Millis; readonly revision: number };
