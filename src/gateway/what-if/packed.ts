/**
 * How the journal is packed: events as numbers in a row, heads as bytes, words and looked-up facts in lists beside them.
 * It exists so that writing costs a request no object, and reading happens in another thread on the same memory.
 * Must not know what an event does: the core does, when the journal is folded.
 */
import type { Arrival, Facts, Passage } from "../../model/arrival.ts";
import type { JournalEvent } from "../../model/journal.ts";
import { fieldsOf } from "../../replay/resume.ts";
import { keptArrival } from "../record/journal.ts";
import type { Recording } from "../record/recording.ts";
import { fieldOf } from "../record/heads.ts";

/** First number of each event. */
export const Packed = { Enter: 1, Decide: 2, Again: 3, Settle: 4, Object: 5 } as const;

/** In the place of a service: nobody was asked; it was not even decided. */
export const NOBODY = -1;
export const UNDECIDED = -2;

/** Numbers of an Enter; the others are shorter. */
export const LONGEST = 14;

/** What a block hands to a reader: the memory is shared, `used` says how far it may read. */
export interface BlockView {
  readonly number: number;
  /** Where the numbers begin that were not handed over before. */
  readonly from: number;
  readonly used: number;
  readonly numbers: SharedArrayBuffer;
  readonly heads: SharedArrayBuffer;
  /** Only those that were not handed over before; they follow them. */
  readonly words: readonly string[];
  readonly objects: readonly unknown[];
}

/** Reads one block, as it grows. */
export class BlockReader {
  readonly events: JournalEvent[] = [];
  readonly #words: string[] = [];
  readonly #objects: unknown[] = [];
  #read = 0;

  /** @throws when something between the last view and this one was not handed over. */
  take(view: BlockView): this {
    if (view.from !== this.#read) throw new Error("A part of the recording is missing.");
    for (const word of view.words) this.#words.push(word);
    for (const object of view.objects) this.#objects.push(object);
    const numbers = new Float64Array(view.numbers, 0, view.used);
    const heads = Buffer.from(view.heads);
    while (this.#read < view.used)
      this.#read += unpackOne(this.#words, this.#objects, numbers, heads, this.#read, this.events);
    return this;
  }
}

/** A `resume` or layer-4 arrival as plain data: functions do not cross threads. */
interface PlainArrival extends Omit<Arrival, "header"> {
  readonly head: string;
}

const OUTCOME = 4;

export function plainArrival(arrival: Arrival, head: string): PlainArrival {
  const { header: _header, ...plain } = keptArrival(arrival, head);
  return { ...plain, head };
}

export function plainResume({ id, revision, seed, decision, arrival, requestHead }: Recording, x: Passage): object {
  return {
    kind: "resume",
    id,
    revision,
    wallClock: x.wallClock,
    seed,
    tried: x.tried,
    decided: decision.tookRoute || decision.decidedAt > 0,
    arrival: plainArrival(arrival, requestHead),
    facts: x.facts,
    caller: { ...x.caller },
    decision: fieldsOf(decision),
  };
}

/** Puts the event that begins at `i` behind `out`. @returns how many numbers it is. */
function unpackOne(
  words: readonly string[],
  objects: readonly unknown[],
  n: Float64Array,
  heads: Buffer,
  i: number,
  out: JournalEvent[],
): number {
  switch (n[i]) {
    case Packed.Enter:
      out.push({
        kind: "enter",
        id: n[i + 1],
        at: n[i + 2],
        wallClock: n[i + 3],
        seed: n[i + 4],
        arrival: arrivalAt(words, objects, n, heads, i),
      });
      return LONGEST;
    case Packed.Decide:
      out.push({
        kind: "decide",
        id: n[i + 1],
        at: n[i + 2],
        wallClock: n[i + 3],
        facts: (objects[n[i + 4]] ?? NO_FACTS) as Facts,
      });
      return 5;
    case Packed.Object:
      out.push(revived(objects[n[i + 1]] as JournalEvent));
      return 2;
    default: {
      const kind = n[i] === Packed.Again ? "again" : "settle";
      const outcome = { status: n[i + 3], failure: n[i + 4], firstByte: n[i + 5] };
      const sent = n[i + 6] < 0 ? null : { service: n[i + 6], endpoint: n[i + 7] };
      const event = { id: n[i + 1], at: n[i + 2], outcome, sent };
      out.push(kind === "again" ? { kind, ...event } : { kind, ...event, undecided: n[i + 6] === UNDECIDED });
      return 4 + OUTCOME;
    }
  }
}

const NO_FACTS: Facts = Object.freeze({});

function arrivalAt(
  words: readonly string[],
  objects: readonly unknown[],
  n: Float64Array,
  heads: Buffer,
  i: number,
): Arrival {
  const special = objects[n[i + 13]] as PlainArrival | undefined;
  const head = heads.toString("latin1", n[i + 11], n[i + 11] + n[i + 12]);
  if (special !== undefined) return withHeader(special, special.head === "" ? head : special.head);
  return {
    layer: 7,
    listener: n[i + 5],
    clientPort: n[i + 6],
    clientIp: words[n[i + 7]] ?? "",
    method: words[n[i + 8]] ?? "",
    host: words[n[i + 9]] ?? "",
    ...splitTarget(words[n[i + 10]] ?? ""),
    header: (name) => fieldOf(head, name),
  };
}

function splitTarget(target: string): { path: string; query: string | undefined } {
  const mark = target.indexOf("?");
  return mark === -1
    ? { path: target, query: undefined }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

function withHeader({ head, ...plain }: PlainArrival, text = head): Arrival {
  return { ...plain, header: plain.layer === 4 ? () => undefined : (name) => fieldOf(text, name) };
}

function revived(event: JournalEvent): JournalEvent {
  if (!("arrival" in event)) return event;
  return { ...event, arrival: withHeader(event.arrival as unknown as PlainArrival) };
}
