/**
 * The running engine: listeners, the plan and state they serve, health checks; and the swap of all of them under load.
 * It exists so that the rest of the gateway sees one thing with `apply` and `drain`.
 * Must not move bytes or decide: connections do the first, decide/ the second.
 */
import type { Millis, Seed } from "../../model/basics.ts";
import type { JournalEvent } from "../../model/journal.ts";
import type { Plan } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import type { FactGatherer } from "../facts/gatherer.ts";
import type { RecordKeeper } from "../record/recording.ts";

export interface EngineOptions {
  readonly recorder: RecordKeeper;
  readonly facts: FactGatherer;
  /** Monotonic milliseconds. */
  now(): Millis;
  /** Epoch milliseconds. */
  wallClock(): number;
  seed(): Seed;
  /** Everything that touches State, in order. Absent: nobody listens and nothing is built for it. */
  journal?(event: JournalEvent): void;
  /** A health verdict or an ejection changed; listener addresses changed. For status displays, never per request. */
  changed?(what: "health" | "listeners"): void;
}

/** The pair that serves. Replaced whole by `apply`; a request keeps the pair it entered with. */
export interface Active {
  readonly plan: Plan;
  readonly state: State;
  readonly revision: number;
}

export interface ListenerAddress {
  readonly address: string;
  /** The port really bound (differs from the plan's when that is 0). 0 when not bound. */
  readonly port: number;
  /** Why this address is not served (EAFNOSUPPORT: no IPv6 on this machine), or undefined. */
  readonly problem?: string;
}

export interface ListenerStatus {
  readonly name: string;
  /** As in the plan. */
  readonly port: number;
  readonly addresses: readonly ListenerAddress[];
  readonly connections: number;
}

/** An address of the policy file could not be bound. The old pair keeps serving. */
export class ListenProblem extends Error {
  readonly listener: string;
  readonly port: number;
  readonly code: string;
  constructor(listener: string, port: number, code: string, message: string) {
    super(message);
    this.name = "ListenProblem";
    this.listener = listener;
    this.port = port;
    this.code = code;
  }
}

export class Engine {
  constructor(options: EngineOptions) {
    void options;
  }

  /** The pair that serves; undefined before the first `apply` has settled. */
  get active(): Active | undefined {
    return undefined;
  }

  get listeners(): readonly ListenerStatus[] {
    return [];
  }

  /**
   * Opens what is new, then swaps `{plan, state}` in one assignment, then closes what is gone. Calls are served in order.
   * @param state made by policyfile/carry from `active.state`. As a function it is called at the moment of the swap, so that nothing taken while ports were opened is lost.
   * @throws ListenProblem; the old pair keeps serving then.
   */
  apply(plan: Plan, state: State | ((old: Active | undefined) => State), revision: number): Promise<void> {
    void plan;
    void state;
    void revision;
    return Promise.reject(new Error("not yet"));
  }

  /** Stops accepting, lets requests in flight finish with `Connection: close`, destroys what is left after `ms`. */
  drain(ms: number): Promise<void> {
    void ms;
    return Promise.resolve();
  }
}
