/**
 * The one HTTP/1.1 parser: bytes in, heads and ranges of body bytes out, for requests and for responses.
 * What it says does not depend on how the bytes were split over calls (RFC 9112).
 * Must not hold a socket or a clock, and must not allocate per message beyond the head's own text.
 */
import { Chunk, ChunkReader } from "./chunked.ts";
import { FieldScanner, Section } from "./fields.ts";
import { CR, LF } from "./grammar.ts";
import { FieldTable, Framing, Head, MAX_HEAD_BYTES } from "./head.ts";
import { LastHead } from "./last-head.ts";
import { readRequest, readResponse } from "./meaning.ts";
import type { MessageProblem, ProblemCode } from "./problem.ts";
import { problem } from "./problem.ts";
import { Scan, StartLineScanner } from "./start.ts";
import { permittedTrailers } from "./trailers.ts";

/** What `next` found. */
export const Event = {
  /** All bytes are used up; call again with more. */
  More: 0,
  /** `head` is filled. */
  Head: 1,
  /** Body bytes, decoded, stand at buffer[bodyStart, bodyEnd); never none. */
  Body: 2,
  /** The message ended; `trailers` is filled. The next call starts the next message. */
  End: 3,
  /** Refused: see `error`. Every later call says the same until `reset`. */
  Error: 4,
} as const;

export type Role = "request" | "response";

const Phase = {
  /** Between messages: empty lines may stand here (before requests). */
  Between: 0,
  StartLine: 1,
  Fields: 2,
  /** The head was told, the body follows as `head.framing` says. */
  Body: 3,
  Trailers: 4,
  /** The last message said that it was the last. */
  Closed: 5,
  Failed: 6,
} as const;

/** CR LF CR LF: two empty lines are let pass before a request line (RFC 9112 section 2.2 asks for one at least). */
const MAX_EMPTY_BYTES = 4;
const NOTHING = Buffer.alloc(0);

/**
 * Usage: let at = start; for (;;) { const event = reader.next(buffer, at, end); at = reader.position; ... More => break }.
 * A head or trailer section that is cut by the end of the buffer is kept inside; body bytes never are.
 */
export class MessageReader {
  readonly role: Role;
  readonly head = new Head();
  /** Field lines after a chunked body, whole with CRLF, without the ones that may not stand there; "" = none. Valid at End. */
  trailers = "";
  /** Offset in the passed buffer where the last call stopped. */
  position = 0;
  bodyStart = 0;
  bodyEnd = 0;
  error: MessageProblem | undefined = undefined;
  /** Responses only: method of the request that this answers; set before the first byte of each response. */
  requestMethod = "GET";
  /** Responses only: the request offered an upgrade; a 101 is refused otherwise. */
  upgradeOffered = false;

  private phase: number = Phase.Between;
  private readonly response: boolean;
  private readonly startLine: StartLineScanner;
  private readonly headFields: FieldScanner;
  /** Made with the first trailers: most connections never see any. */
  private trailing: { readonly table: FieldTable; readonly fields: FieldScanner } | undefined = undefined;
  private readonly chunks = new ChunkReader();
  private readonly last = new LastHead();
  /** What the last head's framing depended on besides its bytes. */
  private lastMethod = "";
  private lastOffered = false;
  /** Body bytes still to come when the framing is Length. */
  private remaining = 0;
  private emptyBytes = 0;
  /** Bytes of an unfinished section, from earlier buffers: kept[0, keptBytes). */
  private kept: Buffer = NOTHING;
  private keptBytes = 0;

  constructor(role: Role) {
    this.role = role;
    this.response = role === "response";
    this.startLine = new StartLineScanner(this.response);
    this.headFields = new FieldScanner(this.response ? Section.Response : Section.Request, this.head);
  }

  /** True between messages, when nothing of the next one has arrived. */
  get idle(): boolean {
    return this.emptyBytes === 0 && (this.phase === Phase.Between || this.phase === Phase.Closed);
  }

  /** Ready for a fresh connection. */
  reset(): void {
    this.phase = Phase.Between;
    this.error = undefined;
    this.trailers = "";
    this.position = this.emptyBytes = 0;
    this.forget();
  }

  /**
   * Reads on in buffer[start, end).
   * After a message without keep-alive only empty lines may follow: anything else is refused (code "data-after-close").
   * After a 101 or the 2xx to a CONNECT the bytes come as Body until `finish`.
   * @returns one of Event.
   */
  next(buffer: Buffer, start: number, end: number): number {
    this.position = start;
    switch (this.phase) {
      case Phase.Between:
      case Phase.Closed:
        return this.skipEmptyLines(buffer, start, end);
      case Phase.StartLine:
      case Phase.Fields:
      case Phase.Trailers:
        return this.readSection(buffer, start, end);
      case Phase.Body:
        return this.readBody(buffer, start, end);
      default:
        return Event.Error;
    }
  }

  /** The peer has sent its FIN. @returns More when idle, End when that ends a body, Error when it truncates a message. */
  finish(): number {
    switch (this.phase) {
      case Phase.Between:
        return this.emptyBytes % 2 === 0 ? Event.More : this.refuse("head-truncated", "");
      case Phase.Closed:
        return Event.More;
      case Phase.StartLine:
      case Phase.Fields:
        return this.refuse("head-truncated", this.kept.toString("latin1", 0, this.keptBytes));
      case Phase.Body:
        // A tunnel and an until-close body end here; bodies that ended otherwise have said so or are about to.
        if (this.head.framing === Framing.Chunked) return this.refuse("body-truncated", "");
        if (this.head.framing === Framing.Length && this.remaining > 0) return this.refuse("body-truncated", "");
        return this.endMessage();
      case Phase.Trailers:
        return this.refuse("body-truncated", this.kept.toString("latin1", 0, this.keptBytes));
      default:
        return Event.Error;
    }
  }

  private refuse(code: ProblemCode, seen: string): number {
    this.phase = Phase.Failed;
    this.error = problem(code, this.response, seen);
    this.forget();
    return Event.Error;
  }

  private forget(): void {
    this.kept = NOTHING;
    this.keptBytes = 0;
  }

  private skipEmptyLines(buffer: Buffer, start: number, end: number): number {
    let i = start;
    while (i < end) {
      const byte = buffer[i];
      const expected = this.emptyBytes % 2 === 0 ? CR : LF;
      if (byte !== expected) {
        this.position = i;
        if (this.phase === Phase.Closed) return this.refuse("data-after-close", "");
        if (expected === LF) return this.refuse("bare-cr", "");
        this.beginMessage();
        return this.isLastAgain(buffer, i, end) ? this.enterBody() : this.readSection(buffer, i, end);
      }
      if (this.response || this.emptyBytes === MAX_EMPTY_BYTES) {
        this.position = i;
        return this.refuse(this.response ? "status-line-illegal" : "empty-lines", "");
      }
      this.emptyBytes++;
      i++;
    }
    this.position = i;
    return Event.More;
  }

  private beginMessage(): void {
    this.emptyBytes = 0;
    this.trailers = "";
    this.startLine.reset();
    this.phase = Phase.StartLine;
  }

  /** The same head as before, to the byte, and it means the same: `head` is filled with it already. */
  private isLastAgain(buffer: Buffer, start: number, end: number): boolean {
    if (!this.last.repeats(buffer, start, end)) return false;
    if (this.requestMethod !== this.lastMethod || this.upgradeOffered !== this.lastOffered) return false;
    this.position = start + this.last.length;
    return true;
  }

  /** A head, or trailers: scans on in the buffer, or in what was kept of earlier ones with the new bytes behind. */
  private readSection(buffer: Buffer, start: number, end: number): number {
    const before = this.keptBytes;
    const taken = Math.min(end - start, MAX_HEAD_BYTES - before);
    const bytes = before === 0 ? buffer : this.keep(buffer, start, taken);
    const base = before === 0 ? start : 0;
    const limit = base + before + taken;
    let scan: number = Scan.More;
    if (this.phase === Phase.StartLine) {
      scan = this.startLine.scan(bytes, base, limit);
      if (scan === Scan.Done) {
        this.phase = Phase.Fields;
        scan = this.beginFields(bytes, base, limit);
      }
    }
    const fields = this.phase === Phase.Trailers ? this.trailer.fields : this.headFields;
    if (scan === Scan.More && this.phase !== Phase.StartLine) scan = fields.scan(bytes, base, limit);
    if (scan === Scan.Done) {
      this.position = start + fields.at - before;
      const text = bytes.toString("latin1", base, base + fields.at);
      if (this.phase === Phase.Trailers) {
        this.forget();
        return this.leaveTrailers(text);
      }
      const event = this.leaveHead(text);
      if (event === Event.Head) this.remember(bytes, base);
      this.forget();
      return event;
    }
    if (scan === Scan.Bad) {
      const scanner = this.phase === Phase.StartLine ? this.startLine : fields;
      this.position = start + scanner.at - before;
      return this.refuse(scanner.problem, bytes.toString("latin1", base, base + scanner.at));
    }
    this.position = start + taken;
    if (before + taken === MAX_HEAD_BYTES) return this.refuse("head-too-large", bytes.toString("latin1", base, limit));
    if (before === 0) this.keep(buffer, start, taken);
    return Event.More;
  }

  /** The start line is read. @returns Done when the field lines are those of the last head, else More. */
  private beginFields(bytes: Buffer, base: number, limit: number): number {
    const { last, headFields, startLine } = this;
    if (last.fieldsRepeat(bytes, base + startLine.at, limit)) {
      headFields.repeat(startLine.at, last.fieldsAt);
      return Scan.Done;
    }
    last.forget();
    headFields.reset(startLine.at);
    return Scan.More;
  }

  private remember(bytes: Buffer, base: number): void {
    this.last.keep(bytes, base, this.startLine.at, this.headFields.at);
    this.lastMethod = this.requestMethod;
    this.lastOffered = this.upgradeOffered;
  }

  /** Copies bytes behind the kept ones. The buffer for them exists only while a section is cut. */
  private keep(buffer: Buffer, start: number, count: number): Buffer {
    const needed = this.keptBytes + count;
    if (needed > this.kept.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(MAX_HEAD_BYTES, Math.max(1024, needed * 2)));
      this.kept.copy(larger, 0, 0, this.keptBytes);
      this.kept = larger;
    }
    buffer.copy(this.kept, this.keptBytes, start, start + count);
    this.keptBytes = needed;
    return this.kept;
  }

  private leaveHead(text: string): number {
    const head = this.head;
    head.text = text;
    const code = this.response
      ? readResponse(head, this.startLine, this.headFields, this.requestMethod, this.upgradeOffered)
      : readRequest(head, this.startLine, this.headFields);
    return code === undefined ? this.enterBody() : this.refuse(code, text);
  }

  private enterBody(): number {
    const { head } = this;
    this.phase = Phase.Body;
    if (head.framing === Framing.Length) this.remaining = head.contentLength;
    else if (head.framing === Framing.Chunked) this.chunks.reset();
    return Event.Head;
  }

  private readBody(buffer: Buffer, start: number, end: number): number {
    switch (this.head.framing) {
      case Framing.None:
        return this.endMessage();
      case Framing.Length:
        if (this.remaining === 0) return this.endMessage();
        if (start === end) return Event.More;
        this.tellBody(start, Math.min(end, start + this.remaining));
        this.remaining -= this.bodyEnd - start;
        return Event.Body;
      case Framing.Chunked:
        return this.readChunks(buffer, start, end);
      default:
        if (start === end) return Event.More;
        this.tellBody(start, end);
        return Event.Body;
    }
  }

  private tellBody(start: number, end: number): void {
    this.bodyStart = start;
    this.bodyEnd = this.position = end;
  }

  private readChunks(buffer: Buffer, start: number, end: number): number {
    const chunks = this.chunks;
    const found = chunks.read(buffer, start, end);
    this.position = chunks.position;
    switch (found) {
      case Chunk.Data:
        this.tellBody(chunks.dataStart, chunks.position);
        return Event.Body;
      case Chunk.Last:
        this.phase = Phase.Trailers;
        this.trailer.fields.reset(0);
        return this.readSection(buffer, chunks.position, end);
      case Chunk.Bad:
        return this.refuse(chunks.problem, "");
      default:
        return Event.More;
    }
  }

  private leaveTrailers(text: string): number {
    const { table } = this.trailer;
    table.text = text;
    this.trailers = table.count === 0 ? "" : permittedTrailers(table);
    return this.endMessage();
  }

  private get trailer(): { readonly table: FieldTable; readonly fields: FieldScanner } {
    if (this.trailing === undefined) {
      const table = new FieldTable();
      this.trailing = { table, fields: new FieldScanner(Section.Trailers, table) };
    }
    return this.trailing;
  }

  private endMessage(): number {
    this.phase = this.head.keepAlive ? Phase.Between : Phase.Closed;
    return Event.End;
  }
}
