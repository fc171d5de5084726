/**
 * What a proxy adds to a request on its way: Via, Forwarded, X-Forwarded-*, traceparent; and how it knows itself again.
 * A development gateway on loopback trusts nobody's word about the client: it appends to lists (X-Forwarded-For,
 * Forwarded, Via) and states for itself what it saw (X-Forwarded-Proto, X-Forwarded-Host).
 * Must not read a body or decide anything but a loop.
 */
import { flat } from "../http1/flat.ts";
import { Known, type Head } from "../http1/head.ts";

/** Fields that are replaced by a line of ours. */
const REPLACED =
  (1 << Known.Via) |
  (1 << Known.Forwarded) |
  (1 << Known.XForwardedFor) |
  (1 << Known.XForwardedProto) |
  (1 << Known.XForwardedHost);

/** W3C Trace Context section 3.2.2; version ff is invalid, as are zero ids. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[^\s]*)?$/;

/** What is added to one request. Reused. */
export class Hop {
  /** OR of 1 << Known of the arrived fields that `lines` replaces. */
  skip = 0;
  /** Whole lines, each with its CRLF. */
  lines = "";
  /** The request has been through this very listener already: through several of one gateway is a chain, not a loop. */
  loop = false;
  private readonly pseudonym: string;
  private readonly clientIp: string;
  private readonly node: string;
  private readonly scheme: string;
  /** Lines for a request that brought none of the fields, by Host: one per connection, as a rule. */
  private cachedHost = "";
  private cachedLines = "";

  private readonly version: string;

  /** @param pseudonym of the listener. @param secure the client came over TLS. @param version of HTTP that it speaks, as Via writes it: "1.1" or "2". */
  constructor(pseudonym: string, clientIp: string, secure = false, version = "1.1") {
    this.scheme = secure ? "https" : "http";
    this.version = version;
    this.pseudonym = pseudonym;
    this.clientIp = clientIp;
    // RFC 7239 section 6: an IPv6 address is bracketed and quoted.
    this.node = clientIp.includes(":") ? `for="[${clientIp}]"` : `for=${clientIp}`;
    this.cachedLines = this.plainLines("");
  }

  /** @param trace makes a traceparent for a request that starts its trace here. */
  read(head: Head, trace: () => string): void {
    const present = head.seen;
    this.loop = false;
    this.skip = present & REPLACED;
    if (this.skip === 0) {
      if (head.hostHeader !== this.cachedHost) {
        this.cachedHost = head.hostHeader;
        this.cachedLines = flat(this.plainLines(head.hostHeader));
      }
      this.lines = this.cachedLines;
    } else {
      this.lines = this.mergedLines(head);
    }
    if ((present & (1 << Known.TraceParent)) === 0) {
      this.lines += `traceparent: ${trace()}\r\n`;
    } else if (!TRACEPARENT.test(head.get("traceparent") ?? "")) {
      // An invalid one must not be passed on (W3C Trace Context section 4.3); a new trace starts here.
      this.skip |= 1 << Known.TraceParent;
      this.lines += `traceparent: ${trace()}\r\n`;
    }
  }

  private plainLines(host: string): string {
    return (
      `Via: ${this.version} ${this.pseudonym}\r\n` +
      `Forwarded: ${this.forwarded(host)}\r\n` +
      `X-Forwarded-For: ${this.clientIp}\r\n` +
      this.ownLines(host)
    );
  }

  private mergedLines(head: Head): string {
    const via = head.get("via");
    // Whole: listener `edge` is not `edge-2`.
    this.loop = via !== undefined && `${via},`.includes(`${this.pseudonym},`);
    return (
      `Via: ${after(via)}${this.version} ${this.pseudonym}\r\n` +
      `Forwarded: ${after(head.get("forwarded"))}${this.forwarded(head.hostHeader)}\r\n` +
      `X-Forwarded-For: ${after(head.get("x-forwarded-for"))}${this.clientIp}\r\n` +
      this.ownLines(head.hostHeader)
    );
  }

  private ownLines(host: string): string {
    return `X-Forwarded-Proto: ${this.scheme}\r\n` + (host === "" ? "" : `X-Forwarded-Host: ${host}\r\n`);
  }

  private forwarded(host: string): string {
    const proto = `proto=${this.scheme}`;
    return host === "" ? `${this.node};${proto}` : `${this.node};host="${host}";${proto}`;
  }
}

/** What precedes our own entry of a list. */
function after(list: string | undefined): string {
  return list === undefined || list === "" ? "" : list + ", ";
}
