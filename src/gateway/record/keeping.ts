/**
 * What a person did to the list of requests, beside what the ring does by itself: pinned, imported, taken out.
 * The ring knows nothing of it but where to ask for a row that it has not. Must not run in a request's path.
 */
import { RowStateCode, Tag } from "./chunk.ts";
import type { CompiledFilter } from "./filter/compile.ts";
import { Imports } from "./imports.ts";
import { Pins } from "./pins.ts";
import type { Recorder, RecorderListener, RowPlace, RowsBeside } from "./recorder.ts";

/** What was taken out of the list, and what stayed although it matched. */
export interface TakenOut {
  readonly ids: readonly number[];
  readonly pinned: number;
  readonly pending: number;
}

export class Keeping implements RowsBeside, RecorderListener {
  readonly pins: Pins;
  readonly imports: Imports;
  changes = 0;
  private readonly recorder: Recorder;
  private known: readonly number[] | undefined;
  /** Rows taken out, by the first id of their chunk. */
  private readonly takenIn = new Map<number, number>();
  /** Rows taken out whose chunk has been evicted since. */
  private takenBefore = 0;

  constructor(recorder: Recorder) {
    this.recorder = recorder;
    this.pins = new Pins(recorder);
    this.imports = new Imports();
    recorder.beside = this;
    recorder.listen(this);
  }

  get ids(): readonly number[] {
    this.known ??= [...this.imports.ids, ...this.pins.outside()];
    return this.known;
  }

  get taken(): number {
    let sum = 0;
    for (const count of this.takenIn.values()) sum += count;
    return sum;
  }

  /** Evicted rows that nobody can look at any more and nobody took out. */
  get lost(): number {
    return Math.max(0, this.recorder.dropped - this.takenBefore - (this.ids.length - this.imports.count));
  }

  place(id: number): RowPlace | undefined {
    return this.imports.place(id) ?? this.pins.place(id);
  }

  /** The list of rows is another one. */
  changed(): void {
    this.known = undefined;
    this.changes++;
  }

  /** Takes rows that match out of the list. Pinned ones stay, and those that have not ended. */
  takeOut({ test }: CompiledFilter): TakenOut {
    const ids: number[] = [];
    let pinned = 0;
    let pending = 0;
    for (const chunk of this.recorder.all)
      for (let i = 0; i < chunk.count; i++) {
        if (!test(chunk, i)) continue;
        if (chunk.state[i] === RowStateCode.Pending) pending++;
        else if ((chunk.tags[i] & Tag.Pinned) !== 0) pinned++;
        else {
          chunk.tags[i] |= Tag.Cleared;
          chunk.segment[i] = chunk.offset[i] = 0;
          this.takenIn.set(chunk.firstId, (this.takenIn.get(chunk.firstId) ?? 0) + 1);
          ids.push(chunk.firstId + i);
        }
      }
    for (const id of this.pins.outside()) {
      const place = this.pins.place(id);
      if (place !== undefined && test(place.chunk, place.index)) pinned++;
    }
    ids.push(...this.imports.takeOut(test));
    if (ids.length > 0) this.changed();
    return { ids, pinned, pending };
  }

  began(): void {}

  ended(): void {}

  evicted(first: number): void {
    for (const [chunk, count] of this.takenIn)
      if (chunk < first) {
        this.takenIn.delete(chunk);
        this.takenBefore += count;
      }
    if (this.pins.count > 0) this.changed();
  }

  cleared(): void {
    this.takenIn.clear();
    this.takenBefore = 0;
    this.pins.clear();
    this.imports.clear();
    this.changed();
  }
}
