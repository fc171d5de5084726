/**
 * Taking a key or list item out of a text: with its line when it has one for itself, with its comma inside [] or {}.
 * Must not touch comments that do not stand on the removed lines.
 */
import { isMap, isSeq } from "yaml";
import type { Node, YAMLMap, YAMLSeq } from "yaml";
import type { TextEdit, TextFix } from "./diagnostic.ts";
import { spanOf } from "./tree.ts";
import type { Path, Tree } from "./tree.ts";

/** A fix that removes what stands at `path`, or none when there is nothing. */
export function removal(tree: Tree, path: Path, title: string): readonly TextFix[] {
  const edit = removalEdit(tree, path);
  return edit ? [{ title, edits: [edit] }] : [];
}

export function removalEdit(tree: Tree, path: Path): TextEdit | undefined {
  const found = tree.find(path);
  const parent = found?.parent;
  if (found === undefined || !(isMap(parent) || isSeq(parent))) return undefined;
  const index = isMap(parent) ? parent.items.indexOf(found.pair as never) : parent.items.indexOf(found.value as never);
  return index < 0 ? undefined : itemRemoval(tree, parent as YAMLMap | YAMLSeq, index);
}

/** Removes item `index` of a collection. The last item of a block collection leaves an empty flow collection. */
export function itemRemoval(tree: Tree, parent: YAMLMap | YAMLSeq, index: number): TextEdit {
  const span = itemSpan(parent, index);
  if (parent.flow) return flowRemoval(tree, parent, index, span);
  const { text } = tree;
  if (parent.items.length === 1) {
    const whole = spanOf(parent as unknown as Node) ?? span;
    return { offset: whole[0], endOffset: tree.trimmed(whole), newText: isMap(parent) ? "{}" : "[]" };
  }
  const end = lineEnd(text, tree.trimmed(span));
  const lineStart = text.lastIndexOf("\n", span[0] - 1) + 1;
  const before = text.slice(lineStart, span[0]);
  const ownLine = isSeq(parent) ? /^[ \t]*-[ \t]*$/.test(before) : /^[ \t]*$/.test(before);
  if (ownLine) return { offset: lineStart, endOffset: end, newText: "" };
  // The first key after a dash (`- name: x`): pull the next key up to its place.
  const next = itemSpan(parent, index + 1);
  return { offset: span[0], endOffset: next[0], newText: "" };
}

function flowRemoval(tree: Tree, parent: YAMLMap | YAMLSeq, index: number, span: readonly [number, number]): TextEdit {
  if (index + 1 < parent.items.length) {
    return { offset: span[0], endOffset: itemSpan(parent, index + 1)[0], newText: "" };
  }
  const start = index > 0 ? itemSpan(parent, index - 1)[1] : span[0];
  const comma = /^\s*,/.exec(tree.text.slice(span[1]))?.[0].length ?? 0;
  return { offset: start, endOffset: index > 0 ? span[1] : span[1] + comma, newText: "" };
}

/** From the start of a key (or item) to the end of its value. */
export function itemSpan(parent: YAMLMap | YAMLSeq, index: number): readonly [number, number] {
  const item = parent.items[index] as Node | { key: Node; value: Node | null };
  if (item === undefined) return [parent.range?.[1] ?? 0, parent.range?.[1] ?? 0];
  if (!isMap(parent)) return spanOf(item as Node) ?? [0, 0];
  const { key, value } = item as { key: Node; value: Node | null };
  const from = spanOf(key) ?? spanOf(value) ?? [0, 0];
  return [from[0], Math.max(from[1], spanOf(value)?.[1] ?? 0)];
}

/** After the line break of the line that holds `offset`. */
function lineEnd(text: string, offset: number): number {
  const at = text.indexOf("\n", offset);
  return at < 0 ? text.length : at + 1;
}
