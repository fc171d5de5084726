/**
 * What may be written at a place beside what its declaration says: names that the file declares, variables and consumers
 * inside expressions, and groups, scopes and header names that stand elsewhere in the file.
 * Must not know VS Code, nor where a kind of word may stand: declarations and names.ts say it.
 */
import { isScalar } from "yaml";
import { expressionWords } from "./complete-expression.ts";
import { isExpression } from "./expressions.ts";
import { namesIn } from "./names.ts";
import { schema, schemasAt, type Schema } from "./schema.ts";
import type { Path, Tree } from "./tree.ts";

interface Word {
  readonly label: string;
  /** Where it is from. */
  readonly detail: string;
}

/** What is being completed. */
export interface Spot {
  readonly tree: Tree;
  /** Of the value; of the map whose key is written. */
  readonly path: Path;
  /** The text up to the word that is being written. */
  readonly before: string;
}

/** A kind of file: its declaration, and the words that this very file, or another one beside it, brings. */
export interface Language {
  schema(): Schema;
  /** Words for a value. */
  values(spot: Spot): readonly Word[];
  /** Words for a key of a map whose keys people choose. */
  keys(spot: Spot): readonly Word[];
}

export const POLICY: Language = {
  schema,
  values: (spot) => [
    ...(isExpression(spot.path) ? expressionWords(spot.tree, spot.before) : []),
    ...named(spot),
    ...elsewhere(spot),
  ],
  keys: (spot) => elsewhereAsKeys(spot, schema()),
};

/** The declarations of what is used at this place. */
function named({ tree, path }: Spot): Word[] {
  const place = path.join("/");
  const all = namesIn(tree);
  const use = all.find((one) => one.role === "use" && one.path.join("/") === place);
  if (use === undefined) return [];
  return all
    .filter(({ role, kind }) => role === "declaration" && kind === use.kind)
    .map(({ name, kind, range }) => ({ label: name, detail: `${kind}, line ${range.line}` }));
}

function elsewhere({ tree, path }: Spot): Word[] {
  const sorts = new Set(schemasAt(path, tree.value).map(sortOf));
  return likeThose(tree, sorts, schema(), path);
}

/** Words of the sort that the keys of this map are. */
export function elsewhereAsKeys({ tree, path }: Spot, root: Schema): Word[] {
  const sorts = new Set(schemasAt(path, tree.value, root).map((one) => sortOf(one.propertyNames ?? {})));
  return likeThose(tree, sorts, root, path);
}

/** undefined = words of this sort are not worth repeating. */
function sortOf({ names, scalar }: Schema): string | undefined {
  return names ?? (scalar === "header name" ? scalar : undefined);
}

/** Every scalar and key of the file whose declaration is of one of these sorts, once, with its first line. */
function likeThose(tree: Tree, sorts: ReadonlySet<string | undefined>, root: Schema, but: Path): Word[] {
  const wanted = new Set([...sorts].filter((sort) => sort !== undefined));
  if (wanted.size === 0) return [];
  const found = new Map<string, Word>();
  const add = (label: string, path: Path, isKey: boolean): void => {
    if (found.has(label) || path.join("/") === but.join("/")) return;
    const { line } = isKey ? tree.keyRange(path) : tree.valueRange(path);
    found.set(label, { label, detail: `also in line ${line}` });
  };
  const walk = (value: unknown, path: Path): void => {
    if (typeof value === "string") {
      if (schemasAt(path, tree.value, root).some((one) => wanted.has(sortOf(one) ?? ""))) add(value, path, false);
      return;
    }
    if (Array.isArray(value)) return value.forEach((item, index) => walk(item, [...path, index]));
    if (typeof value !== "object" || value === null) return;
    const keys = schemasAt(path, tree.value, root).map((one) => sortOf(one.propertyNames ?? {}) ?? "");
    for (const [key, item] of Object.entries(value)) {
      if (keys.some((sort) => wanted.has(sort)) && isScalar(tree.find([...path, key])?.key))
        add(key, [...path, key], true);
      walk(item, [...path, key]);
    }
  };
  walk(tree.value, []);
  return [...found.values()];
}
