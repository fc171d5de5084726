/**
 * Builds the heads that leave the gateway by copying runs of the text that arrived and leaving out what must not
 * travel on: hop-by-hop fields (RFC 9110 section 7.6.1) and whatever is replaced.
 * Must not decide anything: target, framing and added lines are the caller's.
 */
import type { HeadEdit } from "./edit.ts";
import { SPACE } from "./grammar.ts";
import type { Head } from "./head.ts";
import { Framing, Known } from "./head.ts";

const ZERO = 48;

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

/** Fields of one connection only (RFC 9110 section 7.6.1), and credentials meant for a proxy, which this gateway is not. */
const HOP_BY_HOP =
  (1 << Known.Connection) |
  (1 << Known.KeepAlive) |
  (1 << Known.ProxyConnection) |
  (1 << Known.TransferEncoding) |
  (1 << Known.Te) |
  (1 << Known.Upgrade) |
  (1 << Known.ProxyAuthorization) |
  (1 << Known.ProxyAuthenticate);

/** @returns the head as latin1, final empty line included. @param edit changes by policies, when there are any. */
export function composeRequest(head: Head, out: OutgoingRequest, edit?: HeadEdit): string {
  let skip = HOP_BY_HOP | out.skip;
  let lines = "";
  if (out.host !== head.hostHeader) {
    skip |= 1 << Known.Host;
    lines = "Host: " + out.host + "\r\n";
  } else if (!head.has(Known.Host)) {
    // An HTTP/1.0 request named its host in the target, or not at all.
    lines = "Host: " + out.host + "\r\n";
  }
  // RFC 9110 section 10.1.1: an expectation in HTTP/1.0 is to be ignored.
  if (head.minor === 0) skip |= 1 << Known.Expect;
  const announced = out.framing === Framing.Length ? out.contentLength : -1;
  if (!keepsLength(head, announced)) {
    skip |= 1 << Known.ContentLength;
    if (announced >= 0) lines += "Content-Length: " + announced + "\r\n";
  }
  if (out.framing === Framing.Chunked) lines += "Transfer-Encoding: chunked\r\n";
  else skip |= 1 << Known.Trailer;
  if (out.upgrade !== "") lines += "Connection: Upgrade\r\nUpgrade: " + out.upgrade + "\r\n";
  else if (out.acceptsTrailers) lines += "Connection: TE\r\nTE: trailers\r\n";
  const unchanged = head.minor === 1 && out.method === head.method && out.target === head.target;
  const startLine = unchanged ? "" : out.method + " " + out.target + " HTTP/1.1\r\n";
  return startLine + fieldsOf(head, skip, unchanged, edit) + lines + out.lines + END;
}

/** @returns the head as latin1, final empty line included. @param edit changes by policies, when there are any. */
export function composeResponse(head: Head, out: OutgoingResponse, edit?: HeadEdit): string {
  let skip = HOP_BY_HOP | out.skip;
  let lines = "";
  const bodyless = out.status < 200 || out.status === 204;
  const announced = bodyless || out.framing > Framing.Length ? -1 : out.contentLength;
  if (!keepsLength(head, announced)) {
    skip |= 1 << Known.ContentLength;
    if (announced >= 0) lines = "Content-Length: " + announced + "\r\n";
  }
  if (out.framing === Framing.Chunked) lines += "Transfer-Encoding: chunked\r\n";
  else skip |= 1 << Known.Trailer;
  if (out.upgrade !== "") lines += "Connection: Upgrade\r\nUpgrade: " + out.upgrade + "\r\n";
  else if (!out.keepAlive) lines += "Connection: close\r\n";
  else if (out.minor === 0) lines += "Connection: keep-alive\r\n";
  // "HTTP/1.1 200 " - the space behind the status may be missing in what arrived, and must not be in what leaves.
  const unchanged =
    head.minor === 1 && out.status === head.status && out.reason === head.reason && head.text.charCodeAt(12) === SPACE;
  const startLine = unchanged ? "" : "HTTP/1.1 " + out.status + " " + out.reason + "\r\n";
  return startLine + fieldsOf(head, skip, unchanged, edit) + lines + out.lines + END;
}

/** How a body of another size than the one announced is delimited. @param size -1 = not known. */
export function framingFor({ framing }: Head, size: number): number {
  if (framing === Framing.None) return framing;
  return size < 0 ? Framing.Chunked : Framing.Length;
}

const END = "\r\n";

/** Whether the arrived Content-Length line may travel on as it is: same number, written the plain way. */
function keepsLength(head: Head, announced: number): boolean {
  if (head.contentLength !== announced) return false;
  if (announced < 0) return true;
  const start = head.valueStart[head.find("content-length")];
  // Zero is written with one digit, everything else does not begin with it.
  return announced === 0 ? head.get("content-length") === "0" : head.text.charCodeAt(start) !== ZERO;
}

/** The lines that travel on, copied in runs; from the start line on when `whole`. */
function fieldsOf(head: Head, skip: number, whole: boolean, edit: HeadEdit | undefined): string {
  const { text, count, known, nameStart } = head;
  const end = text.length - 2;
  const first = count === 0 ? end : nameStart[0];
  let lines = "";
  let from = whole ? 0 : first;
  // Where no arrived line is to go, the lines need not be looked at one by one.
  if ((head.seen & skip) !== 0 || head.namesFields || (edit !== undefined && edit.removesAny)) {
    for (let i = 0; i < count; i++) {
      const left =
        ((skip >>> known[i]) & 1) !== 0 ||
        (head.namesFields && head.named[i] === 1) ||
        (edit !== undefined && edit.removes(i));
      if (!left) continue;
      if (from < nameStart[i]) lines += text.slice(from, nameStart[i]);
      from = i + 1 < count ? nameStart[i + 1] : end;
    }
  }
  if (from < end) lines += text.slice(from, end);
  return edit === undefined ? lines : lines + edit.lines();
}
