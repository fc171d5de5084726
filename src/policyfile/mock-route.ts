/**
 * A mock as text: a route for exactly one request that answers by itself, put before all others, and taken away again.
 * It stands in for the services alone: what the route that took the request asks of a caller, and changes in an answer, the
 * mock does too.
 * Must not touch another route, nor any comment.
 */
import { isSeq } from "yaml";
import type { Node } from "yaml";
import { PHASES, type Phase } from "../model/basics.ts";
import { policies } from "../policies/index.ts";
import type { TextEdit } from "./diagnostic.ts";
import { removeKey } from "./edit.ts";
import { at, fields, items } from "./names.ts";
import { spanOf, Tree } from "./tree.ts";
import { write } from "./write.ts";

export interface Mocked {
  readonly method: string;
  /** Without the query, in the form that routes are matched by. */
  readonly path: string;
  /** Parameters that make it this request. */
  readonly query: Readonly<Record<string, string>>;
  /** Name of the route that took it; undefined = none did. */
  readonly route: string | undefined;
  /** What is written into the route's directResponse. */
  readonly answer: Readonly<Record<string, unknown>>;
  /** Behind its name, as a comment. */
  readonly remark: string;
}

/** A name for it that no route has. */
export function mockName(text: string, method: string, path: string): string {
  const taken = new Set([...items(at(new Tree(text, "").value, "routes"))].map(([, route]) => at(route, "name")));
  const words = `${method}-${path}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  const name = `mock-${words.slice(0, 48).replace(/-$/, "")}`;
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${name}-${number}`;
  return free;
}

/** @returns undefined when the text has no place for a route. */
export function mockRoute(text: string, name: string, mocked: Mocked): readonly TextEdit[] | undefined {
  const tree = new Tree(text, "");
  if (tree.brokenAt !== Infinity) return undefined;
  const routes = [...items(at(tree.value, "routes"))].map(([, route]) => route);
  const instead = routes.find((route) => at(route, "name") === mocked.route);
  const matches = matchesOf(instead, mocked);
  const kept = keptPolicies(tree.value, instead);
  const own = { directResponse: mocked.answer };
  const shared = Object.fromEntries(
    ["listeners", "hostnames"].flatMap((key) => {
      const value = at(instead, key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const found = tree.find(["routes"]);
  const list = tree.resolve(found?.value);
  const lineBreak = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = [
    `- name: ${write(name)} # ${mocked.remark}`,
    ...Object.entries(shared).map(([key, value]) => `  ${key}: ${write(value)}`),
    `  matches: ${write(matches)}`,
    "  policies:",
    ...[...kept, own].map((policy) => `    - ${write(policy)}`),
  ];
  if (isSeq(list) && list.flow !== true && list.items.length > 0) {
    const key = spanOf(found?.key) as readonly [number, number];
    const offset = tree.lines.endOfLine(key[1]);
    const pad = dashColumn(tree, list.items[0] as Node);
    const gap = apart(tree, list.items as Node[]) ? lineBreak : "";
    return [{ offset, endOffset: offset, newText: `${lineBreak}${indented(lines, pad, lineBreak)}${gap}` }];
  }
  const value = { name, ...shared, matches, policies: [...kept, own] };
  if (isSeq(list) && list.flow === true) {
    const open = (list.range?.[0] ?? 0) + 1;
    return [{ offset: open, endOffset: open, newText: write(value) + (list.items.length > 0 ? ", " : "") }];
  }
  if (found !== undefined) return undefined;
  const head = text === "" || text.endsWith("\n") ? "" : lineBreak;
  const newText = `${head}routes:${lineBreak}${indented(lines, 2, lineBreak)}${lineBreak}`;
  return [{ offset: text.length, endOffset: text.length, newText }];
}

export interface Mock {
  readonly name: string;
  /** "GET /orders/77" */
  readonly summary: string;
}

/** Routes that answer by themselves, in the order of the file. */
export function mocksIn(text: string): Mock[] {
  return [...items(at(new Tree(text, "").value, "routes"))].flatMap(([, route]) => {
    const name = at(route, "name");
    const answers = [...items(at(route, "policies"))].some(([, policy]) => at(policy, "directResponse") !== undefined);
    if (!answers || typeof name !== "string") return [];
    const [first] = [...items(at(route, "matches"))].map(([, match]) => match);
    const methods = [...items(at(first, "methods"))].map(([, method]) => String(method));
    const path = Object.values(fields(at(first, "path")))[0];
    return [{ name, summary: [...methods, typeof path === "string" ? path : "/*"].join(" ") }];
  });
}

/** Takes the route of that name away with its lines. @returns undefined: there is none. */
export function withoutMock(text: string, name: string): readonly TextEdit[] | undefined {
  const found = [...items(at(new Tree(text, "").value, "routes"))].find(([, route]) => at(route, "name") === name);
  const [edit, ...more] = (found && removeKey(text, ["routes", found[0]])) ?? [];
  if (edit === undefined) return undefined;
  // With the empty line that came with it.
  const empty = found?.[0] === 0 ? /^[ \t]*\r?\n/.exec(text.slice(edit.endOffset)) : null;
  return [{ ...edit, endOffset: edit.endOffset + (empty?.[0].length ?? 0) }, ...more];
}

/** As many conditions as the route's own matches have, so that none of them ranks higher. */
function matchesOf(instead: unknown, { method, path, query }: Mocked): readonly object[] {
  const own = [...items(at(instead, "matches"))].map(([, match]) => fields(match));
  const made = (own.length === 0 ? [{}] : own).map((match) => {
    const { path: _path, methods: _methods, query: asked, ...conditions } = match as Record<string, unknown>;
    const all = { ...fields(asked), ...query };
    return {
      path: { exact: path },
      methods: [method],
      ...conditions,
      ...(Object.keys(all).length === 0 ? {} : { query: all }),
    };
  });
  return [...new Map(made.map((match) => [JSON.stringify(match), match])).values()];
}

/** What is asked before anything answers, and what is changed in answers: a mock must not show what the route hides. */
const KEPT: ReadonlySet<Phase> = new Set<Phase>([...PHASES.slice(0, PHASES.indexOf("answer")), "reply"]);

/** What the route does around whoever answers. */
function keptPolicies(policy: unknown, route: unknown): readonly unknown[] {
  return [...items(at(route, "policies"))].flatMap(([, entry]) => {
    const written = typeof entry === "string" ? at(at(policy, "policies"), entry) : entry;
    const kinds = Object.keys(fields(written));
    const known = policies.find(({ kind }) => kinds.includes(kind));
    return known !== undefined && KEPT.has(known.phase) ? [entry] : [];
  });
}

function dashColumn(tree: Tree, item: Node): number {
  const start = spanOf(item)?.[0] ?? 0;
  const line = tree.text.slice(tree.text.lastIndexOf("\n", start - 1) + 1, start);
  return Math.max(0, line.lastIndexOf("-"));
}

/** An empty line stands between routes. */
function apart(tree: Tree, [first, second]: readonly Node[]): boolean {
  const [from, to] = [spanOf(first), spanOf(second)];
  return from !== undefined && to !== undefined && /\n[ \t]*\r?\n/.test(tree.text.slice(tree.trimmed(from), to[0]));
}

function indented(lines: readonly string[], columns: number, lineBreak: string): string {
  return lines.map((line) => " ".repeat(columns) + line).join(lineBreak);
}
