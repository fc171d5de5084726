/**
 * The blocks of a policy file that have something to show while the gateway runs: routes, services, limits.
 * A limit is known by where it is used, so that the gateway's own view of it is found again after any edit.
 * Works on text that does not compile. Must not know what is shown.
 */
import { policies } from "../policies/index.ts";
import type { SourceRange } from "../model/basics.ts";
import { at, fields, get, items, policyLists } from "./names.ts";
import { Tree, type Path } from "./tree.ts";

export interface LiveBlock {
  readonly kind: "route" | "service" | "limit";
  /** Of a limit written in place: its kind. */
  readonly name: string;
  /** Of a limit written in place: what it stands on ("route/orders"), and the how manyeth of its kind there, from 0. */
  readonly owner?: string;
  /** Of a limit: its kind. */
  readonly policy?: string;
  readonly nth?: number;
  /** Of its key or name. */
  readonly range: SourceRange;
}

/** Kinds that show gauges. */
const LIMITS: ReadonlySet<string> = new Set(
  policies.filter(({ gauge }) => gauge !== undefined).map(({ kind }) => kind),
);

/** In the order of the file. Never throws. */
export function liveBlocks(text: string): LiveBlock[] {
  const tree = new Tree(text, "");
  const blocks: LiveBlock[] = [];
  for (const [index, route] of items(at(tree.value, "routes"))) {
    const name = at(route, "name");
    if (typeof name === "string")
      blocks.push({ kind: "route", name, range: tree.valueRange(["routes", index, "name"]) });
  }
  for (const name of Object.keys(fields(at(tree.value, "services"))))
    blocks.push({ kind: "service", name, range: tree.keyRange(["services", name]) });
  for (const [name, policy] of Object.entries(fields(at(tree.value, "policies"))))
    for (const kind of Object.keys(fields(policy))
      .filter((one) => LIMITS.has(one))
      .slice(0, 1))
      blocks.push({ kind: "limit", name, policy: kind, range: tree.keyRange(["policies", name]) });
  for (const list of policyLists(tree.value)) blocks.push(...limitsIn(tree, list));
  return blocks.toSorted((a, b) => a.range.offset - b.range.offset);
}

function limitsIn(tree: Tree, list: Path): LiveBlock[] {
  const counts = new Map<string, number>();
  const blocks: LiveBlock[] = [];
  for (const [index, item] of items(get(tree.value, list))) {
    const kind = Object.keys(fields(item)).find((key) => LIMITS.has(key));
    if (kind === undefined) continue;
    const nth = counts.get(kind) ?? 0;
    counts.set(kind, nth + 1);
    blocks.push({
      kind: "limit",
      name: kind,
      policy: kind,
      owner: ownerOf(tree, list),
      nth,
      range: tree.keyRange([...list, index, kind]),
    });
  }
  return blocks;
}

function ownerOf(tree: Tree, [section, key]: Path): string {
  if (section === "services") return `service/${String(key)}`;
  const name = at(get(tree.value, [section, key]), "name");
  return `${section === "routes" ? "route" : "listener"}/${typeof name === "string" ? name : String(key)}`;
}
