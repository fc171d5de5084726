/**
 * Header lists of HTTP/2 as heads of HTTP/1.1 and back (RFC 9113 section 8): one form of a head for everything behind.
 * The HTTP/1.1 reader judges the result, so that both protocols are held to the same rules.
 * Must not let a value of one protocol become structure of the other.
 */
import type { OutgoingHttpHeaders } from "node:http2";
import { isWebSocket } from "./websocket.ts";
import { permittedTrailer } from "../http1/trailers.ts";
import type { Unreadable } from "../refuse/problems.ts";

/** Fields of one HTTP/1.1 connection; in HTTP/2 a message with one is malformed (RFC 9113 section 8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** Node refuses to send these twice; whoever receives several may join them (RFC 9110 section 5.3). */
const SINGLE: ReadonlySet<string> = new Set(
  (
    "access-control-allow-credentials access-control-max-age access-control-request-method age authorization " +
    "content-encoding content-language content-length content-location content-md5 content-range content-type date dnt " +
    "etag expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location " +
    "max-forwards proxy-authorization range referer retry-after tk upgrade-insecure-requests user-agent " +
    "x-content-type-options"
  ).split(" "),
);

const BREAKS = /[\r\n\0]/;
const STATUS = /^HTTP\/1\.1 (\d{3})/;

export interface RequestText {
  /** As a head of HTTP/1.1, latin1. */
  readonly text: string;
  readonly problem: Unreadable | undefined;
  /** Of an extended CONNECT (RFC 8441): the key that its head of HTTP/1.1 has; absent for any other request. */
  readonly key?: string;
}

/** @param raw names and values in turn, as they arrived. @param makeKey a Sec-WebSocket-Key. */
export function requestText(raw: readonly string[], makeKey: () => string): RequestText {
  let protocol: string | undefined;
  let method = "";
  let path = "";
  let authority: string | undefined;
  let host: string | undefined;
  let cookie = "";
  let lines = "";
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i];
    const value = raw[i + 1];
    if (BREAKS.test(value))
      return malformed("value-illegal", `The field ${name} holds a line break or NUL (RFC 9113 section 8.2.1).`);
    switch (name) {
      case ":method":
        method = value;
        break;
      case ":path":
        path = value;
        break;
      case ":authority":
        authority = value;
        break;
      case ":scheme":
        break;
      case ":protocol":
        protocol = value;
        break;
      case "host":
        host = value;
        break;
      case "cookie":
        // One field on the way, several in HTTP/2 (RFC 9113 section 8.2.3).
        cookie = cookie === "" ? value : `${cookie}; ${value}`;
        break;
      default:
        if (CONNECTION_FIELDS.has(name) || (name === "te" && value.toLowerCase() !== "trailers")) {
          return malformed(
            "connection-field",
            `The field ${name} belongs to HTTP/1.1 connections (RFC 9113 section 8.2.2).`,
          );
        }
        lines += `${name}: ${value}\r\n`;
    }
  }
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    return malformed(
      "authority-host-mismatch",
      "`:authority` and `host` name different hosts (RFC 9113 section 8.3.1).",
    );
  }
  const named = authority ?? host;
  const hostLine = named === undefined ? "" : `Host: ${named}\r\n`;
  const cookieLine = cookie === "" ? "" : `Cookie: ${cookie}\r\n`;
  if (protocol !== undefined) {
    if (method !== "CONNECT")
      return malformed("protocol-illegal", "`:protocol` is for CONNECT only (RFC 8441 section 4).");
    if (!isWebSocket(protocol)) return notATunnel(protocol);
    if (!path.startsWith("/")) return malformed("target-form", "`:path` is no path (RFC 8441 section 4).");
    const key = makeKey();
    const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\n`;
    return { text: `GET ${path} HTTP/1.1\r\n${hostLine}${lines}${cookieLine}${upgrade}\r\n`, problem: undefined, key };
  }
  // Only a path or `*` may stand in `:path`; a URL would be taken for one by the reader (RFC 9113 section 8.3.1).
  if (method !== "CONNECT" && !path.startsWith("/") && path !== "*") {
    return malformed("target-form", "`:path` is neither a path nor `*` (RFC 9113 section 8.3.1).");
  }
  const target = method === "CONNECT" ? (named ?? "") : path;
  return { text: `${method} ${target} HTTP/1.1\r\n${hostLine}${lines}${cookieLine}\r\n`, problem: undefined };
}

function malformed(code: string, detail: string): RequestText {
  return { text: "", problem: { status: 400, code, detail, seen: "" } };
}

function notATunnel(protocol: string): RequestText {
  const detail = `A tunnel for ${protocol} was asked for; this gateway opens them for websocket (RFC 8441 section 4).`;
  return { text: "", problem: { status: 501, code: "tunnel-protocol", detail, seen: "" } };
}

/** @returns a response head as HTTP/1.1; undefined when it cannot be one. */
export function responseText(raw: readonly string[]): string | undefined {
  let status = "";
  let lines = "";
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i];
    const value = raw[i + 1];
    if (BREAKS.test(value) || CONNECTION_FIELDS.has(name)) return undefined;
    if (name === ":status") status = value;
    else lines += `${name}: ${value}\r\n`;
  }
  return status === "" ? undefined : `HTTP/1.1 ${status} \r\n${lines}\r\n`;
}

/** @param text of a 200 to an extended CONNECT. @param accept what answers the client's key. @returns the 101 that it stands for. */
export function switchingText(text: string, accept: string): string {
  const lines = text.slice(text.indexOf("\r\n") + 2);
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n${lines}`;
}

/** @returns the lines that may travel on as trailers, each with its CRLF. */
export function trailerLines(raw: readonly string[]): string {
  let lines = "";
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i];
    const value = raw[i + 1];
    if (!name.startsWith(":") && !BREAKS.test(value) && permittedTrailer(name)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** @param lines whole lines with CRLF, without a start line. */
export function headersOf(lines: string): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  for (const line of lines.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (CONNECTION_FIELDS.has(name)) continue;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (SINGLE.has(name))
      headers[name] = name === "content-length" || name === "host" ? before : `${String(before)}, ${value}`;
    else headers[name] = [before, value].flat();
  }
  return headers;
}

/** A response head of HTTP/1.1, as composed. */
export function responseHeaders(text: string): OutgoingHttpHeaders {
  const end = text.indexOf("\r\n");
  return { ":status": Number(STATUS.exec(text)?.[1] ?? 502), ...headersOf(text.slice(end + 2)) };
}

/** A request head of HTTP/1.1, as composed. @param scheme "http" or "https". */
export function requestHeaders(text: string, scheme: string): OutgoingHttpHeaders {
  const end = text.indexOf("\r\n");
  const [method, path] = text.slice(0, end).split(" ");
  const { host, te, ...headers } = headersOf(text.slice(end + 2));
  const trailers = te === "trailers" ? { te } : {};
  return {
    ":method": method,
    ":scheme": scheme,
    ":authority": String(host ?? ""),
    ":path": path,
    ...headers,
    ...trailers,
  };
}

/** The head of an upgrade to WebSocket, as composed. @returns the extended CONNECT (RFC 8441 section 5), and the key it leaves out. */
export function connectHeaders(text: string, scheme: string): { headers: OutgoingHttpHeaders; key: string } {
  const { "sec-websocket-key": key, ...headers } = requestHeaders(text, scheme);
  return { headers: { ...headers, ":method": "CONNECT", ":protocol": "websocket" }, key: String(key ?? "") };
}

/** A request to change to WebSocket as it goes out here: an extended CONNECT (RFC 8441 section 4). */
export function shownAsTunnel(text: string): string {
  return text
    .replace(/^\S+ (\S+) HTTP\/[12.]+\r\n/, "CONNECT $1 HTTP/2\r\n:protocol: websocket\r\n")
    .replace(/\r\n(?:upgrade|connection|sec-websocket-key): [^\r]*(?=\r\n)/gi, "");
}

/** How a head is written down: what is sent and got is HTTP/2, whatever it was composed as. */
export function shownAsHttp2(text: string): string {
  return text
    .replace("HTTP/1.1", "HTTP/2")
    .replace(/\r\n(?:transfer-encoding: chunked|connection: [^\r]*)(?=\r\n)/gi, "");
}
