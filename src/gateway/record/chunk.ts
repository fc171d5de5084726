/**
 * Four thousand rows as columns of numbers, with the words and facts that they point to interned beside them.
 * A chunk lives and dies whole, so eviction costs nothing per row and no word outlives the rows that use it.
 * Must not know heads and bodies (payload-ring.ts), nor format for people.
 */
import type { Caller, Facts } from "../../model/arrival.ts";
import { Mark, SendNote, SkipNote, type Decision } from "../../model/decision.ts";
import type { AttemptRecord, Recording } from "./recording.ts";

export const CHUNK_ROWS = 4096;
/** Longer words are cut in the row; the head keeps them whole. */
export const MAX_WORD = 1024;
const BLOCK = 16_384;
const HEADER = 7;
const PER_ATTEMPT = 11;
const MAX_ATTEMPTS = 32;
const MAX_FACTS = 32;
/** Rough cost of one interned word beside its characters: map entry, list slot, string header. */
const WORD_OVERHEAD = 72;

export const RowStateCode = { Pending: 0, Ok: 1, ClientError: 2, UpstreamError: 3, Rejected: 4, Aborted: 5 } as const;

export const Tag = {
  Retried: 1,
  Upgraded: 2,
  Shadow: 4,
  EngineRefused: 8,
  Simulated: 16,
  Http2: 32,
  Grpc: 64,
  Bypassed: 128,
  Hedged: 256,
  Mirror: 512,
  Child: 1024,
  Replay: 2048,
  /** A person keeps it: record/pins.ts. */
  Pinned: 4096,
  /** A person took it out of the list: record/keeping.ts. */
  Cleared: 8192,
  /** Read from an archive: it never came through this gateway. */
  Imported: 16_384,
  /** Answered by a policy that stands in for services. */
  Mock: 32_768,
} as const;

/** Where a row's heads and bodies stand in the ring. */
export interface PayloadPlace {
  readonly segment: number;
  readonly offset: number;
}

const column = {
  byte: () => new Uint8Array(CHUNK_ROWS),
  signed: () => new Int16Array(CHUNK_ROWS),
  word: () => new Uint16Array(CHUNK_ROWS),
  whole: () => new Uint32Array(CHUNK_ROWS),
  single: () => new Float32Array(CHUNK_ROWS),
  double: () => new Float64Array(CHUNK_ROWS),
};

const NO_FACTS: number[] = [];

export class Chunk {
  /** Id of row 0, where ids go up by one with every row. */
  firstId: number;
  /** Ids of rows that were taken from elsewhere; empty where they follow from `firstId`. */
  readonly ids: number[] = [];
  count = 0;
  lowestRevision = Infinity;

  readonly at = column.double();
  readonly start = column.double();
  readonly requestBytes = column.double();
  readonly responseBytes = column.double();
  /** Milliseconds; -1 while pending. */
  readonly duration = column.single();
  readonly firstByte = column.single();
  readonly enteredAfter = column.single();
  readonly decidedAfter = column.single();
  readonly seed = column.whole();
  readonly revision = column.whole();
  readonly segment = column.whole();
  readonly offset = column.whole();
  /** Where the row's numbers stand in the arena; 0 = nothing kept. */
  readonly numbers = column.whole();
  readonly status = column.word();
  readonly clientPort = column.word();
  readonly method = column.word();
  readonly host = column.word();
  readonly path = column.word();
  readonly client = column.word();
  readonly caller = column.word();
  readonly refusal = column.word();
  readonly refusalDetail = column.word();
  /** Layer 4: "tcp", "udp", "tls"; 0 at layer 7. */
  readonly protocol = column.word();
  /** Layer 4: see ending.ts. */
  readonly ending = column.word();
  readonly listener = column.signed();
  readonly route = column.signed();
  readonly match = column.signed();
  readonly step = column.signed();
  readonly service = column.signed();
  readonly endpoint = column.signed();
  readonly reason = column.byte();
  readonly builtIn = column.byte();
  readonly attempts = column.byte();
  readonly failure = column.byte();
  /** Of a gRPC call, plus one; 0 = none. */
  readonly grpcStatus = column.byte();
  readonly state = column.byte();
  readonly tags = column.word();

  /** Word 0 is "absent". */
  words: string[] = [""];
  private wordIndex = new Map<string, number>();
  /** Object 0 is "absent". Token facts, claims and groups, shared by every row of one token. */
  objects: unknown[] = [undefined];
  private objectIndex = new Map<unknown, number>();
  private blocks: Float32Array[] = [];
  /** Blocks of an earlier life. */
  private spare: Float32Array[] = [];
  private used = BLOCK;
  private internedBytes = 0;
  private lastFacts: Facts | undefined;
  private lastIndexes: readonly number[] = NO_FACTS;

  constructor(firstId: number) {
    this.firstId = firstId;
  }

  /** Rows from elsewhere, each with a number of its own: whoever puts one in writes it into `ids`. */
  static numbered(): Chunk {
    return new Chunk(NaN);
  }

  idOf(i: number): number {
    return this.ids.length === 0 ? this.firstId + i : this.ids[i];
  }

  /** Empty again, in the same memory: fresh memory costs a page fault every few rows. Nobody may still hold it. */
  renew(firstId: number): this {
    this.firstId = firstId;
    this.count = 0;
    this.lowestRevision = Infinity;
    for (const value of Object.values(this)) if (ArrayBuffer.isView(value)) (value as Uint8Array).fill(0);
    this.words = [""];
    this.wordIndex = new Map();
    this.objects = [undefined];
    this.objectIndex = new Map();
    this.spare.push(...this.blocks);
    this.blocks = [];
    this.used = BLOCK;
    this.internedBytes = 0;
    this.lastFacts = undefined;
    return this;
  }

  get full(): boolean {
    return this.count === CHUNK_ROWS;
  }

  /** Bytes that this chunk accounts for. */
  get bytes(): number {
    return CHUNK_ROWS * BYTES_PER_ROW + (this.blocks.length + this.spare.length) * BLOCK * 4 + this.internedBytes;
  }

  /** @returns 0 for undefined and "". */
  word(text: string | undefined): number {
    if (text === undefined || text === "") return 0;
    const short = text.length > MAX_WORD ? text.slice(0, MAX_WORD - 1) + "…" : text;
    const known = this.wordIndex.get(short);
    if (known !== undefined) return known;
    if (this.words.length === 65_536) return 0;
    // A slice of a request head would keep the whole head alive: take a copy of its own.
    const own = Buffer.from(short, "utf8").toString("utf8");
    this.internedBytes += Buffer.byteLength(own) + WORD_OVERHEAD;
    this.wordIndex.set(own, this.words.length);
    return this.words.push(own) - 1;
  }

  private object(value: unknown, weight?: number): number {
    if (value === undefined || value === null) return 0;
    const known = this.objectIndex.get(value);
    if (known !== undefined) return known;
    this.internedBytes += (weight ?? weigh(value)) + WORD_OVERHEAD;
    this.objectIndex.set(value, this.objects.length);
    return this.objects.push(value) - 1;
  }

  /** The request head is in: the row can be seen as pending. @returns the row's index. */
  begin(recording: Recording): number {
    const i = this.count++;
    const arrival = recording.arrival;
    this.at[i] = recording.at;
    this.start[i] = recording.start;
    this.duration[i] = -1;
    this.firstByte[i] = -1;
    this.seed[i] = recording.seed;
    this.revision[i] = recording.revision;
    if (recording.revision < this.lowestRevision) this.lowestRevision = recording.revision;
    this.method[i] = this.word(arrival.method);
    this.host[i] = this.word(arrival.host);
    const { path, query } = arrival;
    this.path[i] = this.word(query === undefined ? path : `${path}?${query}`);
    if (arrival.layer === 4) this.beginLayer4(i, recording);
    this.client[i] = this.word(arrival.clientIp);
    this.clientPort[i] = arrival.clientPort;
    this.listener[i] = arrival.listener;
    this.route[i] = this.match[i] = this.step[i] = this.service[i] = this.endpoint[i] = -1;
    return i;
  }

  /** The columns of a request's method and path say what was connected to, so that filters find it. */
  private beginLayer4(i: number, { arrival }: Recording): void {
    const { protocol = "tcp", localIp = "", localPort = 0 } = arrival;
    this.protocol[i] = this.word(protocol);
    this.method[i] = this.word(protocol.toUpperCase());
    this.path[i] = this.word(localIp.includes(":") ? `[${localIp}]:${localPort}` : `${localIp}:${localPort}`);
  }

  /** A connection that stays open: what is known by now. The numbers of its decision are packed once. */
  progress(i: number, recording: Recording): void {
    const { decision } = recording;
    this.requestBytes[i] = recording.requestBody.bytes;
    this.responseBytes[i] = recording.responseBody.bytes;
    this.host[i] = this.word(recording.arrival.host);
    this.route[i] = decision.route;
    this.match[i] = decision.match;
    this.service[i] = decision.service;
    const known = this.numbers[i] !== 0 && this.endpoint[i] === decision.endpoint;
    // A connection is decided before its first attempt begins: that one is packed once it is connected.
    if (known && this.attempts[i] === recording.attempts.length) return;
    this.attempts[i] = Math.min(255, recording.attempts.length);
    this.endpoint[i] = decision.endpoint;
    this.numbers[i] = this.packNumbers(recording);
  }

  /** The request ended. @param state one of RowStateCode. @param tags OR of Tag. */
  end(i: number, recording: Recording, state: number, tags: number, place: PayloadPlace): void {
    const decision = recording.decision;
    if (recording.arrival.layer === 4) {
      this.host[i] = this.word(recording.arrival.host);
      this.ending[i] = this.word(recording.ending);
    }
    this.duration[i] = Math.max(0, recording.end - recording.start);
    this.firstByte[i] = firstByteOf(recording);
    this.requestBytes[i] = recording.requestBody.bytes;
    this.responseBytes[i] = recording.responseBody.bytes;
    this.enteredAfter[i] = decision.enteredAt - recording.start;
    this.decidedAfter[i] = decision.decidedAt - recording.start;
    this.revision[i] = recording.revision;
    if (recording.revision < this.lowestRevision) this.lowestRevision = recording.revision;
    this.seed[i] = recording.seed;
    this.segment[i] = place.segment;
    this.offset[i] = place.offset;
    this.status[i] = recording.status;
    this.caller[i] = this.word(recording.caller.label);
    this.refusal[i] = this.word(recording.refusal);
    this.refusalDetail[i] = this.word(recording.refusalDetail);
    this.route[i] = decision.route;
    this.match[i] = decision.match;
    this.step[i] = decision.step;
    this.service[i] = decision.service;
    this.endpoint[i] = decision.endpoint;
    this.reason[i] = decision.reason;
    this.builtIn[i] = decision.builtIn;
    this.attempts[i] = Math.min(255, recording.attempts.length);
    this.failure[i] = recording.failure;
    this.grpcStatus[i] = recording.grpcStatus + 1;
    this.state[i] = state;
    this.tags[i] = tags;
    this.numbers[i] = this.packNumbers(recording);
  }

  private packNumbers(recording: Recording): number {
    const trace = recording.decision.trace;
    const attempts = Math.min(MAX_ATTEMPTS, recording.attempts.length);
    const facts = this.factIndexes(recording.facts);
    const length = HEADER + trace.length * 3 + attempts * PER_ATTEMPT + facts.length;
    if (this.used + length > BLOCK) {
      this.blocks.push(this.spare.pop() ?? new Float32Array(BLOCK));
      // Position 0 of the first block stays free, so that 0 can mean "nothing kept".
      this.used = 1;
    }
    const block = this.blocks[this.blocks.length - 1];
    const begin = this.used;
    const caller = recording.caller;
    block[begin] = trace.length;
    block[begin + 1] = trace.dropped;
    block[begin + 2] = attempts;
    block[begin + 3] = facts.length;
    block[begin + 4] = this.word(caller.consumer);
    block[begin + 5] = caller.groups.length === 0 ? 0 : this.object(caller.groups);
    // The claims are a part of the token's fact, which was weighed just before.
    block[begin + 6] = this.object(caller.jwt, 0);
    let next = begin + HEADER;
    const numbers = trace.numbers;
    for (let k = 0; k < trace.length * 3; k++) block[next++] = numbers[k];
    for (let k = 0; k < attempts; k++) next = packAttempt(block, next, recording.attempts[k], recording.start);
    for (const index of facts) block[next++] = index;
    this.used = next;
    return (this.blocks.length - 1) * BLOCK + begin;
  }

  private factIndexes(facts: Facts): readonly number[] {
    // Callers come in rows, and the gatherer hands the same facts for the same verdict.
    if (facts === this.lastFacts) return this.lastIndexes;
    let indexes = NO_FACTS;
    for (const name in facts) {
      if (indexes === NO_FACTS) indexes = [];
      if (indexes.length < MAX_FACTS * 2) indexes.push(this.word(name), this.object(facts[name]));
    }
    this.lastFacts = facts;
    this.lastIndexes = indexes;
    return indexes;
  }

  /** Writes the trace and the decision's fields of row i into `out`, for explaining. */
  unpackDecision(i: number, out: Decision): void {
    out.clear();
    out.route = this.route[i];
    out.match = this.match[i];
    out.step = this.step[i];
    out.reason = this.reason[i];
    out.builtIn = this.builtIn[i];
    out.service = this.service[i];
    out.endpoint = this.endpoint[i];
    out.attempts = this.attempts[i];
    out.enteredAt = this.start[i] + this.enteredAfter[i];
    out.decidedAt = this.start[i] + this.decidedAfter[i];
    const at = this.numbers[i];
    if (at === 0) return;
    const block = this.blocks[Math.floor(at / BLOCK)];
    const begin = at % BLOCK;
    const trace = out.trace;
    trace.dropped = block[begin + 1];
    trace.restore(block, begin + HEADER, block[begin] * 3);
  }

  unpackAttempts(i: number): AttemptRecord[] {
    const at = this.numbers[i];
    if (at === 0) return [];
    const block = this.blocks[Math.floor(at / BLOCK)];
    const begin = at % BLOCK;
    const from = begin + HEADER + block[begin] * 3;
    const attempts: AttemptRecord[] = [];
    for (let k = 0; k < block[begin + 2]; k++)
      attempts.push(unpackAttempt(block, from + k * PER_ATTEMPT, this.start[i]));
    return attempts;
  }

  /** Caller and facts of row i; the objects are shared, not copies. */
  unpackIdentity(i: number): { caller: Caller; facts: Facts } {
    const label = this.words[this.caller[i]] || undefined;
    const at = this.numbers[i];
    if (at === 0) return { caller: { consumer: undefined, groups: [], jwt: undefined, label }, facts: {} };
    const block = this.blocks[Math.floor(at / BLOCK)];
    const begin = at % BLOCK;
    const facts: Record<string, unknown> = {};
    const from = begin + HEADER + block[begin] * 3 + block[begin + 2] * PER_ATTEMPT;
    for (let k = 0; k < block[begin + 3]; k += 2)
      facts[this.words[block[from + k]]] = this.objects[block[from + k + 1]];
    const caller: Caller = {
      consumer: this.words[block[begin + 4]] || undefined,
      groups: (this.objects[block[begin + 5]] as readonly string[] | undefined) ?? [],
      jwt: this.objects[block[begin + 6]] as Caller["jwt"],
      label,
    };
    return { caller, facts };
  }

  /** Id of the request on whose behalf row i was sent; 0 = none. Of such a row the trace begins with that. */
  parentOf(i: number): number {
    const at = this.numbers[i];
    if (at === 0 || (this.tags[i] & (Tag.Mirror | Tag.Child)) === 0) return 0;
    return this.blocks[Math.floor(at / BLOCK)][(at % BLOCK) + HEADER + 1];
  }

  /** Index into `objects` of the verified claims of row i; 0 = none. */
  claimsOf(i: number): number {
    const at = this.numbers[i];
    return at === 0 ? 0 : this.blocks[Math.floor(at / BLOCK)][(at % BLOCK) + 6];
  }
}

const MARK_UNIT = 1048576;
/** Lowest code of a shadow step's entry in a trace. */
const FIRST_SHADOW = Mark.Shadow * MARK_UNIT;

/** Sum of the column widths above. */
const BYTES_PER_ROW = 4 * 8 + 4 * 4 + 5 * 4 + 12 * 2 + 6 * 2 + 6;

function packAttempt(block: Float32Array, at: number, attempt: AttemptRecord, start: number): number {
  block[at] = attempt.endpoint;
  block[at + 1] = since(attempt.startedAt, start);
  block[at + 2] = since(attempt.connectedAt, start);
  block[at + 3] = since(attempt.sentAt, start);
  block[at + 4] = since(attempt.firstByteAt, start);
  block[at + 5] = since(attempt.endedAt, start);
  block[at + 6] = attempt.status;
  block[at + 7] = attempt.failure;
  block[at + 8] = (attempt.reused ? 1 : 0) + (attempt.simulated === true ? 2 : 0) + (attempt.hedge === true ? 4 : 0);
  block[at + 9] = attempt.next;
  block[at + 10] = attempt.localPort ?? 0;
  return at + PER_ATTEMPT;
}

function unpackAttempt(block: Float32Array, at: number, start: number): AttemptRecord {
  const time = (k: number) => (Number.isNaN(block[at + k]) ? -1 : start + block[at + k]);
  return {
    endpoint: block[at],
    startedAt: time(1),
    connectedAt: time(2),
    sentAt: time(3),
    firstByteAt: time(4),
    endedAt: time(5),
    status: block[at + 6],
    failure: block[at + 7],
    reused: (block[at + 8] & 1) === 1,
    next: block[at + 9],
    simulated: (block[at + 8] & 2) === 2,
    hedge: (block[at + 8] & 4) === 4,
    localPort: block[at + 10],
  };
}

/** -1 means "did not happen"; a clock may well stand below zero relative to the start, so NaN says it instead. */
function since(time: number, start: number): number {
  return time < 0 ? NaN : time - start;
}

function firstByteOf(recording: Recording): number {
  for (let k = recording.attempts.length - 1; k >= 0; k--) {
    const { firstByteAt } = recording.attempts[k];
    if (firstByteAt >= 0) return firstByteAt - recording.start;
  }
  return -1;
}

/** Characters of a value as JSON, times two: what it may cost in memory, roughly. */
function weigh(value: unknown): number {
  try {
    return JSON.stringify(value).length * 2;
  } catch {
    return 1024;
  }
}

/** What the trace tells of steps that did not judge: one in shadow would have refused, a trusted listener bypassed one. */
export function traceTags(decision: Decision): number {
  const { numbers, length } = decision.trace;
  // A copy says so first of all.
  let tags =
    length === 0 ? 0 : numbers[0] === SendNote.Copy ? Tag.Mirror : numbers[0] === SendNote.Child ? Tag.Child : 0;
  for (let k = 0; k < length; k++) {
    const code = numbers[k * 3];
    if (code < FIRST_SHADOW || (code & 255) === 0) continue;
    const mark = Math.floor(code / MARK_UNIT);
    if (mark === Mark.Shadow) tags |= Tag.Shadow;
    else if (mark === Mark.Skipped && (code & 255) === SkipNote.Bypassed) tags |= Tag.Bypassed;
  }
  return tags;
}
