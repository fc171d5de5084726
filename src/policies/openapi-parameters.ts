/**
 * Parameters of a request as OpenAPI writes them (3.1, section 4.8.12): where they stand, how lists and objects are
 * written in one text, and which type a schema wants of it. Must not judge values: the schema does.
 */
import type { Passage } from "../model/arrival.ts";
import { cookieValues } from "./request-parts.ts";
import type { Validate } from "./json-schema.ts";
import { isObject } from "./schema-registry.ts";

export interface Parameter {
  readonly in: "path" | "query" | "header" | "cookie";
  readonly name: string;
  readonly required: boolean;
  readonly style: string;
  readonly explode: boolean;
  /** Types that its schema allows, of it or of its items; empty = any. */
  readonly types: ReadonlySet<string>;
  readonly itemTypes: ReadonlySet<string>;
  /** Names and types of its members, when it is an object. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
  /** Written as JSON (`content: application/json`). */
  readonly json: boolean;
  readonly validate: Validate;
}

/** Pairs of a query or form, decoded. */
export type Pairs = readonly (readonly [string, string])[];

export function pairsOf(text: string | undefined): Pairs {
  if (text === undefined || text === "") return [];
  return text.split("&", 1000).map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [decode(pair), ""] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
  });
}

export function decode(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** @param inPath values of the path's variables, not decoded. @returns undefined when it is not there. */
export function valueOf(parameter: Parameter, x: Passage, inPath: ReadonlyMap<string, string>, query: Pairs): unknown {
  const { name, types } = parameter;
  switch (parameter.in) {
    case "path": {
      const text = inPath.get(name);
      return text === undefined ? undefined : fromText(parameter, withoutPrefix(parameter, text), ",", decodePath);
    }
    case "header": {
      const text = x.arrival.header(name.toLowerCase());
      return text === undefined ? undefined : fromText(parameter, text, ",", (part) => part.trim());
    }
    case "cookie": {
      const [text] = cookieValues(x.arrival.header("cookie"), name);
      return text === undefined ? undefined : fromText(parameter, text, ",", decode);
    }
    case "query":
      return types.has("object") && !parameter.json ? objectIn(parameter, query) : listOrText(parameter, query);
  }
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `;id=5` (matrix) and `.5` (label). */
function withoutPrefix({ style, name }: Parameter, text: string): string {
  if (style === "label" && text.startsWith(".")) return text.slice(1);
  return style === "matrix" && text.startsWith(`;${name}=`) ? text.slice(name.length + 2) : text;
}

function fromText(parameter: Parameter, text: string, mark: string, plain: (part: string) => string): unknown {
  const { types, itemTypes, members, json, explode } = parameter;
  if (json) return parsedOr(plain(text));
  if (types.has("array")) return text === "" ? [] : text.split(mark).map((part) => typed(plain(part), itemTypes));
  if (!types.has("object")) return typed(plain(text), types);
  const parts = text.split(mark);
  const object: Record<string, unknown> = {};
  if (explode)
    for (const part of parts) {
      const [name, value = ""] = part.split("=", 2);
      define(object, plain(name), typed(plain(value), members.get(plain(name)) ?? ANY));
    }
  else
    for (let i = 0; i + 1 < parts.length; i += 2)
      define(object, plain(parts[i]), typed(plain(parts[i + 1]), members.get(plain(parts[i])) ?? ANY));
  return object;
}

const ANY: ReadonlySet<string> = new Set();

function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function listOrText(parameter: Parameter, query: Pairs): unknown {
  const { name, types, itemTypes, style, explode, json } = parameter;
  const values = query.filter(([own]) => own === name).map(([, value]) => value);
  if (values.length === 0) return undefined;
  if (json) return parsedOr(values[0]);
  if (!types.has("array")) {
    // Twice is no text at all: gateway and backend could read different ones.
    return values.length === 1 ? typed(values[0], types) : values;
  }
  if (explode) return values.map((value) => typed(value, itemTypes));
  const mark = style === "spaceDelimited" ? " " : style === "pipeDelimited" ? "|" : ",";
  return values[0] === "" ? [] : values[0].split(mark).map((part) => typed(part, itemTypes));
}

function objectIn(parameter: Parameter, query: Pairs): unknown {
  const { name, style, members, explode } = parameter;
  if (style !== "deepObject" && !explode) {
    const value = query.find(([own]) => own === name)?.[1];
    return value === undefined ? undefined : fromText(parameter, value, ",", (part) => part);
  }
  const object: Record<string, unknown> = {};
  let found = false;
  for (const [key, value] of query) {
    const own =
      style === "deepObject"
        ? key.startsWith(`${name}[`) && key.endsWith("]")
          ? key.slice(name.length + 1, -1)
          : ""
        : members.has(key)
          ? key
          : "";
    if (own === "") continue;
    found = true;
    define(object, own, typed(value, members.get(own) ?? ANY));
  }
  return found ? object : undefined;
}

function parsedOr(text: string): unknown {
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
  if (types.has("null") && text === "null") return null;
  return text;
}

/** Types that a schema allows, as far as it says so at its top. @param resolve follows `$ref`. */
export function typesOf(schema: unknown, resolve: (schema: unknown) => unknown, depth = 0): ReadonlySet<string> {
  const types = new Set<string>();
  const own = resolve(schema);
  if (!isObject(own) || depth > 8) return types;
  for (const type of [own.type].flat()) if (typeof type === "string") types.add(type);
  for (const key of ["allOf", "anyOf", "oneOf"])
    for (const one of Array.isArray(own[key]) ? own[key] : [])
      for (const type of typesOf(one, resolve, depth + 1)) types.add(type);
  return types;
}
