/**
 * What an editor says of a `*.switchyard-test.yaml` while it is written: diagnostics, completion, hover, and the place in
 * the policy that a name stands for. Fields come from the declaration that the command line reads by, names from the
 * policy that the file tests. Works on text that does not compile. Must not run a test.
 */
import type { SourceRange } from "../model/basics.ts";
import { complete, type Completion } from "../policyfile/complete.ts";
import type { Diagnostic } from "../policyfile/diagnostic.ts";
import { fieldHover, placeUnder, type Hover } from "../policyfile/hover.ts";
import { at, get, items } from "../policyfile/names.ts";
import { read, type Sources } from "../policyfile/read.ts";
import { schemasAt } from "../policyfile/schema.ts";
import { Tree, type Path } from "../policyfile/tree.ts";
import { elsewhereAsKeys, type Language } from "../policyfile/words.ts";
import { readTestFile, testSchema, type Named } from "./policy-test-file.ts";
import { checkNames, knownNames, type KnownName, type TestedPolicy } from "./policy-test-names.ts";

/** @param file path to show to people. */
export function testedPolicy(text: string, file: string, sources: Sources): TestedPolicy {
  const { tree, plan } = read(text, file, sources);
  return { tree, ...(plan && { plan }) };
}

/** Everything that is wrong at once; names only while the policy itself is right. @param policy undefined = not there. */
export function diagnoseTests(text: string, shown: string, policy: TestedPolicy | undefined): readonly Diagnostic[] {
  const test = readTestFile(text, shown);
  if (policy === undefined) {
    const { tree } = test;
    const range = tree.valueRange(tree.find(["policy"]) === undefined ? ["tests"] : ["policy"]);
    const message = `The policy ${test.policy} cannot be read: \`policy\` is relative to this file.`;
    return [{ code: "SY221", severity: "error", message, range, fixes: [] }, ...test.diagnostics];
  }
  if (test.diagnostics.length > 0 || policy.plan === undefined) return test.diagnostics;
  return checkNames(test, policy.plan, policy.tree);
}

/** The policy as the file names it, however broken the rest is. */
export function policyOf(text: string): string {
  return readTestFile(text, "").policy;
}

export function completeTests(text: string, offset: number, policy: TestedPolicy | undefined): Completion[] {
  return complete(text, offset, languageWith(policy));
}

function languageWith(policy: TestedPolicy | undefined): Language {
  const words = (kinds: readonly (string | undefined)[]) =>
    kinds.flatMap((kind) =>
      kind === undefined || policy === undefined
        ? []
        : knownNames(kind as Named, policy).map(({ name, detail }) => ({ label: name, detail })),
    );
  return {
    schema: testSchema,
    values: ({ tree, path }) => words(schemasAt(path, tree.value, testSchema()).map(({ names }) => names)),
    keys: ({ tree, path }) => [
      ...words(schemasAt(path, tree.value, testSchema()).map(({ propertyNames }) => propertyNames?.names)),
      ...elsewhereAsKeys({ tree, path, before: "" }, testSchema()),
    ],
  };
}

/** Never throws. undefined = nothing is known about this place. */
export function hoverTests(text: string, offset: number, policy: TestedPolicy | undefined): Hover | undefined {
  const tree = new Tree(text, "");
  const found = nameUnder(tree, offset, policy);
  if (found === undefined || policy === undefined) return fieldHover(tree, offset, testSchema());
  const { known, range, kind } = found;
  const place = known.range === undefined ? "" : ` · line ${known.range.line} of the policy`;
  const source = known.range === undefined ? "" : `\n\n\`\`\`yaml\n${blockOf(policy.tree, known.range)}\n\`\`\``;
  return { markdown: `**${known.name}** — ${kind}, ${known.detail}${place}${source}`, range };
}

const MOST_LINES = 8;

function blockOf({ text, lines }: Tree, { line }: SourceRange): string {
  const start = lines.startOf(line);
  return text.slice(start).split("\n").slice(0, MOST_LINES).join("\n").trimEnd();
}

/** Where the policy declares the name under the cursor; "file" = the cursor is on the policy's own name. */
export function policyPlaceOf(
  text: string,
  offset: number,
  policy: TestedPolicy | undefined,
): SourceRange | "file" | undefined {
  const tree = new Tree(text, "");
  const under = placeUnder(tree, offset);
  if (under !== undefined && under.path.join("/") === "policy") return "file";
  return nameUnder(tree, offset, policy)?.known.range;
}

function nameUnder(
  tree: Tree,
  offset: number,
  policy: TestedPolicy | undefined,
): { readonly known: KnownName; readonly kind: Named; readonly range: SourceRange } | undefined {
  const under = placeUnder(tree, offset);
  if (under === undefined || under.isKey || policy === undefined) return undefined;
  const kind = schemasAt(under.path, tree.value, testSchema()).find(({ names }) => names !== undefined)?.names;
  const name = get(tree.value, under.path);
  if (kind === undefined || typeof name !== "string") return undefined;
  const [start, end] = under.span;
  const range = tree.range(start, end);
  // Reasons of one kind stand on several policies: the one that the test names is meant.
  const { path } = under;
  const beside = kind === "reason" ? get(tree.value, [...path.slice(0, -1), "policy"]) : undefined;
  const step = policy.plan?.steps.find((one) => one.name === beside);
  const known = knownNames(kind as Named, policy).find((one) => one.name === name);
  if (known === undefined) return undefined;
  return { known: step === undefined ? known : { ...known, range: step.source }, kind: kind as Named, range };
}

/** A test and its steps, for the outline. */
export interface TestSymbol {
  readonly name: string;
  readonly detail: string;
  readonly range: SourceRange;
  readonly block: SourceRange;
  readonly steps: readonly TestSymbol[];
}

export function testSymbols(text: string): TestSymbol[] {
  const tree = new Tree(text, "");
  return [...items(at(tree.value, "tests"))].map(([index, test]) => {
    const path: Path = ["tests", index];
    const steps = [...items(at(test, "steps"))].map(([number, step]) =>
      stepSymbol(tree, step, [...path, "steps", number]),
    );
    const detail = steps.length === 1 ? "1 step" : `${steps.length} steps`;
    return { ...symbol(tree, at(test, "name"), path, ["name"]), detail, steps };
  });
}

function stepSymbol(tree: Tree, step: unknown, path: Path): TestSymbol {
  const request = at(step, "request");
  const name = `${textOf(at(request, "method"), "GET")} ${textOf(at(request, "path"), "")}`;
  const expect = at(step, "expect");
  const detail = textOf(at(expect, "status") ?? at(expect, "decision") ?? at(expect, "reason"), "");
  return { ...symbol(tree, name, path, ["request"]), detail, steps: [] };
}

function symbol(tree: Tree, name: unknown, path: Path, within: Path): Omit<TestSymbol, "detail" | "steps"> {
  const block = tree.blockRange(path);
  const own = tree.find([...path, ...within]) === undefined ? block : tree.valueRange([...path, ...within]);
  return { name: textOf(name, "test"), range: own, block };
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : otherwise;
}
