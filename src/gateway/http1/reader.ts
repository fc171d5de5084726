/**
 * The one HTTP/1.1 parser: bytes in, heads and ranges of body bytes out, for requests and for responses.
 * What it says does not depend on how the bytes were split over calls (RFC 9112).
 * Must not hold a socket or a clock, and must not allocate per message beyond the head's own text.
 */
import { FieldTable, Head } from "./head.ts";
import type { MessageProblem } from "./problem.ts";

/** What `next` found. */
export const Event = {
  /** All bytes are used up; call again with more. */
  More: 0,
  /** `head` is filled. */
  Head: 1,
  /** Body bytes, decoded, stand at buffer[bodyStart, bodyEnd). */
  Body: 2,
  /** The message ended; `trailers` is filled. The next call starts the next message. */
  End: 3,
  /** Refused: see `error`. Every later call says the same until `reset`. */
  Error: 4,
} as const;

export type Role = "request" | "response";

/**
 * Usage: let at = start; for (;;) { const event = reader.next(buffer, at, end); at = reader.position; ... More => break }.
 * A head or trailer section that is cut by the end of the buffer is kept inside; body bytes never are.
 */
export class MessageReader {
  readonly role: Role;
  readonly head = new Head();
  /** Field lines after a chunked body, without the ones that may not stand there. Valid at End. */
  readonly trailerFields = new FieldTable();
  /** The same as text: whole lines, each with CRLF; "" = none. */
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

  constructor(role: Role) {
    this.role = role;
  }

  /** True between messages: nothing of the next one has arrived. */
  get idle(): boolean {
    return true;
  }

  /**
   * Reads on in buffer[start, end).
   * After a request without keep-alive only empty lines may follow: anything else is refused (code "data-after-close").
   * After a 101 or the 2xx to a CONNECT the bytes come as Body until `finish`.
   */
  next(buffer: Buffer, start: number, end: number): number {
    throw new Error(`not yet ${buffer.length} ${start} ${end}`);
  }

  /** The peer has sent its FIN. @returns More when idle, End when that ends a body, Error when it truncates a message. */
  finish(): number {
    throw new Error("not yet");
  }

  /** Ready for a fresh connection. */
  reset(): void {
    throw new Error("not yet");
  }
}
