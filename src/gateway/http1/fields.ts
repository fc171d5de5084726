/**
 * Reads field lines up to the empty line that ends them: of a head or of trailers (RFC 9112 section 5).
 * Can stop at any byte and go on later; what is wrong is refused at the first byte that shows it, however they were split.
 * Must not make strings: it leaves offsets in a FieldTable, relative to the start of the section.
 */
import { hostEnd } from "./authority.ts";
import { COLON, CR, isDigit, LF, SPACE, TAB, TOKEN, VALUE } from "./grammar.ts";
import type { FieldTable } from "./head.ts";
import { Known, MAX_FIELDS } from "./head.ts";
import { recogniseBytes } from "./names.ts";
import type { ProblemCode } from "./problem.ts";
import { Scan } from "./start.ts";

/** Whose fields are read: what some of them may hold depends on it. */
export const Section = { Request: 0, Response: 1, Trailers: 2 } as const;

const Phase = { LineStart: 0, Name: 1, BeforeValue: 2, Value: 3, LineFeed: 4, FinalLineFeed: 5 } as const;

/** 9007199254740991 has 16 digits. */
const MAX_LENGTH_DIGITS = 16;

export class FieldScanner {
  private readonly section: number;
  private readonly table: FieldTable;
  private phase: number = Phase.LineStart;
  /** Where the scan goes on, relative to the start of the section. */
  at = 0;
  /** Set when `scan` says Bad. */
  problem: ProblemCode = "name-illegal";
  /** Value of Content-Length, or -1. */
  contentLength = -1;
  /** There is a Transfer-Encoding, and it is `chunked`. */
  chunked = false;
  /** Index of the Host line, or -1. */
  hostLine = -1;
  /** End of the host within the Host line, relative as the table's offsets. */
  hostEnd = 0;
  /** OR of 1 << Known for all lines. */
  seen = 0;
  private valueEnd = 0;

  constructor(section: number, table: FieldTable) {
    this.section = section;
    this.table = table;
  }

  /** @param at where the first field line starts within the section. */
  reset(at: number): void {
    this.at = at;
    this.phase = Phase.LineStart;
    this.table.count = 0;
    this.contentLength = -1;
    this.chunked = false;
    this.hostLine = -1;
    this.seen = 0;
  }

  /** The lines of the last section stand again, the first of them at `at` instead of `first`: all it knows holds, moved. */
  repeat(at: number, first: number): void {
    const delta = at - first;
    this.at += delta;
    if (delta === 0) return;
    const { count, nameStart, nameEnd, valueStart, valueEnd } = this.table;
    for (let i = 0; i < count; i++) {
      nameStart[i] += delta;
      nameEnd[i] += delta;
      valueStart[i] += delta;
      valueEnd[i] += delta;
    }
    this.hostEnd += delta;
  }

  /** Goes on at bytes[base + at]; the section started at `base`. @returns one of Scan; `at` is then behind the final LF. */
  scan(bytes: Buffer, base: number, limit: number): number {
    const table = this.table;
    // A bundler makes module constants variables: read once, they cost nothing in the loops.
    const token = TOKEN;
    const value = VALUE;
    let i = base + this.at;
    let phase = this.phase;
    while (i < limit) {
      let byte = bytes[i];
      switch (phase) {
        case Phase.LineStart:
          if (byte === CR) {
            phase = Phase.FinalLineFeed;
            i++;
            break;
          }
          if (token[byte] !== 1) return this.fail(i - base, refusalOfLineStart(byte));
          if (table.count === MAX_FIELDS) return this.fail(i - base, "fields-too-many");
          table.nameStart[table.count] = i - base;
          phase = Phase.Name;
          i++;
          break;
        case Phase.Name:
          while (token[byte] === 1 && ++i < limit) byte = bytes[i];
          if (i === limit) break;
          if (byte !== COLON) return this.fail(i - base, refusalInName(byte));
          table.nameEnd[table.count] = i - base;
          phase = Phase.BeforeValue;
          i++;
          break;
        case Phase.BeforeValue:
          while ((byte === SPACE || byte === TAB) && ++i < limit) byte = bytes[i];
          if (i === limit) break;
          table.valueStart[table.count] = this.valueEnd = i - base;
          phase = Phase.Value;
          break;
        case Phase.Value:
          while (value[byte] === 1 && ++i < limit) byte = bytes[i];
          if (i === limit) break;
          if (byte !== CR) return this.fail(i - base, byte === LF ? "bare-lf" : "value-illegal");
          this.valueEnd = i - base;
          phase = Phase.LineFeed;
          i++;
          break;
        case Phase.LineFeed: {
          if (byte !== LF) return this.fail(i - base, "bare-cr");
          i++;
          const problem = this.endLine(bytes, base);
          if (problem !== undefined) return this.fail(i - 1 - base, problem);
          phase = Phase.LineStart;
          break;
        }
        default:
          if (byte !== LF) return this.fail(i - base, "bare-cr");
          this.at = i + 1 - base;
          return Scan.Done;
      }
    }
    this.at = i - base;
    this.phase = phase;
    return Scan.More;
  }

  private fail(at: number, problem: ProblemCode): number {
    this.at = at;
    this.problem = problem;
    return Scan.Bad;
  }

  /** Trims the value, recognises the name and judges what can be judged by this line alone. */
  private endLine(bytes: Buffer, base: number): ProblemCode | undefined {
    const table = this.table;
    const line = table.count++;
    const valueStart = table.valueStart[line];
    let end = this.valueEnd;
    while (end > valueStart && (bytes[base + end - 1] === SPACE || bytes[base + end - 1] === TAB)) end--;
    table.valueEnd[line] = end;
    const known = recogniseBytes(bytes, base + table.nameStart[line], base + table.nameEnd[line]);
    table.known[line] = known;
    if (known === Known.Other) return undefined;
    const repeated = (this.seen & (1 << known)) !== 0;
    this.seen |= 1 << known;
    if (known > Known.TransferEncoding) return undefined;
    if (this.section === Section.Trailers) return "trailer-forbidden";
    return known === Known.Connection ? undefined : this.judge(bytes, base, line, repeated);
  }

  /** Host, Content-Length, Transfer-Encoding. @param repeated there was a line of that name before. */
  private judge(bytes: Buffer, base: number, line: number, repeated: boolean): ProblemCode | undefined {
    const start = base + this.table.valueStart[line];
    const end = base + this.table.valueEnd[line];
    if (this.table.known[line] === Known.Host) {
      // A response's Host says nothing to anybody.
      if (this.section === Section.Response) return undefined;
      if (repeated) return "host-repeated";
      this.hostLine = line;
      this.hostEnd = hostEnd(bytes, start, end) - base;
      return this.hostEnd < 0 ? "host-illegal" : undefined;
    }
    // White space may follow, says the grammar, but llhttp refuses a tab there, and so would many a backend.
    const tab = hasTab(bytes, end, base + this.valueEnd);
    if (this.table.known[line] === Known.ContentLength) {
      return repeated ? "content-length-repeated" : tab ? "content-length-illegal" : this.readLength(bytes, start, end);
    }
    if (repeated) return "transfer-encoding-repeated";
    const problem = tab ? "transfer-encoding-illegal" : refusalOfCoding(bytes.toString("latin1", start, end));
    this.chunked = problem === undefined;
    return problem;
  }

  private readLength(bytes: Buffer, start: number, end: number): ProblemCode | undefined {
    if (start === end) return "content-length-illegal";
    let length = 0;
    for (let i = start; i < end; i++) {
      if (!isDigit(bytes[i])) return "content-length-illegal";
      length = length * 10 + (bytes[i] - 48);
    }
    if (end - start > MAX_LENGTH_DIGITS || length > Number.MAX_SAFE_INTEGER) return "content-length-too-large";
    this.contentLength = length;
    return undefined;
  }
}

function hasTab(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === TAB) return true;
  return false;
}

function refusalOfLineStart(byte: number): ProblemCode {
  if (byte === SPACE || byte === TAB) return "line-folded";
  if (byte === LF) return "bare-lf";
  return byte === COLON ? "name-empty" : "name-illegal";
}

function refusalInName(byte: number): ProblemCode {
  if (byte === SPACE || byte === TAB) return "name-space";
  if (byte === LF) return "bare-lf";
  return byte === CR ? "colon-missing" : "name-illegal";
}

/** Only a single `chunked` passes (RFC 9112 section 6.1): any other coding is unknown, any other order is wrong. */
function refusalOfCoding(value: string): ProblemCode | undefined {
  if (value === "chunked") return undefined;
  const codings = value.toLowerCase().split(",");
  if (codings.length === 1 && codings[0] === "chunked") return undefined;
  const wellFormed = codings.every((coding) => /^[ \t]*[!#$%&'*+.^_`|~0-9a-z-]+[ \t]*$/.test(coding));
  if (!wellFormed) return "transfer-encoding-illegal";
  const chunkedAt = codings.findIndex((coding) => coding.trim() === "chunked");
  return chunkedAt >= 0 && chunkedAt < codings.length - 1 ? "transfer-encoding-illegal" : "transfer-encoding-unknown";
}
