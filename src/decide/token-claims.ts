/**
 * Wishes for claims -> claims: the least that has to be added to those that a token already holds.
 * Must not make up what a person has to say: such a claim is asked for, and stays open until it is given.
 */
import type { ClaimPath, ClaimWish } from "../model/token-wish.ts";

export type Claims = Readonly<Record<string, unknown>>;

export interface Filled {
  readonly claims: Claims;
  /** Names of claims that a person must give, "realm_access.roles". */
  readonly open: readonly string[];
}

/** Stands where any text would do. */
const ANY_TEXT = "dev";
const NAME_OF_WORDS = "scope";

/** A claim's name as people write it. */
export function claimName(path: ClaimPath): string {
  return path.join(".");
}

/** @param given what a person said, by name: fulfils every wish for that claim. @returns undefined = they contradict. */
export function claimsFor(
  wishes: readonly ClaimWish[],
  base: Claims,
  given: ReadonlyMap<string, unknown>,
): Filled | undefined {
  const byClaim = new Map<string, ClaimWish[]>();
  for (const wish of wishes) {
    const name = claimName(wish.claim);
    byClaim.set(name, [...(byClaim.get(name) ?? []), wish]);
  }
  const claims = JSON.parse(JSON.stringify(base)) as Record<string, unknown>;
  const open: string[] = [];
  for (const [name, own] of byClaim) {
    const path = own[0].claim;
    if (path.length === 0) return undefined;
    if (given.has(name)) {
      if (!put(claims, path, given.get(name))) return undefined;
      continue;
    }
    const present = valueAt(base, path);
    const value = own.some(({ kind }) => kind === "ask") ? OPEN : valueFor(own, present, path);
    if (value === NONE) return undefined;
    if (value === OPEN) open.push(name);
    else if (value === ABSENT) take(claims, path);
    else if (!put(claims, path, value)) return undefined;
  }
  for (const [name, value] of given) if (!byClaim.has(name) && !put(claims, pathOf(name), value)) return undefined;
  return { claims, open };
}

/** Of a name that a person wrote: as written when it is a URL, else a dot steps inwards. */
function pathOf(name: string): ClaimPath {
  return /[/:]/.test(name) ? [name] : name.split(".");
}

const NONE = Symbol("no value fulfils all of them");
const OPEN = Symbol("a person must say it");
const ABSENT = Symbol("it must not be there");

/** The value that fulfils all wishes for one claim, the present one if it does. */
function valueFor(wishes: readonly ClaimWish[], present: unknown, path: ClaimPath): unknown {
  if (wishes.some(({ kind }) => kind === "absent"))
    return wishes.every(({ kind }) => kind === "absent") ? ABSENT : NONE;
  const held = wishes.filter((wish) => wish.kind === "holds");
  const listed = held.length > 0 || wishes.some(({ kind }) => kind === "lacks" || kind === "list");
  const candidate = listed ? listFor(wishes, present, path) : scalarFor(wishes, present);
  return candidate === NONE || wishes.every((wish) => fulfils(candidate, wish)) ? candidate : NONE;
}

function scalarFor(wishes: readonly ClaimWish[], present: unknown): unknown {
  if (present !== undefined && wishes.every((wish) => fulfils(present, wish))) return present;
  const exact = wishes.find((wish) => wish.kind === "is");
  if (exact !== undefined) return exact.value;
  const least = wishes.flatMap((wish) => (wish.kind === "atLeast" ? [wish.value] : []));
  const most = wishes.flatMap((wish) => (wish.kind === "atMost" ? [wish.value] : []));
  const others = wishes.flatMap((wish) => (wish.kind === "not" ? [wish.value] : []));
  if (least.length + most.length > 0) return numberFor(least, most, others);
  const part = (kind: "begins" | "ends" | "contains"): string =>
    wishes.flatMap((wish) => (wish.kind === kind ? [wish.value] : [])).toSorted((a, b) => b.length - a.length)[0] ?? "";
  if (typeof others[0] === "number") return numberFor([Math.max(0, ...others.filter(isNumber)) + 1], [], others);
  if (typeof others[0] === "boolean") return !others[0];
  const [begins, contains, ends] = [part("begins"), part("contains"), part("ends")];
  const plain = `${begins}${ends}`;
  const texts = [plain, `${begins}${contains}${ends}`, `${begins}${ANY_TEXT}${contains}${ends}`];
  return texts.find((text) => text !== "" && wishes.every((wish) => fulfils(text, wish))) ?? `${texts[2]}-2`;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function numberFor(least: readonly number[], most: readonly number[], others: readonly unknown[]): unknown {
  const lowest = least.length > 0 ? Math.max(...least) : Math.min(...most);
  const highest = most.length > 0 ? Math.min(...most) : Infinity;
  const step = least.length > 0 ? 1 : -1;
  for (let value = lowest, tried = 0; tried <= others.length; value += step, tried++)
    if (value <= highest && !others.includes(value)) return value;
  return NONE;
}

function listFor(wishes: readonly ClaimWish[], present: unknown, path: ClaimPath): unknown {
  const words = path.length === 1 && path[0] === NAME_OF_WORDS;
  const lacked = wishes.flatMap((wish) => (wish.kind === "lacks" ? [wish.value] : []));
  const values = itemsIn(present).filter((value) => !lacked.includes(value));
  for (const wish of wishes) if (wish.kind === "holds" && !values.includes(wish.value)) values.push(wish.value);
  if (values.some((value) => lacked.includes(value))) return NONE;
  // RFC 8693 section 4.2: words with blanks between, unless this token's issuer lists them.
  const asWords = words && !Array.isArray(present) && values.every((value) => /^[^\s]+$/.test(String(value)));
  return asWords ? values.join(" ") : values;
}

function itemsIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return [...(value as unknown[])];
  return typeof value === "string" ? value.split(" ").filter((word) => word !== "") : [];
}

function fulfils(value: unknown, wish: ClaimWish): boolean {
  switch (wish.kind) {
    case "is":
      return JSON.stringify(value) === JSON.stringify(wish.value);
    case "not":
      return value !== undefined && JSON.stringify(value) !== JSON.stringify(wish.value);
    case "holds":
      return itemsIn(value).includes(wish.value);
    case "lacks":
      return !itemsIn(value).includes(wish.value);
    case "list":
      return Array.isArray(value) || typeof value === "string";
    case "atLeast":
      return typeof value === "number" && value >= wish.value;
    case "atMost":
      return typeof value === "number" && value <= wish.value;
    case "begins":
      return typeof value === "string" && value.startsWith(wish.value);
    case "ends":
      return typeof value === "string" && value.endsWith(wish.value);
    case "contains":
      return typeof value === "string" && value.includes(wish.value);
    case "there":
      return value !== undefined;
    case "absent":
      return value === undefined;
    case "ask":
      return true;
  }
}

function valueAt(claims: Claims, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** @returns false when something that is no object stands in the way. */
function put(claims: Record<string, unknown>, path: ClaimPath, value: unknown): boolean {
  let at = claims;
  for (const step of path.slice(0, -1)) {
    const below = Object.hasOwn(at, step) ? at[step] : undefined;
    if (below !== undefined && (typeof below !== "object" || below === null || Array.isArray(below))) return false;
    const next = (below ?? {}) as Record<string, unknown>;
    define(at, step, next);
    at = next;
  }
  define(at, path.at(-1) ?? "", value);
  return true;
}

/** As a property of its own, whatever it is called. */
function define(on: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(on, name, { value, enumerable: true, configurable: true, writable: true });
}

function take(claims: Record<string, unknown>, path: ClaimPath): void {
  const above = path.length === 1 ? claims : valueAt(claims, path.slice(0, -1));
  if (typeof above === "object" && above !== null) delete (above as Record<string, unknown>)[path.at(-1) ?? ""];
}
