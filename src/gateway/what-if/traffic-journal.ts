/**
 * The journal of a running gateway: the latest requests with everything that touches State, packed in blocks, and the
 * state with which some blocks begin. It is what "what if" folds, in another thread, on the same memory.
 * It runs inside every request, so it copies numbers and bytes only. Must not keep what recording is switched off for.
 */
import { serialize } from "node:v8";
import type { Arrival, Facts, Passage } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Outcome, State } from "../../model/state.ts";
import { isUndecided, type AsideEvent, type BesideEvent, type Journal } from "../record/journal.ts";
import type { Recording } from "../record/recording.ts";
import { LONGEST, NOBODY, Packed, UNDECIDED, plainArrival, plainResume, type BlockView } from "./packed.ts";

/** Requests that are kept at least, once there were as many. */
export const KEPT_REQUESTS = 2048;
/** Requests between two snapshots of the state, when it is small; a large one is copied less often. */
const SPACING = 1024;
const WIDEST_SPACING = 16_384;
/** Bytes of a snapshot that are copied per request, on average, at most. */
const SNAPSHOT_SHARE = 100;
const NUMBERS = 32_768;
const HEAD_BYTES = 524_288;
const MOST_WORDS = 65_536;

/** The state before a block's first event, and the plan that it belongs to. */
export interface Snapshot {
  readonly revision: number;
  readonly at: Millis;
  /** Made by v8.serialize. */
  readonly state: Uint8Array;
}

/** What is handed over: only what was not handed over before. */
export interface JournalView {
  /** The state is left out when it is the one that was handed over last. */
  readonly snapshot: Omit<Snapshot, "state"> & { readonly state?: Uint8Array };
  /** All that there are; those in which nothing is new come as their number. */
  readonly blocks: readonly (BlockView | number)[];
}

/** What a block is written to. */
interface Memory {
  readonly numbers: Float64Array;
  readonly heads: Buffer;
}

/** Blocks that are kept to be written again. */
const MOST_SPARE = 2;

class Block {
  readonly number: number;
  readonly snapshot: Snapshot | undefined;
  readonly numbers: Float64Array;
  readonly heads: Buffer;
  used = 0;
  headBytes = 0;
  requests = 0;
  /** What of it was handed over. */
  #told = { numbers: 0, words: 0, objects: 0 };
  /** Somebody else reads its memory, or did. */
  shared = false;
  /** Word 0 is "absent". */
  readonly words: string[] = [""];
  readonly objects: unknown[] = [undefined];
  readonly #wordIndex = new Map<string, number>();

  constructor(number: number, snapshot: Snapshot | undefined, memory: Memory | undefined) {
    this.number = number;
    this.snapshot = snapshot;
    this.numbers = memory?.numbers ?? new Float64Array(new SharedArrayBuffer(NUMBERS * 8));
    this.heads = memory?.heads ?? Buffer.from(new SharedArrayBuffer(HEAD_BYTES));
  }

  word(text: string | undefined): number {
    if (text === undefined || text === "") return 0;
    const known = this.#wordIndex.get(text);
    if (known !== undefined) return known;
    // A slice of a request head would keep the whole head alive, and thousands of heads become old before a block goes.
    const own = Buffer.from(text, "utf8").toString("utf8");
    this.#wordIndex.set(own, this.words.length);
    return this.words.push(own) - 1;
  }

  object(value: unknown): number {
    return this.objects.push(value) - 1;
  }

  /** What is new since it was last asked; its number when nothing is. */
  handOver(): BlockView | number {
    const { number, used, words, objects } = this;
    const told = this.#told;
    if (told.numbers === used) return number;
    this.shared = true;
    this.#told = { numbers: used, words: words.length, objects: objects.length };
    const memory = (array: Float64Array | Buffer) => array.buffer as unknown as SharedArrayBuffer;
    return {
      number,
      from: told.numbers,
      used,
      numbers: memory(this.numbers),
      heads: memory(this.heads),
      words: words.slice(told.words),
      objects: objects.slice(told.objects),
    };
  }

  forgetHandOver(): void {
    this.#told = { numbers: 0, words: 0, objects: 0 };
  }
}

export interface TrafficJournalOptions {
  /** The pair that serves; it was carried over every edit so far. */
  active(): { readonly state: State; readonly revision: number } | undefined;
  /** Another block has begun: the one before is complete. */
  begun?(): void;
}

export class TrafficJournal implements Journal {
  readonly #options: TrafficJournalOptions;
  #blocks: Block[] = [];
  /** Memory of blocks that went and that nobody else has: fresh memory costs a page fault every few requests. */
  readonly #spare: Memory[] = [];
  #nextNumber = 1;
  /** Number of the block whose snapshot was handed over last. */
  #snapshotTold = 0;
  /** Requests since the latest snapshot, the first id after it, and after how many the next one is due. */
  #sinceSnapshot = 0;
  #firstId = 0;
  #due = SPACING;

  constructor(options: TrafficJournalOptions) {
    this.#options = options;
  }

  /** Forgets everything; the next request begins a new journal. */
  clear(): void {
    this.#blocks = [];
  }

  /** undefined = nothing is recorded. @throws nothing; the memory stays ours to go on writing behind `used`. */
  handOver(): JournalView | undefined {
    const first = this.#blocks.at(0);
    if (first?.snapshot === undefined) return undefined;
    const { revision, at } = first.snapshot;
    const snapshot = this.#snapshotTold === first.number ? { revision, at } : first.snapshot;
    this.#snapshotTold = first.number;
    return { snapshot, blocks: this.#blocks.map((block) => block.handOver()) };
  }

  /** Whoever had the blocks is gone: they are handed over anew. */
  forgetHandOver(): void {
    this.#snapshotTold = 0;
    for (const block of this.#blocks) block.forgetHandOver();
  }

  enter(recording: Recording, { wallClock }: Passage, at: Millis): void {
    const { id, seed, arrival, requestHead } = recording;
    // Ids below zero belong to requests that nobody records.
    if (id <= 0) return this.clear();
    const block = this.#blockForRequest(id, requestHead.length, at);
    if (block === undefined) return;
    block.requests++;
    this.#sinceSnapshot++;
    const { numbers, used: i } = block;
    numbers[i] = Packed.Enter;
    numbers[i + 1] = id;
    numbers[i + 2] = at;
    numbers[i + 3] = wallClock;
    numbers[i + 4] = seed;
    numbers[i + 5] = arrival.listener;
    numbers[i + 6] = arrival.clientPort;
    numbers[i + 7] = block.word(arrival.clientIp);
    numbers[i + 8] = block.word(arrival.method);
    numbers[i + 9] = block.word(arrival.host);
    numbers[i + 10] = block.word(arrival.query === undefined ? arrival.path : `${arrival.path}?${arrival.query}`);
    numbers[i + 11] = block.headBytes;
    numbers[i + 12] = block.heads.write(requestHead, block.headBytes, "latin1");
    numbers[i + 13] = isPlain(arrival) ? 0 : block.object(plainArrival(arrival, ""));
    block.headBytes += numbers[i + 12];
    block.used += LONGEST;
  }

  decide(recording: Recording, passage: Passage, at: Millis): void {
    const block = this.#blockFor(recording, passage);
    if (block === undefined) return;
    const { numbers, used: i } = block;
    numbers[i] = Packed.Decide;
    numbers[i + 1] = recording.id;
    numbers[i + 2] = at;
    numbers[i + 3] = passage.wallClock;
    numbers[i + 4] = isEmpty(passage.facts) ? 0 : block.object(passage.facts);
    block.used += 5;
  }

  again(recording: Recording, passage: Passage, at: Millis, failed: Outcome): void {
    this.#outcome(Packed.Again, recording, passage, at, failed);
  }

  settle(recording: Recording, passage: Passage, at: Millis, outcome: Outcome): void {
    this.#outcome(Packed.Settle, recording, passage, at, outcome);
  }

  aside(recording: Recording, passage: Passage, event: AsideEvent): void {
    const block = this.#blockFor(recording, passage);
    if (block === undefined) return;
    this.#object(
      block,
      "arrival" in event ? { ...event, arrival: plainArrival(event.arrival, recording.requestHead) } : event,
    );
  }

  beside(event: BesideEvent): void {
    const block = this.#blocks.length === 0 ? undefined : this.#roomy(0);
    if (block !== undefined) this.#object(block, event);
  }

  #outcome(
    kind: number,
    recording: Recording,
    passage: Passage,
    at: Millis,
    { status, failure, firstByte }: Outcome,
  ): void {
    const block = this.#blockFor(recording, passage);
    if (block === undefined) return;
    const { decision } = recording;
    const { holds, service, endpoint } = decision;
    const { numbers, used: i } = block;
    numbers[i] = kind;
    numbers[i + 1] = recording.id;
    numbers[i + 2] = at;
    numbers[i + 3] = status;
    numbers[i + 4] = failure;
    numbers[i + 5] = firstByte;
    numbers[i + 6] = holds ? service : isUndecided(decision) ? UNDECIDED : NOBODY;
    numbers[i + 7] = endpoint;
    block.used += 8;
  }

  #object(block: Block, event: object): void {
    block.numbers[block.used] = Packed.Object;
    block.numbers[block.used + 1] = block.object(event);
    block.used += 2;
  }

  /** For a step of a request: one that was entered before the snapshot brings what a reader must know of it. */
  #blockFor(recording: Recording, passage: Passage): Block | undefined {
    if (this.#blocks.length === 0) return undefined;
    const block = this.#roomy(0);
    if (recording.id < this.#firstId) this.#object(block, plainResume(recording, passage));
    return block;
  }

  /** The only place where a snapshot is made: the core has not been asked about this request yet. */
  #blockForRequest(id: number, headLength: number, at: Millis): Block | undefined {
    if (this.#blocks.length > 0 && this.#sinceSnapshot < this.#due) return this.#roomy(headLength);
    const active = this.#options.active();
    if (active === undefined) return undefined;
    const state = serialize(active.state);
    this.#sinceSnapshot = 0;
    this.#firstId = id;
    this.#due = Math.min(WIDEST_SPACING, Math.max(SPACING, Math.ceil(state.length / SNAPSHOT_SHARE)));
    return this.#open({ revision: active.revision, at, state });
  }

  #roomy(headLength: number): Block {
    const block = this.#blocks[this.#blocks.length - 1];
    const full =
      block.used + 2 * LONGEST > NUMBERS ||
      block.headBytes + headLength > HEAD_BYTES ||
      block.words.length > MOST_WORDS;
    return full ? this.#open(undefined) : block;
  }

  #open(snapshot: Snapshot | undefined): Block {
    const block = new Block(this.#nextNumber++, snapshot, this.#spare.pop());
    this.#blocks.push(block);
    this.#evict();
    this.#options.begun?.();
    return block;
  }

  /** The oldest blocks go when enough requests stand behind a later snapshot. */
  #evict(): void {
    let behind = 0;
    for (let k = this.#blocks.length - 1; k > 0; k--) {
      behind += this.#blocks[k].requests;
      if (behind < KEPT_REQUESTS || this.#blocks[k].snapshot === undefined) continue;
      for (const gone of this.#blocks.splice(0, k)) {
        // A block that was being written when it was handed over is with its reader too.
        if (!gone.shared && this.#spare.length < MOST_SPARE) this.#spare.push(gone);
      }
      return;
    }
  }
}

function isEmpty(facts: Facts): boolean {
  for (const name in facts) if (name !== "") return false;
  return true;
}

/** Nothing about it is special: its numbers and its head say all. */
function isPlain({ layer, sni, clientCertificate }: Arrival): boolean {
  return layer === 7 && sni === undefined && clientCertificate === undefined;
}
