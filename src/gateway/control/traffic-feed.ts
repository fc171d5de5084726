/**
 * The traffic one session sees: windows on demand, and what was added and changed since it was last told.
 * Positions of matched rows stay where they are; when they cannot, a sequence number is left out, and the watcher
 * asks for a snapshot. Must not send more than a screen can use.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Stamp } from "../../contract/stamp.ts";
import type {
  Row,
  SortKey,
  TrafficCounts,
  TrafficDelta,
  TrafficQuery,
  TrafficSort,
  TrafficWindow,
} from "../../contract/traffic.ts";
import { wallClock } from "../readings.ts";
import { sortIds } from "../record/sorting.ts";
import type { FilterView } from "../record/filter-view.ts";

/** What the feed needs of the gateway. */
export interface TrafficSource {
  readonly generation: string;
  /** @throws Error in words when the filter cannot be understood. */
  openView(filter: string): FilterView;
  row(id: number): Row | undefined;
  readonly lists: { sortKeyOf(by: SortKey): (id: number) => number | string | undefined };
  counts(): Pick<TrafficCounts, "total" | "dropped" | "recording" | "perSecond" | "rejectedShare" | "p95">;
}

/** A filter in which `is:changed` or `is:pinned` stands, in whatever spelling: rows may match that did not. */
function namesChange(filter: string): boolean {
  return /chang|pin/i.test(filter);
}

/** What was sorted, as it was then. */
interface Sorted {
  readonly key: string;
  readonly at: number;
  readonly end: number;
  readonly ids: Promise<readonly number[]>;
}

const MAX_APPENDED = 100;
const MAX_CHANGED = 500;
/** Of rows that only look different: those in one delta, and those that wait for one. */
const LOOKS_AT_ONCE = 100;
const MOST_LOOKS = 1000;
/** Rows that were sent unasked and may still be on the screen. */
const RECENT = 1000;

export class TrafficFeed {
  private readonly source: TrafficSource;
  private watched: FilterView | undefined;
  /** A view that was only asked about. */
  private asked: FilterView | undefined;
  private seq = 0;
  /** Position up to which rows were told. */
  private told = 0;
  private shifts = 0;
  private shown = { from: 0, to: 0 };
  private lastCounts = "";
  private sorted: Sorted | undefined;

  constructor(source: TrafficSource) {
    this.source = source;
  }

  watch(filter: string): void {
    if (this.watched?.text !== filter) {
      const view = this.source.openView(filter);
      this.watched?.close();
      this.watched = view;
    }
    this.catchUp(this.watched);
    this.told = this.watched.first + this.watched.matched;
    this.lastCounts = "";
  }

  unwatch(): void {
    this.watched?.close();
    this.watched = undefined;
  }

  close(): void {
    this.unwatch();
    this.asked?.close();
    this.asked = undefined;
  }

  rows({ filter, from, count }: TrafficQuery): TrafficWindow {
    const view = this.viewFor(filter);
    if (view === this.watched) this.tellLater(this.catchUp(view));
    else view.catchUp();
    const end = view.first + view.matched;
    const begin = Math.max(view.first, from < 0 ? end + from : from);
    if (view === this.watched) this.shown = { from: begin, to: begin + count };
    return { ...this.countsOf(view), from: begin, rows: this.make(view.idsBetween(begin, begin + count)) };
  }

  /** A window of the order in which the rows were when they were sorted. */
  async sortedRows({ filter, from, count }: TrafficQuery, sort: TrafficSort): Promise<TrafficWindow> {
    const view = this.viewFor(filter);
    if (view === this.watched) this.tellLater(this.catchUp(view));
    else view.catchUp();
    const key = JSON.stringify([filter, sort]);
    if (this.sorted?.key !== key) this.sorted = { key, at: wallClock(), ...this.sort(view, sort) };
    const { at, end, ids: order } = this.sorted;
    const ids = await order;
    const begin = Math.max(0, from < 0 ? ids.length + from : from);
    const wanted = ids.slice(begin, begin + count);
    const rows = wanted.map((id) => this.source.row(id));
    this.sortedShown = wanted;
    const gaps = rows.flatMap((row, k) => (row === undefined ? [begin + k] : []));
    return {
      ...this.countsOf(view),
      from: begin,
      rows: rows.filter((row) => row !== undefined),
      sorted: { at, end, count: ids.length, gaps },
    };
  }

  private sort(view: FilterView, { by, descending }: TrafficSort): Pick<Sorted, "end" | "ids"> {
    const end = view.first + view.matched;
    const ids = sortIds(view.idsBetween(view.first, end), this.source.lists.sortKeyOf(by), descending, turn);
    return { end, ids };
  }

  /** Ids of the sorted rows that the watcher may show. */
  private sortedShown: readonly number[] = [];

  /** These rows look different now, and other rows may match. */
  refresh(ids: readonly number[]): void {
    if (this.watched !== undefined && namesChange(this.watched.text)) this.watched.refresh();
    if (this.asked !== undefined && namesChange(this.asked.text)) this.asked.refresh();
    if (this.watched !== undefined) for (const id of ids.slice(-MOST_LOOKS)) this.looks.add(id);
  }

  /** Rows that look different and are still to be told: a preview may change thousands of them at once. */
  private readonly looks = new Set<number>();

  private someLooks(): number[] {
    const some = [...this.looks].slice(-LOOKS_AT_ONCE);
    for (const id of some) this.looks.delete(id);
    return some;
  }

  /** undefined = nothing to tell. */
  delta(): TrafficDelta | undefined {
    const view = this.watched;
    if (view === undefined) return undefined;
    const changedIds = [...this.waiting, ...this.someLooks(), ...this.catchUp(view)];
    this.waiting = [];
    const end = view.first + view.matched;
    const from = Math.max(this.told, end - MAX_APPENDED, view.first);
    const appended = this.make(view.idsBetween(from, end));
    const toldBefore = Math.max(this.told, view.first);
    this.told = end;
    const changed = this.changedRows(view, changedIds, toldBefore);
    const counts = this.countsOf(view);
    const text = JSON.stringify({ ...counts, stamp: undefined });
    if (appended.length === 0 && changed.length === 0 && text === this.lastCounts) return undefined;
    this.lastCounts = text;
    return { ...counts, stamp: this.stamp(++this.seq), appended, appendedAt: from, changed };
  }

  private waiting: number[] = [];

  /** Ends that a window request has taken in: the delta still has to tell them for rows outside that window. */
  private tellLater(ids: number[]): void {
    this.waiting.push(...ids.slice(-MAX_CHANGED));
    if (this.waiting.length > MAX_CHANGED) this.waiting = this.waiting.slice(-MAX_CHANGED);
  }

  private catchUp(view: FilterView): number[] {
    const ended = view.catchUp();
    if (view === this.watched && view.shifts !== this.shifts) {
      this.shifts = view.shifts;
      // A gap: whoever counted positions asks again.
      this.seq++;
      this.told = view.first + view.matched;
    }
    return ended;
  }

  private viewFor(filter: string): FilterView {
    if (this.watched?.text === filter) return this.watched;
    if (this.asked?.text !== filter) {
      const view = this.source.openView(filter);
      this.asked?.close();
      this.asked = view;
    }
    return this.asked;
  }

  /** Of the rows that ended, those that the watcher has or shows. */
  private changedRows(view: FilterView, ids: readonly number[], told: number): Row[] {
    if (ids.length === 0) return [];
    const wanted = new Set(this.sortedShown);
    for (const id of view.idsBetween(Math.max(view.first, told - RECENT), told)) wanted.add(id);
    const margin = this.shown.to - this.shown.from;
    for (const id of view.idsBetween(this.shown.from - margin, Math.min(told, this.shown.to + margin))) wanted.add(id);
    return this.make([...new Set(ids)].filter((id) => wanted.has(id)).slice(-MAX_CHANGED));
  }

  private make(ids: readonly number[]): Row[] {
    return ids.map((id) => this.source.row(id)).filter((row) => row !== undefined);
  }

  private countsOf(view: FilterView): TrafficCounts {
    return {
      stamp: this.stamp(this.seq),
      ...this.source.counts(),
      matched: view.matched,
      first: view.first,
    };
  }

  private stamp(seq: number): Stamp {
    return { generation: this.source.generation, seq };
  }
}
