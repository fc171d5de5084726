/**
 * Text of a policy file -> all its problems at once, and the Plan when there are none.
 * One pass for editor, gateway and command line, so that they can never disagree. Reading never throws:
 * whatever is wrong is a Diagnostic. Must not touch the world: what it needs of it comes through Sources.
 */
import type { Plan } from "../model/plan.ts";
import { compile } from "./compile.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { policyFile } from "./document.ts";
import { Problems, readBy } from "./problems.ts";
import { checkReferences } from "./references.ts";
import { keysAt } from "./schema.ts";
import type { Sources } from "./secrets.ts";
import { Tree } from "./tree.ts";

export type { Sources } from "./secrets.ts";

export interface ReadResult {
  /** In the order of the file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Only when no diagnostic is an error. */
  readonly plan?: Plan;
  /** Values and ranges, however broken the text is. */
  readonly tree: Tree;
}

/** @param file the path to show to people. Never throws. */
export function read(text: string, file: string, sources: Sources): ReadResult {
  const tree = new Tree(text, file);
  const problems = new Problems(tree);
  const plan = readTree(problems, sources);
  const wrongNames = new Set(problems.list.filter(isError).map(({ range }) => range.offset));
  const diagnostics = problems.list
    .filter((diagnostic) => isFounded(diagnostic, tree))
    // That nobody uses a name which cannot be used is no news.
    .filter(({ code, range }) => code !== "SY213" || !wrongNames.has(range.offset))
    .toSorted((a, b) => a.range.offset - b.range.offset || a.range.endOffset - b.range.endOffset);
  const usable = !diagnostics.some(isError);
  return { diagnostics, tree, ...(usable && plan !== undefined ? { plan } : {}) };
}

function isError({ severity }: Diagnostic): boolean {
  return severity === "error";
}

function readTree(problems: Problems, sources: Sources): Plan | undefined {
  const { tree } = problems;
  if (tree.document === undefined) return undefined;
  readBy(policyFile as never, tree.value ?? undefined, [], problems, (path) => keysAt(path, tree.value));
  checkReferences(problems);
  return compile(problems, sources);
}

/**
 * Behind a syntax error everything is guesswork, and names may only seem to be missing because of it:
 * only what one field says about itself, before the error, is worth reading then.
 */
function isFounded(diagnostic: Diagnostic, tree: Tree): boolean {
  if (tree.brokenAt === Infinity || diagnostic.code.startsWith("SY00")) return true;
  return diagnostic.range.endLine < tree.brokenLine && diagnostic.code.startsWith("SY1") && diagnostic.code !== "SY103";
}
