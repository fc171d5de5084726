/**
 * What may stand as `host[:port]` in Host and in absolute-form targets (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
 * Must not accept userinfo, lists, percent-encoding or zone ids: each has been used to make two readers see two hosts.
 */
import { COLON, HEX, HOST, isDigit } from "./grammar.ts";

const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const DOT = 46;

/** @returns the offset where the host ends (at the colon of the port, or `end`), or -1 when it is no authority. */
export function hostEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  if (bytes[i] === OPEN_BRACKET) {
    const close = bytes.indexOf(CLOSE_BRACKET, i);
    if (close < 0 || close >= end || !isIpv6(bytes, i + 1, close)) return -1;
    i = close + 1;
  } else {
    while (i < end && HOST[bytes[i]] === 1) i++;
  }
  if (i === start) return -1;
  return i === end || isPort(bytes, i, end) ? i : -1;
}

/** Whether bytes[start, end) is ":" and a number from 0 to 65535. */
function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== COLON || end - start < 2 || end - start > 6) return false;
  let port = 0;
  for (let i = start + 1; i < end; i++) {
    if (!isDigit(bytes[i])) return false;
    port = port * 10 + bytes[i] - 48;
  }
  return port <= 65535;
}

/** RFC 4291 section 2.2: eight groups, or fewer around one "::", the last two perhaps as IPv4. */
function isIpv6(bytes: Uint8Array, start: number, end: number): boolean {
  let groups = 0;
  let compressed = false;
  let i = start;
  if (bytes[i] === COLON) {
    if (bytes[i + 1] !== COLON || i + 1 >= end) return false;
    compressed = true;
    i += 2;
  }
  while (i < end) {
    const groupStart = i;
    while (i < end && HEX[bytes[i]] !== 255) i++;
    if (i < end && bytes[i] === DOT) return isIpv4(bytes, groupStart, end) && fits(groups + 2, compressed);
    if (i === groupStart || i - groupStart > 4) return false;
    groups++;
    if (i === end) break;
    if (bytes[i] !== COLON) return false;
    i++;
    if (i === end) return false;
    if (bytes[i] === COLON) {
      if (compressed) return false;
      compressed = true;
      i++;
    }
  }
  return fits(groups, compressed);
}

function fits(groups: number, compressed: boolean): boolean {
  return compressed ? groups <= 7 : groups === 8;
}

function isIpv4(bytes: Uint8Array, start: number, end: number): boolean {
  let parts = 0;
  let i = start;
  while (i < end) {
    const partStart = i;
    let value = 0;
    while (i < end && isDigit(bytes[i]) && i - partStart < 3) value = value * 10 + bytes[i++] - 48;
    if (i === partStart || value > 255) return false;
    parts++;
    if (i === end) return parts === 4;
    if (bytes[i++] !== DOT || parts === 4) return false;
  }
  return false;
}
