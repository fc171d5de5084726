/**
 * One watcher's list of matching rows: positions stay where they are while rows come and go.
 * Rows join in the order in which they are known to match, and leave only at the front, when they are evicted; when
 * that cannot be kept, `shifts` grows and the watcher must ask again. Must not run in a request's path: it only
 * takes notes there and catches up when its watcher is served.
 */
import type { CompiledFilter } from "./filter/compile.ts";
import type { Recorder, RecorderListener } from "./recorder.ts";

/** More notes than this between two looks: the list is made anew instead. */
const MAX_NOTES = 20_000;

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
  private readonly unlisten: () => void;
  /** Grows whenever positions no longer mean what they meant. */
  shifts = 0;

  /** @param filter undefined = every row: positions are ids then, and no list is kept. */
  constructor(recorder: Recorder, text: string, filter: CompiledFilter | undefined) {
    this.recorder = recorder;
    this.text = text;
    this.filter = filter;
    this.unlisten = recorder.listen(this);
  }

  close(): void {
    this.unlisten();
  }

  began(id: number): void {
    if (this.filter !== undefined && !this.filter.atEnd) this.note(this.notes, id);
  }

  ended(id: number): void {
    if (this.filter === undefined || !this.filter.atEnd) this.note(this.ends, id);
    else this.note(this.notes, id);
  }

  progressed(id: number): void {
    if ((this.filter === undefined || !this.filter.atEnd) && this.progress.length < MAX_NOTES) this.progress.push(id);
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
    return this.filter === undefined ? this.recorder.first : this.offset;
  }

  get matched(): number {
    return this.filter === undefined ? this.recorder.total : this.ids.length;
  }

  /** @returns ids in [from, to) by position. */
  idsBetween(from: number, to: number): number[] {
    const begin = Math.max(from, this.first);
    const end = Math.min(to, this.first + this.matched);
    if (this.filter === undefined) return Array.from({ length: Math.max(0, end - begin) }, (_, k) => begin + k);
    return this.ids.slice(begin - this.offset, Math.max(begin, end) - this.offset);
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
    if (this.filter === undefined) {
      if (this.stale) this.shifts++;
      this.stale = false;
      return ends;
    }
    if (this.stale || (this.filter.looksAtPending && ends.length > 0)) this.rebuild();
    else this.append();
    this.dropEvicted();
    return this.filter.atEnd ? [] : ends;
  }

  private note(list: number[], id: number): void {
    if (list.length < MAX_NOTES) {
      list.push(id);
      return;
    }
    this.stale = true;
    list.length = 0;
  }

  private append(): void {
    const test = this.filter!.test;
    for (const id of this.notes) {
      const place = this.recorder.place(id);
      if (place !== undefined && test(place.chunk, place.index)) this.ids.push(id);
    }
    this.notes.length = 0;
  }

  private rebuild(): void {
    const { test, atEnd } = this.filter!;
    this.offset += this.ids.length;
    this.ids = [];
    this.notes.length = 0;
    for (const chunk of this.recorder.all)
      for (let i = 0; i < chunk.count; i++)
        if (!(atEnd && chunk.state[i] === 0) && test(chunk, i)) this.ids.push(chunk.firstId + i);
    this.stale = false;
    this.shifts++;
  }

  private dropEvicted(): void {
    const first = this.recorder.first;
    let gone = 0;
    while (gone < this.ids.length && this.ids[gone] < first) gone++;
    if (gone > 0) {
      this.ids.splice(0, gone);
      this.offset += gone;
    }
    // A row that joined late, behind younger ones, may be evicted in the middle of the list.
    if (this.filter!.atEnd && gone > 0 && this.ids.some((id) => id < first)) {
      this.ids = this.ids.filter((id) => id >= first);
      this.shifts++;
    }
  }
}
