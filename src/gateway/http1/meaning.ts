/**
 * What a complete head means: method, target, framing of the body, and what becomes of the connection (RFC 9112 sections 3, 6, 9).
 * It sees offsets and text that the scanners have already found well-formed, and refuses what only shows when all lines are in.
 * Must not look at body bytes.
 */
import type { FieldScanner } from "./fields.ts";
import { equalsIgnoringCase } from "./grammar.ts";
import type { Head } from "./head.ts";
import { Framing, Known } from "./head.ts";
import type { ProblemCode } from "./problem.ts";
import type { StartLineScanner } from "./start.ts";
import { TargetForm } from "./start.ts";

/** Most options that Connection may name over all its lines. */
const MAX_OPTIONS = 100;
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/** Names that Connection cannot take away: without them the next hop would read another message. */
const UNREMOVABLE = (1 << Known.Host) | (1 << Known.ContentLength) | (1 << Known.TransferEncoding);
const TELLING =
  (1 << Known.Connection) | (1 << Known.Upgrade) | (1 << Known.Expect) | (1 << Known.Te) | (1 << Known.KeepAlive);

/** Fills the request's fields of `head`, whose text and lines are there. @returns why it is refused, or undefined. */
export function readRequest(head: Head, start: StartLineScanner, fields: FieldScanner): ProblemCode | undefined {
  head.minor = start.minor;
  head.seen = fields.seen;
  readTarget(head, start);
  const hosts = readHost(head, start, fields);
  if (hosts !== undefined) return hosts;
  const coded = refusalOfFraming(fields, start.minor);
  if (coded !== undefined) return coded;
  head.contentLength = fields.contentLength;
  head.framing = fields.chunked ? Framing.Chunked : fields.contentLength >= 0 ? Framing.Length : Framing.None;
  return readOptions(head, fields);
}

/** As `readRequest`. @param method of the request that this answers. @param upgradeOffered by that request. */
export function readResponse(
  head: Head,
  start: StartLineScanner,
  fields: FieldScanner,
  method: string,
  upgradeOffered: boolean,
): ProblemCode | undefined {
  head.minor = start.minor;
  head.seen = fields.seen;
  head.status = start.status;
  // Nearly always "OK": no new string for it.
  if (!isAt(head.text, start.reasonStart, start.reasonEnd, head.reason)) {
    head.reason = head.text.slice(start.reasonStart, start.reasonEnd);
  }
  head.contentLength = fields.contentLength;
  const problem = readResponseFraming(head, fields, method, upgradeOffered) ?? readOptions(head, fields);
  if (head.framing === Framing.UntilClose) head.keepAlive = false;
  return problem;
}

function readResponseFraming(
  head: Head,
  fields: FieldScanner,
  method: string,
  upgradeOffered: boolean,
): ProblemCode | undefined {
  const status = head.status;
  head.framing = Framing.None;
  if (method === "CONNECT" && status >= 200 && status < 300) {
    head.framing = Framing.Tunnel;
    return undefined;
  }
  const coded = refusalOfFraming(fields, head.minor);
  if (coded !== undefined) return coded;
  if (status < 200 || status === 204) {
    if (fields.chunked) return "transfer-encoding-forbidden";
    if (fields.contentLength > 0) return "content-length-forbidden";
    if (status !== 101) return undefined;
    head.framing = Framing.Tunnel;
    return upgradeOffered ? undefined : "upgrade-unasked";
  }
  if (status === 304 || method === "HEAD") return undefined;
  if (fields.chunked) head.framing = Framing.Chunked;
  else head.framing = fields.contentLength >= 0 ? Framing.Length : Framing.UntilClose;
  return undefined;
}

function refusalOfFraming(fields: FieldScanner, minor: number): ProblemCode | undefined {
  if (!fields.chunked) return undefined;
  if (fields.contentLength >= 0) return "content-length-with-transfer-encoding";
  return minor === 0 ? "transfer-encoding-old" : undefined;
}

/** Whether text[start, end) is `known`: what a connection repeats with each message need not be cut out again. */
function isAt(text: string, start: number, end: number, known: string): boolean {
  return end - start === known.length && text.startsWith(known, start);
}

function readTarget(head: Head, start: StartLineScanner): void {
  const text = head.text;
  const sameMethod = isAt(text, 0, start.methodEnd, head.method);
  if (sameMethod && isAt(text, start.methodEnd + 1, start.targetEnd, head.target)) return;
  if (!sameMethod) head.method = methodOf(text, start.methodEnd);
  head.target = text.slice(start.methodEnd + 1, start.targetEnd);
  const pathEnd = start.queryAt < 0 ? start.targetEnd : start.queryAt;
  head.query = start.queryAt < 0 ? undefined : text.slice(start.queryAt + 1, start.targetEnd);
  if (start.pathStart < pathEnd) head.path = text.slice(start.pathStart, pathEnd);
  // RFC 9112 section 3.2.4: `OPTIONS http://host` means the server as a whole.
  else head.path = head.method === "OPTIONS" && start.queryAt < 0 ? "*" : "/";
}

/** The same string for each common method, so that comparing it later compares pointers. */
function methodOf(text: string, end: number): string {
  for (const method of METHODS) if (method.length === end && text.startsWith(method)) return method;
  return text.slice(0, end);
}

function readHost(head: Head, startLine: StartLineScanner, fields: FieldScanner): ProblemCode | undefined {
  const line = fields.hostLine;
  if (line < 0 && head.minor === 1) return "host-missing";
  if (line >= 0) {
    const start = head.valueStart[line];
    const length = head.valueEnd[line] - start;
    // On a connection that is kept the Host rarely changes: one comparison spares the lower-casing.
    if (length !== head.hostHeader.length || !head.text.startsWith(head.hostHeader, start)) {
      head.hostHeader = head.valueAt(line);
      head.host = head.hostHeader.slice(0, fields.hostEnd - start).toLowerCase();
    }
    return startLine.form === TargetForm.Absolute ? refusalOfHost(head, startLine) : undefined;
  }
  head.hostHeader = head.host = "";
  if (startLine.form === TargetForm.Absolute) {
    head.hostHeader = head.text.slice(startLine.authorityStart, startLine.authorityEnd);
    head.host = head.text.slice(startLine.authorityStart, startLine.hostEnd).toLowerCase();
  }
  return undefined;
}

/** A URL in the request line must name what Host names; the scheme's own port may be said or not. */
function refusalOfHost(head: Head, start: StartLineScanner): ProblemCode | undefined {
  const ownPort = start.secure ? ":443" : ":80";
  const named = head.text.slice(start.authorityStart, start.authorityEnd).toLowerCase();
  const host = head.hostHeader.toLowerCase();
  return withoutPort(named, ownPort) === withoutPort(host, ownPort) ? undefined : "target-host-mismatch";
}

function withoutPort(authority: string, ownPort: string): string {
  return authority.endsWith(ownPort) ? authority.slice(0, -ownPort.length) : authority;
}

/** Connection and the fields that depend on it. */
function readOptions(head: Head, fields: FieldScanner): ProblemCode | undefined {
  head.keepAlive = head.minor === 1;
  head.upgrade = "";
  head.expectContinue = head.acceptsTrailers = head.namesFields = false;
  head.keepAliveTimeout = -1;
  if ((fields.seen & TELLING) === 0) return undefined;
  const options = { close: false, keepAlive: false, upgrade: false, count: 0 };
  for (let i = 0; i < head.count; i++) {
    switch (head.known[i]) {
      case Known.Connection:
        readConnection(head, i, options);
        if (options.count > MAX_OPTIONS) return "connection-too-long";
        break;
      case Known.Expect:
        // RFC 9110 section 10.1.1: to be ignored in HTTP/1.0.
        if (equalsIgnoringCase(head.text, head.valueStart[i], head.valueEnd[i], "100-continue")) {
          head.expectContinue = head.minor === 1;
        }
        break;
      case Known.Te:
        if (/(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(head.valueAt(i))) head.acceptsTrailers = true;
        break;
      case Known.KeepAlive: {
        const timeout = /(?:^|[,; \t])timeout[ \t]*=[ \t]*(\d{1,9})/i.exec(head.valueAt(i));
        if (timeout !== null) head.keepAliveTimeout = Number(timeout[1]);
        break;
      }
    }
  }
  head.keepAlive = !options.close && (head.minor === 1 || options.keepAlive);
  // RFC 9110 section 7.8: to be ignored in HTTP/1.0.
  if (options.upgrade && head.minor === 1) head.upgrade = head.get("upgrade") ?? "";
  return undefined;
}

interface ConnectionOptions {
  close: boolean;
  keepAlive: boolean;
  upgrade: boolean;
  count: number;
}

function readConnection(head: Head, line: number, options: ConnectionOptions): void {
  const start = head.valueStart[line];
  const end = head.valueEnd[line];
  options.count++;
  if (equalsIgnoringCase(head.text, start, end, "keep-alive")) options.keepAlive = true;
  else if (equalsIgnoringCase(head.text, start, end, "close")) options.close = true;
  else {
    const names = head
      .valueAt(line)
      .toLowerCase()
      .split(",", MAX_OPTIONS + 1);
    options.count += names.length - 1;
    for (const name of names) readOption(head, name.trim(), options);
  }
}

function readOption(head: Head, option: string, options: ConnectionOptions): void {
  switch (option) {
    case "":
    case "te":
      return;
    case "close":
      options.close = true;
      return;
    case "keep-alive":
      options.keepAlive = true;
      return;
    case "upgrade":
      options.upgrade = true;
      return;
    default:
      nameFields(head, option);
  }
}

function nameFields(head: Head, name: string): void {
  if (!head.namesFields) head.named.fill(0, 0, head.count);
  head.namesFields = true;
  for (let i = head.findFrom(name, 0); i >= 0; i = head.findFrom(name, i + 1)) {
    if ((UNREMOVABLE & (1 << head.known[i])) === 0) head.named[i] = 1;
  }
}
