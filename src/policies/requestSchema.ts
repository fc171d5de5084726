/**
 * requestSchema: whether a request's JSON body is what a JSON Schema says (2020-12), every violation with its place.
 * The body is judged at the edge, where it is, and only what was found is kept: so replay needs no bodies.
 * Must not fetch a schema from anywhere but beside the policy file.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { CollectedBody } from "../model/body.ts";
import { BodyState, WHOLE_ALLOWANCE } from "../model/body.ts";
import type { CompileContext, ConfigProblem, Policy, Step } from "../model/policy.ts";
import { size } from "../model/scalars.ts";
import { documentsOf } from "./documents.ts";
import { needsBody, NO_BODY, placed, sayViolations, unread, unreadReasons, Unread, type Finding } from "./json-body.ts";
import { SchemaCompiler, type Validate } from "./json-schema.ts";
import { FILES, SchemaRegistry } from "./schema-registry.ts";

const file = () =>
  z.string().check(
    z.minLength(1),
    z.meta({
      description: "The schema, JSON or YAML, relative to the policy file. `$ref` may lead to files beside it.",
      examples: ["./schemas/order.json"],
    }),
  );

const config = z
  .union(
    [
      file(),
      z.strictObject({
        file: z.optional(file()),
        schema: z.optional(
          z
            .record(z.string(), z.unknown())
            .check(z.meta({ description: "The schema itself, in place of a file.", examples: [{ type: "object" }] })),
        ),
        formats: z.prefault(
          z
            .boolean()
            .check(
              z.meta({ description: "Whether `format` is judged (date-time, email, uuid, ipv4 ...) or only a note." }),
            ),
          true,
        ),
        most: z.prefault(
          size({ least: 1, most: 8_388_608 }).check(
            z.meta({ description: "The most bytes that are read of a body, decoded; more is refused." }),
          ),
          "1MiB",
        ),
      }),
    ],
    { error: "write the path of a schema, `requestSchema: ./order.json`, or `{ file }` or `{ schema }`" },
  )
  .check(z.meta({ description: "A JSON Schema's file, or `{ file }` or `{ schema }` with other fields." }));

type Config = z.output<typeof config>;

const Refusal = { ...Unread, invalid: 7, tooCostly: 8 } as const;

const MOST = 1_048_576;
const FITS: Finding = Object.freeze({ reason: 0, length: -1 });

interface Parts {
  readonly file: string | undefined;
  readonly schema: unknown;
  readonly formats: boolean;
  readonly most: number;
}

function partsOf(c: Config): Parts {
  if (typeof c === "string") return { file: c, schema: undefined, formats: true, most: MOST };
  return { file: c.file, schema: c.schema, formats: c.formats, most: c.most };
}

export const requestSchema: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "requestSchema",
  phase: "validate",
  summary: "Whether a request's JSON body is what a JSON Schema says; every violation is told with its JSON Pointer.",
  example: "requestSchema: { schema: { type: object, required: [id], properties: { id: { type: integer } } } }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    ...unreadReasons<Config>(findingOf, (c) => partsOf(c).most),
    invalid: {
      status: 422,
      title: "body does not fit the schema",
      say: (c, _x, _y, seen) => sayInvalid(c, findingOf(c, seen)),
      brief: (_c, x) => `${x} ${x === 1 ? "violation" : "violations"}`,
      errors: (c, _x, _y, seen) => placed(findingOf(c, seen)?.violations),
    },
    tooCostly: {
      status: 422,
      title: "body too costly to judge",
      say: (c, x) =>
        `the body (${x} bytes) would take more than ${WHOLE_ALLOWANCE.toLocaleString("en")} steps to judge by ${named(c)}: judge fewer values, or simplify its alternatives`,
    },
  },
  admits: (c, x) => (x < 0 ? `the body fits ${named(c)}` : "there is no body to judge"),
  check: (c, context) => read(c, context).problems,
  needs: (c, context) => [factRequest(c, context)],
  compile: (c): Step<undefined> => {
    const name = factName(c);
    return {
      peek(x, _state, _now, note) {
        const found = x.facts[name] as Finding | undefined;
        const reason = found?.reason ?? ADMIT;
        note.put(reason, reason === Refusal.invalid ? (found?.violations?.length ?? 0) : (found?.length ?? 0), 0);
        return reason;
      },
    };
  },
};

function named(c: Config): string {
  return partsOf(c).file ?? "the schema";
}

function sayInvalid(c: Config, found: Finding | undefined): string {
  const violations = found?.violations ?? [];
  if (violations.length === 0) return `the body does not fit ${named(c)}`;
  const count = violations.length === 1 ? "1 place" : `${violations.length} places`;
  return `the body does not fit ${named(c)} in ${count}: ${sayViolations(violations)}`;
}

function factName(c: Config): string {
  return `schema/${xxHash32(JSON.stringify(c), 0).toString(16).padStart(8, "0")}`;
}

function findingOf(c: Config, seen: Passage): Finding | undefined {
  return seen.facts[factName(c)] as Finding | undefined;
}

function factRequest(c: Config, context: CompileContext): FactRequest {
  const { validate } = read(c, context);
  return {
    name: factName(c),
    kind: "body",
    source: { most: partsOf(c).most, read: (body, x) => judge(validate, body, x) },
  };
}

function judge(validate: Validate, body: CollectedBody, x: Passage): Finding {
  if (body.state === BodyState.None && !needsBody(x)) return NO_BODY;
  const wrong = unread(body);
  if (wrong !== undefined) return wrong;
  const violations = validate(body.json().value, body.allowance);
  if (violations === undefined) return { reason: Refusal.tooCostly, length: body.length };
  return violations.length === 0 ? FITS : { reason: Refusal.invalid, length: body.length, violations };
}

interface Reading {
  readonly validate: Validate;
  readonly problems: readonly ConfigProblem[];
}

function read(c: Config, context: CompileContext): Reading {
  const { file: path, schema, formats } = partsOf(c);
  const problems: ConfigProblem[] = [];
  const at = typeof c === "string" ? [] : [path === undefined ? "schema" : "file"];
  if ((path === undefined) === (schema === undefined)) {
    return { validate: () => [], problems: [{ path: [], message: "give either `file` or `schema`" }] };
  }
  const documents = documentsOf(context);
  const root = path === undefined ? schema : documents.load(path);
  const registry = new SchemaRegistry((name) => documents.load(name));
  const home = registry.add(FILES + (path ?? "./inline.json"), root);
  const compiler = new SchemaCompiler(registry, { formats });
  const validate = compiler.compile(root, home);
  for (const message of documents.problems.values()) problems.push({ path: at, message });
  if (problems.length === 0)
    for (const { at: place, message } of compiler.problems.slice(0, 5))
      problems.push({ path: at, message: `at ${place === "" ? "the top" : place} of the schema: ${message}` });
  return { validate, problems };
}
