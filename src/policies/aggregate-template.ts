/**
 * The `${...}` of an aggregate: in paths of its parts, where what is filled in is a segment or a parameter, and in the
 * template of its answer, where it keeps its JSON type. Compiled once per edit.
 * Must never let a value change which path is asked for: it is percent-encoded, and a dot segment is none.
 */
import type { Passage } from "../model/arrival.ts";
import type { CompileContext } from "../model/policy.ts";
import { queryValues } from "./request-parts.ts";
import { checkTemplate, compileTemplate } from "./template.ts";

/** What has been found so far: answers of parts by name, and the element of a `forEach`. */
export interface Found {
  /** undefined = there is none. */
  value(part: string): unknown;
  readonly item?: unknown;
}

/** @throws Error in words when a value cannot stand in a path. */
export type PathTemplate = (x: Passage, found: Found) => string;

type Reader = (x: Passage, found: Found) => unknown;

const VARIABLE = /\$\$\{|\$\{([^}]*)\}?/g;

export interface Variable {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Every `${name}` of a text. */
export function variablesOf(text: string): Variable[] {
  return [...text.matchAll(VARIABLE)]
    .filter(([whole]) => whole !== "$${")
    .map((found) => ({ name: (found[1] ?? "").trim(), start: found.index, end: found.index + found[0].length }));
}

/** What is wrong with a variable; undefined = nothing. @param parts names of parts whose answers are there by then. */
export function variableProblem(name: string, parts: readonly string[], item: boolean): string | undefined {
  const [first] = name.split(".", 1);
  if (parts.includes(first)) return undefined;
  if (first === "item") return item ? undefined : "`item` is there only in a part with `forEach`";
  if (/^path\.[1-9]\d?$/.test(name) || /^query\.\S{1,100}$/.test(name)) return undefined;
  const problem = checkTemplate(`\${${name}}`);
  if (problem === undefined) return undefined;
  return `\`${name}\` is not known here: write path.<number>, query.<name>, <part>.<field>, or a name of header templates (request.id, jwt.<claim>, header.<name>, consumer)`;
}

function readerOf(name: string, context: CompileContext, parts: readonly string[]): Reader {
  const [first, ...rest] = name.split(".");
  if (parts.includes(first)) return (_x, found) => memberOf(found.value(first), rest);
  if (first === "item") return (_x, found) => memberOf(found.item, rest);
  if (first === "path" && rest.length === 1) {
    const position = Number(rest[0]);
    return (x) => decoded(x.arrival.path?.split("/")[position]);
  }
  if (first === "query") return (x) => queryValues(x.arrival.query, rest.join("."))[0];
  return compileTemplate(`\${${name}}`, context, (text) => text);
}

function decoded(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** @param names of own members, one inside the other; numbers count elements from 0. */
export function memberOf(value: unknown, names: readonly string[]): unknown {
  let at = value;
  for (const name of names) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

export function compilePath(text: string, context: CompileContext, parts: readonly string[]): PathTemplate {
  const pieces = piecesOf(text, context, parts);
  return (x, found) => {
    let path = "";
    for (const piece of pieces) path += typeof piece === "string" ? piece : segment(piece.name, piece.read(x, found));
    return path;
  };
}

function segment(name: string, value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    throw new Error(`\${${name}} is ${value === undefined || value === null ? "not there" : "no text and no number"}`);
  }
  const text = String(value);
  if (text === "" || text === "." || text === ".." || text.length > 1024) {
    throw new Error(`\${${name}} is ${JSON.stringify(text.slice(0, 40))}, which is no part of a path`);
  }
  // Single surrogates have no UTF-8 form.
  return encodeURIComponent(
    text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd"),
  );
}

interface Filled {
  readonly name: string;
  readonly read: Reader;
}

function piecesOf(text: string, context: CompileContext, parts: readonly string[]): (string | Filled)[] {
  const pieces: (string | Filled)[] = [];
  let from = 0;
  for (const found of text.matchAll(VARIABLE)) {
    pieces.push(text.slice(from, found.index));
    from = found.index + found[0].length;
    const name = (found[1] ?? "").trim();
    pieces.push(found[0] === "$${" ? "${" : { name, read: readerOf(name, context, parts) });
  }
  pieces.push(text.slice(from));
  return pieces.filter((piece) => piece !== "");
}

/** A value of the answer: what a string of nothing but one variable holds keeps its type; what is not there is null. */
export type ValueTemplate = (x: Passage, found: Found) => unknown;

export function compileValue(template: unknown, context: CompileContext, parts: readonly string[]): ValueTemplate {
  if (typeof template === "string") return compileText(template, context, parts);
  if (Array.isArray(template)) {
    const elements = template.map((element) => compileValue(element, context, parts));
    return (x, found) => elements.map((element) => element(x, found));
  }
  if (typeof template === "object" && template !== null) {
    const members = Object.entries(template).map(
      ([name, value]) => [name, compileValue(value, context, parts)] as const,
    );
    return (x, found) => Object.fromEntries(members.map(([name, value]) => [name, value(x, found)]));
  }
  return () => template;
}

function compileText(text: string, context: CompileContext, parts: readonly string[]): ValueTemplate {
  const pieces = piecesOf(text, context, parts);
  const [only] = pieces;
  if (pieces.length === 1 && typeof only !== "string") return (x, found) => only.read(x, found) ?? null;
  return (x, found) =>
    pieces
      .map((piece) => {
        if (typeof piece === "string") return piece;
        const value = piece.read(x, found);
        return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
      })
      .join("");
}
