/**
 * Heads and captured bodies of the latest requests, in segments of one mebibyte under one byte budget.
 * The oldest segment goes when the budget is full; rows that point into it then show "evicted".
 * Must not know rows, and must not mask: it holds what was on the wire.
 */

export const SEGMENT_BYTES = 1_048_576;
const PARTS = 8;
const USED_PARTS = 6;
const HEADER = PARTS * 4;

/** One request's bytes. Strings are latin1, as on the wire. */
export interface Payload {
  readonly requestHead: string;
  readonly upstreamHead: string;
  readonly responseHead: string;
  readonly replyHead: string;
  readonly requestBody: Buffer;
  readonly responseBody: Buffer;
}

/** What a body gives to the ring: text, or a buffer and how much of it is used. */
export interface Kept {
  readonly text?: string;
  readonly kept: Buffer | undefined;
  readonly keptBytes: number;
}

/** What one request gives to the ring. Strings are latin1. */
export interface PayloadParts {
  readonly requestHead: string;
  readonly upstreamHead: string;
  readonly responseHead: string;
  readonly replyHead: string;
  readonly requestBody: Kept;
  readonly responseBody: Kept;
}

/** The same memory as bytes and as the numbers that stand before each request's bytes. */
class Segment {
  readonly bytes: Buffer;
  readonly numbers: Uint32Array;

  constructor(size = SEGMENT_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.numbers = new Uint32Array(this.bytes.buffer, 0, size / 4);
  }
}

/** Numbers of segments that hold one request each, apart from the ring. The ring's own would take 2 PiB to get there. */
const FIRST_APART = 2 ** 31;

const EMPTY = Buffer.alloc(0);

export class PayloadRing {
  private readonly segments: Segment[] = [];
  private readonly maximum: number;
  /** Number of segments[0]; numbers start at 1, so that 0 means "nothing kept". */
  private firstNumber = 1;
  /** A multiple of 4. */
  private used = SEGMENT_BYTES;
  private readonly apart = new Map<number, Segment>();
  private lastApart = FIRST_APART - 1;
  /** Where the latest `write` went. */
  segment = 0;
  offset = 0;

  /** @param budget bytes; at least two segments are kept. */
  constructor(budget: number) {
    this.maximum = Math.max(2, Math.floor(budget / SEGMENT_BYTES));
  }

  get bytes(): number {
    return this.segments.length * SEGMENT_BYTES;
  }

  /** Copies everything; `segment` and `offset` then say where it is. Parts too large for a segment are not kept. */
  write(parts: PayloadParts): void {
    const { requestHead, upstreamHead, responseHead, replyHead, requestBody, responseBody } = parts;
    const heads = requestHead.length + upstreamHead.length + responseHead.length + replyHead.length;
    const length = HEADER + heads + requestBody.keptBytes + responseBody.keptBytes;
    if (length > SEGMENT_BYTES) {
      this.segment = this.offset = 0;
      return;
    }
    if (this.used + length > SEGMENT_BYTES) this.advance();
    const { bytes, numbers } = this.segments[this.segments.length - 1];
    const begin = this.used;
    const first = begin >>> 2;
    numbers[first] = requestHead.length;
    numbers[first + 1] = upstreamHead.length;
    numbers[first + 2] = responseHead.length;
    numbers[first + 3] = replyHead.length;
    numbers[first + 4] = requestBody.keptBytes;
    numbers[first + 5] = responseBody.keptBytes;
    // One long text is written in a third of the time that its parts take.
    let text = requestHead + upstreamHead + responseHead + replyHead;
    let next = begin + HEADER;
    for (const body of [requestBody, responseBody]) {
      if (body.kept === undefined) {
        text += body.text ?? "";
        continue;
      }
      next += bytes.write(text, next, "latin1");
      next += body.kept.copy(bytes, next, 0, body.keptBytes);
      text = "";
    }
    if (text !== "") bytes.write(text, next, "latin1");
    this.used = (begin + length + 3) & ~3;
    this.segment = this.firstNumber + this.segments.length - 1;
    this.offset = begin;
  }

  private advance(): void {
    if (this.segments.length === this.maximum) {
      // The evicted segment's memory is used again: its rows know it by a number that no longer counts.
      this.segments.push(this.segments.shift()!);
      this.firstNumber++;
    } else {
      this.segments.push(new Segment());
    }
    this.used = 0;
  }

  has(segment: number): boolean {
    return (
      (segment >= this.firstNumber && segment < this.firstNumber + this.segments.length) || this.apart.has(segment)
    );
  }

  private find(segment: number): Segment {
    return this.apart.get(segment) ?? this.segments[segment - this.firstNumber];
  }

  /** Bytes that one request has in the ring; 0 when they were evicted. */
  sizeOf(segment: number, offset: number): number {
    if (!this.has(segment)) return 0;
    const { numbers } = this.find(segment);
    let length = HEADER;
    for (let k = 0; k < USED_PARTS; k++) length += numbers[(offset >>> 2) + k];
    return (length + 3) & ~3;
  }

  /** Copies one request out of the ring. @returns number of a segment that holds it at offset 0 until `drop`. */
  setApart(segment: number, offset: number): number {
    const size = this.sizeOf(segment, offset);
    if (size === 0) return 0;
    const own = new Segment(size);
    this.find(segment).bytes.copy(own.bytes, 0, offset, offset + size);
    this.apart.set(++this.lastApart, own);
    return this.lastApart;
  }

  drop(segment: number): void {
    this.apart.delete(segment);
  }

  /** The bodies are views into the ring: use them at once or copy them. */
  read(segment: number, offset: number): Payload | undefined {
    if (!this.has(segment)) return undefined;
    const { bytes, numbers } = this.find(segment);
    let next = offset + HEADER;
    const part = (k: number) => bytes.subarray(next, (next += numbers[(offset >>> 2) + k]));
    return {
      requestHead: part(0).toString("latin1"),
      upstreamHead: part(1).toString("latin1"),
      responseHead: part(2).toString("latin1"),
      replyHead: part(3).toString("latin1"),
      requestBody: part(4),
      responseBody: part(5),
    };
  }

  /** The request head alone: for filters over header fields. */
  requestHead(segment: number, offset: number): string | undefined {
    if (!this.has(segment)) return undefined;
    const { bytes, numbers } = this.find(segment);
    const begin = offset + HEADER;
    return bytes.toString("latin1", begin, begin + numbers[offset >>> 2]);
  }

  /** Both captured bodies: for filters over bodies. */
  bodies(segment: number, offset: number): readonly [Buffer, Buffer] {
    const payload = this.read(segment, offset);
    return payload === undefined ? [EMPTY, EMPTY] : [payload.requestBody, payload.responseBody];
  }

  clear(): void {
    this.apart.clear();
    this.firstNumber += this.segments.length;
    this.segments.length = 0;
    this.used = SEGMENT_BYTES;
  }
}
