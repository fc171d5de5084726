/**
 * Which fields may stand behind a body (RFC 9110 section 6.5.1): none that frames, routes, authenticates, describes the content
 * or steers the response, since a recipient that merges trailers would believe them too late.
 * Must not judge framing fields: those are refused by the scanner.
 */
import type { FieldTable } from "./head.ts";
import { Known } from "./head.ts";
import { recognise } from "./names.ts";

/** Fields the scanner knows and that do no harm behind a body. */
const HARMLESS = (1 << Known.Other) | (1 << Known.Date) | (1 << Known.Server);

const DROPPED: ReadonlySet<string> = new Set(
  (
    "accept-encoding age allow authentication-info cache-control content-disposition content-encoding content-language " +
    "content-location content-range expires if-match if-modified-since if-none-match if-range if-unmodified-since location " +
    "max-forwards pragma proxy-authentication-info range refresh retry-after set-cookie2 strict-transport-security vary " +
    "www-authenticate x-forwarded-port x-real-ip"
  ).split(" "),
);

/** @param name lower case. */
export function permittedTrailer(name: string): boolean {
  return (HARMLESS & (1 << recognise(name))) !== 0 && !DROPPED.has(name);
}

/** @returns the lines that may travel on, each with its CRLF. */
export function permittedTrailers(table: FieldTable): string {
  let lines = "";
  for (let i = 0; i < table.count; i++) {
    if ((HARMLESS & (1 << table.known[i])) === 0 || DROPPED.has(table.nameAt(i).toLowerCase())) continue;
    lines += table.text.slice(table.nameStart[i], table.lineEnd(i));
  }
  return lines;
}
