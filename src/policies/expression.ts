/**
 * CEL expressions over a request: checked and compiled once per edit, evaluated per request, explained on demand.
 * The only file that knows @bufbuild/cel. What that forces on us: its checker is not exported, so names are checked by
 * walking the parsed tree; nothing in it bounds run time, so nesting of comprehensions and length of lists are bounded
 * here; and it caches no regular expression, so `matches` gets a caching engine.
 * Must not throw at evaluation: a failure is a value, because it is a verdict.
 */
import { celEnv, isCelError, isCelList, isCelMap, parse, plan } from "@bufbuild/cel";
import { RE2JS } from "re2js";
import type { Passage } from "../model/arrival.ts";
import { ExpressionInput, VARIABLES } from "./expression-input.ts";
import { shortcutOf, type Shortcut } from "./expression-shortcut.ts";
import { waysTo, type Ways } from "./expression-wishes.ts";
import { nearest } from "./nearest.ts";

/** Longest expression, in UTF-16 code units. */
export const LONGEST_EXPRESSION = 4096;
/** A comprehension may stand inside at most one other: cost grows with the power of the nesting. */
const DEEPEST_COMPREHENSION = 2;
/** Brackets within brackets: the parser recurses, and its stack is finite. */
const DEEPEST_BRACKETS = 64;
/** Longest list of a token that may be walked by one, and by two nested comprehensions. */
const LONGEST_LIST = [Infinity, 5000, 250];

export interface ExpressionProblem {
  readonly message: string;
  /** Offsets within the expression; `end` exclusive. */
  readonly start: number;
  readonly end: number;
}

export interface Expression {
  readonly source: string;
  /** undefined: it failed, or its value is neither true nor false. */
  test(x: Passage): boolean | undefined;
  /** As `test`, by the general evaluator. */
  evaluate(x: Passage): boolean | undefined;
  /** undefined: it failed, or its value is no finite number. */
  measure(x: Passage): number | undefined;
  /** Why it is not true: the first part that is not, and the values it saw. For people; not on the hot path. */
  explain(x: Passage): string;
  /** Only the values that `explain` saw: "jwt.scope was []"; "" when it reads none. */
  inBrief(x: Passage): string;
  /** The parts that must all be true: the operands of the outermost &&. */
  parts(): readonly Expression[];
  /** Which of request, jwt, consumer and client it looks at. */
  reads(): readonly string[];
  /** What a token must hold so that it is true, or false, of this request. */
  waysTo(wanted: boolean, x: Passage): Ways;
}

/** The shape of a parsed tree that this file reads. */
interface Node {
  readonly id: bigint;
  readonly exprKind: { readonly case?: string; readonly value?: unknown };
}
interface Parsed {
  readonly expr?: Node;
  readonly sourceInfo?: { readonly positions: Readonly<Record<string, number>> };
}

type Program = (input: object) => unknown;

const LARGEST_REGEX_CACHE = 256;
const regexes = new Map<string, { test(text: string): boolean }>();

/** RE2 syntax and linear time, as CEL demands; a compiled pattern serves every later evaluation. */
const re2 = {
  compile(pattern: string): { test(text: string): boolean } {
    let regex = regexes.get(pattern);
    if (regex === undefined) {
      const compiled = RE2JS.compile(pattern);
      regex = { test: (text) => compiled.matcher(text).find() };
      if (regexes.size >= LARGEST_REGEX_CACHE) regexes.clear();
      regexes.set(pattern, regex);
    }
    return regex;
  },
};

const environment = celEnv({ re2 });

/** @returns undefined when the expression may be compiled. */
export function checkExpression(source: string): ExpressionProblem | undefined {
  const parsed = parseExpression(source);
  return "message" in parsed ? parsed : checkTree(parsed, source);
}

/** An expression that `checkExpression` refuses compiles to one that always fails. */
export function compileExpression(source: string): Expression {
  const parsed = parseExpression(source);
  const problem = "message" in parsed ? parsed : checkTree(parsed, source);
  if (problem !== undefined || "message" in parsed) return new CompiledExpression(source, undefined, 0, problem);
  return new CompiledExpression(source, parsed, deepestComprehension(parsed.expr), undefined);
}

class CompiledExpression implements Expression {
  readonly source: string;
  readonly #tree: Parsed | undefined;
  readonly #program: Program | undefined;
  readonly #shortcut: Shortcut | undefined;
  readonly #longestList: number;
  readonly #problem: ExpressionProblem | undefined;
  #parts: readonly Expression[] | undefined;
  #references: readonly Reference[] | undefined;

  constructor(source: string, tree: Parsed | undefined, nesting: number, problem: ExpressionProblem | undefined) {
    this.source = source;
    this.#tree = tree;
    this.#problem = problem;
    this.#longestList = LONGEST_LIST[nesting] ?? 0;
    if (tree?.expr !== undefined) this.#program = planOf(tree.expr);
    this.#shortcut = shortcutOf(tree?.expr);
  }

  test(x: Passage): boolean | undefined {
    return this.#shortcut === undefined ? this.evaluate(x) : this.#shortcut(x);
  }

  evaluate(x: Passage): boolean | undefined {
    const value = this.#evaluate(x);
    return value === true || value === false ? value : undefined;
  }

  measure(x: Passage): number | undefined {
    const value = this.#evaluate(x);
    const number = typeof value === "bigint" ? Number(value) : value;
    return typeof number === "number" && Number.isFinite(number) ? number : undefined;
  }

  #evaluate(x: Passage): unknown {
    if (this.#program === undefined) return new Error(this.#problem?.message ?? "the expression does not parse");
    try {
      return this.#program(new ExpressionInput(x, this.#longestList));
    } catch (problem) {
      return problem instanceof Error ? problem : new Error(String(problem));
    }
  }

  explain(x: Passage): string {
    const parts = this.parts();
    const culprit = parts.find((part) => part.test(x) !== true) ?? parts[0];
    if (culprit !== this && culprit !== undefined) return culprit.explain(x);
    const value = this.#evaluate(x);
    const what = `\`${this.source.trim().replace(/\s+/g, " ")}\``;
    const seen = this.#seen(x);
    if (value instanceof Error) return `${what} failed: ${wordsOf(value)}${seen && ` - ${seen}`}`;
    if (value !== true && value !== false) return `${what} is ${show(value)}, neither true nor false`;
    return `${what} was ${value}${seen && ` - ${seen}`}`;
  }

  inBrief(x: Passage): string {
    const parts = this.parts();
    const culprit = parts.find((part) => part.test(x) !== true) ?? parts[0];
    return culprit === this || culprit === undefined ? this.#seen(x) : culprit.inBrief(x);
  }

  parts(): readonly Expression[] {
    if (this.#parts === undefined) {
      const operands = splitConjunction(this.source);
      this.#parts = operands.length > 1 ? operands.map(compileExpression) : [this];
    }
    return this.#parts;
  }

  reads(): readonly string[] {
    const found = new Set<string>();
    walk(this.#tree?.expr, [], (node, bound) => {
      const name = rootName(node);
      if (name !== undefined && !bound.includes(name) && Object.hasOwn(VARIABLES, name)) found.add(name);
    });
    return [...found];
  }

  waysTo(wanted: boolean, x: Passage): Ways {
    const input = new ExpressionInput(x, this.#longestList);
    const evaluate = (node: object): unknown => {
      try {
        return planOf(node as Node)(input);
      } catch (problem) {
        return problem;
      }
    };
    return waysTo(this.#tree?.expr, wanted, { evaluate, bound: new Map() });
  }

  #seen(x: Passage): string {
    this.#references ??= this.#tree?.expr ? referencesOf(this.#tree.expr) : [];
    const input = new ExpressionInput(x, this.#longestList);
    return this.#references
      .slice(0, 4)
      .map((reference) => {
        if (reference.hidden) return `${reference.path} is not shown`;
        const value = reference.program(input);
        return value instanceof Error ? `${reference.path} was absent` : `${reference.path} was ${show(value)}`;
      })
      .join(", ");
  }
}

function planOf(expr: Node): Program {
  // The library's own types of trees are those of protobuf messages; what `parse` gave is what `plan` wants.
  return plan(environment, expr as never) as Program;
}

function parseExpression(source: string): Parsed | ExpressionProblem {
  const whole = { start: 0, end: source.length };
  if (source.length > LONGEST_EXPRESSION) {
    return { message: `the expression is longer than ${LONGEST_EXPRESSION} characters`, ...whole };
  }
  if (bracketDepth(source) > DEEPEST_BRACKETS) {
    return { message: `brackets stand more than ${DEEPEST_BRACKETS} deep`, ...whole };
  }
  try {
    return parse(source) as unknown as Parsed;
  } catch (problem) {
    return syntaxProblem(problem, source);
  }
}

function bracketDepth(source: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of source) {
    if ("([{".includes(character)) deepest = Math.max(deepest, ++depth);
    else if (")]}".includes(character)) depth--;
  }
  return deepest;
}

function syntaxProblem(problem: unknown, source: string): ExpressionProblem {
  const location = (problem as { location?: { start?: { offset?: number } } }).location?.start?.offset;
  const start = Math.min(location ?? 0, source.length);
  if (source.trim() === "") return { message: "the expression is empty", start: 0, end: source.length };
  const found = source.slice(start).match(/^\s*(\w+|\S)/)?.[1];
  const message =
    found === undefined
      ? "the expression ends too early"
      : `does not parse as CEL: cannot make sense of \`${found}\` here`;
  return { message, start, end: found === undefined ? source.length : start + found.length };
}

/** Names, functions and nesting. */
function checkTree(parsed: Parsed, source: string): ExpressionProblem | undefined {
  const positions = parsed.sourceInfo?.positions ?? {};
  let problem: ExpressionProblem | undefined;
  const report = (node: Node, text: string, message: string): void => {
    const at = Math.min(positions[String(node.id)] ?? 0, source.length);
    // A selected field is placed at its dot.
    const start = source[at] === "." ? at + 1 : at;
    problem ??= { message, start, end: Math.min(start + Math.max(text.length, 1), source.length) };
  };
  walk(parsed.expr, [], (node, bound) => {
    const { case: kind, value } = node.exprKind;
    if (kind === "identExpr") {
      const { name } = value as { name: string };
      if (!bound.includes(name) && !Object.hasOwn(VARIABLES, name) && !TYPE_NAMES.has(name) && !name.startsWith("@")) {
        report(node, name, unknownName(name));
      }
    } else if (kind === "selectExpr") {
      const select = value as { operand?: Node; field: string };
      const root = rootName(select.operand);
      const fields =
        root !== undefined && !bound.includes(root) && Object.hasOwn(VARIABLES, root) ? VARIABLES[root] : undefined;
      if (fields !== undefined && !fields.includes(select.field)) {
        report(node, select.field, unknownField(root ?? "", select.field, fields));
      }
    } else if (kind === "callExpr") {
      const { function: called } = value as { function: string };
      if (/^\w+$/.test(called) && !FUNCTIONS.includes(called)) report(node, called, unknownFunction(called));
    }
  });
  if (problem === undefined && deepestComprehension(parsed.expr) > DEEPEST_COMPREHENSION) {
    problem = {
      message: `exists, all, map and filter may stand at most ${DEEPEST_COMPREHENSION} deep in one another`,
      start: 0,
      end: source.length,
    };
  }
  return problem ?? compileProblem(parsed, source);
}

/** What only planning finds: e.g. a message type that does not exist. */
function compileProblem(parsed: Parsed, source: string): ExpressionProblem | undefined {
  try {
    if (parsed.expr) planOf(parsed.expr);
    return undefined;
  } catch (problem) {
    return { message: problem instanceof Error ? problem.message : String(problem), start: 0, end: source.length };
  }
}

const TYPE_NAMES = new Set(["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"]);

const FUNCTIONS: readonly string[] = [
  ..."size contains startsWith endsWith matches int uint double bool string bytes type dyn duration timestamp".split(
    " ",
  ),
  ..."getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds".split(" "),
  ..."getMilliseconds has all exists exists_one map filter".split(" "),
];

function unknownName(name: string): string {
  const known = Object.keys(VARIABLES);
  const near = nearest(name, known);
  return `\`${name}\` is not known here${near ? `; did you mean \`${near}\`?` : ""} There are ${known.join(", ")}.`;
}

function unknownField(root: string, field: string, fields: readonly string[]): string {
  const near = nearest(field, fields);
  return `\`${root}\` has no \`${field}\`${near ? `; did you mean \`${near}\`?` : ""} It has ${fields.join(", ")}.`;
}

function unknownFunction(name: string): string {
  const near = nearest(name, FUNCTIONS);
  return `there is no function \`${name}\`${near ? `; did you mean \`${near}\`?` : ""}`;
}

function rootName(node: Node | undefined): string | undefined {
  return node?.exprKind.case === "identExpr" ? (node.exprKind.value as { name: string }).name : undefined;
}

type Comprehension = Readonly<
  Record<"iterRange" | "accuInit" | "loopCondition" | "loopStep" | "result", Node | undefined>
> & { readonly iterVar: string; readonly iterVar2: string; readonly accuVar: string };

/** Visits every node with the names that comprehensions bind there. */
function walk(node: Node | undefined, bound: readonly string[], visit: (node: Node, bound: readonly string[]) => void) {
  if (node === undefined) return;
  visit(node, bound);
  if (node.exprKind.case === "comprehensionExpr") {
    const fold = node.exprKind.value as Comprehension;
    const inner = [...bound, fold.iterVar, fold.iterVar2, fold.accuVar];
    walk(fold.iterRange, bound, visit);
    for (const part of [fold.accuInit, fold.loopCondition, fold.loopStep, fold.result]) walk(part, inner, visit);
    return;
  }
  for (const child of childrenOf(node)) walk(child, bound, visit);
}

function childrenOf(node: Node): readonly (Node | undefined)[] {
  const { case: kind, value } = node.exprKind;
  if (kind === "selectExpr") return [(value as { operand?: Node }).operand];
  if (kind === "callExpr") {
    const call = value as { target?: Node; args: readonly Node[] };
    return [call.target, ...call.args];
  }
  if (kind === "listExpr") return (value as { elements: readonly Node[] }).elements;
  if (kind === "structExpr") {
    const { entries } = value as { entries: readonly { keyKind: { case?: string; value?: unknown }; value?: Node }[] };
    return entries.flatMap((entry) => [
      entry.keyKind.case === "mapKey" ? (entry.keyKind.value as Node) : undefined,
      entry.value,
    ]);
  }
  if (kind === "comprehensionExpr") {
    const fold = value as Comprehension;
    return [fold.iterRange, fold.accuInit, fold.loopCondition, fold.loopStep, fold.result];
  }
  return [];
}

function deepestComprehension(node: Node | undefined): number {
  if (node === undefined) return 0;
  const below = Math.max(0, ...childrenOf(node).map(deepestComprehension));
  return below + (node.exprKind.case === "comprehensionExpr" ? 1 : 0);
}

/** Something the expression read, e.g. `jwt.scope`, so that its value can be shown. */
interface Reference {
  readonly path: string;
  readonly hidden: boolean;
  readonly program: Program;
}

const SECRET_FIELD = /authorization|cookie|api-?key|token|secret|password/i;

/** The longest paths that start at a variable, each once, in the order they stand. */
function referencesOf(root: Node): readonly Reference[] {
  const found = new Map<string, Reference>();
  const visit = (node: Node | undefined): void => {
    if (node === undefined) return;
    const path = pathOf(node);
    if (path === undefined) return void childrenOf(node).forEach(visit);
    // A presence test (`has`) would otherwise answer with its own truth instead of the value.
    const select = node.exprKind.value as { testOnly?: boolean };
    const plain = select.testOnly
      ? { ...node, exprKind: { ...node.exprKind, value: { ...select, testOnly: false } } }
      : node;
    if (!found.has(path)) {
      const hidden = path.startsWith("request.") && SECRET_FIELD.test(path);
      found.set(path, { path, hidden, program: planOf(plain) });
    }
  };
  visit(root);
  return [...found.values()];
}

function pathOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  const { case: kind, value } = node.exprKind;
  if (kind === "identExpr") {
    const { name } = value as { name: string };
    return Object.hasOwn(VARIABLES, name) ? name : undefined;
  }
  if (kind === "selectExpr") {
    const select = value as { operand?: Node; field: string };
    const before = pathOf(select.operand);
    return before && `${before}.${select.field}`;
  }
  if (kind === "callExpr") {
    const call = value as { function: string; args: readonly Node[] };
    const constant = call.args[1]?.exprKind;
    if (call.function !== "_[_]" || constant?.case !== "constExpr") return undefined;
    const before = pathOf(call.args[0]);
    const kept = (constant.value as { constantKind: { value?: unknown } }).constantKind.value;
    return before && `${before}[${typeof kept === "string" ? JSON.stringify(kept) : String(kept)}]`;
  }
  return undefined;
}

/** Operands of the outermost `&&`, or the whole when it is not a conjunction. */
export function splitConjunction(source: string): readonly string[] {
  const operands: string[] = [];
  let depth = 0;
  let quote = "";
  let from = 0;
  for (let i = 0; i < source.length; i++) {
    const at = source[i];
    if (quote !== "") {
      if (at === "\\") i++;
      else if (source.startsWith(quote, i)) {
        i += quote.length - 1;
        quote = "";
      }
    } else if (at === '"' || at === "'") {
      quote = source.startsWith(at.repeat(3), i) ? at.repeat(3) : at;
      i += quote.length - 1;
      // In a raw string a backslash is itself, and a comment may hold anything: both are rare, so show the whole.
      if (/[rR]$/.test(source.slice(0, i)) || /\/\//.test(source)) return [source];
    } else if ("([{".includes(at)) depth++;
    else if (")]}".includes(at)) depth--;
    else if (depth === 0 && (at === "?" || source.startsWith("||", i))) return [source];
    else if (depth === 0 && source.startsWith("&&", i)) {
      operands.push(source.slice(from, i).trim());
      from = i + 2;
      i++;
    }
  }
  operands.push(source.slice(from).trim());
  return operands;
}

function wordsOf(problem: Error): string {
  const missing = /^field not found: (.*)$/.exec(problem.message);
  if (missing) return `there is no \`${missing[1]}\``;
  return problem.message;
}

/** A CEL value for people, at most 120 characters. */
export function show(value: unknown): string {
  const text = JSON.stringify(plainOf(value, 0)) ?? "nothing";
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

function plainOf(value: unknown, depth: number): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > 4) return "...";
  if (isCelError(value)) return "failed";
  if (isCelList(value) || Array.isArray(value)) {
    return [...(value as Iterable<unknown>)].slice(0, 20).map((item) => plainOf(item, depth + 1));
  }
  if (isCelMap(value) || typeof value === "object") return "{...}";
  return value;
}
