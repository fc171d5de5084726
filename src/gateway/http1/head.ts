/**
 * What the codec hands out: one parsed head as one string and a table of offsets, without header objects.
 * Must not hold a socket, a clock or anything else of the gateway.
 */

import { recognise } from "./names.ts";

/** Header names the scanner recognises while it passes; `Head.known` holds one of these for each field. */
export const Known = {
  Other: 0,
  Host: 1,
  Connection: 2,
  ContentLength: 3,
  TransferEncoding: 4,
  KeepAlive: 5,
  Upgrade: 6,
  Expect: 7,
  Te: 8,
  Trailer: 9,
  ProxyConnection: 10,
  Via: 11,
  Forwarded: 12,
  XForwardedFor: 13,
  XForwardedProto: 14,
  XForwardedHost: 15,
  Authorization: 16,
  Cookie: 17,
  ContentType: 18,
  SetCookie: 19,
  ProxyAuthenticate: 20,
  ProxyAuthorization: 21,
  Date: 22,
  Server: 23,
  TraceParent: 24,
} as const;

/** How a body is delimited (RFC 9112 section 6). */
export const Framing = { None: 0, Length: 1, Chunked: 2, UntilClose: 3, Tunnel: 4 } as const;

/** At most this many field lines in a head or trailer section; more is 431. */
export const MAX_FIELDS = 100;
/** At most this many bytes in a head, start line included; more is 431. */
export const MAX_HEAD_BYTES = 16384;

/** At most this many bytes in a request target; more is 414 (RFC 9112 section 3 asks for 8000 at least). */
export const MAX_TARGET_BYTES = 8192;

/** The field lines of one head or trailer section: a latin1 string and offsets into it. Reused from message to message. */
export class FieldTable {
  /** The whole section as it arrived, final empty line included; one character per byte. */
  text = "";
  /** Field lines. */
  count = 0;
  /** One piece of memory for all columns: every connection has a few tables, and each piece has its price. */
  private readonly columns = new ArrayBuffer(MAX_FIELDS * 9);
  /** Line i is text.slice(nameStart[i], lineEnd(i)), CRLF included. */
  readonly nameStart = new Uint16Array(this.columns, 0, MAX_FIELDS);
  readonly nameEnd = new Uint16Array(this.columns, MAX_FIELDS * 2, MAX_FIELDS);
  /** Surrounding white space left out. */
  readonly valueStart = new Uint16Array(this.columns, MAX_FIELDS * 4, MAX_FIELDS);
  readonly valueEnd = new Uint16Array(this.columns, MAX_FIELDS * 6, MAX_FIELDS);
  /** One of Known for each line. */
  readonly known = new Uint8Array(this.columns, MAX_FIELDS * 8, MAX_FIELDS);

  /** Index of the first line of that name, or -1. @param lowerName lower case. */
  find(lowerName: string): number {
    return this.findFrom(lowerName, 0);
  }

  findFrom(lowerName: string, from: number): number {
    const known = recognise(lowerName);
    if (known !== 0) {
      for (let i = from; i < this.count; i++) if (this.known[i] === known) return i;
      return -1;
    }
    for (let i = from; i < this.count; i++) if (this.isNamed(i, lowerName)) return i;
    return -1;
  }

  /** @param lowerName lower case. @returns the value, several joined by ", " (RFC 9110 section 5.3), or undefined. */
  get(lowerName: string): string | undefined {
    let i = this.find(lowerName);
    if (i < 0) return undefined;
    let value = this.valueAt(i);
    while ((i = this.findFrom(lowerName, i + 1)) >= 0) value += ", " + this.valueAt(i);
    return value;
  }

  /** Whether line i has that name. @param lowerName lower case. */
  isNamed(i: number, lowerName: string): boolean {
    const start = this.nameStart[i];
    const length = lowerName.length;
    if (this.nameEnd[i] - start !== length) return false;
    for (let k = 0; k < length; k++) {
      const byte = this.text.charCodeAt(start + k);
      if ((byte >= 65 && byte <= 90 ? byte + 32 : byte) !== lowerName.charCodeAt(k)) return false;
    }
    return true;
  }

  nameAt(i: number): string {
    return this.text.slice(this.nameStart[i], this.nameEnd[i]);
  }

  valueAt(i: number): string {
    return this.text.slice(this.valueStart[i], this.valueEnd[i]);
  }

  /** Where line i ends, its CRLF included. */
  lineEnd(i: number): number {
    return i + 1 < this.count ? this.nameStart[i + 1] : this.text.length - 2;
  }
}

/** One request or response head. Reused from message to message: what outlives the message must be copied. */
export class Head extends FieldTable {
  /** OR of 1 << Known over all lines. */
  seen = 0;
  /** Minor version: HTTP/1.0 or HTTP/1.1. */
  minor = 1;
  /** Requests: the method as it arrived. */
  method = "";
  /** Requests: the request-target as it arrived. */
  target = "";
  /** Requests: from "/" on, without the query; "*" for `OPTIONS *`. */
  path = "";
  /** Requests: without the "?"; undefined when the target had none. */
  query: string | undefined = undefined;
  /** Requests: lower case, without port; "" when an HTTP/1.0 request named none. */
  host = "";
  /** Requests: the authority as it arrived, port included; "" when an HTTP/1.0 request named none. */
  hostHeader = "";
  /** Responses: 100 to 999. */
  status = 0;
  /** Responses: the reason phrase, perhaps "". */
  reason = "";
  /** One of Framing: how the body that follows is delimited. */
  framing: number = Framing.None;
  /** Value of Content-Length; -1 when there is none. Without a body (HEAD, 304) it only announces. */
  contentLength = -1;
  /** The sender lets the connection live on after this message. */
  keepAlive = true;
  /** Value of Upgrade when Connection names it and the version is 1.1; else "". */
  upgrade = "";
  /** Requests: the client waits for 100 (Continue) before it sends the body. */
  expectContinue = false;
  /** Requests: TE names `trailers`. */
  acceptsTrailers = false;
  /** Responses: seconds of `Keep-Alive: timeout`, or -1. */
  keepAliveTimeout = -1;
  /** Connection names more than close, keep-alive, upgrade and te: `named` is filled. */
  namesFields = false;
  /** 1 for each line whose name stands in Connection and must go with it; valid only when `namesFields`. */
  readonly named = new Uint8Array(MAX_FIELDS);

  /** Whether there is a line of that name. @param known one of Known. */
  has(known: number): boolean {
    return (this.seen & (1 << known)) !== 0;
  }
}
