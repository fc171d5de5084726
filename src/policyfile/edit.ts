/**
 * Minimal text edits by range: comments, order and layout of the rest stay untouched.
 * The page and quick fixes hold no model of the file; they ask for an edit of the text as it is now.
 * Must not print the document anew (that moves comments and re-flows).
 */
import { isAlias, isMap, isSeq } from "yaml";
import type { Node, YAMLMap, YAMLSeq } from "yaml";
import type { Fix } from "../model/policy.ts";
import type { TextEdit, TextFix } from "./diagnostic.ts";
import { get } from "./names.ts";
import { itemSpan, removalEdit } from "./removal.ts";
import { spanOf, Tree, type Path } from "./tree.ts";
import { write } from "./write.ts";

/** Puts a JSON value at `path`, adding keys that are missing; undefined removes. @returns undefined: no place for it. */
export function setValue(text: string, path: Path, value: unknown): readonly TextEdit[] | undefined {
  return valueEdits(new Tree(text, ""), path, value);
}

/** Removes a key or list item with its line. @returns undefined: it is not there. */
export function removeKey(text: string, path: Path): readonly TextEdit[] | undefined {
  const edit = removalEdit(new Tree(text, ""), path);
  return edit && [edit];
}

/** Adds an item at the end of the list at `path`, making the list when it is missing. */
export function appendItem(text: string, path: Path, value: unknown): readonly TextEdit[] | undefined {
  const tree = new Tree(text, "");
  const list = tree.resolve(tree.find(path)?.value);
  return isSeq(list) ? [insertItem(tree, list as YAMLSeq, value)] : valueEdits(tree, path, [value]);
}

/**
 * The text edits of a fix that a policy proposes for one of its steps.
 * @param offset where the step's source range starts (its kind) in this very text.
 */
export function policyFix(text: string, offset: number, fix: Fix): TextFix | undefined {
  const tree = new Tree(text, "");
  const path = pathOfKey(tree, offset);
  const edits = path && valueEdits(tree, [...path, ...fix.path], fix.value);
  return edits && { title: fix.title, edits };
}

/** What a field of a step's config says, as it is written in this very text. @param offset as for policyFix. */
export function policyField(text: string, offset: number, field: string): unknown {
  const tree = new Tree(text, "");
  const path = pathOfKey(tree, offset);
  return path && get(tree.value, [...path, field]);
}

export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  return edits
    .toSorted((a, b) => b.offset - a.offset)
    .reduce((result, edit) => result.slice(0, edit.offset) + edit.newText + result.slice(edit.endOffset), text);
}

export function valueEdits(tree: Tree, path: Path, value: unknown): readonly TextEdit[] | undefined {
  if (tree.brokenAt !== Infinity && tree.document === undefined) return undefined;
  // What stands behind an alias is somebody else's as well: an edit there would change both.
  if (path.some((_, depth) => isAlias(tree.find(path.slice(0, depth))?.value))) return undefined;
  const found = tree.find(path);
  if (value === undefined) {
    const edit = removalEdit(tree, path);
    return edit && [edit];
  }
  if (found !== undefined) return [replace(tree, found.key, found.value, value)];
  const key = path.at(-1);
  if (key === undefined) return [{ offset: 0, endOffset: tree.text.length, newText: `${write(value)}\n` }];
  const above = path.slice(0, -1);
  const parent = tree.resolve(tree.find(above)?.value);
  if (isMap(parent) && typeof key === "string") return [insertKey(tree, parent as YAMLMap, key, value)];
  if (isSeq(parent) && key === parent.items.length) return [insertItem(tree, parent as YAMLSeq, value)];
  if (parent !== undefined && spanOf(parent)?.[0] !== spanOf(parent)?.[1]) return undefined;
  if (typeof key === "number") return key === 0 ? valueEdits(tree, above, [value]) : undefined;
  if (above.length === 0)
    return [{ offset: tree.text.length, endOffset: tree.text.length, newText: `${key}: ${write(value)}\n` }];
  return valueEdits(tree, above, { [key]: value });
}

function replace(tree: Tree, key: Node | undefined, value: Node | undefined, next: unknown): TextEdit {
  const span = spanOf(value);
  if (span && span[1] > span[0]) return { offset: span[0], endOffset: tree.trimmed(span), newText: write(next) };
  // A key without a value: `policies:`.
  const after = spanOf(key)?.[1] ?? 0;
  const colon = /^\s*:/.exec(tree.text.slice(after))?.[0].length ?? 0;
  return { offset: after + colon, endOffset: after + colon, newText: `${colon === 0 ? ":" : ""} ${write(next)}` };
}

function insertKey(tree: Tree, map: YAMLMap, key: string, value: unknown): TextEdit {
  return insertInto(tree, map, `${write(key)}: ${write(value)}`, "");
}

function insertItem(tree: Tree, list: YAMLSeq, value: unknown): TextEdit {
  return insertInto(tree, list, write(value), "- ");
}

function insertInto(tree: Tree, parent: YAMLMap | YAMLSeq, newText: string, dash: string): TextEdit {
  const { text } = tree;
  const count = parent.items.length;
  const last = itemSpan(parent, count - 1);
  if (parent.flow) {
    if (count > 0) return { offset: last[1], endOffset: last[1], newText: `, ${newText}` };
    const open = (parent.range?.[0] ?? 0) + 1;
    const close = text.indexOf(isMap(parent) ? "}" : "]", open);
    const pad = isMap(parent) ? " " : "";
    return { offset: open, endOffset: Math.max(open, close), newText: `${pad}${newText}${pad}` };
  }
  const end = tree.trimmed(last);
  const first = itemSpan(parent, 0)[0];
  const lineStart = text.lastIndexOf("\n", first - 1) + 1;
  const before = text.slice(lineStart, first);
  // For a list the dash stands before the first item.
  const indent = dash === "" ? before.length : Math.max(0, before.lastIndexOf("-"));
  const lineBreak = text.includes("\r\n") ? "\r\n" : "\n";
  // After the rest of the line, so that a comment at the end of the last item stays with it.
  const offset = tree.lines.endOfLine(end);
  return { offset, endOffset: offset, newText: `${lineBreak}${" ".repeat(indent)}${dash}${newText}` };
}

/** The path of the key that starts at `offset`. */
export function pathOfKey(tree: Tree, offset: number): Path | undefined {
  const search = (node: Node | undefined, path: Path): Path | undefined => {
    const span = spanOf(node);
    if (span === undefined || offset < span[0] || offset > span[1]) return undefined;
    if (isMap(node)) {
      for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) {
        const name = (key as { value?: unknown }).value;
        const here = [...path, String(name)];
        if (spanOf(key)?.[0] === offset) return here;
        const below = search(value ?? undefined, here);
        if (below) return below;
      }
    } else if (isSeq(node)) {
      for (const [index, item] of (node.items as Node[]).entries()) {
        const below = search(item, [...path, index]);
        if (below) return below;
      }
    }
    return undefined;
  };
  return search(tree.root, []);
}
