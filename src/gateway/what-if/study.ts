/**
 * Answers "what if" over what the gateway handed over: keeps the blocks and plans that it knows already, and folds.
 * It lives in a thread of its own (worker.ts), so that nothing here can make a request wait.
 * Must not ask the gateway for anything: a question brings all that is new.
 */
import { deserialize } from "node:v8";
import type { JournalEvent } from "../../model/journal.ts";
import type { Plan } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import type { TextEdit } from "../../policyfile/diagnostic.ts";
import type { Difference } from "../../replay/compare.ts";
import { smallestChanges } from "../../replay/smallest-change.ts";
import { assess, type Assessment, type Recorded } from "../../replay/what-if.ts";
import { PolicyReader } from "../control/policy-reader.ts";
import { unpack } from "./packed.ts";
import { readRecipe, type PlanRecipe } from "./recipe.ts";
import type { JournalView, Snapshot } from "./traffic-journal.ts";

/** What a question brings: blocks and recipes that were brought before are left out. */
export interface Brought {
  readonly journal: JournalView;
  readonly recipes: readonly PlanRecipe[];
  /** Revision of the plan that serves. */
  readonly serving: number;
}

export interface Question extends Brought {
  readonly id: number;
  readonly ask:
    | { readonly kind: "compare"; readonly text: string }
    /** The least edits of `text` under which a refused request would pass. */
    | { readonly kind: "fixes"; readonly text: string; readonly request: number };
}

/** One difference, as it is shown. */
export interface Shift {
  readonly id: number;
  readonly change: Difference["change"];
  readonly before: number;
  readonly after: number;
  /** "per-user 0 of 40" */
  readonly why: string;
  readonly policy?: string;
  readonly assumed: boolean;
}

export interface Compared {
  readonly kind: "compared";
  readonly total: number;
  readonly rejected: number;
  readonly admitted: number;
  /** The same verdict for another reason, another answer, route, service or endpoint. */
  readonly elsewhere: number;
  readonly unknown: number;
  readonly same: number;
  readonly shifts: readonly Shift[];
  readonly assumptions: readonly string[];
}

export interface PassingEdit {
  readonly title: string;
  readonly edits: readonly TextEdit[];
  readonly line: number;
  readonly outcome: Omit<Compared, "kind" | "shifts">;
}

export type Answer =
  | Compared
  | { readonly kind: "invalid"; readonly message: string; readonly line: number }
  | { readonly kind: "fixes"; readonly fixes: readonly PassingEdit[] };

/** The most differences that are told one by one. */
const MOST_SHIFTS = 2000;

export class Study {
  readonly #events = new Map<number, readonly JournalEvent[]>();
  readonly #recipes = new Map<number, PlanRecipe>();
  readonly #plans = new Map<number, Plan | undefined>();
  #edited: { readonly key: string; readonly result: ReturnType<typeof readRecipe> } | undefined;

  answer({ ask, ...brought }: Question): Answer {
    const recorded = this.#recorded(brought);
    const saved = this.#planOf(brought.serving);
    if (saved === undefined) throw new Error("The policy that serves could not be read again.");
    const { plan, diagnostics } = this.#edit(ask.text, brought.serving);
    if (plan === undefined) {
      const wrong = diagnostics.find(({ severity }) => severity === "error");
      return { kind: "invalid", message: wrong?.message ?? "", line: wrong?.range.line ?? 1 };
    }
    if (ask.kind === "compare") return compared(assess(recorded, saved, plan));
    const fixes = smallestChanges({
      recorded,
      text: ask.text,
      plan,
      request: ask.request,
      read: (text) => this.#edit(text, brought.serving).plan,
    });
    return {
      kind: "fixes",
      fixes: fixes.map(({ plan: fixed, ...fix }) => {
        const { kind: _kind, shifts: _shifts, ...outcome } = compared(assess(recorded, saved, fixed));
        return { ...fix, outcome };
      }),
    };
  }

  #recorded({ journal, recipes }: Brought): Recorded {
    for (const recipe of recipes) this.#recipes.set(recipe.revision, recipe);
    const events = journal.blocks.map((block) => this.#block(block));
    const kept = new Set(journal.blocks.map((block) => (typeof block === "number" ? block : block.number)));
    for (const known of this.#events.keys()) if (!kept.has(known)) this.#events.delete(known);
    const plan = this.#planOf(journal.snapshot.revision);
    if (plan === undefined) throw new Error("The policy with which the recording begins is no longer known.");
    return {
      journal: events.flat(),
      plan,
      at: journal.snapshot.at,
      state: () => stateOf(journal.snapshot),
      planOf: (revision) => this.#planOf(revision),
    };
  }

  #block(block: JournalView["blocks"][number]): readonly JournalEvent[] {
    if (typeof block !== "number") this.#events.set(block.number, unpack(block));
    const events = this.#events.get(typeof block === "number" ? block : block.number);
    if (events === undefined) throw new Error("A part of the recording is missing.");
    return events;
  }

  #planOf(revision: number): Plan | undefined {
    const recipe = this.#recipes.get(revision);
    if (recipe === undefined) return undefined;
    if (!this.#plans.has(revision)) this.#plans.set(revision, readRecipe(recipe).plan);
    return this.#plans.get(revision);
  }

  #edit(text: string, serving: number): ReturnType<typeof readRecipe> {
    const recipe = this.#recipes.get(serving);
    if (recipe === undefined) return { diagnostics: [] };
    const key = `${serving} ${text}`;
    if (this.#edited?.key === key) return this.#edited.result;
    const result = readRecipe({ ...recipe, text }, new PolicyReader(recipe.file).world);
    this.#edited = { key, result };
    return result;
  }
}

function stateOf({ state }: Snapshot): State {
  return deserialize(state) as State;
}

function compared({
  total,
  same,
  newlyRefused,
  newlyAdmitted,
  unknown,
  differences,
  assumptions,
}: Assessment): Compared {
  return {
    kind: "compared",
    total,
    rejected: newlyRefused,
    admitted: newlyAdmitted,
    elsewhere: differences.length - newlyRefused - newlyAdmitted - unknown,
    unknown,
    same,
    shifts: differences
      .filter(({ change }) => change !== "unknown")
      .slice(-MOST_SHIFTS)
      .map(shiftOf),
    assumptions,
  };
}

function shiftOf({ id, before, after, change }: Difference): Shift {
  return {
    id,
    change,
    before: before?.status ?? 0,
    after: after?.status ?? 0,
    why: after?.why ?? "",
    policy: after?.policy,
    assumed: after !== undefined && after.assumed !== 0,
  };
}
