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
import { Shifts } from "./shifts.ts";
import type { Compared } from "./study.ts";
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
  /** The same, and hides what that request carried. */
  maskOf(id: number): Mask;
  /** Another preview, or none: these rows look different now. */
  changed(ids: readonly number[]): void;
}

/** Told one by one in an answer; the rows of the others say it themselves. */
const MOST_TOLD = 200;
/** Times that a thread works through the recording for nobody: when there is one, and when there is more of it. */
const WARM_UPS = 2;
/** Milliseconds of requests that a new recording has before it is worked through. */
const SETTLING = 500;

export class WhatIfs {
  readonly journal: TrafficJournal;
  /** Of the newest plan. */
  recipe: PlanRecipe | undefined;
  readonly #options: WhatIfsOptions;
  readonly #desk: WhatIfDesk;
  #texts: SeenPolicy = { text: "", sources: { env: {}, files: {} } };
  #view: WhatIfView | null = null;
  #shifts: Shifts | undefined;
  #latest = 0;
  #warmUps = 0;
  #warming: NodeJS.Timeout | undefined;

  constructor(options: WhatIfsOptions) {
    this.#options = options;
    this.journal = new TrafficJournal({ active: () => options.active(), begun: () => this.#warmSoon() });
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
    const shift = this.#shifts?.of(id);
    return shift && { ...shift, why: this.#options.mask().text(shift.why) };
  }

  /** It would be decided otherwise under the policy that is previewed. */
  changes(id: number): boolean {
    return this.#shifts?.has(id) === true;
  }

  /** The row, with what would become of it. */
  marked(row: Row): Row {
    const whatIf = this.shiftOf(row.id);
    return whatIf === undefined ? row : { ...row, tags: [...row.tags, "changed"], whatIf };
  }

  async whatIf(text: string, show: boolean): Promise<WhatIfResult> {
    const turn = show ? ++this.#latest : this.#latest;
    const told = await this.#desk.ask({ kind: "compare", text });
    if (told.kind === "fixes" || told.kind === "warm") throw new Error("Another question was answered.");
    const superseded = show && turn !== this.#latest;
    if (superseded) return { kind: "superseded" };
    if (told.kind !== "compared") {
      if (show && told.kind !== "superseded") this.#show(null, undefined);
      return told.kind === "invalid"
        ? { kind: "invalid", message: this.#options.mask().text(told.message), line: told.line }
        : { kind: told.kind };
    }
    const mask = this.#options.mask();
    const view = mask.deep(viewOf(told, told.milliseconds));
    const shifts = new Shifts(told.shifts);
    if (show) this.#show(view, shifts);
    return { kind: "compared", view, shifts: mask.deep(shifts.last(MOST_TOLD)) };
  }

  /** Starts the thread and lets it read the policy and fold the journal once: the next question finds all that done. */
  prepare(): void {
    if (!this.#desk.prepare()) return;
    this.#warmUps = 0;
    this.#warm();
  }

  /** Nothing may be recorded yet, or too little for its code to have been compiled: then once more when there is. */
  #warm(): void {
    this.#desk.ask({ kind: "warm" }).then(
      ({ kind }) => void (this.#warmUps += kind === "warm" ? 1 : 0),
      () => {},
    );
  }

  #warmSoon(): void {
    if (this.#warmUps >= WARM_UPS || this.#warming !== undefined || !this.#desk.idle) return;
    this.#warming = setTimeout(() => {
      this.#warming = undefined;
      if (this.#desk.idle) this.#warm();
    }, SETTLING).unref();
  }

  end(): void {
    this.#latest++;
    this.#show(null, undefined);
  }

  /** @param text null = the one that serves. */
  async passingFixes(id: number, text: string | null): Promise<PassingFix[]> {
    const told: Told = await this.#desk.ask({ kind: "fixes", text: text ?? this.#texts.text, request: id });
    if (told.kind !== "fixes") return [];
    const mask = this.#options.maskOf(id);
    // A caller's secret that stands in a path belongs into no policy file.
    const clean = told.fixes.filter(({ edits }) => edits.every(({ newText }) => mask.text(newText) === newText));
    return clean.map(({ outcome, title, ...fix }) => ({
      ...fix,
      title: mask.text(title),
      view: mask.deep(viewOf(outcome, told.milliseconds)),
    }));
  }

  close(): void {
    clearTimeout(this.#warming);
    this.#desk.close();
  }

  #show(view: WhatIfView | null, shifts: Shifts | undefined): void {
    if (view === null && this.#view === null) return;
    const before = this.#shifts?.ids ?? [];
    this.#view = view;
    this.#shifts = shifts;
    this.#options.changed([...before, ...(shifts?.ids ?? [])]);
  }
}

function viewOf(compared: Omit<Compared, "kind" | "shifts">, milliseconds: number): WhatIfView {
  const { total, rejected, admitted, elsewhere, unknown, same, assumptions } = compared;
  return { total, rejected, admitted, elsewhere, unknown, same, assumptions, milliseconds: Math.round(milliseconds) };
}
