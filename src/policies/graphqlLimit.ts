/**
 * graphqlLimit: how much a GraphQL request may ask for: how deep, how much in all, which operations, and whether it may
 * look at the schema. Fragments are counted where they are used, however often; every alias counts by itself.
 * Must not execute anything, and must not trust a document before the parser's own limits held.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import { BodyState, type CollectedBody } from "../model/body.ts";
import type { Policy, Step } from "../model/policy.ts";
import { measure, type Measured } from "./graphql-measure.ts";
import { unread, unreadReasons, Unread, type Finding } from "./json-body.ts";
import { mediaType } from "./reply-changes.ts";
import { queryValues } from "./request-parts.ts";

const config = z.strictObject({
  depth: z.prefault(
    z.int().check(z.minimum(1), z.maximum(100), z.meta({ description: "How deep fields may nest." })),
    10,
  ),
  cost: z.prefault(
    z.int().check(
      z.minimum(1),
      z.maximum(1_000_000),
      z.meta({
        description:
          "How many fields may be asked for in all; below a list asked for with `first`, `last` or `limit` each counts so many times.",
      }),
    ),
    1000,
  ),
  operations: z.prefault(
    z
      .array(z.enum(["query", "mutation", "subscription"]))
      .check(z.minLength(1), z.meta({ description: "Which kinds of operations may be sent.", examples: [["query"]] })),
    ["query", "mutation"],
  ),
  introspection: z.prefault(
    z.boolean().check(z.meta({ description: "Whether `__schema` and `__type` may be asked for." })),
    false,
  ),
  batch: z.prefault(
    z
      .int()
      .check(
        z.minimum(1),
        z.maximum(100),
        z.meta({ description: "How many operations one request may bring in a list." }),
      ),
    1,
  ),
  tokens: z.prefault(
    z
      .int()
      .check(
        z.minimum(10),
        z.maximum(50_000),
        z.meta({ description: "How many words and signs the parser reads before it gives up." }),
      ),
    2000,
  ),
});

type Config = z.output<typeof config>;

const Refusal = {
  ...Unread,
  syntax: 7,
  tooDeep: 8,
  tooCostly: 9,
  operation: 10,
  introspection: 11,
  batch: 12,
  getMutation: 13,
} as const;

interface GraphqlFinding extends Finding {
  readonly measured?: Measured;
}

/** Bytes of a body; a document of so many tokens is shorter. */
const MOST = 1_048_576;

export const graphqlLimit: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "graphqlLimit",
  phase: "validate",
  summary: "How deep and how much a GraphQL request may ask for, which operations, and whether it may read the schema.",
  example: "graphqlLimit: { depth: 8, cost: 500, operations: [query], introspection: false }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    ...unreadReasons<Config>(findingOf, () => MOST),
    syntax: {
      status: 400,
      title: "no GraphQL document",
      say: (c, _x, _y, seen) =>
        `the GraphQL document cannot be read: ${findingOf(c, seen)?.problem ?? "its grammar is wrong"}`,
    },
    tooDeep: {
      status: 400,
      title: "GraphQL query too deep",
      say: (c, x) => `the query nests ${x >= 100 ? "100 or more" : x} fields deep, and ${c.depth} are allowed`,
      brief: (c, x) => `depth ${x} of ${c.depth}`,
      fix: (_c, x) => (x > 20 ? [] : [{ title: `Allow a depth of ${x}`, path: ["depth"], value: x }]),
    },
    tooCostly: {
      status: 400,
      title: "GraphQL query too costly",
      say: (c, x) =>
        `the query asks for ${x > c.cost * 1000 ? `more than ${c.cost * 1000}` : x} fields, and ${c.cost} are allowed`,
      brief: (c, x) => `cost ${x} of ${c.cost}`,
    },
    operation: {
      status: 403,
      title: "GraphQL operation not allowed",
      say: (c, _x, _y, seen) =>
        `the document holds a ${findingOf(c, seen)?.problem ?? "forbidden operation"}, and only ${c.operations.join(", ")} may be sent here`,
    },
    introspection: {
      status: 403,
      title: "GraphQL introspection not allowed",
      say: () => "the query asks for the schema itself (__schema or __type), which is not allowed here",
      fix: () => [{ title: "Allow introspection", path: ["introspection"], value: true }],
    },
    batch: {
      status: 400,
      title: "too many GraphQL operations",
      say: (c, x) => `the request brings ${x} operations in one list, and ${c.batch} may be`,
      fix: (_c, x) => (x > 20 ? [] : [{ title: `Allow ${x} in one list`, path: ["batch"], value: x }]),
    },
    getMutation: {
      status: 405,
      title: "only queries by GET",
      say: (c, _x, _y, seen) =>
        `a ${findingOf(c, seen)?.problem ?? "mutation"} came by GET, which must change nothing (GraphQL over HTTP, section 6.1)`,
    },
  },
  admits: (_c, x, y) =>
    y === 0 ? "there is no GraphQL document to judge" : `depth ${x}, ${y} ${y === 1 ? "field" : "fields"} in all`,
  needs: (c): readonly FactRequest[] => [
    { name: factName(c), kind: "body", source: { most: MOST, read: (body, x) => judge(c, body, x) } },
  ],
  compile: (c): Step<undefined> => {
    const name = factName(c);
    return {
      peek(x, _state, _now, note) {
        const found = x.facts[name] as GraphqlFinding | undefined;
        const { depth = 0, cost = 0 } = found?.measured ?? {};
        const reason = found?.reason ?? ADMIT;
        if (reason === ADMIT) note.put(ADMIT, depth, cost);
        else
          note.put(
            reason,
            reason === Refusal.tooDeep ? depth : reason === Refusal.tooCostly ? cost : (found?.length ?? 0),
            0,
          );
        return reason;
      },
    };
  },
  replyFields: (_c, reason) => (reason === Refusal.getMutation ? [["Allow", "POST"]] : []),
};

function factName(c: Config): string {
  return `graphql/${xxHash32(JSON.stringify(c), 0).toString(16).padStart(8, "0")}`;
}

function findingOf(c: Config, seen: Passage): GraphqlFinding | undefined {
  return seen.facts[factName(c)] as GraphqlFinding | undefined;
}

interface Asked {
  readonly query: string;
  readonly operation: string | undefined;
}

function judge(c: Config, body: CollectedBody, x: Passage): GraphqlFinding {
  const asked = documentsIn(body, x);
  if ("reason" in asked) return asked;
  const { length } = body;
  if (asked.length > c.batch) return { reason: Refusal.batch, length: asked.length };
  let depth = 0;
  let cost = 0;
  for (const one of asked) {
    const measured = measure(one.query, { tokens: c.tokens, operation: one.operation, mostCost: c.cost });
    if ("problem" in measured) return { reason: Refusal.syntax, length, problem: measured.problem };
    const forbidden = measured.kinds.find((kind) => !c.operations.includes(kind));
    if (forbidden !== undefined) return { reason: Refusal.operation, length, problem: forbidden };
    const changes = x.arrival.method === "GET" ? measured.kinds.find((kind) => kind !== "query") : undefined;
    if (changes !== undefined) return { reason: Refusal.getMutation, length, problem: changes };
    if (measured.introspects && !c.introspection) return { reason: Refusal.introspection, length };
    depth = Math.max(depth, measured.depth);
    cost += measured.cost;
    const all: Measured = { ...measured, depth, cost };
    if (depth > c.depth) return { reason: Refusal.tooDeep, length, measured: all };
    if (cost > c.cost) return { reason: Refusal.tooCostly, length, measured: all };
  }
  return { reason: 0, length, measured: { depth, cost, kinds: [], introspects: false } };
}

/** GraphQL over HTTP: `?query=` by GET, JSON or a bare document by POST, a list of JSON for several at once. */
function documentsIn(body: CollectedBody, x: Passage): readonly Asked[] | GraphqlFinding {
  const inQuery = queryValues(x.arrival.query, "query");
  if (inQuery.length > 1)
    return { reason: Refusal.syntax, length: 0, problem: "the parameter query stands there more than once" };
  const fromQuery = inQuery.map((query) => ({ query, operation: queryValues(x.arrival.query, "operationName")[0] }));
  if (body.state === BodyState.None) {
    if (
      fromQuery.length > 0 ||
      x.arrival.method === "GET" ||
      x.arrival.method === "HEAD" ||
      x.arrival.method === "OPTIONS"
    )
      return fromQuery;
  }
  if (body.state === BodyState.Whole && mediaType(body.type) === "application/graphql") {
    const text = body.text();
    if (text === undefined) return { reason: Unread.malformed, length: body.length, problem: "it is not UTF-8" };
    return [...fromQuery, { query: text, operation: undefined }];
  }
  const wrong = unread(body);
  if (wrong !== undefined) return wrong;
  const { value } = body.json();
  const list = (Array.isArray(value) ? value : [value]) as readonly unknown[];
  const asked: Asked[] = [...fromQuery];
  for (const one of list) {
    const { query, operationName } = (typeof one === "object" && one !== null ? one : {}) as Record<string, unknown>;
    // A persisted query brings no document: the backend knows what it is.
    if (query === undefined && typeof one === "object" && one !== null && "extensions" in one) continue;
    if (typeof query !== "string")
      return { reason: Refusal.syntax, length: body.length, problem: "there is no text under `query`" };
    asked.push({ query, operation: typeof operationName === "string" ? operationName : undefined });
  }
  return asked;
}
