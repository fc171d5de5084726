/**
 * aggregate: one answer from several services, asked at once or one after the other. Each part is a request of its own, with
 * its own decision; what an optional one could not give is named in the answer, and a needed one that fails ends it.
 * Must not send anything: the gateway does, by what this file compiles.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Policy, PolicyRequest, Step } from "../model/policy.ts";
import { duration, headerName, name, size } from "../model/scalars.ts";
import {
  compilePath,
  compileValue,
  variableProblem,
  variablesOf,
  type PathTemplate,
  type ValueTemplate,
} from "./aggregate-template.ts";

const MOST_PARTS = 16;
const MOST_ITEMS = 50;
/** The member of the answer that names what is missing. */
export const ERRORS = "errors";

const part = z.strictObject({
  service: name().check(z.meta({ description: "The service that is asked." })),
  path: z
    .string()
    .check(z.regex(/^\/[\x21-\x7e]{0,2047}$/, { error: "write a path that starts with / and holds no blanks" }))
    .check(
      z.meta({
        description:
          "Path and query to ask for. `${path.2}` is the second segment of the request's path, `${query.<name>}` a parameter, `${<part>.<field>}` of an earlier part's answer; `${item}` and `${item.<field>}` with `forEach`. What is filled in is encoded.",
        examples: ["/products/${path.2}", "/prices/${product.sku}"],
      }),
    ),
  after: z.optional(
    z.array(z.string()).check(
      z.minLength(1),
      z.maxLength(MOST_PARTS),
      z.meta({
        description: "Parts whose answers must be there first. Default: none, asked at once.",
        examples: [["product"]],
      }),
    ),
  ),
  forEach: z.optional(
    z.string().check(
      z.regex(/^[^\s.]+(?:\.[^\s.]+)*$/, { error: "write <part>.<field>" }),
      z.meta({
        description: `A list in an earlier part's answer: the path is asked for each of its elements (\`\${item}\`), at most ${MOST_ITEMS}, and the part is the list of answers.`,
        examples: ["product.related"],
      }),
    ),
  ),
  optional: z.prefault(
    z.boolean().check(z.meta({ description: "The answer is given without it too, and names it under `errors`." })),
    false,
  ),
  timeout: z.optional(
    duration({ least: 1, most: 600_000 }).check(
      z.meta({
        description: "How long the part may take, to its last byte. Default: timeouts.request of the route.",
        examples: ["300ms"],
      }),
    ),
  ),
});

const config = z.strictObject({
  parts: z.record(name(), part).check(
    z.meta({
      description: "What is asked, by the name of its member in the answer.",
      examples: [{ product: { service: "catalog", path: "/products/${path.2}" } }],
    }),
  ),
  template: z.optional(
    z.unknown().check(
      z.meta({
        description:
          "The answer, in place of an object with one member for each part: any JSON in which `${<part>.<field>}` stands for a value. What is not there is null.",
        examples: [{ title: "${product.name}", price: "${price.amount}" }],
      }),
    ),
  ),
  headers: z.prefault(
    z
      .array(headerName())
      .check(
        z.maxLength(32),
        z.meta({ description: "Header fields of the request that the parts get too, beside its trace." }),
      ),
    ["authorization", "accept-language"],
  ),
  maxBody: z.prefault(
    size({ least: 1, most: 16_777_216 }).check(
      z.meta({ description: "Bytes of all parts' answers together, at most." }),
    ),
    "1MiB",
  ),
});

type Config = z.output<typeof config>;

const Refusal = { failed: 1, timeout: 2, notFound: 3, unauthorized: 4, forbidden: 5, method: 6 } as const;

/** The refusal for a part that is needed and was answered with a status. */
export function refusalFor(status: number): number {
  if (status === 404 || status === 410) return Refusal.notFound;
  if (status === 401) return Refusal.unauthorized;
  if (status === 403) return Refusal.forbidden;
  return status === 504 ? Refusal.timeout : Refusal.failed;
}

export const aggregate: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "aggregate",
  phase: "answer",
  summary:
    "One JSON answer from several services, asked at once or one after the other; optional parts may fail, and are named then.",
  example:
    'aggregate: { parts: { product: { service: orders, path: "/products/${path.2}" }, price: { service: orders, path: "/prices/${product.sku}", after: [product], optional: true, timeout: 300ms } } }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    failed: {
      status: 502,
      title: "a part failed",
      say: (c, index, status) => `${partWords(c, index)} failed${statusWords(status)}`,
      fix: optionalFix,
    },
    timeout: {
      status: 504,
      title: "a part took too long",
      say: (c, index) => `${partWords(c, index)} gave no whole answer in time`,
      fix: optionalFix,
    },
    notFound: {
      status: 404,
      title: "a part is not there",
      say: (c, index, status) => `${partWords(c, index)} is not there${statusWords(status)}`,
    },
    unauthorized: {
      status: 401,
      title: "a part wants to know who asks",
      say: (c, index, status) => `${partWords(c, index)} wants to know who asks${statusWords(status)}`,
    },
    forbidden: {
      status: 403,
      title: "a part is forbidden",
      say: (c, index, status) => `${partWords(c, index)} is forbidden${statusWords(status)}`,
    },
    method: {
      status: 405,
      title: "only GET and HEAD",
      say: (_c, _x, _y, seen) =>
        `an answer from several services is read with GET or HEAD, not with ${seen.arrival.method}`,
    },
  },
  admits: (c) => `asks ${planWords(c)}`,
  replyFields: (_c, reason) => (reason === Refusal.method ? [["Allow", "GET, HEAD"]] : []),
  check: checkConfig,
  sends: (c): readonly PolicyRequest[] =>
    Object.entries(c.parts).map(([key, { service, timeout }]) => ({
      name: childName(key),
      service,
      ...(timeout === undefined ? {} : { timeout }),
    })),
  servicePlaces: (written) => {
    const parts = (written as { parts?: unknown } | null)?.parts;
    if (typeof parts !== "object" || parts === null) return [];
    return Object.keys(parts).map((key) => ["parts", key, "service"]);
  },
  compile,
};

/** Of the request that asks for a part. */
export function childName(key: string): string {
  return `part ${key}`;
}

function partWords(c: Config, index: number): string {
  const [key, { service }] = Object.entries(c.parts)[index] ?? ["?", { service: "?" }];
  return `part ${key} of ${service}`;
}

function statusWords(status: number): string {
  return status === 0 ? "" : ` (${status})`;
}

function planWords(c: Config): string {
  return Object.entries(c.parts)
    .map(([key, { after, optional }]) => {
      const notes = [
        ...(after === undefined ? [] : [`after ${after.join(" and ")}`]),
        ...(optional ? ["optional"] : []),
      ];
      return notes.length === 0 ? key : `${key} (${notes.join(", ")})`;
    })
    .join(", ");
}

function optionalFix(c: Config, index: number): { title: string; path: string[]; value: unknown }[] {
  const key = Object.keys(c.parts)[index];
  return key === undefined
    ? []
    : [
        {
          title: `Make ${key} optional: the answer is given without it`,
          path: ["parts", key, "optional"],
          value: true,
        },
      ];
}

// ---- Checking ----------------------------------------------------------------------------------------------------

function checkConfig(c: Config, { owner }: CompileContext): readonly ConfigProblem[] {
  const keys = Object.keys(c.parts);
  const problems: ConfigProblem[] = [];
  if (!owner.startsWith("route/"))
    problems.push({ path: [], message: "an aggregate stands on a route: it answers in place of its services" });
  if (keys.length === 0) problems.push({ path: ["parts"], message: "name at least one part" });
  if (keys.length > MOST_PARTS) problems.push({ path: ["parts"], message: `at most ${MOST_PARTS} parts` });
  if (keys.includes(ERRORS) || keys.includes("item")) {
    problems.push({
      path: ["parts"],
      message: "`errors` and `item` have a meaning of their own: name the part otherwise",
    });
  }
  for (const key of keys) problems.push(...checkPart(c, key, keys));
  for (const text of textsOf(c.template)) {
    for (const { name: variable } of variablesOf(text)) {
      const message = variableProblem(variable, keys, false);
      if (message !== undefined) problems.push({ path: ["template"], message });
    }
  }
  return problems;
}

function checkPart(c: Config, key: string, keys: readonly string[]): ConfigProblem[] {
  const { path, after = [], forEach } = c.parts[key];
  const at = ["parts", key];
  const problems: ConfigProblem[] = [];
  for (const [position, other] of after.entries()) {
    if (!keys.includes(other)) {
      problems.push({
        path: [...at, "after", position],
        message: `there is no part called \`${other}\`; there are ${keys.join(", ")}`,
      });
    }
  }
  if (isCircular(c, key)) problems.push({ path: [...at, "after"], message: `\`${key}\` would wait for itself` });
  const before = keys.filter((other) => after.includes(other));
  if (forEach !== undefined && !before.includes(forEach.split(".", 1)[0])) {
    problems.push({ path: [...at, "forEach"], message: "begins with the name of a part that stands in `after`" });
  }
  for (const { name: variable, start, end } of variablesOf(path)) {
    const [first] = variable.split(".", 1);
    if (keys.includes(first) && !before.includes(first)) {
      const value = [...after, first];
      const fix = { title: `Ask ${key} after ${first}`, path: [...at, "after"], value };
      problems.push({
        path: [...at, "path"],
        message: `\`${first}\` is not there yet: put it into \`after\``,
        within: { start, end },
        fix,
      });
      continue;
    }
    const message = variableProblem(variable, before, forEach !== undefined);
    if (message !== undefined) problems.push({ path: [...at, "path"], message, within: { start, end } });
  }
  return problems;
}

function isCircular(c: Config, key: string): boolean {
  const seen = new Set<string>();
  const open = [...(c.parts[key].after ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === key) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(c.parts[next]?.after ?? []));
  }
  return false;
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

// ---- What the gateway asks -------------------------------------------------------------------------------------

export interface Part {
  readonly key: string;
  /** Name of the request in PlanRoute.children. */
  readonly child: string;
  readonly path: PathTemplate;
  /** Keys of parts that must be there first. */
  readonly after: readonly string[];
  /** Where the list stands: part, then members. */
  readonly forEach: readonly string[] | undefined;
  readonly optional: boolean;
}

/** An aggregate as the gateway carries it out. */
export interface AggregatePlan {
  readonly parts: readonly Part[];
  readonly template: ValueTemplate | undefined;
  /** Lower case. */
  readonly headers: readonly string[];
  readonly maxBody: number;
  readonly maxItems: number;
}

export type AggregateStep = Step<undefined> & { readonly aggregate: AggregatePlan };

function compile(c: Config, context: CompileContext): AggregateStep {
  const keys = Object.keys(c.parts);
  const parts = Object.entries(c.parts).map(([key, { path, after = [], forEach, optional }]): Part => ({
    key,
    child: childName(key),
    path: compilePath(path, context, keys),
    after,
    forEach: forEach?.split("."),
    optional,
  }));
  const headers = [...new Set(c.headers.map((one) => one.toLowerCase()))];
  return {
    aggregate: {
      parts,
      template: c.template === undefined ? undefined : compileValue(c.template, context, keys),
      headers,
      maxBody: c.maxBody,
      maxItems: MOST_ITEMS,
    },
    peek(x: Passage, _state, _now, note) {
      const { method } = x.arrival;
      const reason = method === "GET" || method === "HEAD" ? ADMIT : Refusal.method;
      note.put(reason, parts.length, 0);
      return reason;
    },
    answers: () => true,
    // Only its status: what the services say is not known here.
    answer: () => ({ status: 200, fields: [], body: "" }),
  };
}
