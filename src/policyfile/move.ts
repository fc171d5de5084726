/**
 * Moving one route above another as whole lines, so that comments and layout go along.
 * Must not move what does not stand on lines of its own.
 */
import { isSeq } from "yaml";
import type { Node } from "yaml";
import type { PlanRoute } from "../model/plan.ts";
import type { TextFix } from "./diagnostic.ts";
import { spanOf, type Tree } from "./tree.ts";

export function moveUp(tree: Tree, loser: PlanRoute, winner: PlanRoute): readonly TextFix[] {
  const list = tree.resolve(tree.find(["routes"])?.value);
  if (!isSeq(list) || list.flow) return [];
  const lines = (route: PlanRoute): readonly [number, number] | undefined => {
    const index = list.items.findIndex((item) => spanOf(item as Node)?.[0] === route.source.offset);
    const span = spanOf(list.items[index] as Node | undefined);
    if (span === undefined) return undefined;
    const start = tree.text.lastIndexOf("\n", span[0] - 1) + 1;
    if (!/^[ \t]*-[ \t]*$/.test(tree.text.slice(start, span[0]))) return undefined;
    const lineEnd = tree.text.indexOf("\n", tree.trimmed(span));
    return [start, lineEnd < 0 ? tree.text.length : lineEnd + 1];
  };
  const from = lines(loser);
  const to = lines(winner);
  if (from === undefined || to === undefined || from[0] <= to[0]) return [];
  const block = tree.text.slice(from[0], from[1]);
  const edits = [
    { offset: to[0], endOffset: to[0], newText: block.endsWith("\n") ? block : `${block}\n` },
    { offset: from[0], endOffset: from[1], newText: "" },
  ];
  return [{ title: `Move \`${loser.name}\` above \`${winner.name}\` (line ${winner.source.line})`, edits }];
}
