/**
 * Bodies that are forms, as the value that their schema describes: application/x-www-form-urlencoded and
 * multipart/form-data (RFC 7578), each member written as the document's `encoding` says (OpenAPI 3.1, section 4.8.15).
 * Must not judge values: it only reads them, and says what cannot be read.
 */
import type { Allowance } from "../model/body.ts";
import { define, pairsOf, parsedOr, queryValue, decode, typed, type Wanted } from "./openapi-parameters.ts";
import { mediaType, isJson } from "./reply-changes.ts";
import type { Violation } from "./schema-run.ts";

/** One member of a form, as its schema and `encoding` want it. */
export interface Member extends Wanted {
  readonly style: string;
  readonly explode: boolean;
  /** It stands in its field as JSON. */
  readonly json: boolean;
  /** What its part may be, in lower case: "image/*"; empty = anything. */
  readonly contentTypes: readonly string[];
}

export type Members = ReadonlyMap<string, Member>;

export interface Form {
  readonly value: unknown;
  readonly violations: readonly Violation[];
}

const UNKNOWN: Member = {
  types: new Set(),
  itemTypes: new Set(),
  members: new Map(),
  style: "form",
  explode: true,
  json: false,
  contentTypes: [],
};

/** @param text undefined when it is not UTF-8. */
export function urlencodedForm(text: string | undefined, members: Members, allowance: Allowance): Form {
  if (text === undefined) return { value: {}, violations: [{ at: "", say: "is not UTF-8" }] };
  const pairs = pairsOf(text);
  allowance.left -= pairs.size;
  const value: Record<string, unknown> = {};
  const used = new Set<string>();
  for (const [name, member] of members) {
    const found = queryValue({ ...member, name, mayBeEmpty: false }, pairs);
    if (found === undefined) continue;
    define(value, name, found);
    used.add(name);
    if (member.types.has("object") && member.style === "deepObject")
      for (const key of pairs.keys()) if (key.startsWith(`${name}[`)) used.add(key);
  }
  for (const [name, values] of pairs) {
    if (used.has(name)) continue;
    const all = values.map(decode);
    define(value, name, all.length > 1 ? all : all[0]);
  }
  return { value, violations: [] };
}

interface Part {
  readonly name: string;
  readonly file: boolean;
  /** In lower case, without parameters; "" = not said. */
  readonly type: string;
  /** A character for each byte. */
  readonly bytes: string;
}

const MOST_PARTS = 1000;
const LONGEST_HEAD = 8192;

/** @param bytes of the body, a character for each. @param contentType with its boundary. */
export function multipartForm(bytes: string, contentType: string, members: Members, allowance: Allowance): Form {
  const parts = partsOf(bytes, contentType);
  if (typeof parts === "string") return { value: {}, violations: [{ at: "", say: parts }] };
  allowance.left -= parts.length;
  const value: Record<string, unknown> = {};
  const violations: Violation[] = [];
  const lists = new Map<string, unknown[]>();
  for (const part of parts) {
    const { name } = part;
    const member = members.get(name) ?? UNKNOWN;
    const at = `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const wrong = wrongType(part, member);
    if (wrong !== undefined && violations.length < 20) violations.push({ at, say: wrong });
    const one = valueOfPart(part, member);
    const list = lists.get(name);
    if (list !== undefined) list.push(one);
    else lists.set(name, [one]);
  }
  for (const [name, list] of lists) {
    const isList = members.get(name)?.types.has("array") === true;
    // An array that came as JSON in one part is that array.
    define(value, name, (isList && !(list.length === 1 && Array.isArray(list[0]))) || list.length > 1 ? list : list[0]);
  }
  return { value, violations };
}

function wrongType({ type, file }: Part, { contentTypes }: Member): string | undefined {
  if (contentTypes.length === 0) return undefined;
  // RFC 7578 section 4.4: a part that says nothing is text/plain.
  const own = type === "" ? (file ? "application/octet-stream" : "text/plain") : type;
  const main = own.split("/", 1)[0];
  const fits = contentTypes.some((range) => range === own || range === `${main}/*` || range === "*/*");
  return fits ? undefined : `must be ${contentTypes.join(" or ")}, not ${own}`;
}

function valueOfPart({ bytes, type, file }: Part, member: Member): unknown {
  const types = member.types.has("array") ? member.itemTypes : member.types;
  if (isJson(type)) return parsedOr(utf8Of(bytes) ?? bytes);
  // What is a file is not read: its schema may ask how long it is, in bytes.
  if (file || (type !== "" && !type.startsWith("text/"))) return bytes;
  const text = utf8Of(bytes) ?? bytes;
  return types.has("object") && type === "" ? parsedOr(text) : typed(text, types);
}

/** @returns undefined when the bytes are not UTF-8. */
function utf8Of(bytes: string): string | undefined {
  if (!/[\x80-\xff]/.test(bytes)) return bytes;
  const escaped = bytes.replace(/[%\x80-\xff]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, "0")}`);
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}

/** @returns what is wrong with the body (RFC 2046 section 5.1.1), in words that follow "it". */
function partsOf(bytes: string, contentType: string): readonly Part[] | string {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)?.slice(1).find(Boolean);
  if (boundary === undefined) return "needs a boundary: Content-Type says none";
  const mark = `--${boundary}`;
  let at = bytes.startsWith(mark) ? 0 : bytes.indexOf(`\r\n${mark}`) + 2;
  if (at === 1) return `has no part: the boundary ${JSON.stringify(boundary)} is nowhere in it`;
  const parts: Part[] = [];
  for (;;) {
    const line = bytes.indexOf("\r\n", at);
    if (bytes.startsWith("--", at + mark.length)) return parts;
    if (line < 0) break;
    const head = bytes.indexOf("\r\n\r\n", line);
    const end = bytes.indexOf(`\r\n${mark}`, line);
    if (end < 0 || head < 0 || head > end) break;
    if (parts.length >= MOST_PARTS) return `has more than ${MOST_PARTS} parts`;
    if (head - line > LONGEST_HEAD) return `has a part whose head is longer than ${LONGEST_HEAD} bytes`;
    const part = partOf(bytes.slice(line + 2, head), bytes.slice(head + 4, end));
    if (part === undefined) return `has a part without a name: Content-Disposition must be form-data; name="..."`;
    parts.push(part);
    at = end + 2;
  }
  return "ends before its last boundary";
}

function partOf(head: string, bytes: string): Part | undefined {
  const fields = new Map<string, string>();
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = fields.get("content-disposition") ?? "";
  if (!/^form-data\s*;/i.test(disposition)) return undefined;
  const found = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition);
  if (found === null) return undefined;
  const name = (found[1] ?? found[2]).replace(/\\(.)/g, "$1").replaceAll("%22", '"');
  const file = /;\s*filename\*?=/i.test(disposition);
  return { name: utf8Of(name) ?? name, file, type: mediaType(fields.get("content-type") ?? ""), bytes };
}
