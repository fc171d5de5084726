/**
 * What each keyword of JSON Schema asks of a value, as a check; those that hold other schemas get them compiled.
 * Must not resolve references or read a whole schema.
 */
import { isObject } from "./schema-registry.ts";
import { MOST_VIOLATIONS, Seen, type Check, type Found, type Place, type Run } from "./schema-run.ts";
import { isMultiple, keyOf, lengthOf, type Pattern } from "./schema-values.ts";

export function article(type: string): string {
  if (type === "null") return type;
  return `${/^[aio]/.test(type) ? "an" : "a"} ${type}`;
}

export function costedKey(value: unknown, run: Run): string {
  if (typeof value !== "object" || value === null) return keyOf(value);
  const key = keyOf(value);
  run.spend(key.length >> 4);
  return key;
}

export function numbers(schema: Record<string, unknown>, openapi30: boolean): Check[] {
  const checks: Check[] = [];
  const bound = (limit: unknown, fits: (value: number, limit: number) => boolean, words: string): void => {
    if (typeof limit !== "number") return;
    checks.push(
      (value, place, run) =>
        typeof value !== "number" || fits(value, limit) || run.add(place, `must be ${words} ${limit}`),
    );
  };
  const above = openapi30 && schema.exclusiveMinimum === true ? schema.minimum : schema.exclusiveMinimum;
  const below = openapi30 && schema.exclusiveMaximum === true ? schema.maximum : schema.exclusiveMaximum;
  bound(schema.minimum, (value, limit) => value >= limit, "at least");
  bound(schema.maximum, (value, limit) => value <= limit, "at most");
  bound(above, (value, limit) => value > limit, "above");
  bound(below, (value, limit) => value < limit, "below");
  bound(schema.multipleOf, isMultiple, "a multiple of");
  return checks;
}

export function texts(schema: Record<string, unknown>): Check[] {
  const checks: Check[] = [];
  const { minLength, maxLength } = schema;
  if (typeof minLength === "number")
    checks.push(
      (value, place, run) =>
        typeof value !== "string" ||
        lengthOf(value) >= minLength ||
        run.add(place, `must have at least ${minLength} characters, not ${lengthOf(value)}`),
    );
  if (typeof maxLength === "number")
    checks.push(
      (value, place, run) =>
        typeof value !== "string" ||
        lengthOf(value) <= maxLength ||
        run.add(place, `must have at most ${maxLength} characters, not ${lengthOf(value)}`),
    );
  return checks;
}

export function memberCounts({ minProperties, maxProperties }: Record<string, unknown>): Check[] {
  const checks: Check[] = [];
  const count = (value: object) => Object.keys(value).length;
  if (typeof minProperties === "number")
    checks.push(
      (value, place, run) =>
        !isObject(value) ||
        count(value) >= minProperties ||
        run.add(place, `must have at least ${minProperties} members, not ${count(value)}`),
    );
  if (typeof maxProperties === "number")
    checks.push(
      (value, place, run) =>
        !isObject(value) ||
        count(value) <= maxProperties ||
        run.add(place, `must have at most ${maxProperties} members, not ${count(value)}`),
    );
  return checks;
}

export function itemCounts({ minItems, maxItems, uniqueItems }: Record<string, unknown>): Check[] {
  const checks: Check[] = [];
  if (typeof minItems === "number")
    checks.push(
      (value, place, run) =>
        !Array.isArray(value) ||
        value.length >= minItems ||
        run.add(place, `must have at least ${minItems} items, not ${value.length}`),
    );
  if (typeof maxItems === "number")
    checks.push(
      (value, place, run) =>
        !Array.isArray(value) ||
        value.length <= maxItems ||
        run.add(place, `must have at most ${maxItems} items, not ${value.length}`),
    );
  if (uniqueItems === true)
    checks.push((value, place, run) => {
      if (!Array.isArray(value)) return true;
      const seen = new Map<string, number>();
      for (const [i, item] of value.entries()) {
        run.spend(1);
        const key = costedKey(item, run);
        const before = seen.get(key);
        if (before !== undefined)
          return run.add({ up: place, key: i }, `must differ from item ${before}: all items must`);
        seen.set(key, i);
      }
      return true;
    });
  return checks;
}

export function requires(names: readonly string[], why = ""): Check {
  return (value, place, run) => {
    if (!isObject(value)) return true;
    let fits = true;
    for (const name of names)
      if (!Object.hasOwn(value, name)) fits = run.add(place, `must have the member ${JSON.stringify(name)}${why}`);
    return fits;
  };
}

export function dependent(name: string, check: Check): Check {
  return (value, place, run, seen) => !isObject(value) || !Object.hasOwn(value, name) || check(value, place, run, seen);
}

export function names(check: Check): Check {
  return (value, place, run) => {
    if (!isObject(value)) return true;
    let fits = true;
    for (const name of Object.keys(value)) if (!check(name, { up: place, key: name }, run, undefined)) fits = false;
    return fits;
  };
}

export function members(
  owns: ReadonlyMap<string, Check>,
  matching: readonly { pattern: Pattern; check: Check }[],
  others: Check | undefined,
  closed: boolean,
): Check {
  return (value, place, run, seen) => {
    if (!isObject(value)) return true;
    let fits = true;
    for (const name of Object.keys(value)) {
      const own = owns.get(name);
      const at = { up: place, key: name };
      let known = own !== undefined;
      if (own !== undefined && !own(value[name], at, run, undefined)) fits = false;
      for (const one of matching) {
        run.spend(one.pattern.cost(name));
        if (!one.pattern.test(name)) continue;
        known = true;
        if (!one.check(value[name], at, run, undefined)) fits = false;
      }
      if (!known && others !== undefined) {
        if (closed) fits = run.add(at, "is not among the members that may be here");
        else if (!others(value[name], at, run, undefined)) fits = false;
      }
      if (known || others !== undefined) seen?.members.add(name);
      run.spend(1);
    }
    return fits;
  };
}

export function items(first: readonly Check[], others: Check | undefined): Check {
  return (value, place, run, seen) => {
    if (!Array.isArray(value)) return true;
    let fits = true;
    const end = others === undefined ? Math.min(first.length, value.length) : value.length;
    for (let i = 0; i < end; i++) {
      const check = first[i] ?? others;
      if (check !== undefined && !check(value[i], { up: place, key: i }, run, undefined)) fits = false;
    }
    if (seen !== undefined) seen.items = Math.max(seen.items, end);
    return fits;
  };
}

export function contains(check: Check, least: number, most: number): Check {
  return (value, place, run, seen) => {
    if (!Array.isArray(value)) return true;
    let count = 0;
    const kept = run.found;
    run.found = [];
    for (const [i, item] of value.entries()) {
      if (!check(item, { up: place, key: i }, run, undefined)) continue;
      count++;
      seen?.single.add(i);
    }
    run.found = kept;
    if (count < least) return run.add(place, `must hold at least ${least} fitting items, and ${count} fit`);
    return count <= most || run.add(place, `must hold at most ${most} fitting items, and ${count} fit`);
  };
}

/** What would be wrong is not what is asked. */
function quietly(check: Check, value: unknown, place: Place | undefined, run: Run, seen: Seen | undefined) {
  const kept = run.found;
  run.found = [];
  const own = seen && new Seen();
  const fits = check(value, place, run, own);
  const found = run.found;
  run.found = kept;
  if (fits && own !== undefined) seen?.take(own);
  return { fits, found };
}

export const COMBINE: Readonly<Record<"allOf" | "anyOf" | "oneOf", (checks: readonly Check[]) => Check>> = {
  allOf: (checks) => (value, place, run, seen) => {
    let fits = true;
    for (const check of checks) if (!check(value, place, run, seen)) fits = false;
    return fits;
  },
  anyOf: (checks) => (value, place, run, seen) => {
    let nearest: readonly Found[] | undefined;
    let some = false;
    for (const check of checks) {
      const tried = quietly(check, value, place, run, seen);
      some ||= tried.fits;
      if (some && seen === undefined) return true;
      nearest = nearer(nearest, tried.found, place);
    }
    return some || failed(run, place, nearest, checks.length, "fits none");
  },
  oneOf: (checks) => (value, place, run, seen) => {
    let nearest: readonly Found[] | undefined;
    let count = 0;
    for (const check of checks) {
      const tried = quietly(check, value, place, run, seen);
      if (tried.fits) count++;
      else nearest = nearer(nearest, tried.found, place);
    }
    if (count === 1) return true;
    if (count > 1) return run.add(place, `fits ${count} of the ${checks.length} alternatives and must fit one`);
    return failed(run, place, nearest, checks.length, "fits none");
  },
};

/** The alternative that a member names is the only one that is tried, so that its violations are told. */
export function discriminated(member: string, byName: ReadonlyMap<string, Check>): Check {
  const names = [...byName.keys()].map((name) => JSON.stringify(name));
  const words = `must be ${names.length > 1 ? "one of " : ""}${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`;
  return (value, place, run, seen) => {
    if (!isObject(value)) return run.add(place, `must be an object, with the member ${JSON.stringify(member)}`);
    if (!Object.hasOwn(value, member))
      return run.add(place, `must have the member ${JSON.stringify(member)}: it says which alternative this is`);
    const named = value[member];
    const check = typeof named === "string" ? byName.get(named) : undefined;
    return check === undefined ? run.add({ up: place, key: member }, words) : check(value, place, run, seen);
  };
}

/** The alternative that was probably meant: right in kind, with the least wrong in it. */
function nearer(
  before: readonly Found[] | undefined,
  found: readonly Found[],
  place: Place | undefined,
): readonly Found[] {
  if (before === undefined) return found;
  const weight = (list: readonly Found[]) =>
    list.length + (list.some((one) => one.place === place && one.say.startsWith("must be ")) ? 100 : 0);
  return weight(found) < weight(before) ? found : before;
}

function failed(
  run: Run,
  place: Place | undefined,
  nearest: readonly Found[] | undefined,
  of: number,
  words: string,
): false {
  run.add(place, `${words} of the ${of} alternatives`);
  for (const one of nearest ?? []) if (run.found.length < MOST_VIOLATIONS) run.found.push(one);
  return false;
}

export function negation(check: Check): Check {
  return (value, place, run) =>
    !quietly(check, value, place, run, undefined).fits || run.add(place, "must not be what `not` describes");
}

export function condition(test: Check, then: Check, otherwise: Check): Check {
  return (value, place, run, seen) =>
    (quietly(test, value, place, run, seen).fits ? then : otherwise)(value, place, run, seen);
}

/** Whatever no other schema of the same value has looked at. */
export function unevaluated(
  checks: readonly Check[],
  membersCheck: Check | undefined,
  itemsCheck: Check | undefined,
): Check {
  return (value, place, run, outer) => {
    const seen = new Seen();
    let fits = true;
    for (const check of checks) if (!check(value, place, run, seen)) fits = false;
    if (membersCheck !== undefined && isObject(value) && !seen.all) {
      for (const name of Object.keys(value)) {
        if (seen.members.has(name)) continue;
        if (!membersCheck(value[name], { up: place, key: name }, run, undefined)) fits = false;
      }
      seen.all = true;
    }
    if (itemsCheck !== undefined && Array.isArray(value)) {
      for (let i = seen.items; i < value.length; i++) {
        if (seen.single.has(i)) continue;
        if (!itemsCheck(value[i], { up: place, key: i }, run, undefined)) fits = false;
      }
      seen.items = value.length;
    }
    if (fits) outer?.take(seen);
    return fits;
  };
}
