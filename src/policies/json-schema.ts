/**
 * JSON Schema 2020-12 as checks that are compiled once and run on what strangers send: every violation with its JSON
 * Pointer, a bound on the work for one value, patterns in linear time. Older drafts' `items: [...]` and `dependencies`
 * and OpenAPI 3.0's `nullable` are understood too.
 * Our own, since no library bounds its work: 1 MiB of `[[],[],...]` against `uniqueItems` keeps others busy for minutes.
 * A test holds it to what the library @cfworker/json-schema says.
 */
import type { Allowance } from "../model/body.ts";
import {
  article,
  COMBINE,
  condition,
  contains,
  costedKey,
  dependent,
  discriminated,
  itemCounts,
  items,
  memberCounts,
  members,
  names,
  negation,
  numbers,
  requires,
  texts,
  unevaluated,
} from "./schema-checks.ts";
import { formProblems, notSchema } from "./schema-form.ts";
import { isObject, type Resource, type SchemaRegistry } from "./schema-registry.ts";
import { Enough, Run, told, TooCostly, type Check, type Violation } from "./schema-run.ts";
import { FORMATS, hasType, keyOf, NEVER, patternOf, typeOf } from "./schema-values.ts";

export interface SchemaOptions {
  /** Whether `format` is more than a note. */
  readonly formats?: boolean;
  /** OpenAPI's dialects: `discriminator`; and in 3.0 `nullable`, and nothing counts beside a `$ref`. */
  readonly openapi?: "3.0" | "3.1";
  /** In a request nobody must give what is `readOnly`, in a response nothing that is `writeOnly`. */
  readonly direction?: "request" | "response";
}

/** References that lead on without a part of the value being left. */
const DEEPEST = 400;

export interface SchemaProblem {
  /** Where in the schema: a pointer as far as is known. */
  readonly at: string;
  readonly message: string;
}

/** @returns violations, at most twenty; undefined when the value costs more to judge than is allowed. */
export type Validate = (value: unknown, allowance: Allowance) => readonly Violation[] | undefined;

export class SchemaCompiler {
  readonly problems: SchemaProblem[] = [];
  readonly #registry: SchemaRegistry;
  readonly #options: SchemaOptions;
  readonly #checks = new Map<object, Check>();
  readonly #pending: (() => void)[] = [];

  constructor(registry: SchemaRegistry, options: SchemaOptions = {}) {
    this.#registry = registry;
    this.#options = options;
  }

  /** All of it is compiled now, so that every problem is known. Never throws. */
  compile(schema: unknown, home: Resource): Validate {
    const check = this.#node(schema, home, "");
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) next();
    return (value, allowance) => {
      const run = new Run(allowance);
      run.scope.push(home);
      try {
        check(value, undefined, run, undefined);
        return told(run.violations);
      } catch (error) {
        if (error instanceof TooCostly) return undefined;
        if (error instanceof Enough) return told(run.violations);
        throw error;
      }
    };
  }

  #node(schema: unknown, around: Resource, at: string): Check {
    if (schema === false) return (_value, place, run) => run.add(place, "must not be here");
    if (!isObject(schema)) return this.#plain(schema, at);
    const known = this.#checks.get(schema);
    if (known !== undefined) return known;
    const home = this.#registry.homeOf(schema, around);
    let checks: readonly Check[] = [];
    const check: Check = (value, place, run, seen) => {
      run.spend(1);
      if (++run.depth > DEEPEST) throw new TooCostly();
      run.scope.push(home);
      let fits = true;
      for (const one of checks) if (!one(value, place, run, seen)) fits = false;
      run.scope.pop();
      run.depth--;
      return fits;
    };
    this.#checks.set(schema, check);
    // A schema may hold itself: its parts are compiled once it is known.
    this.#pending.push(() => (checks = this.#parts(schema, home, at)));
    return check;
  }

  /** Nothing at all asks nothing: callers hand on what may be missing. */
  #plain(schema: unknown, at: string): Check {
    const wrong = schema === undefined ? undefined : notSchema(schema);
    return wrong === undefined ? () => true : this.#problem(at, wrong);
  }

  #parts(schema: Record<string, unknown>, home: Resource, at: string): Check[] {
    for (const { keyword, message } of formProblems(schema, this.#options.openapi === "3.0"))
      this.#problem(`${at}/${keyword}`, message);
    const part = (value: unknown, key: string) => this.#node(value, home, `${at}/${key}`);
    const checks: Check[] = [];
    if (typeof schema.$ref === "string") {
      checks.push(this.#reference(schema.$ref, home, at));
      if (this.#options.openapi === "3.0") return checks;
    }
    if (typeof schema.$dynamicRef === "string") checks.push(this.#dynamic(schema.$dynamicRef, home, at));
    checks.push(...this.#values(schema, at));
    for (const key of ["allOf", "anyOf", "oneOf"] as const) {
      const list = schema[key];
      if (!Array.isArray(list)) continue;
      const parts = list.map((one, i) => part(one, `${key}/${i}`));
      const chosen = key === "allOf" ? undefined : this.#discriminated(schema.discriminator, list, parts);
      checks.push(chosen ?? COMBINE[key](parts));
    }
    if (schema.not !== undefined) checks.push(negation(part(schema.not, "not")));
    if (schema.if !== undefined)
      checks.push(condition(part(schema.if, "if"), part(schema.then, "then"), part(schema.else, "else")));
    checks.push(...this.#ofObjects(schema, at, part), ...this.#ofArrays(schema, part));
    if (schema.unevaluatedProperties === undefined && schema.unevaluatedItems === undefined) return checks;
    const members =
      schema.unevaluatedProperties === undefined
        ? undefined
        : part(schema.unevaluatedProperties, "unevaluatedProperties");
    const items = schema.unevaluatedItems === undefined ? undefined : part(schema.unevaluatedItems, "unevaluatedItems");
    return [unevaluated(checks, members, items)];
  }

  #problem(at: string, message: string): Check {
    this.problems.push({ at, message });
    return () => true;
  }

  #reference(reference: string, home: Resource, at: string): Check {
    const target = this.#registry.find(reference, home);
    if (target === undefined)
      return this.#problem(
        `${at}/$ref`,
        `\`${reference}\` leads nowhere: it must be in this file, or in one beside the policy file`,
      );
    return this.#node(target.schema, target.resource, at);
  }

  /** Core, section 8.2.3.2: the outermost resource on the way here that has the anchor. */
  #dynamic(reference: string, home: Resource, at: string): Check {
    const target = this.#registry.find(reference, home);
    if (target === undefined) return this.#problem(`${at}/$dynamicRef`, `\`${reference}\` leads nowhere`);
    const plain = this.#node(target.schema, target.resource, at);
    const { dynamicAnchor } = target;
    if (dynamicAnchor === undefined) return plain;
    return (value, place, run, seen) => {
      for (const resource of run.scope) {
        const schema = resource.dynamic.get(dynamicAnchor);
        if (schema === undefined) continue;
        const check = this.#checks.get(schema) ?? this.#late(schema, resource);
        return check(value, place, run, seen);
      }
      return plain(value, place, run, seen);
    };
  }

  #late(schema: object, resource: Resource): Check {
    const check = this.#node(schema, resource, "");
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) next();
    return check;
  }

  /** OpenAPI 3.1, section 4.8.25: a member says which of the alternatives is meant, by its name or as `mapping` says. */
  #discriminated(written: unknown, list: readonly unknown[], parts: readonly Check[]): Check | undefined {
    if (this.#options.openapi === undefined || !isObject(written) || typeof written.propertyName !== "string") return;
    const mapping = Object.entries(isObject(written.mapping) ? written.mapping : {});
    const byName = new Map<string, Check>();
    for (const [i, one] of list.entries()) {
      // Inline alternatives have no name: then only trying tells.
      if (!isObject(one) || typeof one.$ref !== "string") return undefined;
      const reference = one.$ref;
      const name = reference.slice(reference.lastIndexOf("/") + 1);
      const mapped = mapping.filter(([, to]) => to === reference || to === name).map(([value]) => value);
      for (const value of mapped.length > 0 ? mapped : [name]) byName.set(value, parts[i]);
    }
    return discriminated(written.propertyName, byName);
  }

  #values(schema: Record<string, unknown>, at: string): Check[] {
    const checks: Check[] = [];
    const { type, enum: allowed, pattern, format } = schema;
    if (typeof type === "string" || Array.isArray(type)) {
      const types = [type].flat().map(String);
      if (this.#options.openapi === "3.0" && schema.nullable === true) types.push("null");
      const words = `must be ${types.map(article).join(" or ")}, not `;
      checks.push(
        (value, place, run) =>
          types.some((one) => hasType(value, one)) || run.add(place, words + article(typeOf(value))),
      );
    }
    if (Array.isArray(allowed)) {
      const keys = new Set(allowed.map(keyOf));
      const shown = allowed.slice(0, 8).map((one) => JSON.stringify(one));
      const words = `must be ${shown.length === 1 ? "" : "one of "}${shown.join(", ")}${allowed.length > 8 ? ", …" : ""}`;
      checks.push((value, place, run) => keys.has(costedKey(value, run)) || run.add(place, words));
    }
    if ("const" in schema) {
      const key = keyOf(schema.const);
      const words = `must be ${JSON.stringify(schema.const).slice(0, 60)}`;
      checks.push((value, place, run) => costedKey(value, run) === key || run.add(place, words));
    }
    checks.push(...numbers(schema, this.#options.openapi === "3.0"), ...texts(schema));
    if (typeof pattern === "string") checks.push(this.#pattern(pattern, `${at}/pattern`));
    const fits = typeof format === "string" && this.#options.formats ? FORMATS[format] : undefined;
    if (fits !== undefined)
      checks.push(
        (value, place, run) =>
          typeof value !== "string" ||
          fits(value) ||
          run.add(place, `must be ${format === "email" ? "an" : "a"} ${String(format)}`),
      );
    return checks;
  }

  #pattern(source: string, at: string): Check {
    const fits = patternOf(source);
    if (fits === undefined)
      return this.#problem(
        at,
        `the pattern ${source} cannot be matched in bounded time (RE2 has no look-around beside repeated groups, and no back-references)`,
      );
    return (value, place, run) => {
      if (typeof value !== "string") return true;
      run.spend(fits.cost(value));
      return fits.test(value) || run.add(place, `must match ${source}`);
    };
  }

  #ofObjects(schema: Record<string, unknown>, at: string, part: (value: unknown, key: string) => Check): Check[] {
    const { properties, patternProperties, additionalProperties, propertyNames, dependentSchemas, dependencies } =
      schema;
    const checks = memberCounts(schema);
    const declared = isObject(properties) ? properties : {};
    const hidden = this.#options.direction === "request" ? "readOnly" : this.#options.direction && "writeOnly";
    if (Array.isArray(schema.required)) {
      const names = schema.required.filter((name): name is string => {
        const own = typeof name === "string" && Object.hasOwn(declared, name) ? declared[name] : undefined;
        return typeof name === "string" && !(hidden && isObject(own) && own[hidden] === true);
      });
      checks.push(requires(names));
    }
    const owns = new Map(Object.entries(declared).map(([name, one]) => [name, part(one, `properties/${name}`)]));
    const matching = Object.entries(isObject(patternProperties) ? patternProperties : {}).map(([source, one]) => {
      const fits = patternOf(source);
      if (fits === undefined)
        this.#problem(`${at}/patternProperties`, `the pattern ${source} cannot be matched in bounded time`);
      return { pattern: fits ?? NEVER, check: part(one, `patternProperties/${source}`) };
    });
    const others = additionalProperties === undefined ? undefined : part(additionalProperties, "additionalProperties");
    if (owns.size + matching.length > 0 || others !== undefined)
      checks.push(members(owns, matching, others, additionalProperties === false));
    if (propertyNames !== undefined) checks.push(names(part(propertyNames, "propertyNames")));
    for (const [name, one] of Object.entries({
      ...(isObject(dependencies) ? dependencies : {}),
      ...(isObject(schema.dependentRequired) ? schema.dependentRequired : {}),
    }))
      if (Array.isArray(one))
        checks.push(dependent(name, requires(one.map(String), ` beside ${JSON.stringify(name)}`)));
      else checks.push(dependent(name, part(one, `dependencies/${name}`)));
    if (isObject(dependentSchemas))
      for (const [name, one] of Object.entries(dependentSchemas))
        checks.push(dependent(name, part(one, `dependentSchemas/${name}`)));
    return checks;
  }

  #ofArrays(schema: Record<string, unknown>, part: (value: unknown, key: string) => Check): Check[] {
    const checks = itemCounts(schema);
    const old = Array.isArray(schema.items);
    const firsts = old ? schema.items : schema.prefixItems;
    const rest = old ? schema.additionalItems : schema.items;
    const first = Array.isArray(firsts) ? firsts.map((one, i) => part(one, `prefixItems/${i}`)) : [];
    const others = rest === undefined ? undefined : part(rest, "items");
    if (first.length > 0 || others !== undefined) checks.push(items(first, others));
    if (schema.contains !== undefined) {
      const least = typeof schema.minContains === "number" ? schema.minContains : 1;
      const most = typeof schema.maxContains === "number" ? schema.maxContains : Infinity;
      checks.push(contains(part(schema.contains, "contains"), least, most));
    }
    return checks;
  }
}
