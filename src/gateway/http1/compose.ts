/**
 * Builds the heads that leave the gateway by copying runs of the text that arrived and leaving out what must not
 * travel on: hop-by-hop fields (RFC 9110 section 7.6.1) and whatever is replaced.
 * Must not decide anything: target, framing and added lines are the caller's.
 */
import type { Head } from "./head.ts";
import type { HeadEdit } from "./edit.ts";

/** What a request to a backend shall look like. Reused by its connection: set every field before each use. */
export class OutgoingRequest {
  method = "GET";
  /** Origin-form or "*". */
  target = "/";
  /** The Host sent; always sent. */
  host = "";
  /** One of Framing: None, Length or Chunked. */
  framing = 0;
  /** Used when framing is Length. */
  contentLength = 0;
  /** Protocol to upgrade to; "" = none. */
  upgrade = "";
  /** Say `TE: trailers`. */
  acceptsTrailers = false;
  /** Known names to leave out besides hop-by-hop ones: OR of 1 << Known.X. */
  skip = 0;
  /** Whole lines to add, each with CRLF (Via, Forwarded, ...). The caller answers for their grammar. */
  lines = "";
}

/** What a response to a client shall look like. Reused by its connection. */
export class OutgoingResponse {
  status = 200;
  reason = "";
  /** One of Framing. UntilClose needs keepAlive = false. */
  framing = 0;
  /** Used when framing is Length, and announced for HEAD and 304 when not -1. */
  contentLength = -1;
  keepAlive = true;
  /** The client speaks HTTP/1.0: it must be told that the connection lives on. */
  minor = 1;
  /** Protocol switched to with 101; "" = none. */
  upgrade = "";
  skip = 0;
  lines = "";
}

/** @returns the head as latin1, final empty line included. @param edit changes by policies, when there are any. */
export function composeRequest(head: Head, out: OutgoingRequest, edit?: HeadEdit): string {
  throw new Error(`not yet ${head.text} ${out.method} ${edit}`);
}

/** @returns the head as latin1, final empty line included. @param edit changes by policies, when there are any. */
export function composeResponse(head: Head, out: OutgoingResponse, edit?: HeadEdit): string {
  throw new Error(`not yet ${head.text} ${out.status} ${edit}`);
}
