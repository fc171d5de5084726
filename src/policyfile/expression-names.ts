/**
 * Names inside expressions: consumers that a rule compares with (`consumer.name == 'web'`, `consumer.name in ['web']`).
 * Found in the text as it is written, so that an edit touches the name alone. Must not judge the expression.
 */
import { isMap, isScalar, isSeq } from "yaml";
import type { Node, YAMLMap } from "yaml";
import { EXPRESSIONS } from "./expressions.ts";
import type { SourceRange } from "../model/basics.ts";
import { spanOf, type Path, type Tree } from "./tree.ts";

const QUOTED = String.raw`(?:'[^'"\\]*'|"[^'"\\]*"|\\"[^'"\\]*\\")`;
const COMPARED = new RegExp(
  String.raw`consumer\.name\s*(?:[=!]=\s*${QUOTED}|in\s*\[[^\]]*\])|${QUOTED}\s*[=!]=\s*consumer\.name`,
  "g",
);

/** A consumer that an expression names. */
export interface NamedConsumer {
  readonly name: string;
  /** Of the name, without its quotes. */
  readonly range: SourceRange;
  readonly path: Path;
}

export function consumersInExpressions(tree: Tree): NamedConsumer[] {
  const places: NamedConsumer[] = [];
  walk(tree.root, [], (node, path) => {
    const span = spanOf(node);
    if (span === undefined) return;
    const source = tree.text.slice(span[0], span[1]);
    for (const compared of source.matchAll(COMPARED))
      for (const quoted of compared[0].matchAll(/(\\?["'])([^'"\\]*)\1/g)) {
        const start = span[0] + compared.index + quoted.index + quoted[1].length;
        const name = quoted[2];
        places.push({ name, range: tree.range(start, start + name.length), path });
      }
  });
  return places;
}

/** Every scalar that stands as an expression. */
function walk(node: Node | null | undefined, path: Path, visit: (node: Node, path: Path) => void): void {
  if (isMap(node)) {
    for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) {
      const name = isScalar(key) ? String(key.value) : "";
      const here = [...path, name];
      if (EXPRESSIONS.has(name) && isScalar(value) && typeof value.value === "string") visit(value, here);
      else walk(value, here, visit);
    }
  } else if (isSeq(node)) {
    for (const [index, item] of (node.items as Node[]).entries()) walk(item, [...path, index], visit);
  }
}
