/**
 * "What if" as the gateway offers it: the journal, the desk that asks about it, and what is previewed at the moment, so
 * that every watcher shows the same. A preview ends with the edit that it is about, or with the policy that serves.
 * Must not hold a request up: journalling is all that happens in its path.
 */
import type { Row } from "../../contract/traffic.ts";
import type { PassingFix, RowShift, WhatIfResult, WhatIfView } from "../../contract/what-if.ts";
import type { Plan } from "../../model/plan.ts";
import type { Active } from "../forward/services.ts";
import type { Mask } from "../record/mask.ts";
import { WhatIfDesk, type Told } from "./desk.ts";
import { portsOf, type PlanRecipe, type SeenSources } from "./recipe.ts";
import type { Compared, Shift } from "./study.ts";
import { TrafficJournal } from "./traffic-journal.ts";

/** A text with what its reading found. */
export interface SeenPolicy {
  readonly text: string;
  readonly sources: SeenSources;
}

export interface WhatIfsOptions {
  /** Path of the policy file as shown to people. */
  readonly file: string;
  active(): Active | undefined;
  mask(): Mask;
  /** Another preview, or none: these rows look different now. */
  changed(ids: readonly number[]): void;
}

/** Told one by one in an answer; the rows of the others say it themselves. */
const MOST_TOLD = 200;

export class WhatIfs {
  readonly journal: TrafficJournal;
  /** Of the newest plan. */
  recipe: PlanRecipe | undefined;
  readonly #options: WhatIfsOptions;
  readonly #desk: WhatIfDesk;
  #texts: SeenPolicy = { text: "", sources: { env: {}, files: {} } };
  #view: WhatIfView | null = null;
  #shifts: ReadonlyMap<number, RowShift> = new Map();
  #latest = 0;

  constructor(options: WhatIfsOptions) {
    this.#options = options;
    this.journal = new TrafficJournal({ active: () => options.active() });
    this.#desk = new WhatIfDesk(this.journal, () => options.active()?.revision ?? 0);
  }

  /** A plan is about to serve. @param seen absent: of the same text as the one before. */
  planned(revision: number, plan: Plan, seen: SeenPolicy = this.#texts): void {
    this.#texts = seen;
    this.recipe = { revision, ...seen, file: this.#options.file, ports: portsOf(plan) };
    this.#desk.add(this.recipe);
  }

  /** Older plans judge no recorded row any more. */
  keepFrom(revision: number): void {
    this.#desk.keepFrom(revision);
  }

  get view(): WhatIfView | null {
    return this.#view;
  }

  shiftOf(id: number): RowShift | undefined {
    return this.#shifts.get(id);
  }

  /** The row, with what would become of it. */
  marked(row: Row): Row {
    const whatIf = this.#shifts.get(row.id);
    return whatIf === undefined ? row : { ...row, tags: [...row.tags, "changed"], whatIf };
  }

  async whatIf(text: string, show: boolean): Promise<WhatIfResult> {
    const turn = show ? ++this.#latest : this.#latest;
    const told = this.#options.mask().deep(await this.#desk.ask({ kind: "compare", text }));
    if (told.kind === "fixes") throw new Error("Another question was answered.");
    const superseded = show && turn !== this.#latest;
    if (superseded) return { kind: "superseded" };
    if (told.kind !== "compared") {
      if (show && told.kind !== "superseded") this.#show(null, []);
      return told.kind === "invalid"
        ? { kind: "invalid", message: told.message, line: told.line }
        : { kind: told.kind };
    }
    const view = viewOf(told, told.milliseconds);
    if (show) this.#show(view, told.shifts);
    return {
      kind: "compared",
      view,
      shifts: told.shifts.slice(-MOST_TOLD).map((shift) => ({ id: shift.id, ...rowShift(shift) })),
    };
  }

  /** Starts the thread and lets it read the policy and fold the journal once: the next question finds all that done. */
  prepare(): void {
    if (this.#desk.prepare()) this.#desk.ask({ kind: "compare", text: this.#texts.text }).catch(() => {});
  }

  end(): void {
    this.#latest++;
    this.#show(null, []);
  }

  /** @param text null = the one that serves. */
  async passingFixes(id: number, text: string | null): Promise<PassingFix[]> {
    const told: Told = await this.#desk.ask({ kind: "fixes", text: text ?? this.#texts.text, request: id });
    if (told.kind !== "fixes") return [];
    return told.fixes.map(({ outcome, ...fix }) => ({ ...fix, view: viewOf(outcome, told.milliseconds) }));
  }

  close(): void {
    this.#desk.close();
  }

  #show(view: WhatIfView | null, shifts: readonly Shift[]): void {
    if (view === null && this.#view === null) return;
    const before = [...this.#shifts.keys()];
    this.#view = view;
    this.#shifts = new Map(shifts.map((shift) => [shift.id, rowShift(shift)]));
    this.#options.changed([...before, ...this.#shifts.keys()]);
  }
}

function viewOf(compared: Omit<Compared, "kind" | "shifts">, milliseconds: number): WhatIfView {
  const { total, rejected, admitted, elsewhere, unknown, same, assumptions } = compared;
  return { total, rejected, admitted, elsewhere, unknown, same, assumptions, milliseconds: Math.round(milliseconds) };
}

function rowShift({ change, before, after, why, assumed }: Shift): RowShift {
  const word = change === "newly refused" ? "rejected" : change === "newly admitted" ? "admitted" : "elsewhere";
  return { change: word, before, after, why, assumed };
}
