/**
 * Reads what HTTP says about caching: Cache-Control (RFC 9111 section 5.2), CDN-Cache-Control (RFC 9213), Age, and dates in
 * the three forms of RFC 9110 section 5.6.7. What is malformed never makes an answer fresher than it is.
 * Must not decide anything: cache-freshness.ts does.
 */

/** Lower-case directive to its argument, unquoted; "" = none. Of a repeated one the first counts (RFC 9111 section 4.2.1). */
export type Directives = ReadonlyMap<string, string>;

export const NO_DIRECTIVES: Directives = new Map();

/** Largest delta-seconds that is told apart (RFC 9111 section 1.2.2). */
const MOST_SECONDS = 2_147_483_648;

const DIRECTIVE = /\s*([!#$%&'*+.^_`|~\w-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?([^,]*)(?:,|$)/y;

export function parseDirectives(value: string | undefined): Directives {
  if (value === undefined || value === "") return NO_DIRECTIVES;
  const found = new Map<string, string>();
  for (let at = 0; at < value.length;) {
    DIRECTIVE.lastIndex = at;
    const match = DIRECTIVE.exec(value);
    if (match === null) {
      at = nextComma(value, at);
      continue;
    }
    at = DIRECTIVE.lastIndex;
    const name = match[1].toLowerCase();
    if (found.has(name)) continue;
    // `max-age =3600`: what stands behind the directive makes its argument unreadable, and so stale.
    const argument = match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? "";
    found.set(name, match[4].trim() === "" ? argument : "?");
  }
  return found;
}

function nextComma(value: string, from: number): number {
  const comma = value.indexOf(",", from);
  return comma < 0 ? value.length : comma + 1;
}

/** @returns undefined when the directive is absent, 0 when its argument is no number: what cannot be read is not fresh. */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return readSeconds(argument) ?? 0;
}

/** delta-seconds; undefined when it is none. */
function readSeconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Math.min(Number(text), MOST_SECONDS) : undefined;
}

/** The first member of Age (RFC 9111 section 5.1); 0 when there is none, or it is no number. */
export function ageOf(value: string | undefined): number {
  return value === undefined ? 0 : (readSeconds(value.split(",", 1)[0].trim()) ?? 0);
}

const SF_MEMBER =
  /^[ \t]*[a-z*][a-z0-9_.*-]*(?:=(?:-?\d{1,15}|-?\d{1,12}\.\d{1,3}|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|[A-Za-z*][!#$%&'*+.^_`|~\w:/-]*|\?[01]))?[ \t]*$/;

/** A targeted field (RFC 9213 section 2.1), a dictionary of RFC 9651: undefined when it is absent, empty or malformed, and then counts as absent. */
export function parseTargeted(value: string | undefined): Directives | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const found = new Map<string, string>();
  for (const member of value.split(",")) {
    if (!SF_MEMBER.test(member.replace(/^([^=]*)/, (name) => name.toLowerCase()))) return undefined;
    const [name, argument = ""] = member.trim().split("=", 2);
    // An argument of another type than the directive's makes the directive void.
    const number = /^(?:max-age|s-maxage|stale-while-revalidate|stale-if-error)$/i.test(name);
    if (number && !/^\d+$/.test(argument)) continue;
    found.set(name.toLowerCase(), argument.replace(/^"|"$/g, ""));
  }
  return found.size === 0 ? undefined : found;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = "(?:mon|tue|wed|thu|fri|sat|sun)";
const LONG_DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)day";
const TIME = "(\\d\\d):(\\d\\d):(\\d\\d)";
const IMF = new RegExp(`^${DAYS}, (\\d\\d) ([a-z]{3}) (\\d{4}) ${TIME} gmt$`, "i");
const RFC850 = new RegExp(`^${LONG_DAYS}, (\\d\\d)-([a-z]{3})-(\\d\\d) ${TIME} gmt$`, "i");
const ASCTIME = new RegExp(`^${DAYS} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, "i");

/** @param wallClock epoch milliseconds, for two-digit years. @returns epoch milliseconds; undefined when it is no HTTP-date. */
export function httpDate(value: string | undefined, wallClock: number): number | undefined {
  if (value === undefined) return undefined;
  let match = IMF.exec(value);
  if (match !== null) return epoch(Number(match[3]), match[2], match[1], match[4], match[5], match[6]);
  match = ASCTIME.exec(value);
  if (match !== null) return epoch(Number(match[6]), match[1], match[2], match[3], match[4], match[5]);
  match = RFC850.exec(value);
  if (match === null) return undefined;
  const now = yearOf(wallClock);
  let year = Math.floor(now / 100) * 100 + Number(match[3]);
  // RFC 9110 section 5.6.7: more than fifty years ahead means the past.
  if (year > now + 50) year -= 100;
  return epoch(year, match[2], match[1], match[4], match[5], match[6]);
}

function epoch(year: number, month: string, day: string, ...time: string[]): number | undefined {
  const index = MONTHS.indexOf(month.toLowerCase());
  const [hours, minutes, seconds] = time.map(Number);
  const date = Number(day);
  if (index < 0 || date < 1 || date > 31 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  return ((daysSince1970(year, index + 1, date) * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000;
}

/** Of the proleptic Gregorian calendar (H. Hinnant, "days_from_civil"). */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
}

function yearOf(wallClock: number): number {
  return 1970 + Math.floor(wallClock / 31_556_952_000);
}
