/**
 * The documentation of what stands under the cursor in a policy file: a key with its type, default and range, a policy
 * kind with its phase, a name with its declaration. Must not know VS Code: the extension adapts the answer.
 */
import { isMap, isScalar, isSeq } from "yaml";
import type { Node, YAMLMap } from "yaml";
import type { SourceRange } from "../model/basics.ts";
import { fieldMarkdown } from "./field-docs.ts";
import { get, namesIn, placeAt, type NamePlace } from "./names.ts";
import { schemasAt, type Schema } from "./schema.ts";
import { spanOf, Tree, type Path } from "./tree.ts";

export interface Hover {
  readonly markdown: string;
  readonly range: SourceRange;
}

/** Never throws. undefined = nothing is known about this place. */
export function hover(text: string, offset: number): Hover | undefined {
  const tree = new Tree(text, "");
  const place = placeAt(namesIn(tree), offset);
  if (place?.role === "use") {
    const declared = namesIn(tree).find(
      (one) => one.role === "declaration" && one.kind === place.kind && one.name === place.name,
    );
    if (declared === undefined) return undefined;
    const block = declared.block ?? declared.range;
    const source = tree.text.slice(block.offset, block.endOffset).split("\n").slice(0, 8).join("\n");
    const markdown = `**${place.name}** — ${place.kind}, declared in line ${declared.range.line}\n\n\`\`\`yaml\n${source}\n\`\`\``;
    return { markdown, range: place.range };
  }
  if (place !== undefined) return declaredHover(tree, place);
  return fieldHover(tree, offset);
}

/** What the declaration says of the field under the cursor. @param root of another file than the policy. */
export function fieldHover(tree: Tree, offset: number, root?: Schema): Hover | undefined {
  const found = placeUnder(tree, offset);
  if (found === undefined) return undefined;
  const { path, span, isKey } = found;
  const value = isKey ? get(tree.value, path) : undefined;
  const known = schemasAt(path, tree.value, root);
  const best =
    known.find((schema) => isKey || schema.const === undefined || schema.const === get(tree.value, path)) ?? known[0];
  const key = path.findLast((part) => typeof part === "string");
  if (best === undefined || key === undefined || (isKey && value === undefined && best.description === undefined))
    return undefined;
  return { markdown: fieldMarkdown(String(key), best), range: tree.range(span[0], span[1]) };
}

/** A name that a person chose says nothing by itself: say what it names and who uses it. */
function declaredHover(tree: Tree, place: NamePlace): Hover {
  const uses = namesIn(tree).filter(
    ({ role, kind, name }) => role === "use" && kind === place.kind && name === place.name,
  );
  const lines = [...new Set(uses.map(({ range }) => range.line))];
  const used = lines.length === 0 ? "" : ` · used in line${lines.length === 1 ? "" : "s"} ${lines.join(", ")}`;
  return { markdown: `**${place.name}** — ${place.kind}${used}`, range: place.range };
}

/** The key or scalar under the cursor. */
interface Under {
  readonly path: Path;
  readonly span: readonly [number, number];
  readonly isKey: boolean;
}

/** undefined = nothing that says something stands there. */
export function placeUnder(tree: Tree, offset: number): Under | undefined {
  const within = (node: Node | null | undefined): readonly [number, number] | undefined => {
    const span = spanOf(node);
    return span && span[0] <= offset && offset <= span[1] ? span : undefined;
  };
  const search = (node: Node | null | undefined, path: Path): Under | undefined => {
    if (isMap(node)) {
      for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) {
        const here = [...path, isScalar(key) ? String(key.value) : ""];
        const span = within(key);
        if (span) return { path: here, span, isKey: true };
        const below = within(value) && search(value, here);
        if (below) return below;
      }
      return undefined;
    }
    if (isSeq(node)) {
      for (const [index, item] of (node.items as Node[]).entries()) {
        const below = within(item) && search(item, [...path, index]);
        if (below) return below;
      }
      return undefined;
    }
    const span = within(node);
    return span && isScalar(node) ? { path, span, isKey: false } : undefined;
  };
  return search(tree.root, []);
}
