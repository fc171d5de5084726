/**
 * The character classes of HTTP/1.1 as look-up tables over bytes (RFC 9110 section 5.6, RFC 9112 sections 2 to 4).
 * Every judgement about a single byte is made here, so that requests, responses and trailers agree.
 * Must not know about messages.
 */

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SPACE = 32;
export const COLON = 58;

function table(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}

function among(characters: string): (byte: number) => boolean {
  return (byte) => characters.includes(String.fromCharCode(byte));
}

const alphanumeric = among("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
const tokenMark = among("!#$%&'*+-.^_`|~");
const hostMark = among("-._~");

/** tchar: methods, field names, list members. */
export const TOKEN = table((byte) => alphanumeric(byte) || tokenMark(byte));

/** Field values and reason phrases: HTAB, SP, VCHAR, obs-text. */
export const VALUE = table((byte) => byte === TAB || (byte >= SPACE && byte !== 127));

/**
 * Request targets: visible ASCII but "#". Wider than RFC 3986, since browsers send `|`, `^`, `{` and quotes as they are;
 * what a path may hold is judged by the router.
 */
export const TARGET = table((byte) => byte > SPACE && byte < 127 && byte !== 35);

/** Names in an authority. Narrower than RFC 3986 (no percent-encoding, no sub-delims): `,`, `@` and `%` only serve to confuse. */
export const HOST = table((byte) => alphanumeric(byte) || hostMark(byte));

/** Inside a quoted-string, without the quote and the backslash. */
export const QUOTED = table((byte) => VALUE[byte] === 1 && byte !== 34 && byte !== 92);

/** Value of a hexadecimal digit; 255 for every other byte. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(byte).toLowerCase());
  return digit < 0 ? 255 : digit;
});

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** Whether text[start, end) is `lower` in any case. @param lower lower-case letters, digits and "-". */
export function equalsIgnoringCase(text: string, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const byte = text.charCodeAt(start + i);
    if ((byte >= 65 && byte <= 90 ? byte + 32 : byte) !== lower.charCodeAt(i)) return false;
  }
  return true;
}
