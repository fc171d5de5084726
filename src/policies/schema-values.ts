/**
 * What JSON Schema asks of single values: types, equality, multiples, lengths, patterns, formats.
 * Patterns are matched in time linear in the text (RE2), whatever a stranger sends. Must not read a schema.
 */
import { RE2JS } from "re2js";
import { patternForRe2 } from "./schema-pattern.ts";

export function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

export function hasType(value: unknown, type: string): boolean {
  const found = typeOf(value);
  return found === type || (type === "integer" && found === "number" && Number.isInteger(value));
}

/** JSON's equality as text: equal values, whatever the order of their members, have equal keys. */
export function keyOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, one]) => `${JSON.stringify(name)}:${keyOf(one)}`).join(",")}}`;
}

/** Exact for decimals: 0.3 is a multiple of 0.1. */
export function isMultiple(value: number, of: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(of)) return of !== 0 && value % of === 0;
  const [a, aExponent] = decimal(value);
  const [b, bExponent] = decimal(of);
  if (b === 0n) return false;
  const shift = BigInt(Math.abs(aExponent - bExponent));
  return aExponent >= bExponent ? (a * 10n ** shift) % b === 0n : a % (b * 10n ** shift) === 0n;
}

/** 1.5e-7 -> 15 and -8. */
function decimal(value: number): [bigint, number] {
  const [digits, exponent = "0"] = String(Math.abs(value)).split("e");
  const [whole, fraction = ""] = digits.split(".");
  return [BigInt(whole + fraction), Number(exponent) - fraction.length];
}

/** In characters, a surrogate pair being one. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let i = 1; i < text.length; i++) {
    const low = text.charCodeAt(i);
    if (low < 0xdc00 || low > 0xdfff) continue;
    const high = text.charCodeAt(i - 1);
    if (high >= 0xd800 && high <= 0xdbff) length--;
  }
  return length;
}

export interface Pattern {
  test(text: string): boolean;
  /** Steps of an allowance that a test of the text is worth. */
  cost(text: string): number;
}

/** What no text fits. */
export const NEVER: Pattern = { test: () => false, cost: () => 1 };

type Fits = (text: string) => boolean;

const patterns = new Map<string, Pattern>();
/** Places that a pattern beyond RE2 may look at for one text: about ten milliseconds. */
const MOST_LOOKS = 1_000_000;
/** Texts that such a pattern is tried on at most; longer ones do not fit. */
const LONGEST_TRIED = 1000;

/** @returns undefined when it cannot be matched in bounded time, or is no pattern at all. */
export function patternOf(source: string): Pattern | undefined {
  let found = patterns.get(source);
  if (found === undefined) {
    found = compile(source);
    if (found !== undefined && patterns.size < 10_000) patterns.set(source, found);
  }
  return found;
}

function compile(source: string): Pattern | undefined {
  try {
    const compiled = RE2JS.compile(patternForRe2(source));
    // Linear in the text, and for each character at worst in the size of the pattern, once it is unrolled.
    const each = 8 + compiled.programSize();
    return { test: (text) => compiled.matcher(text).find(), cost: (text) => 1 + ((text.length * each) >> 5) };
  } catch {
    // A repeated group could repeat for ever; what only looks around cannot.
    if (/\)[*+{]|\\[1-9k]/.test(source)) return undefined;
  }
  try {
    const compiled = new RegExp(source, "u");
    const longest = Math.min(LONGEST_TRIED, Math.floor(MOST_LOOKS ** (1 / exponentOf(source))));
    return {
      test: (text) => text.length <= longest && compiled.test(text),
      cost: (text) => 1 + (text.length <= longest ? text.length : 0),
    };
  } catch {
    return undefined;
  }
}

/**
 * How the worst text's cost grows with its length, for a pattern whose groups are not repeated: one repetition beside
 * another tries every split between them, and what looks around does so at each place that the rest tries.
 */
function exponentOf(source: string): number {
  const plain = source.replace(/\\(?:u\{[^}]*\}|[pP]\{[^}]*\}|.)/gs, "a").replace(/\[[^\]]*\]/g, "a");
  const repeats: number[] = [0];
  const looks: boolean[] = [false];
  let around = 0;
  for (let i = 0; i < plain.length; i++) {
    if (plain[i] === "(") {
      looks.push(/^\(\?<?[=!]/.test(plain.slice(i, i + 4)));
      repeats.push(0);
    } else if (plain[i] === ")" && looks.length > 1) {
      const inside = repeats.pop() ?? 0;
      // One that looks around is done with once it has fitted: nothing splits with it.
      if (looks.pop()) around = Math.max(around, inside);
      else repeats[repeats.length - 1] += inside;
    } else if (/^(?:[*+]|\{\d*,?\d*\})/.test(plain.slice(i, i + 24))) repeats[repeats.length - 1]++;
  }
  return repeats[0] + around + (plain.startsWith("^") ? 0 : 1);
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.\d{1,20})?(?:[zZ]|[+-]([01]\d|2[0-3]):([0-5]\d))$/;

function isDate(text: string): boolean {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
}

function isTime(text: string): boolean {
  const found = TIME.exec(text);
  return found !== null && Number(found[1]) < 24 && Number(found[2]) < 60 && Number(found[3]) <= 60;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

function isIpv6(text: string): boolean {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text) || text.split("::").length > 2) return false;
  const tail = /[^:]*\.[^:]*$/.exec(text)?.[0];
  if (tail !== undefined && !IPV4.test(tail)) return false;
  const groups = text.replace(/[^:]*\.[^:]*$/, "0:0").split(":");
  const short = text.includes("::");
  if (!short && groups.length !== 8) return false;
  if (groups.length > 8 + (text.startsWith("::") || text.endsWith("::") ? 1 : 0)) return false;
  if (!short && (text.startsWith(":") || text.endsWith(":"))) return false;
  if (/^:[^:]|[^:]:$/.test(text)) return false;
  return groups.every((group) => group.length <= 4);
}

/** Formats that are looked at; texts with any other always fit. All are linear in the text. */
export const FORMATS: Readonly<Record<string, Fits>> = {
  date: isDate,
  time: isTime,
  "date-time": (text) => /^.{10}[tT]/s.test(text) && isDate(text.slice(0, 10)) && isTime(text.slice(11)),
  email: (text) => /^[^\s@"(),:;<>[\\\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/.test(text),
  uuid: (text) => /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(text),
  ipv4: (text) => IPV4.test(text),
  ipv6: isIpv6,
  hostname: (text) =>
    text.length <= 253 && /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/.test(text),
  uri: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]*$/.test(text),
  "json-pointer": (text) => /^(?:\/(?:[^~/]|~[01])*)*$/.test(text),
};
