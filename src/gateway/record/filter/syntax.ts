/**
 * Text of a traffic filter -> terms with their places in the text, or one clear problem.
 * Space is AND, " | " is OR, "a|b" inside a term means either value, "-" negates, "~" matches a regular expression.
 * Must not throw on any text, and must not know what the rows look like: keys.ts and compile.ts do.
 */
import { findKey, KEY_NAMES, type KeyKind, type Operator } from "./keys.ts";
import { compilePattern } from "./pattern.ts";

export interface Term {
  readonly negated: boolean;
  /** As written, in lower case ("req.x-tenant" whole); "" for a bare word. */
  readonly key: string;
  readonly kind: KeyKind;
  readonly operator: Operator;
  /** Any of these. */
  readonly values: readonly string[];
  readonly start: number;
  readonly end: number;
}

/** Alternatives of conjunctions; no alternatives = everything. */
export interface Filter {
  readonly text: string;
  readonly alternatives: readonly (readonly Term[])[];
}

export interface FilterProblem {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

export type ParseResult = { readonly filter: Filter } | { readonly problem: FilterProblem };

/** Longer filter texts are refused: nobody writes them, and each term is run over every row. */
export const MAX_FILTER = 2000;

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

class Stop extends Error {
  readonly problem: FilterProblem;
  constructor(message: string, start: number, end: number) {
    super(message);
    this.problem = { message, start, end };
  }
}

export function parseFilter(text: string): ParseResult {
  if (text.length > MAX_FILTER)
    return {
      problem: { message: `A filter may have at most ${MAX_FILTER} characters.`, start: MAX_FILTER, end: text.length },
    };
  try {
    return { filter: { text, alternatives: readAlternatives(text) } };
  } catch (stop) {
    if (stop instanceof Stop) return { problem: stop.problem };
    throw stop;
  }
}

function readAlternatives(text: string): Term[][] {
  const alternatives: Term[][] = [];
  let current: Term[] = [];
  let bar: Word | undefined;
  for (const word of splitWords(text)) {
    if (word.text !== "|") {
      current.push(...readTerm(word));
      continue;
    }
    if (current.length === 0) throw new Stop('"|" needs something to its left.', word.start, word.end);
    alternatives.push(current);
    current = [];
    bar = word;
  }
  if (current.length > 0) alternatives.push(current);
  else if (bar !== undefined) throw new Stop('"|" needs something to its right.', bar.start, bar.end);
  return alternatives;
}

/** Words at spaces, with quoted parts kept whole. */
export function splitWords(text: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at])) {
      at++;
      continue;
    }
    const start = at;
    while (at < text.length && !/\s/.test(text[at])) {
      if (text[at] !== '"') {
        at++;
        continue;
      }
      const close = closingQuote(text, at);
      if (close === -1) throw new Stop("This quote is not closed.", at, text.length);
      at = close + 1;
    }
    words.push({ text: text.slice(start, at), start, end: at });
  }
  return words;
}

function closingQuote(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

const TERM = /^(?<key>[A-Za-z][\w.-]*)(?<operator>!=|>=|<=|[:=<>~])/;

/** One word is one term, or several joined by OR when "a|b" changes the key. */
function readTerm(word: Word): Term[] {
  const negated = word.text.startsWith("-") && word.text.length > 1;
  const start = word.start + (negated ? 1 : 0);
  const body = word.text.slice(negated ? 1 : 0);
  const match = TERM.exec(body);
  if (match?.groups === undefined) return [bareTerm(body, negated, word, start)];
  const key = match.groups.key.toLowerCase();
  const operator = match.groups.operator as Operator;
  const kind = findKey(key);
  if (kind === undefined) throw new Stop(unknownKey(match.groups.key), start, start + key.length);
  const valueStart = start + match[0].length;
  const raw = body.slice(match[0].length);
  if (raw === "") throw new Stop(`"${key}${operator}" needs a value, as in ${kind.example}.`, start, word.end);
  if (!kind.operators.includes(operator))
    throw new Stop(
      `"${key}" cannot be compared with "${operator}"; it takes ${kind.operators.join(" ")}, as in ${kind.example}.`,
      start + key.length,
      valueStart,
    );
  const values = operator === "~" ? [unquote(raw)] : splitValues(raw);
  for (const value of values) {
    const problem = operator === "~" ? regexProblem(value) : kind.check(value, operator);
    if (problem !== undefined) throw new Stop(problem, valueStart, word.end);
  }
  return [{ negated, key, kind, operator, values, start: word.start, end: word.end }];
}

function bareTerm(body: string, negated: boolean, word: Word, start: number): Term {
  const kind = findKey("")!;
  if (body.startsWith("~")) {
    const pattern = unquote(body.slice(1));
    const problem = pattern === "" ? '"~" needs a regular expression, as in ~^/orders/\\d+$.' : regexProblem(pattern);
    if (problem !== undefined) throw new Stop(problem, start, word.end);
    return { negated, key: "", kind, operator: "~", values: [pattern], start: word.start, end: word.end };
  }
  return { negated, key: "", kind, operator: ":", values: splitValues(body), start: word.start, end: word.end };
}

function unknownKey(key: string): string {
  const near = nearest(key.toLowerCase(), KEY_NAMES);
  const hint = near === undefined ? `Known are ${KEY_NAMES.join(", ")}.` : `Did you mean "${near}"?`;
  return `There is no "${key}" to filter by. ${hint}`;
}

function splitValues(raw: string): string[] {
  const values: string[] = [];
  let from = 0;
  for (let at = 0; at <= raw.length; at++) {
    if (raw[at] === '"') at = Math.max(at, closingQuote(raw, at));
    if (at < raw.length && raw[at] !== "|") continue;
    const value = unquote(raw.slice(from, at));
    if (value !== "") values.push(value);
    from = at + 1;
  }
  return values.length === 0 ? [raw] : values;
}

function unquote(raw: string): string {
  if (raw.length < 2 || !raw.startsWith('"') || !raw.endsWith('"')) return raw;
  return raw.slice(1, -1).replaceAll(/\\(["\\])/g, "$1");
}

function regexProblem(pattern: string): string | undefined {
  if (pattern.length > 256) return "A regular expression may have at most 256 characters.";
  const compiled = compilePattern(pattern);
  return typeof compiled === "string" ? `This is no regular expression that can be used: ${compiled}.` : undefined;
}

/** The known word with the fewest edits, when that is few enough to be a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const edits = distance(word, candidate, least);
    if (edits < least) [best, least] = [candidate, edits];
  }
  return best;
}

function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let k = 1; k <= b.length; k++)
      next.push(Math.min(row[k] + 1, next[k - 1] + 1, row[k - 1] + (a[i - 1] === b[k - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}
