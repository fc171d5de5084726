/**
 * The JSON Schema of a policy file, derived from the declarations of document, policies and balancers: what
 * media/switchyard.schema.json holds, and the neutral form that completion, hover, docs and "did you mean" read.
 * Must not say anything that no declaration says.
 */
import * as z from "zod/mini";
import { balancers } from "../balancers/index.ts";
import { policies } from "../policies/index.ts";
import { balancingFields, policyFile } from "./document.ts";
import type { Path } from "./tree.ts";
import { expression, type ScalarName } from "../model/scalars.ts";

/** The part of JSON Schema (2020-12) that the declarations produce, plus the scalar's name. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  /** Of the keys of a map whose names people choose. */
  readonly propertyNames?: Schema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly scalar?: ScalarName;
  readonly placeholder?: string;
  /** What the value is a name of, when the file declares it nowhere ("group"): completion offers those that stand elsewhere. */
  readonly names?: string;
  /** A word for what stands here, e.g. the policy kind; ours, removed from the derived file. */
  readonly phase?: string;
  readonly example?: string;
}

/** Fields that every policy takes beside its own. `shadow` only where a policy can refuse. */
export const commonFields = z.strictObject({
  shadow: z.optional(
    z.boolean().check(
      z.meta({
        description: "Decide and record, but never refuse: to try a policy out on real traffic.",
        default: false,
      }),
    ),
  ),
  when: z.optional(
    expression().check(
      z.meta({
        description: "CEL: the policy takes part only when this is true. One that cannot be evaluated counts as true.",
        examples: ["request.method == 'POST'"],
      }),
    ),
  ),
});

let cached: Schema | undefined;

/** Made once, on first use: reading a file without mistakes never needs it. */
export function schema(): Schema {
  cached ??= derive();
  return cached;
}

function derive(): Schema {
  const common = fromZod(commonFields).properties ?? {};
  const kinds = Object.fromEntries(
    policies.map((policy) => {
      const canRefuse = policy.phase !== "shape" && policy.phase !== "reply" && policy.phase !== "answer";
      const shared = canRefuse ? common : { when: common.when };
      const own = withCommon(fromZod(policy.config), shared);
      return [policy.kind, { ...own, description: policy.summary, phase: policy.phase, example: policy.example }];
    }),
  );
  const policy: Schema = {
    type: "object",
    description: "One policy: a map with one key, its kind.",
    properties: kinds,
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
  };
  const named: Schema = { type: "string", description: "Name of one of `policies`." };
  const loadBalancer: Schema = {
    anyOf: balancers.map((kind) => {
      const own = fromZod(kind.config);
      const shared = fromZod(balancingFields).properties;
      const type: Schema = { const: kind.type, description: kind.summary };
      return {
        ...own,
        description: kind.summary,
        example: kind.example,
        properties: { type, ...own.properties, ...shared },
        required: ["type", ...(own.required ?? [])],
      };
    }),
  };
  const fill: Readonly<Record<string, Schema>> = {
    policy: { $ref: "#/$defs/policy" },
    policies: { type: "array", items: { anyOf: [named, { $ref: "#/$defs/policy" }] } },
    loadBalancer,
  };
  const root = replacePlaceholders(fromZod(policyFile), fill);
  return { ...root, title: "Switchyard policy file", $defs: { policy } };
}

/** The common fields go into the map a policy's config is, or into each map it may be. */
function withCommon(own: Schema, common: Readonly<Record<string, Schema>>): Schema {
  const into = (schema: Schema): Schema =>
    schema.type === "object" ? { ...schema, properties: { ...schema.properties, ...common } } : schema;
  if (own.anyOf) return { ...own, anyOf: own.anyOf.map(into) };
  if (own.oneOf) return { ...own, oneOf: own.oneOf.map(into) };
  return into(own);
}

/** A declaration in the form that completion, hover and docs read. */
export function fromZod(type: z.ZodMiniType): Schema {
  const { $schema: _, ...derived } = z.toJSONSchema(type, {
    io: "input",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema }) {
      // zod drops examples wherever a value is transformed; ours are written forms, so they hold.
      const examples = z.globalRegistry.get(zodSchema)?.examples;
      if (examples !== undefined) jsonSchema.examples = examples as never;
    },
  }) as Record<string, unknown>;
  return derived as Schema;
}

function replacePlaceholders(node: Schema, fill: Readonly<Record<string, Schema>>): Schema {
  if (Array.isArray(node)) return node.map((item: Schema) => replacePlaceholders(item, fill)) as unknown as Schema;
  if (typeof node !== "object" || node === null) return node;
  const { placeholder, ...own } = node;
  if (placeholder !== undefined) {
    const { description } = own;
    return { ...fill[placeholder], ...(description === undefined ? {} : { description }) };
  }
  return Object.fromEntries(
    Object.entries(own).map(([key, value]) => [key, replacePlaceholders(value as Schema, fill)]),
  ) as Schema;
}

/** Words that only this extension reads. */
const OWN_WORDS = new Set(["scalar", "phase", "example", "placeholder", "names"]);

/** What media/switchyard.schema.json holds. @param root of another file than the policy. */
export function publicSchema(root = schema()): object {
  const strip = (node: unknown, names: boolean): unknown => {
    if (Array.isArray(node)) return node.map((item) => strip(item, false));
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(
      Object.entries(node)
        .filter(([key]) => names || !OWN_WORDS.has(key))
        .map(([key, value]) => [
          key,
          key === "default" || key === "examples" || key === "enum"
            ? value
            : strip(value, !names && key === "properties"),
        ]),
    );
  };
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...(strip(root, false) as object) };
}

/** Follows references and puts what stands beside a reference over it. */
export function resolveRef(node: Schema): Schema {
  if (node.$ref === undefined) return node;
  const name = node.$ref.replace("#/$defs/", "");
  const { $ref: _, ...beside } = node;
  return { ...schema().$defs?.[name], ...beside };
}

/**
 * The declarations that may hold for what stands at `path`; several where a field may be one of several things.
 * @param root of another file than the policy.
 */
export function schemasAt(path: Path, value?: unknown, root = schema()): readonly Schema[] {
  let here: readonly Schema[] = branches(root, value);
  let at: unknown = value;
  for (const part of path) {
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[part] : undefined;
    here = here.flatMap((node) => childrenOf(node, part)).flatMap((node) => branches(node, at));
  }
  return here;
}

function childrenOf(node: Schema, part: string | number): readonly Schema[] {
  if (typeof part === "number") return node.items ? [withExamplesOf(node, node.items)] : [];
  const own = node.properties !== undefined && Object.hasOwn(node.properties, part) ? node.properties[part] : undefined;
  if (own) return [own];
  return typeof node.additionalProperties === "object" ? [node.additionalProperties] : [];
}

/** What a list may hold is shown by the examples of the list, where the item itself shows none. */
function withExamplesOf({ examples = [], default: standard }: Schema, item: Schema): Schema {
  if (item.examples !== undefined || item.enum !== undefined) return item;
  const lists = [...examples, standard].filter((one): one is readonly unknown[] => Array.isArray(one));
  const shown = [...new Set(lists.flat())];
  return shown.length === 0 ? item : { ...item, examples: shown };
}

/** The alternatives of a node; those whose `type` says otherwise than the value's are left out. */
function branches(node: Schema, value: unknown): readonly Schema[] {
  const whole = resolveRef(node);
  const alternatives = whole.anyOf ?? whole.oneOf;
  if (alternatives === undefined) return [whole];
  const written = typeof value === "object" && value !== null ? (value as Record<string, unknown>).type : undefined;
  const fitting = alternatives.filter((one) => {
    const expected = one.properties?.type?.const;
    return expected === undefined || written === undefined || expected === written;
  });
  const { anyOf: _, oneOf: __, $ref: ___, ...around } = whole;
  return (fitting.length > 0 ? fitting : alternatives).flatMap((one) =>
    branches(one, value).map((branch) => ({
      ...around,
      ...branch,
      description: branch.description ?? around.description,
    })),
  );
}

/** Keys that may stand in the map at `path`. */
export function keysAt(path: Path, value?: unknown, root?: Schema): readonly string[] {
  const keys = schemasAt(path, value, root).flatMap((node) => Object.keys(node.properties ?? {}));
  return [...new Set(keys)];
}
