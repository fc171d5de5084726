/**
 * Where services, policies, listeners, consumers and routes are declared and where they are used:
 * go to definition, references, outline and lenses, and the reader's own check for missing and doubled names.
 * Works on text that does not compile. Must not know VS Code: the extension adapts the answers.
 */
import type { SourceRange } from "../model/basics.ts";
import { consumersInExpressions } from "./expression-names.ts";
import { policies } from "../policies/index.ts";
import { Tree, type Path } from "./tree.ts";

export type NameKind = "service" | "policy" | "listener" | "consumer" | "route";

export interface NamePlace {
  readonly kind: NameKind;
  readonly name: string;
  /** Of the name itself. */
  readonly range: SourceRange;
  readonly role: "declaration" | "use";
  /** Of the whole block, for a declaration. */
  readonly block?: SourceRange;
  /** Of the name, or of the key that is the name. */
  readonly path: Path;
}

/** Every declaration and use, declarations first; those inside expressions too. */
export function names(text: string, file: string): NamePlace[] {
  const tree = new Tree(text, file);
  const inside = consumersInExpressions(tree).map((place) => ({ kind: "consumer", role: "use", ...place }) as const);
  return [...namesIn(tree), ...inside];
}

export function namesIn(tree: Tree): NamePlace[] {
  return [...declarations(tree), ...uses(tree)];
}

function* declarations(tree: Tree): Iterable<NamePlace> {
  const listed: readonly [string, NameKind][] = [
    ["listeners", "listener"],
    ["consumers", "consumer"],
    ["routes", "route"],
  ];
  for (const [key, kind] of listed) {
    for (const [index, item] of items(at(tree.value, key))) {
      const name = at(item, "name");
      if (typeof name !== "string") continue;
      const path = [key, index, "name"];
      yield {
        kind,
        name,
        role: "declaration",
        range: tree.valueRange(path),
        block: tree.blockRange([key, index]),
        path,
      };
    }
  }
  const keyed: readonly [string, NameKind][] = [
    ["services", "service"],
    ["policies", "policy"],
  ];
  for (const [key, kind] of keyed) {
    for (const name of Object.keys(fields(at(tree.value, key)))) {
      const path = [key, name];
      yield { kind, name, role: "declaration", range: tree.keyRange(path), block: tree.blockRange(path), path };
    }
  }
}

function* uses(tree: Tree): Iterable<NamePlace> {
  const use = (kind: NameKind, name: unknown, path: Path): NamePlace[] =>
    typeof name === "string" ? [{ kind, name, role: "use", range: tree.valueRange(path), path }] : [];
  for (const path of policyLists(tree.value)) {
    for (const [index, item] of items(get(tree.value, path))) yield* use("policy", item, [...path, index]);
  }
  for (const path of policyBodies(tree.value)) {
    const written = get(tree.value, path);
    const policy = policies.find(({ kind }) => kind === path[path.length - 1]);
    for (const place of policy?.servicePlaces?.(written) ?? []) {
      yield* use("service", get(written, place), [...path, ...place]);
    }
  }
  for (const [index, listener] of items(at(tree.value, "listeners"))) {
    for (const [position, backend] of items(at(listener, "backendRefs"))) {
      yield* use("service", at(backend, "service"), ["listeners", index, "backendRefs", position, "service"]);
    }
  }
  for (const [index, route] of items(at(tree.value, "routes"))) {
    for (const [position, name] of items(at(route, "listeners"))) {
      yield* use("listener", name, ["routes", index, "listeners", position]);
    }
    for (const [position, backend] of items(at(route, "backendRefs"))) {
      yield* use("service", at(backend, "service"), ["routes", index, "backendRefs", position, "service"]);
    }
    for (const [position, match] of items(at(route, "matches"))) {
      yield* use("consumer", at(match, "consumer"), ["routes", index, "matches", position, "consumer"]);
    }
    yield* use("service", at(at(route, "mirror"), "service"), ["routes", index, "mirror", "service"]);
  }
}

/** Paths of what is configured under the name of a kind, wherever a policy may stand. */
function* policyBodies(value: unknown): Iterable<Path> {
  for (const name of Object.keys(fields(at(value, "policies")))) yield* bodiesIn(value, ["policies", name]);
  for (const list of policyLists(value)) {
    for (const [index] of items(get(value, list))) yield* bodiesIn(value, [...list, index]);
  }
}

function* bodiesIn(value: unknown, path: Path): Iterable<Path> {
  for (const kind of Object.keys(fields(get(value, path)))) yield [...path, kind];
}

/** Paths of every list of policies in the document. */
export function policyLists(value: unknown): Path[] {
  const lists: Path[] = [];
  for (const key of ["listeners", "routes"]) {
    for (const [index, item] of items(at(value, key))) {
      if (at(item, "policies") !== undefined) lists.push([key, index, "policies"]);
    }
  }
  for (const [name, service] of Object.entries(fields(at(value, "services")))) {
    if (at(service, "policies") !== undefined) lists.push(["services", name, "policies"]);
  }
  return lists;
}

/** The declaration of the name under the cursor. */
export function definition(text: string, file: string, offset: number): NamePlace | undefined {
  const places = names(text, file);
  const under = placeAt(places, offset);
  return under && places.find((place) => place.role === "declaration" && same(place, under));
}

/** The declaration and every use of the name under the cursor. */
export function references(text: string, file: string, offset: number): NamePlace[] {
  const places = names(text, file);
  const under = placeAt(places, offset);
  return under ? places.filter((place) => same(place, under)) : [];
}

export function placeAt(places: readonly NamePlace[], offset: number): NamePlace | undefined {
  return places.find((place) => place.range.offset <= offset && offset <= place.range.endOffset);
}

function same(a: NamePlace, b: NamePlace): boolean {
  return a.kind === b.kind && a.name === b.name;
}

/** A block that has a name, for lenses and the outline. */
export interface NamedBlock {
  readonly kind: NameKind;
  readonly name: string;
  /** A few words beside the name: paths of a route, replicas of a service, kind of a policy. */
  readonly detail: string;
  readonly range: SourceRange;
  readonly block: SourceRange;
}

/** Listeners, services, named policies and routes, in the order of the file. */
export function namedBlocks(text: string, file: string): NamedBlock[] {
  const tree = new Tree(text, file);
  return [...declarations(tree)]
    .map((place) => {
      const own = place.path.at(-1) === "name" ? place.path.slice(0, -1) : place.path;
      const { kind, name, range } = place;
      return { kind, name, range, block: place.block ?? range, detail: detailOf(kind, get(tree.value, own)) };
    })
    .toSorted((a, b) => a.range.offset - b.range.offset);
}

function detailOf(kind: NameKind, value: unknown): string {
  if (kind === "listener") return `port ${typeof at(value, "port") === "number" ? String(at(value, "port")) : "?"}`;
  if (kind === "policy") return Object.keys(fields(value))[0] ?? "";
  if (kind === "service") {
    const count = [...items(at(value, "endpoints"))].length;
    return count === 1 ? "1 endpoint" : `${count} endpoints`;
  }
  if (kind !== "route") return "";
  const paths = [...items(at(value, "matches"))].map(([, match]) => {
    const path = fields(at(match, "path"));
    if (typeof path.prefix === "string") return `${path.prefix === "/" ? "" : path.prefix}/*`;
    const other = path.exact ?? path.regex;
    return typeof other === "string" ? other : "/*";
  });
  return paths.length > 0 ? paths.join(", ") : "/*";
}

/** A field of a map, or undefined for anything else. */
export function at(value: unknown, key: string): unknown {
  return fields(value)[key];
}

export function get(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (here, part) => (Array.isArray(here) ? here[Number(part)] : fields(here)[String(part)]),
    value,
  );
}

export function fields(value: unknown): Readonly<Record<string, unknown>> {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap ? (value as Record<string, unknown>) : {};
}

export function items(value: unknown): Iterable<[number, unknown]> {
  return Array.isArray(value) ? value.entries() : [];
}
