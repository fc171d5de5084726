/**
 * What can be folded in a policy file: every block of more than one line, lists and maps in braces too, and comments.
 * Works on text that does not compile. Must not know VS Code.
 */
import { isCollection, isMap, isSeq } from "yaml";
import type { Node, YAMLMap } from "yaml";
import { spanOf, Tree } from "./tree.ts";

export interface Folding {
  /** From 1. */
  readonly line: number;
  readonly endLine: number;
  readonly comment: boolean;
}

/** Never throws. */
export function foldings(text: string): Folding[] {
  const tree = new Tree(text, "");
  const found = new Map<number, Folding>();
  const add = (start: number, end: number): void => {
    const line = tree.lines.lineAt(start);
    const endLine = tree.lines.lineAt(end);
    if (endLine > line && (found.get(line)?.endLine ?? 0) < endLine) found.set(line, { line, endLine, comment: false });
  };
  const walk = (node: Node | null | undefined, from: number): void => {
    const span = spanOf(node);
    if (!isCollection(node) || span === undefined) return;
    add(from, tree.trimmed(span));
    if (isMap(node)) {
      for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) walk(value, spanOf(key)?.[0] ?? span[0]);
    } else if (isSeq(node)) {
      for (const item of node.items as Node[]) walk(item, spanOf(item)?.[0] ?? span[0]);
    }
  };
  if (isMap(tree.root))
    for (const { key, value } of (tree.root as YAMLMap<Node, Node | null>).items) walk(value, spanOf(key)?.[0] ?? 0);
  return [...found.values(), ...comments(text)].toSorted((a, b) => a.line - b.line);
}

/** Lines of nothing but comments that follow each other. */
function comments(text: string): Folding[] {
  const found: Folding[] = [];
  const lines = text.split("\n");
  for (let start = 0; start < lines.length; start++) {
    let end = start;
    while (end < lines.length && /^\s*#/.test(lines[end])) end++;
    if (end - start > 1) found.push({ line: start + 1, endLine: end, comment: true });
    if (end > start) start = end - 1;
  }
  return found;
}
