/**
 * What a person does to buckets: reset, set, freeze; and takes back for ten seconds. Journaled, so that replay is exact.
 * Frozen buckets are remembered here to be shown, and end with the gateway. Must not touch a limit but through its gauge.
 */
import type { BucketChange, BucketUndo, FrozenBucket } from "../../contract/limits.ts";
import { changeLimit } from "../../decide/limit-change.ts";
import type { Millis } from "../../model/basics.ts";
import type { LimitChange } from "../../model/journal.ts";
import type { Plan, PlanStep } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import type { Journal } from "../record/journal.ts";

/** Milliseconds. */
const UNDO_WITHIN = 10_000;
/** A person needs the last few; a program that asks for more than it can take back gets no more. */
const MOST_UNDOS = 100;

interface Undo {
  readonly identity: string;
  readonly key: string;
  readonly saved: unknown;
  readonly frozen: boolean;
  readonly until: Millis;
}

export interface LimitHandsOptions {
  now(): Millis;
  wallClock(): number;
  active(): { readonly plan: Plan; readonly state: State } | undefined;
  readonly journal: Pick<Journal, "beside">;
  changed(): void;
}

export class LimitHands {
  private readonly options: LimitHandsOptions;
  private readonly undos = new Map<number, Undo>();
  private readonly frozenKeys = new Map<string, { readonly identity: string; readonly key: string }>();
  private last = 0;

  constructor(options: LimitHandsOptions) {
    this.options = options;
  }

  /** What stands still by a person's will. */
  get frozen(): readonly FrozenBucket[] {
    const steps = this.options.active()?.plan.steps ?? [];
    return [...this.frozenKeys.values()].flatMap(({ identity, key }) => {
      const step = steps.find((one) => one.identity === identity);
      return step === undefined ? [] : [{ identity, key, name: step.name }];
    });
  }

  /** @throws Error when there is no such limit, or nothing of that kind can be done to it. */
  change(identity: string, key: string, change: BucketChange): BucketUndo {
    const { step, state } = this.place(identity);
    const { gauge } = step.policy;
    const saved = gauge?.saved?.(state.steps[step.index], key);
    this.apply(step, state, changeOf(change, key));
    const token = ++this.last;
    const until = this.options.now() + UNDO_WITHIN;
    const name = nameOf(identity, key);
    this.undos.set(token, { identity, key, saved, frozen: this.frozenKeys.has(name), until });
    if (this.undos.size > MOST_UNDOS) for (const oldest of this.undos.keys()) if (this.undos.delete(oldest)) break;
    if (change.kind === "freeze") this.frozenKeys.set(name, { identity, key });
    else if (change.kind !== "set") this.frozenKeys.delete(name);
    return { token, until: this.options.wallClock() + UNDO_WITHIN, undoable: gauge?.restore !== undefined };
  }

  /** @throws Error when it is too late, or the limit is gone. */
  undo(token: number): void {
    const undo = this.undos.get(token);
    this.undos.delete(token);
    if (undo === undefined || this.options.now() > undo.until)
      throw new Error("It is too late to undo that: ten seconds are over.");
    const { identity, key, saved, frozen } = undo;
    const { step, state } = this.place(identity);
    this.apply(step, state, { kind: "put", key, saved });
    if (frozen) this.frozenKeys.set(nameOf(identity, key), { identity, key });
    else this.frozenKeys.delete(nameOf(identity, key));
  }

  private apply(step: PlanStep, state: State, change: LimitChange): void {
    const at = this.options.now();
    if (!changeLimit(step, state, change, at))
      throw new Error(`The buckets of "${step.name}" can be reset only: ${step.kind} counts what is on its way.`);
    if (change.kind === "reset") this.options.journal.beside({ kind: "reset", at, step: step.index, key: change.key });
    else this.options.journal.beside({ kind: "limit", at, step: step.index, change });
    this.options.changed();
  }

  private place(identity: string): { readonly step: PlanStep; readonly state: State } {
    const active = this.options.active();
    const step = active?.plan.steps.find((one) => one.identity === identity);
    if (active === undefined || step?.policy.gauge === undefined)
      throw new Error(`There is no limit "${identity}" in the running policy.`);
    return { step, state: active.state };
  }
}

function changeOf(change: BucketChange, key: string): LimitChange {
  switch (change.kind) {
    case "reset":
      return { kind: "reset", key };
    case "set":
      return { kind: "set", key, left: change.left };
    default:
      return { kind: "freeze", key, frozen: change.kind === "freeze" };
  }
}

function nameOf(identity: string, key: string): string {
  return `${identity}\n${key}`;
}
