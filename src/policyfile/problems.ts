/**
 * What zod found -> diagnostics with a code, a short range, words and fixes. One place, so that a field of a policy is
 * reported in the same words as one of the document. Must not know a single field by name.
 */
import type * as z from "zod/mini";
import { nearest } from "../policies/nearest.ts";
import { CODES } from "./diagnostic.ts";
import type { Code, Diagnostic, Severity, TextFix } from "./diagnostic.ts";
import type { SourceRange } from "../model/basics.ts";
import { comesLater, laterMessage, valueComesLater } from "./later.ts";
import { removal } from "./removal.ts";
import { schemasAt, type Schema } from "./schema.ts";
import { spanOf } from "./tree.ts";
import { write } from "./write.ts";
import type { IssueDetail } from "./written.ts";
import type { Path, Tree } from "./tree.ts";

type Issue = z.core.$ZodIssue;

/** zod's words when nobody gave better ones (no locale is loaded). */
const WORDLESS = "Invalid input";

/** Collects diagnostics. The same complaint about the same place (through two aliases, say) counts once. */
export class Problems {
  readonly tree: Tree;
  readonly list: Diagnostic[] = [];
  readonly #seen = new Set<string>();

  constructor(tree: Tree) {
    this.tree = tree;
    for (const { code, message, start, end, fixes } of tree.problems)
      this.add(code, tree.range(start, end), message, fixes);
  }

  get hasErrors(): boolean {
    return this.list.some((diagnostic) => diagnostic.severity === "error");
  }

  add(code: Code, range: SourceRange, message: string, fixes: readonly TextFix[] = [], severity?: Severity): void {
    const identity = `${code} ${range.offset} ${range.endOffset} ${message}`;
    if (this.#seen.has(identity)) return;
    this.#seen.add(identity);
    this.list.push({ code, severity: severity ?? CODES[code].severity, message, range, fixes });
  }

  /** Something is wrong with the value at `path`. */
  value(code: Code, path: Path, message: string, fixes: readonly TextFix[] = []): void {
    this.add(code, this.tree.valueRange(path), message, fixes);
  }

  /** Something is wrong with the key at `path`, or with its being there. */
  key(code: Code, path: Path, message: string, fixes: readonly TextFix[] = []): void {
    this.add(code, this.tree.keyRange(path), message, fixes);
  }
}

/**
 * Reads `value`, which stands at `base`, by its declaration. @returns undefined when it does not fit.
 * @param root declaration of the whole file, when it is no policy.
 */
export function readBy<Output>(
  schema: z.ZodMiniType<Output>,
  value: unknown,
  base: Path,
  problems: Problems,
  keysAt: (path: Path) => readonly string[],
  root?: Schema,
): Output | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const report = new Report(base, value, problems, keysAt, root);
  // Unknown keys first: a misspelt key is not missing as well.
  const { issues } = result.error;
  for (const issue of issues) if (issue.code === "unrecognized_keys") report.issue(issue, []);
  for (const issue of issues) if (issue.code !== "unrecognized_keys") report.issue(issue, []);
  return undefined;
}

class Report {
  readonly #base: Path;
  readonly #value: unknown;
  readonly #problems: Problems;
  readonly #keysAt: (path: Path) => readonly string[];
  readonly #root: Schema | undefined;
  /** Paths that a misspelt key was meant for. */
  readonly #meant = new Set<string>();

  constructor(
    base: Path,
    value: unknown,
    problems: Problems,
    keysAt: (path: Path) => readonly string[],
    root: Schema | undefined,
  ) {
    this.#base = base;
    this.#value = value;
    this.#problems = problems;
    this.#keysAt = keysAt;
    this.#root = root;
  }

  issue(issue: Issue, outer: Path): void {
    const path = [...outer, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
    const at = [...this.#base, ...path];
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) this.#unknownKey(at, path, key);
    } else if (issue.code === "invalid_union") {
      this.#union(issue, path);
    } else if (issue.code === "invalid_key") {
      const why = issue.issues[0]?.message ?? "is no valid name";
      this.#problems.key("SY102", at, `\`${String(path.at(-1))}\`: ${why}.`);
    } else if (issue.code === "invalid_value") {
      this.#notOneOf(issue, at, path);
    } else if (issue.code === "invalid_type" && this.#got(path) === undefined) {
      this.#missing(at);
    } else if (issue.code === "invalid_type") {
      this.#wrongType(issue.expected, issue.message, at, path);
    } else {
      const { code = "SY102", better } = detailOf(issue);
      const fixes = better === undefined ? [] : replacement(this.#problems.tree, at, write(better));
      this.#problems.value(code, at, `${label(at)}: ${wordsOf(issue)}.`, fixes);
    }
  }

  #got(path: Path): unknown {
    return path.reduce<unknown>(
      (value, part) =>
        typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined,
      this.#value,
    );
  }

  #unknownKey(at: Path, path: Path, key: string): void {
    const { tree } = this.#problems;
    const full = [...at, key];
    const remove = removal(tree, full, `Remove \`${key}\``);
    if (comesLater(at, key)) {
      this.#problems.key("SY105", full, laterMessage(key, "remove it"), remove);
      return;
    }
    if (key === "<<") {
      this.#problems.key("SY101", full, "Merge keys (`<<`) are no part of YAML 1.2: write the fields out.", remove);
      return;
    }
    const known = this.#keysAt([...this.#base, ...path]);
    const present = this.#got(path) as Record<string, unknown>;
    const near = nearest(
      key,
      known.filter((name) => !(name in present)),
    );
    if (near !== undefined) this.#meant.add([...at, near].join("\n"));
    const span = spanOf(tree.find(full)?.key);
    const rename =
      near !== undefined && span !== undefined
        ? [{ title: `Change to \`${near}\``, edits: [{ offset: span[0], endOffset: span[1], newText: near }] }]
        : [];
    const hint = near ? ` Did you mean \`${near}\`?` : known.length > 0 ? ` Known here: ${known.join(", ")}.` : "";
    this.#problems.key("SY101", full, `Unknown key \`${key}\`${place(at)}.${hint}`, [...rename, ...remove]);
  }

  /** The branch that fits the kind of value best speaks; when none does, the union's own words. */
  #union(issue: Extract<Issue, { code: "invalid_union" }>, path: Path): void {
    const got = this.#got(path);
    const branches = issue.errors.filter(
      (issues) => !issues.some((one) => one.code === "invalid_type" && one.path.length === 0),
    );
    if (got !== undefined && branches.length === 1) {
      for (const one of branches[0]) this.issue(one, path);
      return;
    }
    const at = [...this.#base, ...path];
    if (got === undefined) {
      this.#missing(at);
      return;
    }
    const closest = branches.find((issues) => !issues.some((one) => one.code === "unrecognized_keys"));
    if (closest !== undefined && issue.message === WORDLESS) {
      for (const one of closest) this.issue(one, path);
      return;
    }
    const values = issue.errors.flat().flatMap((one) => (one.code === "invalid_value" ? one.values : []));
    const words =
      issue.message !== WORDLESS
        ? issue.message
        : values.length > 0
          ? `must be one of ${values.map(String).join(", ")}`
          : `${describe(got)} does not fit here`;
    this.#problems.value("SY102", at, `${label(at)}: ${words}.`);
  }

  #notOneOf(issue: Extract<Issue, { code: "invalid_value" }>, at: Path, path: Path): void {
    const got = this.#got(path);
    if (got === undefined) {
      this.#missing(at);
      return;
    }
    const { tree } = this.#problems;
    if (valueComesLater(got)) {
      this.#problems.value("SY105", at, laterMessage(String(got), `use ${issue.values.map(String).join(" or ")}`));
      return;
    }
    const choices = issue.values.map(String);
    const near = typeof got === "string" ? nearest(got, choices) : undefined;
    const best = near ?? (choices.length === 1 ? choices[0] : undefined);
    const words =
      issue.message !== WORDLESS
        ? issue.message
        : choices.length === 1
          ? `must be ${choices[0]}`
          : `must be one of ${choices.join(", ")}`;
    const hint = near && choices.length > 1 ? ` Did you mean \`${near}\`?` : "";
    this.#problems.value(
      "SY102",
      at,
      `${label(at)}: ${words}, not ${describe(got)}.${hint}`,
      replacement(tree, at, best),
    );
  }

  #missing(at: Path): void {
    const key = String(at.at(-1) ?? "");
    const { tree } = this.#problems;
    if (this.#meant.has(at.join("\n"))) return;
    if (at.length === 0) {
      this.#problems.add("SY103", tree.range(0, 0), "The file is empty: it needs `version: 1` and `listeners`.");
      return;
    }
    const fixes =
      key === "version" && tree.root !== undefined && tree.source(tree.root)[0] !== "{"
        ? [{ title: "Insert `version: 1`", edits: [insertAt(tree.root.range?.[0] ?? 0, "version: 1\n")] }]
        : [];
    this.#problems.value("SY103", at, `\`${key}\` is missing${place(at.slice(0, -1))}.`, fixes);
  }

  #wrongType(expected: string, message: string, at: Path, path: Path): void {
    const { tree } = this.#problems;
    const got = this.#got(path);
    if (got === null && tree.source(tree.find(at)?.value).trim() === "") {
      this.#problems.key(
        "SY102",
        at,
        `${label(at)} has no value: ${message === WORDLESS ? wanted(expected) : message}, or remove the key.`,
      );
      return;
    }
    const source = tree.source(tree.find(at)?.value);
    const oneLine = source !== "" && !source.includes("\n");
    const span = spanOf(tree.find(at)?.value);
    const fixes: TextFix[] = [];
    const replace = (title: string, newText: string) => {
      if (span && oneLine) fixes.push({ title, edits: [{ offset: span[0], endOffset: span[1], newText }] });
    };
    const scalar = schemasAt(at, tree.value, this.#root)[0]?.scalar;
    if (scalar === "duration" || scalar === "percentage") {
      if (typeof got === "number") replace(`Change to ${source}${UNIT[scalar]}`, `${source}${UNIT[scalar]}`);
    } else if (expected === "string" && (typeof got === "number" || typeof got === "boolean")) {
      replace(`Write it as text: "${source}"`, `"${source}"`);
    } else if (
      (expected === "number" || expected === "int") &&
      typeof got === "string" &&
      /^-?\d+(\.\d+)?$/.test(got)
    ) {
      replace(`Write it as a number: ${got}`, got);
    } else if (expected === "boolean" && typeof got === "string" && /^(yes|no|on|off|true|false)$/i.test(got)) {
      const meant = /^(yes|on|true)$/i.test(got) ? "true" : "false";
      replace(`Change to ${meant}`, meant);
    } else if (expected === "array" && got !== null) {
      replace("Make it a list", `[${source}]`);
    }
    const words = message === WORDLESS ? `must be ${wanted(expected)}` : message;
    this.#problems.value("SY102", at, `${label(at)}: ${words}, not ${describe(got)}.`, fixes);
  }
}

/** What a declaration of ours says beside its words. */
function detailOf(issue: Issue): Partial<IssueDetail> {
  return issue.code === "custom" ? ((issue.params ?? {}) as Partial<IssueDetail>) : {};
}

function insertAt(offset: number, newText: string) {
  return { offset, endOffset: offset, newText };
}

function replacement(tree: Tree, at: Path, newText: string | undefined): readonly TextFix[] {
  const span = spanOf(tree.find(at)?.value);
  if (newText === undefined || span === undefined) return [];
  return [{ title: `Change to ${newText}`, edits: [{ offset: span[0], endOffset: span[1], newText }] }];
}

function wordsOf(issue: Issue): string {
  if (issue.message !== WORDLESS) return issue.message;
  if (issue.code === "too_small") return `must ${has(issue.origin)} at least ${issue.minimum}${unit(issue.origin)}`;
  if (issue.code === "too_big") return `must ${has(issue.origin)} at most ${issue.maximum}${unit(issue.origin)}`;
  if (issue.code === "invalid_format") return "is not written as it must be";
  if (issue.code === "not_multiple_of") return `must be a multiple of ${issue.divisor}`;
  return "is not valid";
}

function unit(origin: string): string {
  return origin === "string" ? " characters" : origin === "array" ? " items" : "";
}

function has(origin: string): string {
  return origin === "string" || origin === "array" ? "have" : "be";
}

/** What a bare number was probably meant in. */
const UNIT: Readonly<Record<string, string>> = { duration: "s", percentage: "%" };

const WANTED: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map of fields",
  record: "a map of names",
};

function wanted(expected: string): string {
  return WANTED[expected] ?? expected;
}

/** A value in a message, short. */
export function describe(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "string") return value.length > 40 ? `"${value.slice(0, 37)}..."` : `"${value}"`;
  return String(value);
}

/** The last key of a path, with the position behind it: `methods[0]`. */
function label(path: Path): string {
  const lastKey = path.findLastIndex((part) => typeof part === "string");
  if (lastKey < 0) return "The file";
  return `\`${String(path[lastKey])}${path
    .slice(lastKey + 1)
    .map((position) => `[${position}]`)
    .join("")}\``;
}

function place(path: Path): string {
  return path.length === 0 ? "" : ` in ${label(path)}`;
}
