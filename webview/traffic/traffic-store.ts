/**
 * What the traffic table knows: the counts, the rows around what is visible, whether the view follows or is frozen.
 * The gateway owns the ring and evaluates the filter; the page holds only its window and a page on either side.
 * A gap in `seq`, or another generation, throws the window away and asks again. Must not draw.
 */
import type {
  Row,
  SortedWindow,
  TrafficCounts,
  TrafficDelta,
  TrafficSort,
  TrafficWindow,
} from "../../src/contract/traffic.ts";
import { looksLike } from "../channel/guard.ts";
import type { Gateway } from "../channel/connection.ts";

/** Most rows of one question (contract). */
const MOST_ROWS = 500;
/** Rows of the first question, before the size of the window is known. */
const FIRST_ROWS = 80;

/** Positions [first, end) of rows that match. */
export interface Span {
  readonly first: number;
  readonly end: number;
}

export class TrafficStore {
  /** The filter that the rows obey. Invalid text never gets here. */
  filter = "";
  /** Latest counts; undefined before the first answer. */
  counts: TrafficCounts | undefined;
  /** Positions that the view shows. Equal to the live ones unless frozen. */
  span: Span = { first: 0, end: 0 };
  frozen = false;
  /** Keeps the newest row in view. */
  follow = true;
  /** Another order than that of arrival; the rows are then those of one moment. */
  sort: TrafficSort | undefined;
  /** As of when they are sorted; undefined until the gateway has sorted them. */
  sorted: SortedWindow | undefined;
  /** End of the positions when the person last saw the newest row: what came since is "new". */
  seenEnd = 0;
  /** Called after every change. */
  onChange: () => void = () => {};
  /** A row that is or was shown has changed. */
  onRow: (row: Row) => void = () => {};

  readonly #gateway: () => Gateway | undefined;
  readonly #rows = new Map<number, Row>();
  readonly #positions = new Map<number, number>();
  readonly #asked = new Set<string>();
  #wanted: Span = { first: 0, end: 0 };
  #live: Span = { first: 0, end: 0 };
  #generation = "";
  #seq = -1;
  /** Counts filters and snapshots: an answer to an older one is dropped. */
  #epoch = 0;
  #settled = false;
  /** Changes of rows were missed while the view was frozen. */
  #stale = false;
  /** Sorted: positions whose rows have left the ring since. */
  readonly #gaps = new Set<number>();
  /** Sorted: end of the live positions up to which rows are in it. */
  #sortedEnd = 0;

  constructor(gateway: () => Gateway | undefined) {
    this.#gateway = gateway;
  }

  rowAt(position: number): Row | undefined {
    return this.#rows.get(position);
  }

  positionOf(id: number): number | undefined {
    return this.#positions.get(id);
  }

  /** Rows that arrived while the view was frozen or scrolled away. */
  get unseen(): number {
    if (this.sort !== undefined) return this.sorted === undefined ? 0 : Math.max(0, this.#live.end - this.#sortedEnd);
    return Math.max(0, this.#live.end - (this.frozen ? this.span.end : this.seenEnd));
  }

  /** Its row has left the ring since the rows were sorted. */
  isGone(position: number): boolean {
    return this.#gaps.has(position);
  }

  /** Rows held in memory; for tests and for nothing else. */
  get held(): number {
    return this.#rows.size;
  }

  /** Drops everything and asks for the newest rows under the current filter; call after `watch` was answered. */
  async snapshot(): Promise<void> {
    const epoch = this.#reset();
    this.onChange();
    const answer = await this.#ask(this.sort === undefined ? -FIRST_ROWS : 0, FIRST_ROWS);
    if (answer === undefined || epoch !== this.#epoch) return;
    this.#begin(answer);
  }

  /** Asks for the rows in another order; undefined = as they come. Equal orders change nothing, unless asked `again`. */
  setSort(wanted: Pick<TrafficSort, "by" | "descending"> | undefined, again = false): void {
    const { sort } = this;
    if (!again && wanted?.by === sort?.by && wanted?.descending === sort?.descending) return;
    this.sort = wanted === undefined ? undefined : { ...wanted, run: (sort?.run ?? 0) + 1 };
    void this.snapshot();
  }

  /** Messages were lost: the positions still hold, so the view stays where it is and its rows are asked for again. */
  async recover(): Promise<void> {
    if (this.#generation === "" || this.frozen) return this.frozen ? undefined : this.snapshot();
    if (this.sort !== undefined) return this.#refresh();
    const epoch = (this.#epoch += 1);
    this.#settled = false;
    this.#asked.clear();
    const { first, end } = this.#wanted;
    const from = this.follow ? -FIRST_ROWS : Math.max(first, this.span.first);
    const answer = await this.#ask(from, this.follow ? FIRST_ROWS : Math.max(1, Math.min(end - from, MOST_ROWS)));
    if (answer === undefined || epoch !== this.#epoch) return;
    if (answer.stamp.generation !== this.#generation) return this.snapshot();
    this.#rows.clear();
    this.#positions.clear();
    this.#begin(answer);
  }

  /** Sorted: the same rows as they look now. */
  async #refresh(): Promise<void> {
    const { epoch, from } = { epoch: this.#epoch, from: Math.max(0, this.#wanted.first) };
    const answer = await this.#ask(from, Math.max(FIRST_ROWS, Math.min(this.#wanted.end - from, MOST_ROWS)));
    if (answer === undefined || epoch !== this.#epoch) return;
    // Another life of the channel: it was sorted anew.
    if (answer.stamp.generation !== this.#generation || answer.sorted?.at !== this.sorted?.at) return this.snapshot();
    this.#store(answer);
    this.onChange();
  }

  #begin(answer: TrafficWindow): void {
    this.#settled = true;
    this.#seq = -1;
    this.#generation = answer.stamp.generation;
    this.#count(answer);
    this.sorted = answer.sorted;
    this.#sortedEnd = answer.sorted?.end ?? 0;
    this.span = answer.sorted === undefined ? this.#live : { first: 0, end: answer.sorted.count };
    if (this.follow) this.seenEnd = this.#live.end;
    this.#store(answer);
    this.onChange();
    this.#fill();
  }

  /** Between a change of filter and its snapshot the old deltas must not count. */
  pause(): void {
    this.#reset();
    this.onChange();
  }

  take(delta: TrafficDelta): void {
    if (!this.#settled) return;
    const gap = this.#seq !== -1 && delta.stamp.seq !== this.#seq + 1;
    if (delta.stamp.generation !== this.#generation) return void this.snapshot();
    // A frozen view is not touched: it is asked for again when it thaws.
    if (gap && !this.frozen && this.sort === undefined) return void this.recover();
    if (gap) this.#stale = true;
    const { unseen } = this;
    this.#seq = delta.stamp.seq;
    this.#count(delta);
    // Positions mean something else now: what was new before is still new.
    if (gap && this.sort !== undefined) {
      this.#sortedEnd = this.#live.end - unseen;
      void this.#refresh();
    }
    if (!this.frozen && this.sort === undefined) this.#advance(delta);
    for (const row of delta.changed) this.#change(row);
    this.onChange();
    if (!this.frozen) this.#fill();
  }

  /** The view shows these positions: keeps a page on either side and asks for what is missing. */
  want(first: number, end: number): void {
    const page = end - first;
    this.#wanted = { first: first - page, end: end + page };
    this.#forget();
    this.#fill();
  }

  /** Sorted rows are those of one moment: there is nothing to follow. */
  setFollow(wanted: boolean): void {
    const follow = wanted && this.sort === undefined;
    if (this.follow === follow) return;
    this.follow = follow;
    if (follow) this.seenEnd = this.#live.end;
    this.onChange();
  }

  /** Stops the view only: recording goes on, and what comes is counted. */
  setFrozen(frozen: boolean): void {
    this.frozen = frozen;
    if (!frozen) {
      if (this.#stale) void this.recover();
      this.#stale = false;
      if (this.sort === undefined) this.span = this.#live;
      if (this.follow) this.seenEnd = this.#live.end;
      this.#forget();
      this.#fill();
    }
    this.onChange();
  }

  #reset(): number {
    this.#epoch += 1;
    this.#settled = false;
    this.#rows.clear();
    this.#positions.clear();
    this.#asked.clear();
    this.#gaps.clear();
    this.sorted = undefined;
    this.frozen = false;
    this.follow = this.sort === undefined;
    return this.#epoch;
  }

  #count(counts: TrafficCounts): void {
    this.counts = counts;
    this.#live = { first: counts.first, end: counts.first + counts.matched };
  }

  #advance(delta: TrafficDelta): void {
    this.span = this.#live;
    if (this.follow) this.seenEnd = this.#live.end;
    delta.appended.forEach((row, index) => {
      const position = delta.appendedAt + index;
      if (this.follow || this.#isWanted(position)) this.#put(position, row);
    });
    this.#forget();
  }

  #change(row: Row): void {
    const position = this.#positions.get(row.id);
    if (position !== undefined && !this.frozen) this.#rows.set(position, row);
    this.onRow(row);
  }

  #put(position: number, row: Row): void {
    this.#rows.set(position, row);
    this.#positions.set(row.id, position);
  }

  #isWanted(position: number): boolean {
    return position >= this.#wanted.first && position < this.#wanted.end;
  }

  /** Rows outside the window go; while following, the newest stay: the window is about to move there. */
  #forget(): void {
    const tail = this.follow ? this.span.end - FIRST_ROWS : Infinity;
    for (const [position, row] of this.#rows)
      if ((!this.#isWanted(position) && position < tail) || position < this.span.first) {
        this.#rows.delete(position);
        this.#positions.delete(row.id);
      }
  }

  /** Asks for the rows that the window lacks, in one question per run of missing rows. */
  #fill(): void {
    if (!this.#settled) return;
    const from = Math.max(this.#wanted.first, this.span.first);
    const end = Math.min(this.#wanted.end, this.span.end);
    let position = from;
    while (position < end) {
      if (this.#isKnown(position)) {
        position += 1;
        continue;
      }
      let until = position;
      while (until < end && until - position < MOST_ROWS && !this.#isKnown(until)) until += 1;
      void this.#fetch(position, until - position);
      position = until;
    }
  }

  async #fetch(from: number, count: number): Promise<void> {
    const key = `${from}+${count}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    const epoch = this.#epoch;
    const answer = await this.#ask(from, count);
    this.#asked.delete(key);
    if (answer === undefined || epoch !== this.#epoch) return;
    if (answer.stamp.generation !== this.#generation) return void this.snapshot();
    this.#store(answer);
    this.onChange();
  }

  #isKnown(position: number): boolean {
    return this.#rows.has(position) || this.#gaps.has(position);
  }

  #store({ from, rows, sorted }: TrafficWindow): void {
    for (const position of sorted?.gaps ?? []) {
      this.#gaps.add(position);
      this.#rows.delete(position);
    }
    let position = from;
    for (const row of rows) {
      while (this.#gaps.has(position)) position += 1;
      this.#put(position, row);
      position += 1;
    }
  }

  /** undefined when the gateway did not answer, or answered with something else. */
  async #ask(from: number, count: number): Promise<TrafficWindow | undefined> {
    try {
      const answer = await this.#gateway()?.rows({
        filter: this.filter,
        from,
        count,
        ...(this.sort === undefined ? {} : { sort: this.sort }),
      });
      return looksLike("rows", answer) ? answer : undefined;
    } catch {
      return undefined;
    }
  }
}
