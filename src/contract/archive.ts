/**
 * Reads an HTTP Archive (HAR 1.2, https://w3c.github.io/web-performance/specs/HAR/Overview.html) where a person has
 * chosen it, in the page or in the editor, and hands its entries to the gateway in small parts: no request waits for a
 * large file. What an entry means, the gateway says. Must import types alone.
 */
import type { ImportResult } from "./traffic.ts";

/** Larger files are refused: twice what an export of a thousand requests can be. */
export const MOST_ARCHIVE_BYTES = 64 * 1_048_576;
/** Characters of JSON in one part. */
const PART = 262_144;
const MOST_IN_PART = 200;
/** Base64 of the 64 KiB that are kept of a body. */
const MOST_BODY = 87_384;

/** What became of a whole archive. */
export interface Imported extends ImportResult {
  readonly entries: number;
}

type Json = Readonly<Record<string, unknown>>;

/** @returns its entries, or in a sentence why it is no archive. */
export function readArchive(text: string): readonly unknown[] | string {
  let file: unknown;
  try {
    // Browsers write a byte order mark before it.
    file = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    return `It is no JSON: ${(error as Error).message}.`;
  }
  const log = objectOf(objectOf(file)?.["log"]);
  if (log === undefined) return 'It is JSON, but no HTTP Archive: it has no "log".';
  const { entries, version } = log;
  if (typeof version === "string" && !version.startsWith("1."))
    return `It is an HTTP Archive of version ${version.slice(0, 20)}; versions 1.1 and 1.2 can be read.`;
  if (!Array.isArray(entries)) return 'It is no HTTP Archive: "log.entries" is no list.';
  if (entries.length === 0) return "The archive holds no request.";
  return entries;
}

/** Sends the entries, part by part. @throws what `send` throws. */
export async function importArchive(
  entries: readonly unknown[],
  send: (first: number, part: readonly unknown[]) => ImportResult | Promise<ImportResult>,
): Promise<Imported> {
  const sum = { imported: 0, skipped: 0, problems: [] as string[] };
  for (let first = 0; first < entries.length;) {
    const part: unknown[] = [];
    let characters = 0;
    while (first + part.length < entries.length && part.length < MOST_IN_PART && characters < PART) {
      const entry = lean(entries[first + part.length]);
      characters += JSON.stringify(entry)?.length ?? 0;
      part.push(entry);
    }
    const { imported, skipped, problems, full } = await send(first, part);
    sum.imported += imported;
    sum.skipped += skipped;
    sum.problems.push(...problems);
    if (full !== undefined) return { ...sum, full, entries: entries.length };
    first += part.length;
  }
  return { ...sum, entries: entries.length };
}

/** Why it is not even read. */
export function tooLarge(archive: string, size: number): string {
  const [has, most] = [size, MOST_ARCHIVE_BYTES].map((bytes) => (bytes / 1_048_576).toFixed(0));
  return `${archive} was not imported: it has ${has} MiB, and at most ${most} MiB are read.`;
}

/** "312 requests imported from shop.har." and what was left out. */
export function importWords(archive: string, { imported, skipped, problems, full, entries }: Imported): string {
  const left = skipped === 0 ? "" : ` ${skipped} left out: ${problems.slice(0, 2).join("; ")}.`;
  const rest = entries - imported - skipped;
  const more = full === undefined ? "" : ` ${rest} not read, as ${full}: clear some (is:imported shows them).`;
  return `${imported} ${imported === 1 ? "request" : "requests"} imported from ${archive}.${left}${more}`;
}

function objectOf(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** The parts that are read, their bodies as long as they are kept. */
function lean(value: unknown): unknown {
  const entry = objectOf(value);
  if (entry === undefined) return null;
  const { startedDateTime, time, timings, _switchyard } = entry;
  const request = objectOf(entry["request"]) ?? {};
  const response = objectOf(entry["response"]) ?? {};
  const made = {
    startedDateTime,
    time,
    timings,
    request: {
      ...picked(request, ["method", "url", "httpVersion", "headers", "bodySize"]),
      postData: body(request["postData"]),
    },
    response: {
      ...picked(response, ["status", "statusText", "httpVersion", "headers", "bodySize", "comment"]),
      content: body(response["content"]),
    },
    _switchyard,
  };
  // Heads and a decision that are longer than any gateway takes or makes: the request without them.
  return JSON.stringify(made).length <= 2 * PART
    ? made
    : { startedDateTime, time, request: picked(request, ["method", "url"]), response: picked(response, ["status"]) };
}

function picked(from: Json, names: readonly string[]): Json {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
}

function body(value: unknown): Json | undefined {
  const holder = objectOf(value);
  if (holder === undefined) return undefined;
  const cut = (text: unknown) => (typeof text === "string" ? text.slice(0, MOST_BODY) : undefined);
  return {
    ...picked(holder, ["size", "mimeType", "encoding"]),
    text: cut(holder["text"]),
    _base64: cut(holder["_base64"]),
  };
}
