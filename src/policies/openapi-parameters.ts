/**
 * Parameters of a request as OpenAPI writes them (3.1, section 4.8.12): where they stand, how lists and objects are
 * written in one text, and which type a schema wants of it. Must not judge values: the schema does.
 */
import type { Passage } from "../model/arrival.ts";
import { cookieValues } from "./request-parts.ts";
import type { Validate } from "./json-schema.ts";
import { isObject } from "./schema-registry.ts";

/** What a schema wants of a text: then the text is read as that. */
export interface Wanted {
  /** Types that it allows; empty = any. */
  readonly types: ReadonlySet<string>;
  /** Of its items, when it is a list. */
  readonly itemTypes: ReadonlySet<string>;
  /** Names and types of its members, when it is an object. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface Parameter extends Wanted {
  readonly in: "path" | "query" | "header" | "cookie";
  readonly name: string;
  readonly required: boolean;
  readonly style: string;
  readonly explode: boolean;
  /** Written as JSON (`content: application/json`). */
  readonly json: boolean;
  /** `?flag` and `?flag=` are no values, and fit (`allowEmptyValue`). */
  readonly mayBeEmpty: boolean;
  readonly validate: Validate;
}

/** Values of a query or form by name; names are decoded, values are not: what separates them may be written as data too. */
export type Pairs = ReadonlyMap<string, readonly string[]>;

export function pairsOf(text: string | undefined): Pairs {
  const pairs = new Map<string, string[]>();
  if (text === undefined || text === "") return pairs;
  for (const pair of text.split("&")) {
    const at = pair.indexOf("=");
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : pair.slice(at + 1);
    const known = pairs.get(name);
    if (known === undefined) pairs.set(name, [value]);
    else known.push(value);
  }
  return pairs;
}

export function decode(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param inPath values of the path's variables, not decoded. @returns undefined when it is not there. */
export function valueOf(parameter: Parameter, x: Passage, inPath: ReadonlyMap<string, string>, query: Pairs): unknown {
  const { name } = parameter;
  switch (parameter.in) {
    case "path": {
      const text = inPath.get(name);
      return text === undefined ? undefined : inPathStyle(parameter, text);
    }
    case "header":
      return headerValue(parameter, x.arrival.header(name.toLowerCase()));
    case "cookie": {
      const [text] = cookieValues(x.arrival.header("cookie"), name);
      return text === undefined ? undefined : fromText(parameter, text, ",", decode, false);
    }
    case "query":
      return queryValue(parameter, query);
  }
}

/** @param text as the field says it, lists joined. Headers are always in the style `simple`. */
export function headerValue(parameter: Parameter, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  return fromText(parameter, text, ",", (part) => part.trim(), parameter.explode);
}

/** `simple` 5, `label` .5 and `matrix` ;id=5 (RFC 6570 sections 3.2.2, 3.2.5 and 3.2.7). */
function inPathStyle(parameter: Parameter, text: string): unknown {
  const { style, name, explode, types } = parameter;
  if (style === "label" && text.startsWith("."))
    return fromText(parameter, text.slice(1), explode ? "." : ",", decodePath, explode);
  if (style !== "matrix" || !text.startsWith(";")) return fromText(parameter, text, ",", decodePath, explode);
  const own = text.slice(1);
  if (explode && types.has("object")) return fromText(parameter, own, ";", decodePath, true);
  const prefix = `${name}=`;
  if (!explode || !types.has("array"))
    return fromText(parameter, own.startsWith(prefix) ? own.slice(prefix.length) : own, ",", decodePath, false);
  const parts = own.split(";").map((part) => (part.startsWith(prefix) ? part.slice(prefix.length) : part));
  return parts.map((part) => typed(decodePath(part), parameter.itemTypes));
}

/** @param mark stands between the parts of a list or object. @param plain undoes what protects a part. */
function fromText(
  { types, itemTypes, members, json }: Wanted & { readonly json: boolean },
  text: string,
  mark: string | RegExp,
  plain: (part: string) => string,
  explode: boolean,
): unknown {
  if (json) return parsedOr(plain(text));
  if (types.has("array")) return text === "" ? [] : text.split(mark).map((part) => typed(plain(part), itemTypes));
  if (!types.has("object")) return typed(plain(text), types);
  const parts = text.split(mark);
  const object: Record<string, unknown> = {};
  const put = (name: string, value: string) => define(object, name, typed(plain(value), members.get(name) ?? ANY));
  if (explode)
    for (const part of parts) {
      const at = part.indexOf("=");
      put(plain(at < 0 ? part : part.slice(0, at)), at < 0 ? "" : part.slice(at + 1));
    }
  else for (let i = 0; i + 1 < parts.length; i += 2) put(plain(parts[i]), parts[i + 1]);
  return object;
}

const ANY: ReadonlySet<string> = new Set();

export function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Between items that stand in one value. Written as data, a mark is escaped, except where the style has it escaped. */
const MARKS: Readonly<Record<string, string | RegExp>> = { spaceDelimited: /%20|\+| /, pipeDelimited: /%7[Cc]|\|/ };

/** In a query, or in a form, whose members are written as if they were parameters of a query. */
export function queryValue(
  parameter: Wanted & Pick<Parameter, "name" | "style" | "explode" | "json" | "mayBeEmpty">,
  query: Pairs,
): unknown {
  const { name, types, itemTypes, style, explode, json, mayBeEmpty } = parameter;
  if (types.has("object") && !json && (style === "deepObject" || (style === "form" && explode)))
    return objectIn(parameter, query);
  const values = query.get(name);
  if (values === undefined || (mayBeEmpty && values.every((one) => one === ""))) return undefined;
  const mark = MARKS[style] ?? ",";
  if (types.has("array") && !json) {
    if (values.length > 1 || explode) return values.map((value) => typed(decode(value), itemTypes));
    return fromText(parameter, values[0], mark, decode, false);
  }
  // Twice is no text at all: gateway and backend could read different ones.
  if (values.length > 1) return values.map(decode);
  return fromText(parameter, values[0], mark, decode, false);
}

function objectIn({ name, style, members }: Wanted & Pick<Parameter, "name" | "style">, query: Pairs): unknown {
  const object: Record<string, unknown> = {};
  let found = false;
  for (const [key, values] of query) {
    const deep = key.startsWith(`${name}[`) && key.endsWith("]") ? key.slice(name.length + 1, -1) : "";
    const own = style === "deepObject" ? deep : members.has(key) ? key : "";
    if (own === "") continue;
    found = true;
    const types = members.get(own) ?? ANY;
    const all = values.map((value) => typed(decode(value), types));
    define(object, own, all.length > 1 || types.has("array") ? all : all[0]);
  }
  return found ? object : undefined;
}

/** Deeper nesting than any parameter has stays a text, which the schema refuses: whoever walks a value may recurse. */
const DEEPEST = 64;

export function parsedOr(text: string): unknown {
  let depth = 0;
  for (const [mark] of text.matchAll(/[[\]{}]/g)) {
    depth += mark === "[" || mark === "{" ? 1 : -1;
    if (depth > DEEPEST) return text;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The text as the type that the schema wants, where it is written like one; else the text, which the schema refuses. */
export function typed(text: string, types: ReadonlySet<string>): unknown {
  if (types.has("integer") || types.has("number")) {
    if (/^-?(?:0|[1-9]\d{0,20})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?$/.test(text)) return Number(text);
  }
  if (types.has("boolean") && (text === "true" || text === "false")) return text === "true";
  if (types.has("null") && (text === "null" || (text === "" && !types.has("string")))) return null;
  return text;
}

/** Types that a schema allows, as far as it says so at its top. @param resolve follows `$ref`. */
export function typesOf(schema: unknown, resolve: (schema: unknown) => unknown, depth = 0): ReadonlySet<string> {
  const types = new Set<string>();
  const own = resolve(schema);
  if (!isObject(own) || depth > 8) return types;
  for (const type of [own.type].flat()) if (typeof type === "string") types.add(type);
  if (own.nullable === true) types.add("null");
  for (const key of ["allOf", "anyOf", "oneOf"])
    for (const one of Array.isArray(own[key]) ? own[key] : [])
      for (const type of typesOf(one, resolve, depth + 1)) types.add(type);
  return types;
}
