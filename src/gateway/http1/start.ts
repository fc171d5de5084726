/**
 * Reads the start line of a message: request line or status line (RFC 9112 sections 3 and 4).
 * Can stop at any byte and go on later; an illegal byte is refused when it is seen, however the bytes were split.
 * Must not make strings: it leaves offsets, relative to the start of the line.
 */
import { hostEnd } from "./authority.ts";
import { CR, isDigit, LF, SPACE, TARGET, TOKEN, VALUE } from "./grammar.ts";
import { MAX_TARGET_BYTES } from "./head.ts";
import type { ProblemCode } from "./problem.ts";

/** What a scanner says. */
export const Scan = { More: 0, Done: 1, Bad: 2 } as const;

export const TargetForm = { Origin: 0, Asterisk: 1, Absolute: 2 } as const;

const Phase = { Method: 0, TargetStart: 1, Target: 2, Version: 3, Status: 4, Reason: 5, LineFeed: 6 } as const;

const MAX_METHOD_BYTES = 64;
const SLASH = 47;
const ASTERISK = 42;
const HASH = 35;
const QUESTION = 63;
/** Digits stand at 5 and 7 of "HTTP/1.1". */
const VERSION = Uint8Array.from("HTTP/0.0", (letter) => letter.charCodeAt(0));

export class StartLineScanner {
  private readonly response: boolean;
  private phase: number = Phase.Method;
  /** Where the scan goes on. */
  at = 0;
  /** Set when `scan` says Bad. */
  problem: ProblemCode = "method-illegal";
  methodEnd = 0;
  targetEnd = 0;
  /** One of TargetForm. */
  form: number = TargetForm.Origin;
  /** Where the path starts; equals the query's "?" or `targetEnd` when a URL has none. */
  pathStart = 0;
  /** Offset of the first "?" in the target, or -1. */
  queryAt = -1;
  /** Absolute-form only. */
  authorityStart = 0;
  authorityEnd = 0;
  hostEnd = 0;
  secure = false;
  minor = 1;
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
  private phaseStart = 0;

  constructor(response: boolean) {
    this.response = response;
  }

  reset(): void {
    this.at = this.phaseStart = 0;
    this.phase = this.response ? Phase.Version : Phase.Method;
    this.queryAt = -1;
    this.status = this.reasonStart = this.reasonEnd = 0;
  }

  /** Goes on at bytes[base + at]; the line started at `base`. @returns one of Scan; `at` is then behind the line's LF. */
  scan(bytes: Buffer, base: number, limit: number): number {
    for (;;) {
      if (base + this.at >= limit) return Scan.More;
      let verdict: number;
      switch (this.phase) {
        case Phase.Method:
          verdict = this.scanMethod(bytes, base, limit);
          break;
        case Phase.TargetStart:
          if (bytes[base + this.at] === SPACE) return this.fail("request-line-space");
          this.enter(Phase.Target);
          continue;
        case Phase.Target:
          verdict = this.scanTarget(bytes, base, limit);
          break;
        case Phase.Version:
          verdict = this.scanVersion(bytes, base, limit);
          break;
        case Phase.Status:
          verdict = this.scanStatus(bytes, base, limit);
          break;
        case Phase.Reason:
          verdict = this.scanReason(bytes, base, limit);
          break;
        default:
          if (bytes[base + this.at] !== LF) return this.fail("bare-cr");
          this.at++;
          return Scan.Done;
      }
      if (verdict !== Scan.Done) return verdict;
    }
  }

  private enter(phase: number): void {
    this.phase = phase;
    this.phaseStart = this.at;
  }

  private fail(problem: ProblemCode): number {
    this.problem = problem;
    return Scan.Bad;
  }

  private scanMethod(bytes: Buffer, base: number, limit: number): number {
    let i = base + this.at;
    const longest = base + MAX_METHOD_BYTES;
    while (i < limit && i <= longest && TOKEN[bytes[i]] === 1) i++;
    this.at = i - base;
    if (i > longest) return this.fail("method-too-long");
    if (i === limit) return Scan.More;
    if (bytes[i] === SPACE) {
      if (i === base) return this.fail("method-missing");
      this.methodEnd = this.at++;
      this.enter(Phase.TargetStart);
      return Scan.Done;
    }
    return this.fail(bytes[i] === LF ? "bare-lf" : "method-illegal");
  }

  private scanTarget(bytes: Buffer, base: number, limit: number): number {
    let i = base + this.at;
    const start = base + this.phaseStart;
    const longest = start + MAX_TARGET_BYTES;
    while (i < limit && i <= longest && TARGET[bytes[i]] === 1) {
      if (bytes[i] === QUESTION && this.queryAt < 0) this.queryAt = i - base;
      i++;
    }
    this.at = i - base;
    if (i > longest) return this.fail("target-too-long");
    if (i === limit) return Scan.More;
    switch (bytes[i]) {
      case SPACE:
        this.targetEnd = this.at++;
        return this.readForm(bytes, base);
      case HASH:
        return this.fail("target-fragment");
      case CR:
        return this.fail("version-missing");
      case LF:
        return this.fail("bare-lf");
      default:
        return this.fail("target-illegal");
    }
  }

  /** Which of the forms of RFC 9112 section 3.2 the target has. */
  private readForm(bytes: Buffer, base: number): number {
    const start = base + this.phaseStart;
    const end = base + this.targetEnd;
    this.pathStart = this.phaseStart;
    const method = this.methodEnd;
    if (method === 7 && bytes.toString("latin1", base, base + 7) === "CONNECT") return this.fail("method-connect");
    if (bytes[start] === SLASH) {
      this.form = TargetForm.Origin;
    } else if (bytes[start] === ASTERISK) {
      this.form = TargetForm.Asterisk;
      if (end - start !== 1 || method !== 7 || bytes.toString("latin1", base, base + 7) !== "OPTIONS")
        return this.fail("target-form");
    } else {
      const problem = this.readUrl(bytes, base, start, end);
      if (problem !== undefined) return this.fail(problem);
    }
    this.enter(Phase.Version);
    return Scan.Done;
  }

  private readUrl(bytes: Buffer, base: number, start: number, end: number): ProblemCode | undefined {
    this.form = TargetForm.Absolute;
    const scheme = bytes.toString("latin1", start, Math.min(end, start + 8)).toLowerCase();
    this.secure = scheme === "https://";
    if (!this.secure && !scheme.startsWith("http://")) return "target-form";
    const from = start + (this.secure ? 8 : 7);
    let to = from;
    while (to < end && bytes[to] !== SLASH && bytes[to] !== QUESTION) to++;
    const host = hostEnd(bytes, from, to);
    if (host < 0) return "target-authority";
    this.authorityStart = from - base;
    this.authorityEnd = this.pathStart = to - base;
    this.hostEnd = host - base;
    return undefined;
  }

  private scanVersion(bytes: Buffer, base: number, limit: number): number {
    while (base + this.at < limit) {
      const byte = bytes[base + this.at];
      const index = this.at - this.phaseStart;
      if (index === 8) return this.leaveVersion(byte);
      const fits = index === 5 || index === 7 ? isDigit(byte) : byte === VERSION[index];
      if (!fits) return this.refuseVersion(byte, index);
      this.at++;
      if (index === 7) {
        this.minor = byte - 48;
        if (bytes[base + this.at - 3] !== 49 || this.minor > 1) return this.fail("version-unsupported");
      }
    }
    return Scan.More;
  }

  private refuseVersion(byte: number, index: number): number {
    if (byte === LF) return this.fail("bare-lf");
    if (!this.response && index === 0 && byte === SPACE) return this.fail("request-line-space");
    if (!this.response && index === 0 && byte === CR) return this.fail("version-missing");
    return this.fail("version-illegal");
  }

  private leaveVersion(byte: number): number {
    if (this.response) {
      if (byte !== SPACE) return this.fail(byte === LF ? "bare-lf" : "status-line-illegal");
      this.at++;
      this.enter(Phase.Status);
      return Scan.Done;
    }
    if (byte === CR) {
      this.at++;
      this.enter(Phase.LineFeed);
      return Scan.Done;
    }
    return this.fail(byte === LF ? "bare-lf" : byte === SPACE ? "request-line-space" : "version-illegal");
  }

  /** Three digits, then a space and a reason, or at once the end: many servers leave out the space that section 4 asks for. */
  private scanStatus(bytes: Buffer, base: number, limit: number): number {
    while (base + this.at < limit) {
      const byte = bytes[base + this.at];
      const index = this.at - this.phaseStart;
      if (index < 3) {
        if (!isDigit(byte) || (index === 0 && byte === 48))
          return this.fail(byte === LF ? "bare-lf" : "status-line-illegal");
        this.status = this.status * 10 + byte - 48;
        this.at++;
      } else if (byte === SPACE) {
        this.reasonStart = this.reasonEnd = ++this.at;
        this.enter(Phase.Reason);
        return Scan.Done;
      } else if (byte === CR) {
        this.reasonStart = this.reasonEnd = this.at++;
        this.enter(Phase.LineFeed);
        return Scan.Done;
      } else {
        return this.fail(byte === LF ? "bare-lf" : "status-line-illegal");
      }
    }
    return Scan.More;
  }

  private scanReason(bytes: Buffer, base: number, limit: number): number {
    let i = base + this.at;
    while (i < limit && VALUE[bytes[i]] === 1) i++;
    this.at = i - base;
    if (i === limit) return Scan.More;
    if (bytes[i] !== CR) return this.fail(bytes[i] === LF ? "bare-lf" : "status-line-illegal");
    this.reasonEnd = this.at++;
    this.enter(Phase.LineFeed);
    return Scan.Done;
  }
}
