/**
 * Everything that touches State, in the order in which it happened: what a replay folds.
 * Must hold only what was handed to the core, so that folding it again gives the same state exactly.
 */
import type { Arrival, Caller, Facts } from "./arrival.ts";
import type { Millis, Seed } from "./basics.ts";
import type { Decision } from "./decision.ts";
import type { Outcome } from "./state.ts";

/** Where an attempt went, as indexes of the plan that decided it; null = nobody was asked. Absent: not told. */
export type Sent = { readonly service: number; readonly endpoint: number } | null;

/** A Decision as plain data: its fields, with what it took and the numbers of its trace. */
export type DecisionFields = Omit<Decision, "taken" | "trace" | "clear" | "refused" | "over"> & {
  readonly taken: readonly number[];
  readonly trace: readonly number[];
};

export type LimitChange =
  | { readonly kind: "reset"; readonly key: string }
  | { readonly kind: "set"; readonly key: string; readonly left: number }
  | { readonly kind: "freeze"; readonly key: string; readonly frozen: boolean }
  /** All that is known of a key, as it was before (LimitGauge.saved); undefined = nothing. */
  | { readonly kind: "put"; readonly key: string; readonly saved: unknown }
  /** The whole state of the step: plain data of its own. */
  | { readonly kind: "whole"; readonly state: unknown };

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
  /** A copy of a request that is decided: goes to the mirror of its route, with its caller. */
  | {
      readonly kind: "copy";
      readonly id: number;
      readonly at: Millis;
      readonly wallClock: number;
      readonly seed: Seed;
      readonly arrival: Arrival;
      /** Id of the request that it copies. */
      readonly of: number;
      /** No copy, but what a policy of that request's route sends by itself: see PlanRoute.children. */
      readonly child?: string;
    }
  /** The attempt failed, and whether it may be followed by another is asked. */
  | {
      readonly kind: "retry";
      readonly id: number;
      readonly at: Millis;
      readonly outcome: Outcome;
      readonly sent?: Sent;
    }
  /** Another endpoint is asked beside the one that has not answered yet. */
  | { readonly kind: "hedge"; readonly id: number; readonly at: Millis }
  /** One of several attempts on their way ended, and the others go on. */
  | {
      readonly kind: "drop";
      readonly id: number;
      readonly at: Millis;
      readonly endpoint: number;
      readonly outcome: Outcome;
    }
  /** The attempt failed and another endpoint is asked for. */
  | {
      readonly kind: "again";
      readonly id: number;
      readonly at: Millis;
      readonly outcome: Outcome;
      readonly sent?: Sent;
    }
  | {
      readonly kind: "settle";
      readonly id: number;
      readonly at: Millis;
      readonly outcome: Outcome;
      readonly sent?: Sent;
      /** The client went away before it was decided: no plan would have decided it. */
      readonly undecided?: boolean;
    }
  /** A request that was entered before the journal begins: all that its later steps need. No news to who knows it. */
  | {
      readonly kind: "resume";
      readonly id: number;
      /** Revision of the plan that decided it. */
      readonly revision: number;
      readonly wallClock: number;
      readonly seed: Seed;
      readonly tried: number;
      readonly decided: boolean;
      readonly arrival: Arrival;
      readonly facts: Facts;
      readonly caller: Caller;
      readonly decision: DecisionFields;
    }
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
  /** Something else about a limit was changed by hand, or came back from the disk. */
  | { readonly kind: "limit"; readonly at: Millis; readonly step: number; readonly change: LimitChange }
  /** A new plan took over; its state was carried from the old one at `at`. */
  | { readonly kind: "swap"; readonly at: Millis; readonly revision: number };
