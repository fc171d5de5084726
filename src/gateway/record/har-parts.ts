/**
 * Reads the parts of a stranger's JSON: each is what it should be, or as if it were not there.
 * Exists so that no shape of a file reaches a row or a detail unchecked. Must not throw on any value.
 */

export type Part = Readonly<Record<string, unknown>>;

/** Longest text of one part, characters. */
const LONGEST = 2000;
const NOTHING: Part = {};

export function object(value: unknown): Part {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Part) : NOTHING;
}

/** @returns at most `most` objects; what is none counts as an empty one. */
export function list(value: unknown, most: number): Part[] {
  return Array.isArray(value) ? value.slice(0, most).map(object) : [];
}

export function text(value: unknown, longest = LONGEST): string {
  return typeof value === "string" ? value.slice(0, longest) : "";
}

export function number(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

export function flag(value: unknown): boolean {
  return value === true;
}

export function oneOf<Value extends string>(value: unknown, known: readonly Value[], otherwise: Value): Value {
  return known.find((one) => one === value) ?? otherwise;
}

/** "switchyard.yaml:41" of a Location; "" = none. */
export function place(value: unknown): string {
  const { file, line } = object(value);
  if (typeof file !== "string" || typeof line !== "number") return "";
  return `${text(file, 500).replace(/^.*[/\\]/, "")}:${Math.trunc(line)}`;
}

export function contentTypeOf(fields: readonly { readonly name: string; readonly value: string }[]): string {
  return fields.find(({ name }) => name.toLowerCase() === "content-type")?.value ?? "";
}
