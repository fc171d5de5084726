/**
 * What requestBody and responseBody share: set, remove, rename and keep by JSON Pointer (RFC 6901), where a part `*`
 * stands for every item of an array (and every member of an object).
 * Must not change the value it is given: whoever else looks at it sees what came.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import type { CompileContext, ConfigProblem } from "../model/policy.ts";
import { size } from "../model/scalars.ts";
import { checkTemplate, compileTemplate, headersIn } from "./template.ts";

const pointer = () =>
  z.string().check(
    z.regex(/^(?:\/(?:[^~/]|~[01])*)+$/, {
      error: "write a JSON Pointer: /user/name, or /items/*/price for each item",
    }),
    z.maxLength(512),
  );

export const jsonEdits = {
  set: z.optional(
    z.record(pointer(), z.unknown()).check(
      z.meta({
        description:
          "Values to put at these places; the objects around them are made when missing. Strings may hold `${jwt.sub}` and more.",
        examples: [{ "/user": "${jwt.sub}" }],
      }),
    ),
  ),
  remove: z.optional(
    z
      .array(pointer())
      .check(
        z.maxLength(500),
        z.meta({ description: "Places to take away.", examples: [["/internal", "/items/*/cost"]] }),
      ),
  ),
  rename: z.optional(
    z.record(pointer(), z.string().check(z.minLength(1), z.maxLength(200))).check(
      z.meta({
        description: "New names for members: from place to name.",
        examples: [{ "/items/*/qty": "quantity" }],
      }),
    ),
  ),
  keep: z.optional(
    z.array(pointer()).check(
      z.minLength(1),
      z.maxLength(500),
      z.meta({
        description: "Takes away everything but these places (and what is in them): what is not named never leaves.",
        examples: [["/id", "/items/*/name"]],
      }),
    ),
  ),
  most: z.prefault(
    size({ least: 1, most: 8_388_608 }).check(
      z.meta({ description: "The most bytes of a body that are rewritten, decoded." }),
    ),
    "1MiB",
  ),
};

export interface JsonEdits {
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  readonly remove?: readonly string[] | undefined;
  readonly rename?: Readonly<Record<string, string>> | undefined;
  readonly keep?: readonly string[] | undefined;
}

export function checkJsonEdits(c: JsonEdits): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (c.set === undefined && c.remove === undefined && c.rename === undefined && c.keep === undefined)
    problems.push({ path: [], message: "give `set`, `remove`, `rename` or `keep`" });
  for (const [place, value] of Object.entries(c.set ?? {})) {
    const wrong = typeof value === "string" ? checkTemplate(value) : undefined;
    if (wrong) problems.push({ path: ["set", place], message: wrong.message, within: wrong });
  }
  return problems;
}

type Say = (change: string) => void;

/** The same value when nothing changes. Order: keep, remove, rename, set. */
export type JsonEdit = (x: Passage, value: unknown, say?: Say) => unknown;

interface Trie {
  readonly parts: Map<string, Trie>;
  /** A place ends here. */
  whole: boolean;
}

function partsOf(text: string): string[] {
  return text
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function trieOf(places: readonly string[]): Trie {
  const root: Trie = { parts: new Map(), whole: false };
  for (const place of places) {
    let at = root;
    for (const part of partsOf(place)) {
      const next: Trie = at.parts.get(part) ?? { parts: new Map(), whole: false };
      at.parts.set(part, next);
      at = next;
    }
    at.whole = true;
  }
  return root;
}

export function compileJsonEdits(c: JsonEdits, context: CompileContext): JsonEdit {
  const steps: JsonEdit[] = [];
  if (c.keep !== undefined) {
    const trie = trieOf(c.keep);
    const { keep: places } = c;
    steps.push((_x, value, say) => {
      const kept = keep(value, trie);
      if (kept !== value) say?.(`kept only ${places.slice(0, 6).join(", ")}${places.length > 6 ? ", …" : ""}`);
      return kept;
    });
  }
  for (const place of c.remove ?? []) {
    const parts = partsOf(place);
    steps.push((_x, value, say) => {
      const count = { places: 0 };
      const changed = remove(value, parts, 0, count);
      if (count.places > 0) say?.(`removed ${place}${times(count.places)}`);
      return changed;
    });
  }
  for (const [place, name] of Object.entries(c.rename ?? {})) {
    const parts = partsOf(place);
    steps.push((_x, value, say) => {
      const count = { places: 0 };
      const changed = rename(value, parts, 0, name, count);
      if (count.places > 0) say?.(`renamed ${place} to ${name}${times(count.places)}`);
      return changed;
    });
  }
  for (const [place, value] of Object.entries(c.set ?? {})) steps.push(setting(place, value, context));
  return (x, value, say) => {
    let at = value;
    for (const step of steps) at = step(x, at, say);
    return at;
  };
}

/** Header fields of the request that fill what is set, in lower case. */
export function headersOf({ set: values = {} }: JsonEdits): readonly string[] {
  return Object.values(values).flatMap((value) => (typeof value === "string" ? headersIn(value) : []));
}

function times(count: number): string {
  return count === 1 ? "" : ` in ${count} places`;
}

function setting(place: string, given: unknown, context: CompileContext): JsonEdit {
  const parts = partsOf(place);
  const fill = typeof given === "string" ? compileTemplate(given, context, (text) => text) : undefined;
  return (x, value, say) => {
    const wanted = fill === undefined ? given : fill(x);
    // Left alone, a value that the caller sent would pass for ours.
    if (wanted === undefined) return remove(value, parts, 0, { places: 0 });
    say?.(`set ${place}`);
    return set(value, parts, 0, wanted);
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own names alone, `__proto__` as any other. */
function copyOf(object: Record<string, unknown>): Record<string, unknown> {
  return Object.assign(Object.create(null) as Record<string, unknown>, object);
}

function keep(value: unknown, trie: Trie): unknown {
  if (trie.whole) return value;
  if (Array.isArray(value)) {
    const every = trie.parts.get("*");
    const kept = value.flatMap((item, i) => {
      const own = trie.parts.get(String(i)) ?? every;
      return own === undefined ? [] : [keep(item, own)];
    });
    return kept;
  }
  // What stands where more was asked for is nothing that was asked for.
  if (!isObject(value)) return null;
  const kept = Object.create(null) as Record<string, unknown>;
  for (const [name, one] of Object.entries(value)) {
    const own = trie.parts.get(name) ?? trie.parts.get("*");
    if (own !== undefined) kept[name] = keep(one, own);
  }
  return kept;
}

interface Count {
  places: number;
}

function remove(value: unknown, parts: readonly string[], at: number, count: Count): unknown {
  const part = parts[at];
  const last = at === parts.length - 1;
  if (Array.isArray(value)) {
    if (last && part === "*") {
      count.places += value.length;
      return value.length === 0 ? value : [];
    }
    const index = part === "*" ? -1 : Number(part);
    if (last) {
      if (!(index in value)) return value;
      count.places++;
      return value.toSpliced(index, 1);
    }
    return mapItems(value, part, (item) => remove(item, parts, at + 1, count));
  }
  if (!isObject(value)) return value;
  if (!last) return mapMembers(value, part, (one) => remove(one, parts, at + 1, count));
  const names = part === "*" ? Object.keys(value) : Object.hasOwn(value, part) ? [part] : [];
  if (names.length === 0) return value;
  count.places += names.length;
  const copy = copyOf(value);
  for (const name of names) delete copy[name];
  return copy;
}

function rename(value: unknown, parts: readonly string[], at: number, name: string, count: Count): unknown {
  const part = parts[at];
  if (Array.isArray(value))
    return at === parts.length - 1 ? value : mapItems(value, part, (item) => rename(item, parts, at + 1, name, count));
  if (!isObject(value)) return value;
  if (at < parts.length - 1) return mapMembers(value, part, (one) => rename(one, parts, at + 1, name, count));
  if (!Object.hasOwn(value, part) || part === name) return value;
  count.places++;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [own, one] of Object.entries(value)) if (own !== name) copy[own === part ? name : own] = one;
  return copy;
}

function set(value: unknown, parts: readonly string[], at: number, wanted: unknown): unknown {
  if (at === parts.length) return wanted;
  const part = parts[at];
  if (Array.isArray(value)) {
    if (part === "-") return [...value, set(undefined, parts, at + 1, wanted)];
    return mapItems(value, part, (item) => set(item, parts, at + 1, wanted));
  }
  if (part === "*") return isObject(value) ? mapMembers(value, part, (one) => set(one, parts, at + 1, wanted)) : value;
  // A number or text in the way stays: it is not an object that lacks something.
  if (value !== undefined && value !== null && !isObject(value)) return value;
  const object = isObject(value) ? value : {};
  const copy = copyOf(object);
  copy[part] = set(Object.hasOwn(object, part) ? object[part] : undefined, parts, at + 1, wanted);
  return copy;
}

function mapItems(value: readonly unknown[], part: string, change: (item: unknown) => unknown): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (const [i, item] of value.entries()) {
    if (part !== "*" && part !== String(i)) continue;
    const changed = change(item);
    if (changed !== item) (copy ??= [...value])[i] = changed;
  }
  return copy ?? value;
}

function mapMembers(
  value: Record<string, unknown>,
  part: string,
  change: (one: unknown) => unknown,
): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name of part === "*" ? Object.keys(value) : Object.hasOwn(value, part) ? [part] : []) {
    const changed = change(value[name]);
    if (changed !== value[name]) (copy ??= copyOf(value))[name] = changed;
  }
  return copy ?? value;
}
