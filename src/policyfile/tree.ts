/**
 * Text -> plain values beside a tree of nodes with offsets, however broken the text is.
 * YAML 1.2 core schema (so JSON too). Depth, aliases and size are bounded before anything recursive looks at them:
 * a parser that runs out of stack inside a regular expression takes the whole process down (seen with `yaml` 2.9).
 * Must not know a single field of the policy file.
 */
import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, Parser } from "yaml";
import type { Document, Node, Pair, Scalar, YAMLMap, YAMLParseError } from "yaml";
import type { SourceRange } from "../model/basics.ts";
import type { Code, TextFix } from "./diagnostic.ts";
import { Lines } from "./lines.ts";

export type Path = readonly (string | number)[];

/** Beyond these a text is refused: no policy file comes near them, and every pass over it stays fast. */
export const LIMITS = { characters: 512 * 1024, depth: 64, nodes: 50_000 } as const;

const OPTIONS = {
  version: "1.2",
  schema: "core",
  uniqueKeys: false,
  prettyErrors: false,
  merge: false,
  logLevel: "silent",
} as const;

/** What the tree itself found wrong; offsets only, the reader makes diagnostics of them. */
export interface TextProblem {
  readonly code: Code;
  readonly message: string;
  readonly start: number;
  readonly end: number;
  readonly fixes: readonly TextFix[];
}

export interface Found {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
  /** The pair that holds it, when it stands in a map. */
  readonly pair: Pair | undefined;
  readonly parent: Node | undefined;
}

/** A parsed text. `value` holds plain data only; maps have no prototype. */
export class Tree {
  readonly text: string;
  readonly file: string;
  readonly lines: Lines;
  readonly document: Document.Parsed | undefined;
  readonly root: Node | undefined;
  readonly value: unknown;
  readonly problems: TextProblem[] = [];
  /** Where the first syntax error stands; what comes after it is guesswork. Infinity = none. */
  readonly brokenAt: number;
  readonly #targets = new Map<Node, Node>();

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
    this.lines = new Lines(text);
    this.document = this.#compose();
    this.brokenAt = this.problems.reduce((first, problem) => Math.min(first, problem.start), Infinity);
    this.root = (this.document?.contents as Node | null | undefined) ?? undefined;
    this.value = this.root === undefined ? undefined : this.#plain();
  }

  /** The line of the first syntax error. One at the end of the text belongs to the last line that says something. */
  get brokenLine(): number {
    return this.lines.lineAt(this.text.slice(0, this.brokenAt).trimEnd().length);
  }

  range(start: number, end: number): SourceRange {
    return this.lines.range(this.file, start, end);
  }

  /** Follows the path through maps, lists and aliases. undefined = nothing stands there. */
  find(path: Path): Found | undefined {
    let found: Found = { key: undefined, value: this.root, pair: undefined, parent: undefined };
    for (const part of path) {
      const parent = this.resolve(found.value);
      if (isMap(parent)) {
        const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
        if (pair === undefined) return undefined;
        found = { key: pair.key as Node, value: (pair.value ?? undefined) as Node | undefined, pair, parent };
      } else if (isSeq(parent)) {
        const value = parent.items[Number(part)] as Node | undefined;
        if (value === undefined) return undefined;
        found = { key: undefined, value, pair: undefined, parent };
      } else {
        return undefined;
      }
    }
    return found;
  }

  resolve(node: Node | undefined): Node | undefined {
    return node !== undefined && isAlias(node) ? this.#targets.get(node) : node;
  }

  /** The place of a value; of its key when it has no text of its own; of the nearest parent when it is not there. */
  valueRange(path: Path): SourceRange {
    const found = this.find(path);
    if (found === undefined) return path.length === 0 ? this.range(0, 0) : this.#head(path.slice(0, -1));
    const span = spanOf(found.value) ?? spanOf(found.key);
    return span ? this.range(span[0], this.trimmed(span)) : this.range(0, 0);
  }

  keyRange(path: Path): SourceRange {
    const found = this.find(path);
    const span = spanOf(found?.key);
    return span ? this.range(span[0], span[1]) : this.valueRange(path);
  }

  /** From the key (or list item) to the end of its value. */
  blockRange(path: Path): SourceRange {
    const found = this.find(path);
    const first = spanOf(found?.key) ?? spanOf(found?.value);
    if (first === undefined) return this.valueRange(path);
    const last = spanOf(found?.value) ?? first;
    return this.range(first[0], Math.max(first[1], this.trimmed(last)));
  }

  /** Where to point when something is missing in a map: its key, else its first key, so that the mark stays short. */
  #head(path: Path): SourceRange {
    const found = this.find(path);
    const keySpan = spanOf(found?.key);
    if (keySpan) return this.range(keySpan[0], keySpan[1]);
    const value = this.resolve(found?.value);
    const first = isMap(value) ? spanOf(value.items[0]?.key as Node) : undefined;
    const span = first ?? spanOf(found?.value);
    return span ? this.range(span[0], this.trimmed(span)) : this.valueRange(path);
  }

  /** Text of a scalar as written: quotes included. */
  source(node: Node | undefined): string {
    const span = spanOf(node);
    return span ? this.text.slice(span[0], span[1]) : "";
  }

  /** Block collections end where the next token starts: cut the blank lines and comments after them. */
  trimmed(span: readonly [number, number]): number {
    let end = span[1];
    while (end > span[0]) {
      const lineStart = Math.max(span[0], this.text.lastIndexOf("\n", end - 1) + 1);
      const line = this.text.slice(lineStart, end).trim();
      if (line !== "" && !(line.startsWith("#") && lineStart > span[0])) {
        return end - (this.text.slice(lineStart, end).length - this.text.slice(lineStart, end).trimEnd().length);
      }
      end = lineStart === span[0] ? span[0] : lineStart - 1;
    }
    return span[1];
  }

  #problem(code: Code, message: string, start: number, end: number, fixes: readonly TextFix[] = []): void {
    this.problems.push({ code, message, start, end: Math.max(start, end), fixes });
  }

  #compose(): Document.Parsed | undefined {
    const { text } = this;
    if (text.length > LIMITS.characters) {
      const limit = `${LIMITS.characters / 1024} KiB`;
      this.#problem("SY004", `The file is too large: a policy file may have up to ${limit}.`, 0, 0);
      return undefined;
    }
    const parser = new Parser();
    const tokens = [];
    let at = 0;
    for (const lexeme of new Lexer().lex(text)) {
      for (const token of parser.next(lexeme)) tokens.push(token);
      if (parser.stack.length > LIMITS.depth) {
        this.#problem("SY004", `Nested too deeply: at most ${LIMITS.depth} levels.`, at, at);
        return undefined;
      }
      // Control lexemes (byte order mark, document, flow end, scalar) take no text.
      at += lexeme.length === 1 && "\u0002\u0018\u001f".includes(lexeme) ? 0 : lexeme.length;
    }
    for (const token of parser.end()) tokens.push(token);
    const [first, second] = [...new Composer(OPTIONS).compose(tokens, true, text.length)] as Document.Parsed[];
    for (const error of first?.errors ?? []) this.#syntax(error);
    for (const warning of first?.warnings ?? []) this.#syntax(warning);
    const version = first?.directives?.yaml;
    if (version?.explicit && version.version !== "1.2") {
      this.#problem("SY001", "Policy files are YAML 1.2: remove the %YAML line.", 0, this.lines.endOfLine(0));
    }
    if (second !== undefined) {
      const start = second.range[0];
      this.#problem("SY006", "A policy file is one YAML document: remove `---` and what follows.", start, start + 3);
    }
    return first;
  }

  #syntax(error: Pick<YAMLParseError, "pos" | "code" | "message">): void {
    const start = Math.min(error.pos[0], this.text.length);
    const end = Math.min(Math.max(error.pos[1], start), this.text.length);
    this.#problem("SY001", SYNTAX[error.code] ?? `Not valid YAML: ${error.message}.`, start, end);
  }

  #plain(): unknown {
    const anchors = new Map<string, Node>();
    const open = new Set<Node>();
    let left: number = LIMITS.nodes;

    const convert = (node: Node | null | undefined, depth: number): unknown => {
      if (node === null || node === undefined) return null;
      const [start, end] = spanOf(node) ?? [0, 0];
      if (left === 0) return null;
      if (--left === 0 || depth > LIMITS.depth) {
        left = 0;
        this.#problem("SY004", "Too much: aliases may not multiply the file beyond all bounds.", start, end);
        return null;
      }
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target === undefined || open.has(target)) {
          const why = target === undefined ? "no anchor of that name stands above it" : "it would hold itself";
          this.#problem("SY005", `The alias *${node.source} cannot be used: ${why}.`, start, end);
          return null;
        }
        this.#targets.set(node, target);
        return convert(target, depth + 1);
      }
      const anchor = (node as { anchor?: string }).anchor;
      if (anchor !== undefined) anchors.set(anchor, node);
      this.#checkTag(node, start, end);
      if (isScalar(node)) return scalarValue(node);
      open.add(node);
      let value: unknown = null;
      if (isSeq(node)) value = node.items.map((item) => convert(item as Node | null, depth + 1));
      if (isMap(node)) value = this.#map(node as YAMLMap<Node, Node | null>, (child) => convert(child, depth + 1));
      open.delete(node);
      return value;
    };
    return convert(this.root, 0);
  }

  #map(node: YAMLMap<Node, Node | null>, convert: (child: Node | null) => unknown): Record<string, unknown> {
    const value = Object.create(null) as Record<string, unknown>;
    for (const { key, value: child } of node.items) {
      const [start, end] = spanOf(key) ?? spanOf(child ?? undefined) ?? [0, 0];
      if (!isScalar(key) || typeof key.value !== "string") {
        this.#badKey(key, start, end);
      } else if (key.value in value) {
        this.#problem("SY002", `The key \`${key.value}\` is here twice: only one of them can count.`, start, end);
      } else if (key.value === "__proto__") {
        this.#problem("SY101", "The key `__proto__` cannot be used.", start, end);
      } else {
        value[key.value] = convert(child);
      }
    }
    return value;
  }

  #badKey(key: Node, start: number, end: number): void {
    const written = this.text.slice(start, end);
    const plain = isScalar(key) && /^[^\s"']+$/.test(written);
    const fixes = plain
      ? [
          {
            title: `Write it as text: "${written}"`,
            edits: [{ offset: start, endOffset: end, newText: `"${written}"` }],
          },
        ]
      : [];
    this.#problem(
      "SY003",
      plain ? `Keys are text: write "${written}".` : "A key must be plain text.",
      start,
      end,
      fixes,
    );
  }

  #checkTag(node: Node, start: number, end: number): void {
    const tag = (node as { tag?: string }).tag;
    // The parser knows a few more (!!set, !!timestamp) and would make objects of them; others it reports itself.
    if (tag === undefined || !/^tag:yaml\.org,2002:(?!(?:str|int|float|bool|null|map|seq)$)/.test(tag)) return;
    this.#problem("SY001", SYNTAX.TAG_RESOLVE_FAILED, start, end);
  }
}

function scalarValue(node: Scalar): unknown {
  const { value } = node;
  if (typeof value === "bigint") return Number(value);
  return typeof value === "object" ? null : value;
}

/** Start and end of the value itself, without the blanks and comments after it. */
export function spanOf(node: Node | null | undefined): readonly [number, number] | undefined {
  const range = node?.range;
  return range ? [range[0], range[1]] : undefined;
}

/** Words for what people meet most; the parser's own message for the rest. */
const SYNTAX: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "YAML does not allow tabs to indent: use spaces.",
  BAD_SCALAR_START: "A plain value cannot start with this character: put the value in quotes.",
  BLOCK_AS_IMPLICIT_KEY: "A second `:` on one line: put the value in quotes, or the inner map on lines of its own.",
  MULTILINE_IMPLICIT_KEY: "A `:` is missing on this line, or it is indented differently from its neighbours.",
  TAG_RESOLVE_FAILED: "Tags have no meaning in a policy file: remove it.",
  MULTIPLE_DOCS: "A policy file is one YAML document: remove `---` and what follows.",
};
