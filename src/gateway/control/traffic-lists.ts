/**
 * The lists of requests that watchers see, and what people do to them: filter, sort, pin, import, take out.
 * Brings filter and recorder together, and tells every watcher which rows look different. Must not keep a list: views do.
 */
import type { Detail } from "../../contract/detail.ts";
import type { FilterVerdict, Suggestion } from "../../contract/filter.ts";
import type { ClearedRequests, ImportResult, PinResult, Row, SortKey, TrafficCounts } from "../../contract/traffic.ts";
import { FilterView } from "../record/filter-view.ts";
import { compileFilter, type CompiledFilter, type FilterContext } from "../record/filter/compile.ts";
import { describeFilter } from "../record/filter/describe.ts";
import { suggestFilter } from "../record/filter/suggest.ts";
import { parseFilter, type Filter } from "../record/filter/syntax.ts";
import { Keeping } from "../record/keeping.ts";
import type { Mask } from "../record/mask.ts";
import { MOST_PINS } from "../record/pins.ts";
import type { Recorder } from "../record/recorder.ts";
import type { RowMaker } from "../record/row.ts";
import { sortKeyOf } from "../record/sorting.ts";

export interface TrafficListsOptions extends Omit<FilterContext, "imported"> {
  readonly recorder: Recorder;
  readonly rows: RowMaker;
  mask(): Mask;
  /** These rows look different now. */
  marked(ids: readonly number[]): void;
}

export class TrafficLists {
  private readonly context: FilterContext;
  private readonly options: TrafficListsOptions;
  private readonly keeping: Keeping;

  constructor(options: TrafficListsOptions) {
    this.options = options;
    this.keeping = new Keeping(options.recorder);
    const { recorder, wallClock, savedAt, changed } = options;
    this.context = { recorder, wallClock, savedAt, changed, imported: this.keeping.imports.names };
  }

  parseFilter(text: string): FilterVerdict {
    const parsed = parseFilter(text);
    if ("problem" in parsed) return { ok: false, description: parsed.problem.message, problem: parsed.problem };
    return { ok: true, description: describeFilter(parsed.filter) };
  }

  suggest(text: string, caret: number): Suggestion[] {
    return this.options.mask().deep(suggestFilter(text, caret, this.context));
  }

  /** @throws Error in words when the filter cannot be understood. */
  openView(text: string): FilterView {
    const [filter, compiled] = this.read(text);
    return new FilterView(this.options.recorder, text, filter.alternatives.length === 0 ? undefined : compiled);
  }

  sortKeyOf(by: SortKey): ReturnType<typeof sortKeyOf> {
    return sortKeyOf(this.options.recorder, this.keeping.imports.names, by);
  }

  get counts(): Pick<TrafficCounts, "total" | "dropped"> {
    const { keeping } = this;
    return { total: this.options.recorder.total + keeping.ids.length - keeping.taken, dropped: keeping.lost };
  }

  /** Of an imported request; undefined of any other. */
  importedRow(id: number): Row | undefined {
    return this.keeping.imports.row(id);
  }

  importedDetail(id: number): Detail | undefined {
    return this.keeping.imports.detail(id);
  }

  importRequests(archive: string, first: number, entries: readonly unknown[]): ImportResult {
    const result = this.keeping.imports.add(archive, first, entries, this.options.mask());
    this.keeping.changed();
    return result;
  }

  pin(id: number, on: boolean): PinResult {
    const { pins } = this.keeping;
    const problem = on ? pins.pin(id) : undefined;
    if (problem !== undefined) return { kind: "refused", message: problem };
    if (!on && !pins.unpin(id)) return { kind: "refused", message: "It is not pinned." };
    this.options.rows.forgetOne(id);
    // A row of the ring keeps its position, pinned or not.
    if (id < this.options.recorder.first) this.keeping.changed();
    this.options.marked([id]);
    return { kind: on ? "pinned" : "unpinned", count: pins.count, most: MOST_PINS };
  }

  /** @throws Error in words when the filter cannot be understood. */
  clearFiltered(text: string): ClearedRequests {
    const { ids, pinned, pending } = this.keeping.takeOut(this.read(text)[1]);
    this.options.rows.forget();
    return { cleared: ids.length, pinned, pending };
  }

  private read(text: string): [Filter, CompiledFilter] {
    const parsed = parseFilter(text);
    if ("problem" in parsed) throw new Error(parsed.problem.message);
    return [parsed.filter, compileFilter(parsed.filter, this.context)];
  }
}
