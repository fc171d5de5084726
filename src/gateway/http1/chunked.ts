/**
 * Takes chunked framing off a body (RFC 9112 section 7.1), up to but without the trailers.
 * Can stop at any byte and go on later. Chunk extensions are checked and dropped, as every recipient may.
 * Must not copy: it points at the data of one chunk after the other.
 */
import { CR, HEX, LF, QUOTED, TOKEN } from "./grammar.ts";
import { MAX_HEAD_BYTES } from "./head.ts";
import type { ProblemCode } from "./problem.ts";

/** What `read` found. */
export const Chunk = { More: 0, Data: 1, Last: 2, Bad: 3 } as const;

const Phase = {
  SizeStart: 0,
  Size: 1,
  SizeLineFeed: 2,
  Data: 3,
  DataCr: 4,
  DataLineFeed: 5,
  NameStart: 6,
  Name: 7,
  ValueStart: 8,
  Value: 9,
  Quoted: 10,
  QuotedPair: 11,
  QuotedEnd: 12,
} as const;

/** Leading zeros count. 2^53 - 1 has 14 hexadecimal digits. */
const MAX_SIZE_DIGITS = 16;
const SEMICOLON = 59;
const EQUALS = 61;
const QUOTE = 34;
const BACKSLASH = 92;

export class ChunkReader {
  private phase: number = Phase.SizeStart;
  private remaining = 0;
  private digits = 0;
  private extensionBytes = 0;
  /** Offset in the passed bytes where the last call stopped. */
  position = 0;
  /** Data stands at bytes[dataStart, position). */
  dataStart = 0;
  /** Set when `read` says Bad. */
  problem: ProblemCode = "chunk-size-illegal";

  reset(): void {
    this.phase = Phase.SizeStart;
    this.extensionBytes = 0;
  }

  /** @returns one of Chunk. After Last the trailer section follows at `position`. */
  read(bytes: Buffer, start: number, end: number): number {
    let i = start;
    while (i < end) {
      if (this.phase === Phase.Data) {
        const taken = Math.min(this.remaining, end - i);
        this.remaining -= taken;
        if (this.remaining === 0) this.phase = Phase.DataCr;
        this.dataStart = i;
        this.position = i + taken;
        return Chunk.Data;
      }
      const byte = bytes[i++];
      const problem = this.phase <= Phase.DataLineFeed ? this.readFrame(byte) : this.readExtension(byte);
      if (problem !== undefined) {
        this.problem = problem;
        this.position = i - 1;
        return Chunk.Bad;
      }
      if (this.phase === Phase.Data && this.remaining === 0) {
        this.position = i;
        return Chunk.Last;
      }
    }
    this.position = i;
    return Chunk.More;
  }

  private readFrame(byte: number): ProblemCode | undefined {
    switch (this.phase) {
      case Phase.SizeStart:
        if (HEX[byte] === 255) return "chunk-size-illegal";
        this.remaining = HEX[byte];
        this.digits = 1;
        this.phase = Phase.Size;
        return undefined;
      case Phase.Size:
        return this.readSize(byte);
      case Phase.SizeLineFeed:
        if (byte !== LF) return "bare-cr";
        this.phase = Phase.Data;
        return undefined;
      case Phase.DataCr:
        if (byte !== CR) return "chunk-end-missing";
        this.phase = Phase.DataLineFeed;
        return undefined;
      default:
        if (byte !== LF) return "chunk-end-missing";
        this.phase = Phase.SizeStart;
        return undefined;
    }
  }

  private readSize(byte: number): ProblemCode | undefined {
    const digit = HEX[byte];
    if (digit !== 255) {
      this.remaining = this.remaining * 16 + digit;
      const tooLarge = ++this.digits > MAX_SIZE_DIGITS || this.remaining > Number.MAX_SAFE_INTEGER;
      return tooLarge ? "chunk-size-too-large" : undefined;
    }
    if (byte === CR) this.phase = Phase.SizeLineFeed;
    else if (byte === SEMICOLON) this.phase = Phase.NameStart;
    else return byte === LF ? "bare-lf" : "chunk-size-illegal";
    return undefined;
  }

  /**
   * *( ";" name [ "=" ( token / quoted-string ) ] ). The white space that RFC 9112 section 7.1.1 calls bad is refused, as
   * llhttp does: readers disagree about it, and that is how requests are smuggled.
   */
  private readExtension(byte: number): ProblemCode | undefined {
    if (++this.extensionBytes > MAX_HEAD_BYTES) return "chunk-extension-too-long";
    if (byte === LF) return "bare-lf";
    switch (this.phase) {
      case Phase.NameStart:
        if (TOKEN[byte] === 1) this.phase = Phase.Name;
        else return "chunk-extension-illegal";
        return undefined;
      case Phase.Name:
        if (TOKEN[byte] === 1) return undefined;
        if (byte !== EQUALS) return this.endExtension(byte);
        this.phase = Phase.ValueStart;
        return undefined;
      case Phase.ValueStart:
        if (byte === QUOTE) this.phase = Phase.Quoted;
        else if (TOKEN[byte] === 1) this.phase = Phase.Value;
        else return "chunk-extension-illegal";
        return undefined;
      case Phase.Value:
        return TOKEN[byte] === 1 ? undefined : this.endExtension(byte);
      case Phase.Quoted:
        if (byte === QUOTE) this.phase = Phase.QuotedEnd;
        else if (byte === BACKSLASH) this.phase = Phase.QuotedPair;
        else if (QUOTED[byte] !== 1) return "chunk-extension-illegal";
        return undefined;
      case Phase.QuotedPair:
        if (QUOTED[byte] !== 1 && byte !== QUOTE && byte !== BACKSLASH) return "chunk-extension-illegal";
        this.phase = Phase.Quoted;
        return undefined;
      default:
        return this.endExtension(byte);
    }
  }

  private endExtension(byte: number): ProblemCode | undefined {
    if (byte === CR) this.phase = Phase.SizeLineFeed;
    else if (byte === SEMICOLON) this.phase = Phase.NameStart;
    else return "chunk-extension-illegal";
    return undefined;
  }
}
