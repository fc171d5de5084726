/**
 * Heads and captured bodies of the latest requests, in segments of one mebibyte under one byte budget.
 * The oldest segment goes when the budget is full; rows that point into it then show "evicted".
 * Must not know rows, and must not mask: it holds what was on the wire.
 */

export const SEGMENT_BYTES = 1_048_576;
const PARTS = 8;
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

/** What a body gives to the ring: its buffer and how much of it is used. */
export interface Kept {
  readonly kept: Buffer | undefined;
  readonly keptBytes: number;
}

const EMPTY = Buffer.alloc(0);

export class PayloadRing {
  private readonly segments: Buffer[] = [];
  private readonly maximum: number;
  /** Number of segments[0]; numbers start at 1, so that 0 means "nothing kept". */
  private firstNumber = 1;
  private used = SEGMENT_BYTES;
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

  /** Copies everything; `segment` and `offset` then say where it is. Parts too large for a segment are cut. */
  write(heads: readonly [string, string, string, string], request: Kept, response: Kept): void {
    let length = HEADER + request.keptBytes + response.keptBytes;
    for (const head of heads) length += head.length;
    if (length > SEGMENT_BYTES) {
      this.segment = this.offset = 0;
      return;
    }
    if (this.used + length > SEGMENT_BYTES) this.advance();
    const buffer = this.segments[this.segments.length - 1];
    const begin = this.used;
    let next = begin + HEADER;
    for (let k = 0; k < 4; k++) {
      buffer.writeUInt32LE(heads[k].length, begin + k * 4);
      if (heads[k] !== "") next += buffer.write(heads[k], next, "latin1");
    }
    next = this.writeBody(buffer, begin + 16, next, request);
    next = this.writeBody(buffer, begin + 20, next, response);
    this.used = next;
    this.segment = this.firstNumber + this.segments.length - 1;
    this.offset = begin;
  }

  private writeBody(buffer: Buffer, lengthAt: number, next: number, body: Kept): number {
    buffer.writeUInt32LE(body.keptBytes, lengthAt);
    if (body.kept !== undefined) body.kept.copy(buffer, next, 0, body.keptBytes);
    return next + body.keptBytes;
  }

  private advance(): void {
    if (this.segments.length === this.maximum) {
      // The evicted segment's memory is used again: its rows know it by a number that no longer counts.
      this.segments.push(this.segments.shift()!);
      this.firstNumber++;
    } else {
      this.segments.push(Buffer.allocUnsafeSlow(SEGMENT_BYTES));
    }
    this.used = 0;
  }

  has(segment: number): boolean {
    return segment >= this.firstNumber && segment < this.firstNumber + this.segments.length;
  }

  /** The bodies are views into the ring: use them at once or copy them. */
  read(segment: number, offset: number): Payload | undefined {
    if (!this.has(segment)) return undefined;
    const buffer = this.segments[segment - this.firstNumber];
    const lengths = [0, 1, 2, 3, 4, 5].map((k) => buffer.readUInt32LE(offset + k * 4));
    let next = offset + HEADER;
    const part = (k: number) => buffer.subarray(next, (next += lengths[k]));
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
    const buffer = this.segments[segment - this.firstNumber];
    const begin = offset + HEADER;
    return buffer.toString("latin1", begin, begin + buffer.readUInt32LE(offset));
  }

  /** Both captured bodies: for filters over bodies. */
  bodies(segment: number, offset: number): readonly [Buffer, Buffer] {
    const payload = this.read(segment, offset);
    return payload === undefined ? [EMPTY, EMPTY] : [payload.requestBody, payload.responseBody];
  }

  clear(): void {
    this.firstNumber += this.segments.length;
    this.segments.length = 0;
    this.used = SEGMENT_BYTES;
  }
}
