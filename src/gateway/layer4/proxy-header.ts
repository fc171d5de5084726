/**
 * PROXY protocol headers, versions 1 and 2: bytes in, addresses out, and back. A proxy in front says with one of them
 * who its client is. Source: "The PROXY protocol", W. Tarreau, HAProxy, 2020/03/05 (cited by section).
 * Must not guess: a sequence that does not exactly match is refused. Must not know sockets; whom to believe is the
 * listener's to say.
 */
import ipaddr from "ipaddr.js";
import { crc32c } from "./crc32c.ts";

export interface Address {
  /** Textual; an IPv4-mapped IPv6 address is given as IPv4. */
  readonly ip: string;
  readonly port: number;
}

/** A whole header. */
export interface ProxyHeader {
  readonly kind: "header";
  readonly version: 1 | 2;
  /** Bytes of the header; what follows is the client's. */
  readonly length: number;
  /** Absent: the header vouches for no addresses (LOCAL, UNKNOWN, UNSPEC, UNIX), so the connection's own hold. */
  readonly source?: Address;
  readonly destination?: Address;
  /** It speaks of datagrams (UDP, or UNIX datagrams) and not of a connection. */
  readonly datagrams?: boolean;
  /** Type, length, value fields of version 2, in order. */
  readonly fields: readonly Field[];
  /** To show: what it said, in version 1's form. */
  readonly line: string;
}

export interface Field {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Whether it can only be a header of version 2: nobody else begins with these twelve bytes. */
export function isSigned(bytes: Uint8Array): boolean {
  return bytes.length >= SIGNATURE.length && SIGNATURE.every((byte, at) => bytes[at] === byte);
}

export type Decoded =
  | ProxyHeader
  /** So far it may become a header. */
  | { readonly kind: "more" }
  /** It is none. Reads after "The PROXY header is refused: ". */
  | { readonly kind: "wrong"; readonly problem: string };

const MORE: Decoded = { kind: "more" };
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const START = "PROXY ";
/** Section 2.1: the longest line, with its CRLF. */
const LONGEST_LINE = 107;
const PREFIX_BYTES = 16;
/** The longest header of version 2: its length field has 16 bits. */
export const LONGEST_HEADER = PREFIX_BYTES + 65_535;

export const FieldType = { Alpn: 0x01, Authority: 0x02, Crc32c: 0x03, Noop: 0x04, UniqueId: 0x05 } as const;
const LONGEST_UNIQUE_ID = 128;

/** @param bytes everything that has arrived so far, from the first byte. The result does not depend on how it was split. */
export function decodeProxyHeader(bytes: Uint8Array): Decoded {
  if (bytes.length === 0) return MORE;
  if (bytes[0] === SIGNATURE[0]) return decodeVersion2(bytes);
  return decodeVersion1(bytes);
}

function wrong(problem: string): Decoded {
  return { kind: "wrong", problem };
}

// ---- Version 1 (section 2.1) -------------------------------------------------------------------------------------

function decodeVersion1(bytes: Uint8Array): Decoded {
  for (let i = 0; i < Math.min(bytes.length, START.length); i++) {
    if (bytes[i] !== START.charCodeAt(i)) return wrong("the connection does not begin with one");
  }
  const most = Math.min(bytes.length, LONGEST_LINE);
  let end = -1;
  for (let i = START.length; i < most; i++) {
    if (bytes[i] === 0x0a) return wrong("its line ends without CR");
    if (bytes[i] !== 0x0d) continue;
    if (i + 1 === most) break;
    if (bytes[i + 1] !== 0x0a) return wrong("it has a CR without LF");
    end = i;
    break;
  }
  if (end < 0) return bytes.length >= LONGEST_LINE ? wrong(`its line is longer than ${LONGEST_LINE} bytes`) : MORE;
  let text = "";
  for (let i = 0; i < end; i++) text += String.fromCharCode(bytes[i]);
  return readLine(text, end + 2);
}

function readLine(text: string, length: number): Decoded {
  const words = text.split(" ");
  const protocol = words[1];
  const base = { kind: "header", version: 1, length, fields: [] } as const;
  // "The receiver must ignore anything presented before the CRLF" after UNKNOWN.
  if (protocol === "UNKNOWN") return { ...base, line: "PROXY UNKNOWN" };
  if (protocol !== "TCP4" && protocol !== "TCP6") return wrong("its protocol is neither TCP4, TCP6 nor UNKNOWN");
  if (words.length !== 6) return wrong("it must hold two addresses and two ports, one space apart");
  const parse = protocol === "TCP4" ? parseFourParts : parseHexGroups;
  const from = parse(words[2]);
  const to = parse(words[3]);
  if (from === undefined || to === undefined) {
    return wrong(`${from === undefined ? "its source" : "its destination"} is no address of ${protocol}`);
  }
  const fromPort = parsePort(words[4]);
  const toPort = parsePort(words[5]);
  if (fromPort < 0 || toPort < 0) return wrong("a port must be 0 to 65535, without leading zeros");
  return {
    ...base,
    source: { ip: plain(from), port: fromPort },
    destination: { ip: plain(to), port: toPort },
    line: text,
  };
}

function parsePort(text: string): number {
  if (!/^(?:0|[1-9]\d{0,4})$/.test(text)) return -1;
  const port = Number(text);
  return port > 65_535 ? -1 : port;
}

type Parsed = ipaddr.IPv4 | ipaddr.IPv6;

function parseFourParts(text: string): Parsed | undefined {
  const part = "(?:0|[1-9]\\d{0,2})";
  if (!new RegExp(`^${part}(?:\\.${part}){3}$`).test(text)) return undefined;
  return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : undefined;
}

/** Only groups of hexadecimal digits: a dotted tail or a zone is no part of the text form here. */
function parseHexGroups(text: string): Parsed | undefined {
  if (!/^[0-9A-Fa-f:]{2,39}$/.test(text) || !ipaddr.IPv6.isValid(text)) return undefined;
  return ipaddr.IPv6.parse(text);
}

function plain(address: Parsed): string {
  if (address instanceof ipaddr.IPv6) {
    return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
  }
  return address.toString();
}

// ---- Version 2 (section 2.2) -------------------------------------------------------------------------------------

/** Address bytes by the byte of family and transport; every other combination is unspecified and refused. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = {
  0x00: 0,
  0x11: 12,
  0x12: 12,
  0x21: 36,
  0x22: 36,
  0x31: 216,
  0x32: 216,
};

function decodeVersion2(bytes: Uint8Array): Decoded {
  for (let i = 0; i < Math.min(bytes.length, SIGNATURE.length); i++) {
    if (bytes[i] !== SIGNATURE[i]) return wrong("the connection does not begin with one");
  }
  if (bytes.length > 12) {
    const version = bytes[12] >> 4;
    const command = bytes[12] & 15;
    if (version !== 2) return wrong(`its version is ${version}, not 2`);
    if (command > 1) return wrong(`its command ${command} is neither LOCAL nor PROXY`);
  }
  const local = (bytes[12] & 15) === 0;
  if (bytes.length > 13 && !local && ADDRESS_BYTES[bytes[13]] === undefined) {
    return wrong(`its family and transport 0x${bytes[13].toString(16).padStart(2, "0")} are unspecified`);
  }
  if (bytes.length < PREFIX_BYTES) return MORE;
  const length = PREFIX_BYTES + (bytes[14] << 8) + bytes[15];
  const needed = local ? 0 : ADDRESS_BYTES[bytes[13]];
  if (length - PREFIX_BYTES < needed) {
    return wrong(`it announces ${length - PREFIX_BYTES} bytes, its addresses alone take ${needed}`);
  }
  if (bytes.length < length) return MORE;
  const header = { kind: "header", version: 2, length, datagrams: !local && (bytes[13] & 15) === 2 } as const;
  // "discard the protocol block including the family which is ignored"
  if (local) return { ...header, fields: [], line: "PROXY LOCAL" };
  // Without a family nobody can say where addresses end and fields begin.
  if (needed === 0) return { ...header, fields: [], line: "PROXY UNSPEC" };
  const fields = readFields(bytes, PREFIX_BYTES + needed, length);
  if (typeof fields === "string") return wrong(fields);
  if (!checksumHolds(bytes.subarray(0, length), PREFIX_BYTES + needed)) return wrong("its checksum (CRC32c) is wrong");
  if (needed === 216) return { ...header, fields, line: `PROXY UNIX ${unixPath(bytes, 16)} ${unixPath(bytes, 124)}` };
  return { ...header, fields, ...readAddresses(bytes, needed) };
}

function readAddresses(bytes: Uint8Array, size: number): Pick<ProxyHeader, "source" | "destination" | "line"> {
  const width = size === 12 ? 4 : 16;
  const from = plain(ipaddr.fromByteArray([...bytes.subarray(16, 16 + width)]));
  const to = plain(ipaddr.fromByteArray([...bytes.subarray(16 + width, 16 + 2 * width)]));
  const at = 16 + 2 * width;
  const fromPort = (bytes[at] << 8) + bytes[at + 1];
  const toPort = (bytes[at + 2] << 8) + bytes[at + 3];
  const protocol = `${(bytes[13] & 15) === 1 ? "TCP" : "UDP"}${width === 4 ? 4 : 6}`;
  return {
    source: { ip: from, port: fromPort },
    destination: { ip: to, port: toPort },
    line: `PROXY ${protocol} ${from} ${to} ${fromPort} ${toPort}`,
  };
}

/** 108 bytes, ended by the first NUL; what cannot be shown becomes "?". */
function unixPath(bytes: Uint8Array, at: number): string {
  let text = "";
  for (let i = at; i < at + 108 && bytes[i] !== 0; i++) {
    text += bytes[i] > 0x20 && bytes[i] < 0x7f ? String.fromCharCode(bytes[i]) : "?";
  }
  return text === "" ? "-" : text;
}

/** Section 2.2.1 and following: one byte of type, two of length, the value. @returns a problem as text. */
function readFields(bytes: Uint8Array, from: number, end: number): Field[] | string {
  const fields: Field[] = [];
  let at = from;
  while (at < end) {
    if (end - at < 3) return "its last field is cut off";
    const type = bytes[at];
    const size = (bytes[at + 1] << 8) + bytes[at + 2];
    at += 3;
    if (at + size > end) return `its field 0x${type.toString(16).padStart(2, "0")} reaches beyond the header`;
    if (type === FieldType.Crc32c && size !== 4) return "its checksum has not four bytes";
    if (type === FieldType.Crc32c && fields.some((field) => field.type === type)) return "it has two checksums";
    if (type === FieldType.UniqueId && size > LONGEST_UNIQUE_ID) return "its unique id is longer than 128 bytes";
    fields.push({ type, value: bytes.slice(at, at + size) });
    at += size;
  }
  return fields;
}

/** Section 2.2.3: over the whole header, with the checksum's own bytes as zeros. */
function checksumHolds(header: Uint8Array, from: number): boolean {
  for (let at = from; at < header.length; at += 3 + (header[at + 1] << 8) + header[at + 2]) {
    if (header[at] !== FieldType.Crc32c) continue;
    const value = at + 3;
    const said = (header[value] << 24) | (header[value + 1] << 16) | (header[value + 2] << 8) | header[value + 3];
    const blank = header.slice();
    blank.fill(0, value, value + 4);
    return crc32c(blank) === said >>> 0;
  }
  return true;
}

// ---- Writing -----------------------------------------------------------------------------------------------------

export interface Said {
  readonly source: Address;
  readonly destination: Address;
  /** Server name that the client asked for; version 2 carries it as PP2_TYPE_AUTHORITY. */
  readonly authority?: string;
  /** It stands before the first datagram of a flow, not at the beginning of a connection. Only version 2 can say that. */
  readonly datagrams?: boolean;
}

/** @param said undefined: nothing is known of the client, or the gateway itself connects. */
export function encodeProxyHeader(version: 1 | 2, said: Said | undefined): Uint8Array {
  const ends = said && endsOf(said);
  if (version === 1) return ascii(ends === undefined ? "PROXY UNKNOWN\r\n" : lineOf(ends));
  if (ends === undefined) return Uint8Array.from([...SIGNATURE, 0x20, 0x00, 0, 0]);
  const address = [
    ...ends.from.toByteArray(),
    ...ends.to.toByteArray(),
    ...twoBytes(ends.fromPort),
    ...twoBytes(ends.toPort),
  ];
  const name = said?.authority === undefined ? [] : ascii(said.authority);
  const fields = name.length === 0 ? [] : [FieldType.Authority, ...twoBytes(name.length), ...name];
  const family = (ends.from instanceof ipaddr.IPv4 ? 0x10 : 0x20) + (said?.datagrams === true ? 2 : 1);
  return Uint8Array.from([
    ...SIGNATURE,
    0x21,
    family,
    ...twoBytes(address.length + fields.length),
    ...address,
    ...fields,
  ]);
}

interface Ends {
  readonly from: Parsed;
  readonly to: Parsed;
  readonly fromPort: number;
  readonly toPort: number;
}

/** Both of one family: with one IPv6 the other is mapped, since a header has one family only. */
function endsOf({ source, destination }: Said): Ends | undefined {
  if (!ipaddr.isValid(source.ip) || !ipaddr.isValid(destination.ip)) return undefined;
  let from = ipaddr.parse(source.ip);
  let to = ipaddr.parse(destination.ip);
  if (from.kind() !== to.kind()) {
    from = from instanceof ipaddr.IPv4 ? from.toIPv4MappedAddress() : from;
    to = to instanceof ipaddr.IPv4 ? to.toIPv4MappedAddress() : to;
  }
  return { from, to, fromPort: source.port, toPort: destination.port };
}

function lineOf({ from, to, fromPort, toPort }: Ends): string {
  const family = from instanceof ipaddr.IPv4 ? "TCP4" : "TCP6";
  return `PROXY ${family} ${hexText(from)} ${hexText(to)} ${fromPort} ${toPort}\r\n`;
}

/** A mapped address with hexadecimal groups alone, as the text form asks. */
function hexText(address: Parsed): string {
  return address instanceof ipaddr.IPv6
    ? address.toRFC5952String().replace(/[\d.]+$/, (tail) => hexTail(tail, address))
    : address.toString();
}

function hexTail(tail: string, address: ipaddr.IPv6): string {
  if (!tail.includes(".")) return tail;
  return `${address.parts[6].toString(16)}:${address.parts[7].toString(16)}`;
}

function twoBytes(value: number): number[] {
  return [(value >> 8) & 255, value & 255];
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 127);
}
