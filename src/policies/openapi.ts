/**
 * openapi: holds requests, and when asked answers, to an OpenAPI document (3.0 and 3.1): paths, methods, parameters,
 * bodies; every violation with its place. Requests are judged at the edge, where the body is; only findings are kept.
 * Must not fetch a document from anywhere but beside the policy file.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import { BodyState, type CollectedBody } from "../model/body.ts";
import type { BodyWork, Verdict } from "../model/body-work.ts";
import type { CompileContext, ConfigProblem, Policy, Shape, Step } from "../model/policy.ts";
import { size, writeSize } from "../model/scalars.ts";
import { documentsOf } from "./documents.ts";
import { placed, sayViolations, unread, unreadReasons, Unread, type Finding } from "./json-body.ts";
import { contentFor, findPath, readApi, type Api, type FoundPath, type Operation } from "./openapi-document.ts";
import { pairsOf, typed, valueOf } from "./openapi-parameters.ts";
import { isJson, isWhole, mediaType } from "./reply-changes.ts";
import type { Violation } from "./schema-run.ts";

const config = z.strictObject({
  document: z.string().check(
    z.minLength(1),
    z.meta({
      description:
        "The OpenAPI document, YAML or JSON, relative to the policy file. `$ref` may lead to files beside it.",
      examples: ["./openapi.yaml"],
    }),
  ),
  responses: z.prefault(
    z.enum(["warn", "enforce", "off"]).check(
      z.meta({
        description:
          "`warn` tells which answers break the document and lets them pass, `enforce` answers 502 instead, `off` does not look.",
      }),
    ),
    "off",
  ),
  basePath: z.optional(
    z
      .string()
      .check(z.regex(/^\/[^\s?#]*$/, { error: "write a path that begins with /" }))
      .check(
        z.meta({
          description: "Where the document's paths begin here, in place of its `servers`.",
          examples: ["/api"],
        }),
      ),
  ),
  most: z.prefault(
    size({ least: 1, most: 8_388_608 }).check(
      z.meta({ description: "The most bytes that are read of a body, decoded." }),
    ),
    "1MiB",
  ),
});

type Config = z.output<typeof config>;

const Refusal = {
  ...Unread,
  noPath: 6,
  noMethod: 7,
  invalid: 8,
  tooCostly: 9,
  contentType: 10,
  response: 11,
  responseTooLarge: 12,
} as const;

interface ApiFinding extends Finding {
  /** "GET /orders/{id}" */
  readonly operation?: string;
  readonly allow?: string;
}

export const openapi: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "openapi",
  phase: "validate",
  summary:
    "Holds requests, and answers when asked, to an OpenAPI document: paths, parameters, bodies, each violation told.",
  example: "openapi: { document: ./openapi.yaml, responses: warn }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    ...unreadReasons<Config>(findingOf, (c) => c.most),
    noPath: {
      status: 404,
      title: "path not in the API",
      say: (c, _x, _y, seen) => `${c.document} has no path for ${seen.arrival.path ?? ""}`,
    },
    noMethod: {
      status: 405,
      title: "method not in the API",
      say: (c, _x, _y, seen) =>
        `${c.document} has no ${seen.arrival.method ?? ""} for this path: it has ${findingOf(c, seen)?.allow ?? "others"}`,
    },
    invalid: {
      status: 422,
      title: "request does not fit the API",
      say: (c, _x, _y, seen) => sayAll(findingOf(c, seen), "the request does not fit"),
      brief: (_c, x) => `${x} ${x === 1 ? "violation" : "violations"}`,
      errors: (c, _x, _y, seen) => placed(findingOf(c, seen)?.violations),
    },
    tooCostly: {
      status: 422,
      title: "body too costly to judge",
      say: (_c, x) => `the body (${x} bytes) would take more than 300,000 steps to judge`,
    },
    contentType: {
      status: 415,
      title: "content type not in the API",
      say: (c, _x, _y, seen) => {
        const found = findingOf(c, seen);
        return `${found?.operation ?? "the operation"} takes no ${found?.problem ?? "such content"}`;
      },
    },
    response: {
      status: 502,
      title: "answer breaks the API",
      say: (c, _x, _y, seen) =>
        sayAll(seen.facts[`${factName(c)}/answer`] as ApiFinding | undefined, "the backend's answer does not fit"),
      brief: (_c, x) => `answer with ${x} ${x === 1 ? "violation" : "violations"}`,
      errors: (c, _x, _y, seen) => placed((seen.facts[`${factName(c)}/answer`] as ApiFinding | undefined)?.violations),
    },
    responseTooLarge: {
      status: 502,
      title: "answer too large to be judged",
      say: (_c, x, y) => `the backend's answer has ${x} bytes or more, and at most ${writeSize(y)} are judged`,
    },
  },
  admits: (c, _x, _y, seen) => {
    const { operation } = findingOf(c, seen) ?? {};
    const answers =
      c.responses === "off" ? "" : `; the answer will be ${c.responses === "warn" ? "judged" : "held to it"} too`;
    return `the request fits ${operation ?? c.document}${answers}`;
  },
  check: (c, context): readonly ConfigProblem[] => {
    const { problems } = apiOf(c, context);
    return problems.map((message) => ({ path: ["document"], message }));
  },
  needs: (c, context): readonly FactRequest[] => {
    const api = apiOf(c, context);
    return [{ name: factName(c), kind: "body", source: { most: c.most, read: (body, x) => judge(c, api, body, x) } }];
  },
  replyFields: (c, reason, _x, _y, seen) =>
    reason === Refusal.noMethod ? [["Allow", findingOf(c, seen)?.allow ?? ""]] : [],
  compile,
};

function sayAll(found: ApiFinding | undefined, words: string): string {
  const violations = found?.violations ?? [];
  const count = violations.length === 1 ? "1 place" : `${violations.length} places`;
  return `${words} ${found?.operation ?? "the document"} in ${count}: ${sayViolations(violations)}`;
}

function factName(c: Config): string {
  return `openapi/${xxHash32(JSON.stringify(c), 0).toString(16).padStart(8, "0")}`;
}

function findingOf(c: Config, seen: Passage): ApiFinding | undefined {
  return seen.facts[factName(c)] as ApiFinding | undefined;
}

function apiOf(c: Config, context: CompileContext): Api {
  const documents = documentsOf(context);
  const api = readApi(c.document, (path) => documents.load(path));
  return { ...api, problems: [...documents.problems.values(), ...api.problems] };
}

interface Called {
  readonly found: FoundPath;
  readonly operation: Operation;
}

function called(c: Config, api: Api, { arrival }: Passage): Called | ApiFinding {
  const candidates = findPath(api, arrival.path ?? "", c.basePath);
  if (candidates.length === 0) return { reason: Refusal.noPath, length: 0 };
  const method = arrival.method ?? "";
  for (const found of candidates) {
    const { operations } = found.path;
    const operation = operations.get(method) ?? (method === "HEAD" ? operations.get("GET") : undefined);
    if (operation !== undefined) return { found, operation };
  }
  const allow = [...new Set(candidates.flatMap(({ path }) => [...path.operations.keys()]))].join(", ");
  return { reason: Refusal.noMethod, length: 0, allow };
}

function judge(c: Config, api: Api, body: CollectedBody, x: Passage): ApiFinding {
  const call = called(c, api, x);
  if ("reason" in call) return call;
  const { operation, found } = call;
  const violations: Violation[] = [];
  const query = pairsOf(x.arrival.query);
  for (const parameter of operation.parameters) {
    const value = valueOf(parameter, x, found.variables, query);
    const at = `${parameter.in}/${parameter.name}`;
    if (value === undefined) {
      if (parameter.required) violations.push({ at, say: "is required and missing" });
      continue;
    }
    for (const one of parameter.validate(value) ?? [{ at: "", say: "is too costly to judge" }])
      violations.push({ at: at + one.at, say: one.say });
  }
  const wrong = judgeBody(operation, body, violations);
  if (wrong !== undefined) return { ...wrong, operation: operation.name };
  if (violations.length > 0)
    return {
      reason: Refusal.invalid,
      length: body.length,
      operation: operation.name,
      violations: violations.slice(0, 20),
    };
  return { reason: 0, length: body.length, operation: operation.name };
}

function judgeBody(operation: Operation, body: CollectedBody, violations: Violation[]): ApiFinding | undefined {
  if (operation.contents.length === 0) return undefined;
  if (body.state === BodyState.None) return operation.bodyRequired ? { reason: Unread.missing, length: 0 } : undefined;
  const type = mediaType(body.type);
  const content = contentFor(operation.contents, type);
  if (content === undefined)
    return {
      reason: Refusal.contentType,
      length: body.length,
      problem: type === "" ? "body without Content-Type" : type.slice(0, 100),
    };
  if (content.validate === undefined) return undefined;
  let value: unknown;
  if (isJson(type)) {
    const wrong = unread(body);
    if (wrong !== undefined) return wrong;
    ({ value } = body.json());
  } else if (type === "application/x-www-form-urlencoded" && body.state === BodyState.Whole) {
    value = formOf(body.text(), content.members);
  } else return undefined;
  const found = content.validate(value);
  if (found === undefined) return { reason: Refusal.tooCostly, length: body.length };
  for (const one of found) violations.push(one);
  return undefined;
}

function formOf(text: string | undefined, members: ReadonlyMap<string, ReadonlySet<string>>): unknown {
  const form: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of pairsOf(text)) {
    const one = typed(value, members.get(name) ?? new Set());
    const list = members.get(name)?.has("array") === true;
    if (list) form[name] = [...((form[name] as unknown[] | undefined) ?? []), one];
    else form[name] = one;
  }
  return { ...form };
}

function compile(c: Config, context: CompileContext): Step<undefined> & Shape {
  const name = factName(c);
  const api = apiOf(c, context);
  return {
    peek(x, _state, _now, note) {
      const found = x.facts[name] as ApiFinding | undefined;
      const reason = found?.reason ?? ADMIT;
      note.put(reason, reason === Refusal.invalid ? (found?.violations?.length ?? 0) : (found?.length ?? 0), 0);
      return reason;
    },
    ...(c.responses !== "off" && { body: answerWork(c, api) }),
  };
}

function answerWork(c: Config, api: Api): BodyWork {
  const answerOf = (x: Passage, status: number) => {
    const call = called(c, api, x);
    if ("reason" in call) return undefined;
    const { responses } = call.operation;
    const contents =
      responses.get(String(status)) ?? responses.get(`${Math.floor(status / 100)}XX`) ?? responses.get("DEFAULT");
    return { operation: call.operation, contents };
  };
  return {
    ...(c.responses === "warn" && { onlyTells: true }),
    response: {
      most: c.most,
      wants: (x, status, type) => {
        if (!isWhole({ status })) return false;
        const answer = answerOf(x, status);
        if (answer === undefined) return false;
        // What is declared and no JSON passes unread, however large.
        const content = contentFor(answer.contents ?? [], mediaType(type));
        return (
          answer.contents === undefined || content === undefined || (content.validate !== undefined && isJson(type))
        );
      },
      judge: (x, status, body) => judgeAnswer(c, answerOf(x, status), status, body),
      tooLarge: Refusal.responseTooLarge,
      unreadable: Refusal.response,
    },
  };
}

const FINE: Verdict = { reason: 0, x: 0, y: 0 };

function judgeAnswer(
  c: Config,
  answer: { readonly operation: Operation; readonly contents: Operation["contents"] | undefined } | undefined,
  status: number,
  body: CollectedBody,
): Verdict {
  if (answer === undefined) return FINE;
  const { operation, contents } = answer;
  let violations: readonly Violation[] = [];
  if (contents === undefined) violations = [{ at: "", say: `must not have the status ${status}: it is not declared` }];
  else if (contents.length > 0 || body.length > 0) {
    const content = contentFor(contents, mediaType(body.type));
    if (content === undefined)
      violations = [
        {
          at: "",
          say: `must not be ${body.type === "" ? "without Content-Type" : mediaType(body.type)}: it is not declared`,
        },
      ];
    else if (content.validate !== undefined && isJson(body.type)) {
      const { value, problem } = body.json();
      violations =
        problem === undefined
          ? (content.validate(value) ?? [{ at: "", say: "is too costly to judge" }])
          : [{ at: "", say: problem }];
    }
  }
  if (violations.length === 0) return FINE;
  const value: ApiFinding = { reason: Refusal.response, length: body.length, operation: operation.name, violations };
  return { reason: Refusal.response, x: violations.length, y: 0, fact: { name: `${factName(c)}/answer`, value } };
}
