/**
 * What an edit would change, request by request, on its way from the thread to the gateway: columns instead of objects, so
 * that the event loop which takes the answer in does not stand still for two thousand of them.
 * Must not be read by anyone but `Shifts`, which makes objects of the few that are looked at.
 */
import type { RowShift } from "../../contract/what-if.ts";
import type { Difference } from "../../replay/compare.ts";

/** Requests in ascending order, one place each in every column. */
export interface PackedShifts {
  readonly ids: Float64Array;
  /** Index in CHANGES. */
  readonly changes: Uint8Array;
  readonly before: Uint16Array;
  readonly after: Uint16Array;
  readonly assumed: Uint8Array;
  /** Where in `words` it stands why: many requests share one reason. */
  readonly why: Uint16Array;
  readonly words: readonly string[];
}

const CHANGES = ["rejected", "admitted", "elsewhere"] as const satisfies readonly RowShift["change"][];

/** The most differences that are told one by one; the newest. */
const MOST_SHIFTS = 2000;

/** What cannot be known is no change that could be shown. */
export function packShifts(differences: readonly Difference[]): PackedShifts {
  const told = differences.filter(({ change }) => change !== "unknown").slice(-MOST_SHIFTS);
  told.sort((a, b) => a.id - b.id);
  const words = new Map<string, number>();
  const packed: PackedShifts = {
    ids: new Float64Array(told.length),
    changes: new Uint8Array(told.length),
    before: new Uint16Array(told.length),
    after: new Uint16Array(told.length),
    assumed: new Uint8Array(told.length),
    why: new Uint16Array(told.length),
    words: [],
  };
  for (const [place, { id, change, before, after }] of told.entries()) {
    const why = after?.why ?? "";
    const known = words.get(why) ?? words.size;
    words.set(why, known);
    packed.ids[place] = id;
    packed.changes[place] = change === "newly refused" ? 0 : change === "newly admitted" ? 1 : 2;
    packed.before[place] = before?.status ?? 0;
    packed.after[place] = after?.status ?? 0;
    packed.assumed[place] = after !== undefined && after.assumed !== 0 ? 1 : 0;
    packed.why[place] = known;
  }
  return { ...packed, words: [...words.keys()] };
}

/** The changes that are shown at the moment. */
export class Shifts {
  readonly #packed: PackedShifts;

  constructor(packed: PackedShifts) {
    this.#packed = packed;
  }

  /** Ascending. */
  get ids(): Float64Array {
    return this.#packed.ids;
  }

  has(id: number): boolean {
    return this.#placeOf(id) >= 0;
  }

  /** Not masked. */
  of(id: number): RowShift | undefined {
    const place = this.#placeOf(id);
    return place < 0 ? undefined : this.#at(place);
  }

  /** The newest, not masked. */
  last(count: number): (RowShift & { readonly id: number })[] {
    const { ids } = this.#packed;
    const first = Math.max(0, ids.length - count);
    return Array.from(ids.subarray(first), (id, index) => ({ id, ...this.#at(first + index) }));
  }

  #at(place: number): RowShift {
    const { changes, before, after, assumed, why, words } = this.#packed;
    return {
      change: CHANGES[changes[place]],
      before: before[place],
      after: after[place],
      why: words[why[place]],
      assumed: assumed[place] === 1,
    };
  }

  /** -1 = it is none of them. */
  #placeOf(id: number): number {
    const { ids } = this.#packed;
    let low = 0;
    let high = ids.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (ids[middle] === id) return middle;
      if (ids[middle] < id) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
