/**
 * An expression -> what a token must hold so that it becomes true (or false), read off its parsed tree.
 * Parts that do not look at the token are evaluated over the request; whatever has no shape known here asks a person.
 * Must not be believed blindly: whoever makes a token from it evaluates the expression itself once more.
 */
import { isCelList } from "@bufbuild/cel";
import { MOST_WAYS, type ClaimPath, type ClaimWish } from "../model/token-wish.ts";

interface Node {
  readonly exprKind: { readonly case?: string; readonly value?: unknown };
}

/** Any of these lists of wishes is enough; [] = no token does it. */
export type Ways = readonly (readonly ClaimWish[])[];

export interface Surroundings {
  /** The value of a part that reads no token and no bound name; an Error when it fails. */
  evaluate(node: Node): unknown;
  /** Values of names that comprehensions bind. */
  readonly bound: ReadonlyMap<string, unknown>;
  /** The name that stands for one item of a token's list, while its predicate is read. */
  readonly item?: string;
}

const NO_WAY: Ways = [];
const AS_IT_IS: Ways = [[]];

export function waysTo(node: Node | undefined, wanted: boolean, around: Surroundings): Ways {
  if (node === undefined) return NO_WAY;
  const known = constantOf(node, around);
  if (known !== undefined) return known.value === wanted ? AS_IT_IS : NO_WAY;
  const path = pathIn(node, around);
  if (path !== undefined) return [[{ kind: "is", claim: path, value: wanted }]];
  const { case: kind, value } = node.exprKind;
  if (kind === "selectExpr") return presence(node, wanted, around);
  if (kind === "comprehensionExpr") return ofComprehension(node, value as Comprehension, wanted, around);
  if (kind === "callExpr") return ofCall(value as Call, wanted, around) ?? asked(node, around);
  return asked(node, around);
}

interface Call {
  readonly function: string;
  readonly target?: Node;
  readonly args: readonly Node[];
}

function ofCall(call: Call, wanted: boolean, around: Surroundings): Ways | undefined {
  const { function: name, target, args } = call;
  const [left, right] = args;
  switch (name) {
    case "_&&_":
    case "_||_": {
      const sides = args.map((side) => waysTo(side, wanted, around));
      return (name === "_&&_") === wanted ? sides.reduce(allOf) : sides.flat().slice(0, MOST_WAYS);
    }
    case "!_":
      return waysTo(left, !wanted, around);
    case "_?_:_":
      return [
        ...allOf(waysTo(left, true, around), waysTo(args[1], wanted, around)),
        ...allOf(waysTo(left, false, around), waysTo(args[2], wanted, around)),
      ].slice(0, MOST_WAYS);
    case "_==_":
      return ofEquality(left, right, wanted, around);
    case "_!=_":
      return ofEquality(left, right, !wanted, around);
    case "@in":
      return ofMembership(left, right, wanted, around);
    case "_<_":
    case "_<=_":
    case "_>_":
    case "_>=_":
      return ofComparison(name.slice(1, -1), left, right, wanted, around);
    case "startsWith":
    case "endsWith":
    case "contains":
      return wanted && target !== undefined ? ofText(name, target, left, around) : undefined;
    default:
      return undefined;
  }
}

function allOf(first: Ways, second: Ways): Ways {
  return first.flatMap((a) => second.map((b) => [...a, ...b])).slice(0, MOST_WAYS);
}

/** One side is a claim, the other one known. */
function ofEquality(left: Node, right: Node, wanted: boolean, around: Surroundings): Ways | undefined {
  const claim = pathIn(left, around) ?? pathIn(right, around);
  const known = constantOf(left, around) ?? constantOf(right, around);
  if (claim === undefined || known === undefined) return undefined;
  const value = plain(known.value);
  if (value === undefined) return NO_WAY;
  return [[{ kind: wanted ? "is" : "not", claim, value }]];
}

function ofMembership(item: Node, list: Node, wanted: boolean, around: Surroundings): Ways | undefined {
  const one = constantOf(item, around);
  const claim = pathIn(list, around);
  if (one !== undefined && claim !== undefined) {
    const value = plain(one.value);
    return value === undefined ? NO_WAY : [[{ kind: wanted ? "holds" : "lacks", claim, value }]];
  }
  const own = pathIn(item, around);
  const all = constantOf(list, around);
  if (own === undefined || all === undefined) return undefined;
  const values = itemsOf(all.value).map(plain);
  if (wanted) return values.slice(0, MOST_WAYS).map((value) => [{ kind: "is", claim: own, value }]);
  return [values.map((value) => ({ kind: "not", claim: own, value }))];
}

const OPPOSITE: Readonly<Record<string, string>> = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" };
const MIRRORED: Readonly<Record<string, string>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

function ofComparison(sign: string, left: Node, right: Node, wanted: boolean, around: Surroundings): Ways | undefined {
  const claim = pathIn(left, around);
  const other = claim ?? pathIn(right, around);
  const known = constantOf(claim === undefined ? left : right, around);
  const bound = known && plain(known.value);
  if (other === undefined || typeof bound !== "number") return undefined;
  const facing = claim === undefined ? MIRRORED[sign] : sign;
  const asked = wanted ? facing : OPPOSITE[facing];
  const value = asked === ">" ? bound + 1 : asked === "<" ? bound - 1 : bound;
  return [[{ kind: asked.startsWith(">") ? "atLeast" : "atMost", claim: other, value }]];
}

const TEXT = { startsWith: "begins", endsWith: "ends", contains: "contains" } as const;

function ofText(name: keyof typeof TEXT, target: Node, part: Node, around: Surroundings): Ways | undefined {
  const claim = pathIn(target, around);
  const known = constantOf(part, around);
  if (claim === undefined || typeof known?.value !== "string") return undefined;
  return [[{ kind: TEXT[name], claim, value: known.value }]];
}

/** `has(jwt.email)` */
function presence(node: Node, wanted: boolean, around: Surroundings): Ways {
  const select = node.exprKind.value as { readonly testOnly: boolean };
  const plainNode = { exprKind: { case: "selectExpr", value: { ...select, testOnly: false } } };
  const claim = select.testOnly ? pathIn(plainNode, around) : undefined;
  return claim === undefined ? asked(node, around) : [[{ kind: wanted ? "there" : "absent", claim }]];
}

interface Comprehension {
  readonly iterVar: string;
  readonly iterVar2: string;
  readonly iterRange: Node;
  readonly accuVar: string;
  readonly loopStep: Node;
}

/** `exists` and `all`, over a list of the token or a known one. */
function ofComprehension(node: Node, fold: Comprehension, wanted: boolean, around: Surroundings): Ways {
  const step = fold.loopStep.exprKind.value as Call | undefined;
  const some = step?.function === "_||_";
  const every = step?.function === "_&&_";
  const predicate = step?.args?.[1];
  if (predicate === undefined || fold.iterVar2 !== "" || (!some && !every)) return asked(node, around);
  const over = constantOf(fold.iterRange, around);
  if (over !== undefined) {
    const each = itemsOf(over.value).map((value) =>
      waysTo(predicate, wanted, { ...around, bound: new Map([...around.bound, [fold.iterVar, value]]) }),
    );
    return some === wanted ? each.flat().slice(0, MOST_WAYS) : each.reduce(allOf, AS_IT_IS);
  }
  const claim = pathIn(fold.iterRange, around);
  if (claim === undefined || around.item !== undefined) return asked(node, around);
  // No item at all: for every one of them anything is true.
  if (every === wanted) return [[{ kind: "list", claim }]];
  return waysTo(predicate, wanted, { ...around, item: fold.iterVar }).map((wishes) =>
    wishes.map((wish) => asItem(wish, claim)),
  );
}

/** What is wished of an item, as a wish for the list. An item's path begins with this mark. */
const ITEM = "(item)";

function asItem(wish: ClaimWish, list: ClaimPath): ClaimWish {
  if (wish.claim[0] !== ITEM) return wish;
  if (wish.claim.length > 1) return { kind: "ask", claim: list };
  switch (wish.kind) {
    case "is":
    case "atLeast":
    case "atMost":
    case "begins":
    case "ends":
    case "contains":
      return { kind: "holds", claim: list, value: wish.value };
    default:
      return { kind: "ask", claim: list };
  }
}

/** A person must say every claim that it reads. */
function asked(node: Node, around: Surroundings): Ways {
  const claims = new Map<string, ClaimPath>();
  const visit = (one: Node | undefined): void => {
    if (one === undefined) return;
    const path = pathIn(one, around);
    if (path !== undefined && path.length > 0 && path[0] !== ITEM) claims.set(path.join("\0"), path);
    else childrenOf(one).forEach(visit);
  };
  visit(node);
  return claims.size === 0 ? NO_WAY : [[...claims.values()].map((claim): ClaimWish => ({ kind: "ask", claim }))];
}

/** The claim that a part names: jwt.a.b, jwt["a"].b. undefined = it names none. */
function pathIn(node: Node, around: Surroundings): ClaimPath | undefined {
  const { case: kind, value } = node.exprKind;
  if (kind === "identExpr") {
    const { name } = value as { name: string };
    if (name === around.item) return [ITEM];
    return name === "jwt" && !around.bound.has(name) ? [] : undefined;
  }
  if (kind === "selectExpr") {
    const { operand, field, testOnly } = value as { operand?: Node; field: string; testOnly: boolean };
    const before = operand === undefined || testOnly ? undefined : pathIn(operand, around);
    return before && [...before, field];
  }
  if (kind !== "callExpr") return undefined;
  const { function: name, args } = value as Call;
  const key = name === "_[_]" ? constantOf(args[1], around)?.value : undefined;
  const before = typeof key === "string" ? pathIn(args[0], around) : undefined;
  return before && [...before, key as string];
}

/** Its value, when that does not depend on the token. */
function constantOf(node: Node, around: Surroundings): { readonly value: unknown } | undefined {
  const { case: kind, value } = node.exprKind;
  if (kind === "identExpr") {
    const { name } = value as { name: string };
    if (around.bound.has(name)) return { value: around.bound.get(name) };
  }
  return dependsOnToken(node, around) ? undefined : { value: around.evaluate(node) };
}

/** A bound name inside a larger part counts as well: it has no value for the evaluator. */
function dependsOnToken(node: Node | undefined, around: Surroundings): boolean {
  if (node === undefined) return false;
  if (node.exprKind.case === "identExpr") {
    const { name } = node.exprKind.value as { name: string };
    return name === "jwt" || name === around.item || around.bound.has(name);
  }
  return childrenOf(node).some((child) => dependsOnToken(child, around));
}

function childrenOf(node: Node): readonly (Node | undefined)[] {
  const { case: kind, value } = node.exprKind;
  if (kind === "selectExpr") return [(value as { operand?: Node }).operand];
  if (kind === "callExpr") return [(value as Call).target, ...(value as Call).args];
  if (kind === "listExpr") return (value as { elements: readonly Node[] }).elements;
  if (kind === "comprehensionExpr") return [(value as Comprehension).iterRange, (value as Comprehension).loopStep];
  if (kind !== "structExpr") return [];
  const { entries } = value as { entries: readonly { keyKind: { case?: string; value?: unknown }; value?: Node }[] };
  return entries.flatMap(({ keyKind, value: item }) => [
    keyKind.case === "mapKey" ? (keyKind.value as Node) : undefined,
    item,
  ]);
}

/** undefined = nothing that a claim could be compared with (it failed, or it is a map). */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "object" && value !== null && "value" in value && Object.keys(value).length <= 2) {
    return plain((value as { value: unknown }).value);
  }
  if (isCelList(value) || Array.isArray(value)) return itemsOf(value).map(plain);
  return ["string", "number", "boolean"].includes(typeof value) ? value : undefined;
}

function itemsOf(value: unknown): readonly unknown[] {
  return isCelList(value) || Array.isArray(value) ? [...(value as Iterable<unknown>)] : [];
}
