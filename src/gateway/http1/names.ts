/**
 * The header names that mean something to the gateway, and how the scanner recognises them while it passes.
 * No two of them share both length and first letter, so one table look-up finds the only candidate.
 * Must not allocate while recognising.
 */

/** Lower-case name of each Known, by its number; index 0 is unused. */
export const KNOWN_NAMES: readonly string[] = [
  "",
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "keep-alive",
  "upgrade",
  "expect",
  "te",
  "trailer",
  "proxy-connection",
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "authorization",
  "cookie",
  "content-type",
  "set-cookie",
  "proxy-authenticate",
  "proxy-authorization",
  "date",
  "server",
  "traceparent",
];

/** Known.Other: names.ts stands below head.ts. */
const OTHER = 0;
const LONGEST = 19;
const byShape = new Uint8Array((LONGEST + 1) * 32);
const bytesOf: Uint8Array[] = KNOWN_NAMES.map((name) => Uint8Array.from(name, (letter) => letter.charCodeAt(0)));
const byName = new Map<string, number>();
for (let known = 1; known < KNOWN_NAMES.length; known++) {
  const name = KNOWN_NAMES[known];
  const shape = name.length * 32 + (name.charCodeAt(0) & 31);
  if (byShape[shape] !== 0) throw new Error(`${name} and ${KNOWN_NAMES[byShape[shape]]} cannot be told apart by shape`);
  byShape[shape] = known;
  byName.set(name, known);
}

/** The Known of the token in bytes[start, end), in any case; OTHER when it is none. */
export function recogniseBytes(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > LONGEST) return OTHER;
  const known = byShape[length * 32 + (bytes[start] & 31)];
  if (known === OTHER) return OTHER;
  const name = bytesOf[known];
  // A token byte that differs from a lower-case letter only in bit 5 is its capital; "-" has bit 5 set already.
  for (let i = 0; i < length; i++) if ((bytes[start + i] | 32) !== name[i]) return OTHER;
  return known;
}

/** @param lowerName lower case. */
export function recognise(lowerName: string): number {
  return byName.get(lowerName) ?? OTHER;
}
