/**
 * Looks at the beginning of a TLS connection for the server name that the client asks for (SNI), without ending TLS.
 * Strict and bounded: what is no ClientHello by RFC 8446 section 4.1.2 and RFC 6066 section 3 is refused, never guessed.
 * Bytes in, name out. Must not change, keep or decrypt a byte.
 */

export interface ClientHello {
  readonly kind: "hello";
  /** Lower case; undefined when the client named no server. */
  readonly serverName: string | undefined;
  /** Protocols offered (ALPN), in order. */
  readonly protocols: readonly string[];
}

export type Peeked =
  | ClientHello
  | { readonly kind: "more" }
  /** Reads after "This is no TLS ClientHello: ". */
  | { readonly kind: "wrong"; readonly problem: string };

const MORE: Peeked = { kind: "more" };
/** More than any client sends (with post-quantum key shares about 2 KiB); a bound, not a rule of TLS. */
export const LONGEST_HELLO = 16_384;
const LONGEST_RECORD = 16_384;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const Extension = { ServerName: 0, Alpn: 16 } as const;

function wrong(problem: string): Peeked {
  return { kind: "wrong", problem };
}

/** @param bytes everything that has arrived so far. The result does not depend on how it was split. */
export function peekClientHello(bytes: Uint8Array): Peeked {
  const message = new Uint8Array(Math.min(bytes.length, LONGEST_HELLO + 4));
  let gathered = 0;
  let wanted = 4;
  let at = 0;
  // A handshake message may be spread over records; each must carry some of it.
  while (gathered < wanted) {
    const problem = recordProblem(bytes, at);
    if (problem !== undefined) return wrong(problem);
    if (bytes.length - at < 5) return MORE;
    const end = at + 5 + (bytes[at + 3] << 8) + bytes[at + 4];
    for (let i = at + 5; i < Math.min(end, bytes.length) && gathered < wanted; i++) {
      message[gathered++] = bytes[i];
      if (gathered === 1 && message[0] !== CLIENT_HELLO)
        return wrong(`its first message has type ${message[0]}, not 1`);
      if (gathered !== 4) continue;
      wanted = 4 + (message[1] << 16) + (message[2] << 8) + message[3];
      if (wanted > LONGEST_HELLO) return wrong(`it is longer than ${LONGEST_HELLO} bytes`);
    }
    if (gathered === wanted) break;
    if (bytes.length < end) return MORE;
    at = end;
  }
  return readHello(new Cursor(message.subarray(4, wanted)));
}

function recordProblem(bytes: Uint8Array, at: number): string | undefined {
  const left = bytes.length - at;
  if (left > 0 && bytes[at] !== HANDSHAKE) return `its record has type ${bytes[at]}, not 22 (handshake)`;
  if (left > 1 && bytes[at + 1] !== 3) return `its record is of version ${bytes[at + 1]}, not 3 (SSL 3 to TLS 1.3)`;
  if (left > 4) {
    const length = (bytes[at + 3] << 8) + bytes[at + 4];
    if (length === 0) return "it has an empty record";
    if (length > LONGEST_RECORD) return `its record is longer than ${LONGEST_RECORD} bytes`;
  }
  return undefined;
}

/** Reads vectors of a whole message; `bad` once something reached beyond its end. */
class Cursor {
  readonly bytes: Uint8Array;
  at = 0;
  bad = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.at === this.bytes.length;
  }

  number(width: 1 | 2): number {
    if (!this.has(width)) return 0;
    const value = width === 1 ? this.bytes[this.at] : (this.bytes[this.at] << 8) + this.bytes[this.at + 1];
    this.at += width;
    return value;
  }

  skip(count: number): void {
    if (this.has(count)) this.at += count;
  }

  /** What a length of `width` bytes announces, as a cursor of its own. */
  vector(width: 1 | 2): Cursor {
    const length = this.number(width);
    const inner = new Cursor(this.has(length) ? this.bytes.subarray(this.at, this.at + length) : new Uint8Array(0));
    inner.bad = this.bad;
    this.skip(length);
    return inner;
  }

  private has(count: number): boolean {
    if (this.bytes.length - this.at < count) this.bad = true;
    return !this.bad;
  }
}

function readHello(hello: Cursor): Peeked {
  hello.skip(2 + 32);
  const session = hello.vector(1);
  const suites = hello.vector(2);
  const compression = hello.vector(1);
  if (hello.bad) return wrong("it is cut off");
  if (session.bytes.length > 32) return wrong("its session id is longer than 32 bytes");
  if (suites.bytes.length < 2 || suites.bytes.length % 2 !== 0) return wrong("its list of cipher suites is malformed");
  if (compression.bytes.length < 1) return wrong("its list of compression methods is empty");
  if (hello.done) return { kind: "hello", serverName: undefined, protocols: [] };
  const extensions = hello.vector(2);
  if (hello.bad || !hello.done) return wrong("its extensions do not end where it ends");
  return readExtensions(extensions);
}

function readExtensions(extensions: Cursor): Peeked {
  const seen = new Set<number>();
  let serverName: string | undefined;
  let protocols: readonly string[] = [];
  while (!extensions.done) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (extensions.bad) return wrong("an extension is cut off");
    // RFC 8446 section 4.2: at most one of each type. Two server names would let two readers see two servers.
    if (seen.has(type)) return wrong(`it has extension ${type} twice`);
    seen.add(type);
    if (type === Extension.ServerName) {
      const name = readServerName(data);
      if (name.problem !== undefined) return wrong(name.problem);
      serverName = name.text;
    } else if (type === Extension.Alpn) {
      const list = readProtocols(data);
      if (list === undefined) return wrong("its list of protocols (ALPN) is malformed");
      protocols = list;
    }
  }
  return { kind: "hello", serverName, protocols };
}

/** RFC 6066 section 3: a list in which only one name of the type host_name may stand. */
function readServerName(data: Cursor): { readonly text?: string; readonly problem?: string } {
  const list = data.vector(2);
  if (data.bad || !data.done || list.done) return { problem: "its server name list is malformed" };
  const type = list.number(1);
  const name = list.vector(2);
  if (list.bad || !list.done) return { problem: "its server name list is malformed" };
  if (type !== 0) return { problem: `its server name is of type ${type}, not a host name` };
  const text = String.fromCharCode(...name.bytes.subarray(0, 256)).toLowerCase();
  if (!isHostName(text)) return { problem: "its server name is no host name" };
  return { text };
}

/** LDH labels, underscores tolerated, no dot at the end; the RFC permits no addresses. */
function isHostName(text: string): boolean {
  if (text.length > 253 || /^[\d.]+$/.test(text)) return false;
  return text.split(".").every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
}

/** RFC 7301 section 3.1. */
function readProtocols(data: Cursor): readonly string[] | undefined {
  const list = data.vector(2);
  if (data.bad || !data.done || list.done) return undefined;
  const names: string[] = [];
  while (!list.done) {
    const name = list.vector(1);
    if (list.bad || name.bytes.length === 0) return undefined;
    names.push(String.fromCharCode(...name.bytes));
  }
  return names;
}

/** A fatal alert in the clear (RFC 8446 section 6.2), so that the client says what was wrong and not "reset". */
export function alertOf(
  description: "decode_error" | "unrecognized_name" | "access_denied" | "internal_error",
): Uint8Array {
  const number = { decode_error: 50, access_denied: 49, internal_error: 80, unrecognized_name: 112 }[description];
  return Uint8Array.from([21, 3, 3, 0, 2, 2, number]);
}
