/**
 * Kinds, fields and values that policy-file.md has and this version does not build yet: each is an error that says so,
 * never ignored. Whoever builds one adds it to the declarations and removes its line here.
 * Must not hold anything that is built: a test checks this list against the declarations.
 */
import type { Path } from "./tree.ts";

/** Kinds of policies. */
export const LATER_KINDS: readonly string[] = [];

/** `loadBalancer.type`s. */
export const LATER_BALANCERS: readonly string[] = [];

/** Paths from the root of the file; `*` stands for any name or position. */
const LATER_FIELDS: readonly string[] = ["trustedProxies", "listeners.*.trustedProxies"];

const LATER_VALUES: readonly string[] = [];

const patterns = new Set(LATER_FIELDS);

/** True when the format has a field of this name at this place and this version does not. */
export function comesLater(parent: Path, key: string): boolean {
  const written = [...parent, key];
  return patterns.has(written.map((part, i) => (isName(written, i) ? "*" : String(part))).join("."));
}

/** Positions in lists, and the names that people give below `services`. */
function isName(path: Path, index: number): boolean {
  return typeof path[index] === "number" || (index === 1 && path[0] === "services");
}

export function valueComesLater(value: unknown): boolean {
  return typeof value === "string" && LATER_VALUES.includes(value);
}

export function laterMessage(what: string, remedy: string): string {
  return `\`${what}\` comes with a later version of Switchyard; ${remedy}.`;
}
