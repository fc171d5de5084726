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
import { verdictOf } from "../../replay/compare.ts";
import { smallestChanges } from "../../replay/smallest-change.ts";
import { assess, runUnder, type Assessment, type Recorded } from "../../replay/what-if.ts";
import { PolicyReader } from "../control/policy-reader.ts";
import { BlockReader, type BlockView } from "./packed.ts";
import { readRecipe, type PlanRecipe } from "./recipe.ts";
import { packShifts, type PackedShifts } from "./shifts.ts";
import type { JournalView } from "./traffic-journal.ts";

/** What a question brings: recipes that were brought before are left out, and blocks were brought before it. */
export interface Brought {
  readonly journal: Pick<JournalView, "snapshot"> & { readonly blocks: readonly number[] };
  readonly recipes: readonly PlanRecipe[];
  /** Revision of the plan that serves. */
  readonly serving: number;
}

export interface Question extends Brought {
  readonly id: number;
  readonly ask:
    | { readonly kind: "compare"; readonly text: string }
    /** As a comparison will do it, so that the first one need not wait for what is read and compiled once. */
    | { readonly kind: "warm" }
    /** The least edits of `text` under which a refused request would pass. */
    | { readonly kind: "fixes"; readonly text: string; readonly request: number };
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
  readonly shifts: PackedShifts;
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
  | { readonly kind: "warm" }
  | { readonly kind: "invalid"; readonly message: string; readonly line: number }
  | { readonly kind: "fixes"; readonly fixes: readonly PassingEdit[] };

export class Study {
  readonly #blocks = new Map<number, BlockReader>();
  /** With which the recording begins: made by v8.serialize. */
  #state: Uint8Array = new Uint8Array();
  readonly #recipes = new Map<number, PlanRecipe>();
  readonly #plans = new Map<number, Plan | undefined>();
  #edited: { readonly key: string; readonly result: ReturnType<typeof readRecipe> } | undefined;

  answer({ ask, ...brought }: Question): Answer {
    const recorded = this.#recorded(brought);
    const saved = this.#planOf(brought.serving);
    if (saved === undefined) throw new Error("The policy that serves could not be read again.");
    if (ask.kind === "warm") return this.#warm(recorded, saved, brought.serving);
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
    for (const known of this.#blocks.keys()) if (!journal.blocks.includes(known)) this.#blocks.delete(known);
    this.#state = journal.snapshot.state ?? this.#state;
    const state = this.#state;
    const plan = this.#planOf(journal.snapshot.revision);
    if (plan === undefined) throw new Error("The policy with which the recording begins is no longer known.");
    return {
      journal: journal.blocks.flatMap((number) => this.#eventsOf(number)),
      plan,
      at: journal.snapshot.at,
      state: () => deserialize(state) as State,
      planOf: (revision) => this.#planOf(revision),
    };
  }

  /** What is new in a block, ahead of the question that needs it. */
  take(view: BlockView): void {
    const reader = this.#blocks.get(view.number) ?? new BlockReader();
    this.#blocks.set(view.number, reader.take(view));
  }

  #eventsOf(number: number): readonly JournalEvent[] {
    const reader = this.#blocks.get(number);
    if (reader === undefined) throw new Error("A part of the recording is missing.");
    return reader.events;
  }

  /** Reads, folds and finds words once, for nobody. */
  #warm(recorded: Recorded, saved: Plan, serving: number): Answer {
    const { plan } = this.#edit(this.#recipes.get(serving)?.text ?? "", serving);
    if (plan !== undefined) assess(recorded, saved, plan);
    runUnder(recorded, saved, verdictOf, true);
    return { kind: "warm" };
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
    shifts: packShifts(differences),
    assumptions,
  };
}
