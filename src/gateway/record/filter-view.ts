/**
 * One watcher's list of matching rows: positions stay where they are while rows come and go.
 * Rows join in the order in which they are known to match, and leave only at the front, when they are evicted; when
 * that cannot be kept, `shifts` grows and the watcher must ask again. Must not run in a request's path: it only
 * takes notes there and catches up when its watcher is served.
 */
import { Tag } from "./chunk.ts";
import type { CompiledFilter } from "./filter/compile.ts";
import type { Recorder, RecorderListener } from "./recorder.ts";

/** More notes than this between two looks: the list is made anew instead. */
const MAX_NOTES = 20_000;

/**
 * Without a filter, the position of a row of the ring is its id plus this: the rows beside the ring stand before it, and
 * no position is below zero.
 */
const LEAD = 8192;

/** Every row, as a list: some were taken out. */
const EVERYTHING: CompiledFilter = {
  test: (chunk, index) => (chunk.tags[index] & Tag.Cleared) === 0,
  atEnd: false,
  looksAtPending: false,
};

export class FilterView implements RecorderListener {
  readonly text: string;
  private readonly recorder: Recorder;
  private readonly filter: CompiledFilter | undefined;
  private ids: number[] = [];
  /** Position of ids[0]. */
  private offset = 0;
  private notes: number[] = [];
  private ends: number[] = [];
  /** Pending rows that show more than before. */
  private progress: number[] = [];
  private stale = true;
  /** Rows beside the ring at the front of `ids`. */
  private lead = 0;
  /** Of `recorder.beside`, when it was looked at. */
  private besideChanges: number;
  private listed: boolean;
  private seenFirst: number;
  private readonly unlisten: () => void;
  /** Grows whenever positions no longer mean what they meant. */
  shifts = 0;

  /** @param filter undefined = every row: positions are ids then, and no list is kept. */
  constructor(recorder: Recorder, text: string, filter: CompiledFilter | undefined) {
    this.recorder = recorder;
    this.text = text;
    this.filter = filter;
    this.besideChanges = recorder.beside.changes;
    this.listed = recorder.beside.taken > 0;
    this.seenFirst = recorder.first;
    this.unlisten = recorder.listen(this);
  }

  close(): void {
    this.unlisten();
  }

  /** What the list is made by; undefined = there is none, as positions tell ids. */
  private get sieve(): CompiledFilter | undefined {
    return this.filter ?? (this.listed ? EVERYTHING : undefined);
  }

  began(id: number): void {
    const { sieve } = this;
    if (sieve !== undefined && !sieve.atEnd) this.note(this.notes, id);
  }

  ended(id: number): void {
    if (this.filter?.atEnd === true) this.note(this.notes, id);
    else this.note(this.ends, id);
  }

  progressed(id: number): void {
    if (this.filter?.atEnd !== true && this.progress.length < MAX_NOTES) this.progress.push(id);
  }

  /** What rows show has changed beside the recording: which ones match is found out anew. */
  refresh(): void {
    this.stale = true;
  }

  evicted(): void {
    // Looked at when the watcher is served.
  }

  cleared(): void {
    this.stale = true;
    this.notes = [];
    this.ends = [];
    this.progress = [];
  }

  get first(): number {
    return this.sieve === undefined ? LEAD + this.recorder.first - this.recorder.beside.ids.length : this.offset;
  }

  get matched(): number {
    return this.sieve === undefined ? this.recorder.total + this.recorder.beside.ids.length : this.ids.length;
  }

  /** @returns ids in [from, to) by position. */
  idsBetween(from: number, to: number): number[] {
    const begin = Math.max(from, this.first);
    const end = Math.max(begin, Math.min(to, this.first + this.matched));
    if (this.sieve !== undefined) return this.ids.slice(begin - this.offset, end - this.offset);
    const { ids } = this.recorder.beside;
    const { first } = this;
    return Array.from({ length: end - begin }, (_, k) => ids[begin + k - first] ?? begin + k - LEAD);
  }

  /** Takes in what happened. @returns ids of rows of the list that ended or moved on since the last call. */
  catchUp(): number[] {
    const moved = this.progress;
    this.progress = [];
    const ended = this.catchUpEnds();
    return moved.length === 0 ? ended : [...moved, ...ended];
  }

  private catchUpEnds(): number[] {
    const ends = this.ends;
    this.ends = [];
    this.lookBeside();
    const { sieve } = this;
    if (sieve === undefined) {
      if (this.stale) this.shifts++;
      this.stale = false;
      return ends;
    }
    if (this.stale || (sieve.looksAtPending && ends.length > 0)) this.rebuild(sieve);
    else this.append(sieve);
    this.dropEvicted(sieve);
    return sieve.atEnd ? [] : ends;
  }

  private lookBeside(): void {
    const { beside, first } = this.recorder;
    const listed = beside.taken > 0;
    const moved = first !== this.seenFirst && beside.ids.length > 0;
    if (beside.changes !== this.besideChanges || listed !== this.listed || (moved && this.filter === undefined))
      this.stale = true;
    this.besideChanges = beside.changes;
    this.listed = listed;
    this.seenFirst = first;
  }

  private note(list: number[], id: number): void {
    if (list.length < MAX_NOTES) {
      list.push(id);
      return;
    }
    this.stale = true;
    list.length = 0;
  }

  private append({ test }: CompiledFilter): void {
    for (const id of this.notes) {
      const place = this.recorder.place(id);
      if (place !== undefined && test(place.chunk, place.index)) this.ids.push(id);
    }
    this.notes.length = 0;
  }

  private rebuild({ test, atEnd }: CompiledFilter): void {
    this.offset += this.ids.length;
    this.notes.length = 0;
    this.ids = this.recorder.beside.ids.filter((id) => {
      const place = this.recorder.place(id);
      return place !== undefined && test(place.chunk, place.index);
    });
    this.lead = this.ids.length;
    for (const chunk of this.recorder.all)
      for (let i = 0; i < chunk.count; i++)
        if (!(atEnd && chunk.state[i] === 0) && test(chunk, i)) this.ids.push(chunk.firstId + i);
    this.stale = false;
    this.shifts++;
  }

  private dropEvicted({ atEnd }: CompiledFilter): void {
    const { first } = this.recorder;
    const { lead } = this;
    let end = lead;
    while (end < this.ids.length && this.ids[end] < first) end++;
    const gone = end - lead;
    if (gone === 0) return;
    this.ids.splice(lead, gone);
    this.offset += gone;
    if (lead > 0) this.shifts++;
    // A row that joined late, behind younger ones, may be evicted in the middle of the list.
    if (atEnd && this.ids.some((id, k) => k >= lead && id < first)) {
      this.ids = this.ids.filter((id, k) => k < lead || id >= first);
      this.shifts++;
    }
  }
}
