/**
 * openapi: holds requests, and when asked answers, to an OpenAPI document (3.0 and 3.1): paths, methods, parameters,
 * bodies; every violation with its place. Requests are judged at the edge, where the body is; only findings are kept.
 * Must not fetch a document from anywhere but beside the policy file.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import { WHOLE_ALLOWANCE, type CollectedBody } from "../model/body.ts";
import type { BodyWork, Verdict } from "../model/body-work.ts";
import type { CompileContext, ConfigProblem, Policy, Shape, Step } from "../model/policy.ts";
import { size, writeSize } from "../model/scalars.ts";
import { documentsOf } from "./documents.ts";
import { placed, sayViolations, unjudgedAnswer, unreadReasons } from "./json-body.ts";
import { readApi, type Api } from "./openapi-document.ts";
import {
  called,
  judgeAnswerBody,
  judgeAnswerHead,
  judgeRequest,
  readsAnswer,
  Refusal,
  type ApiFinding,
} from "./openapi-judge.ts";
import { isWhole } from "./reply-changes.ts";
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
      say: (_c, x) =>
        `the request (its body has ${x} bytes) would take more than ${WHOLE_ALLOWANCE.toLocaleString("en")} steps to judge`,
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
    responseHead: {
      status: 502,
      title: "answer's head breaks the API",
      say: (c, _x, _y, seen) =>
        sayAll(
          seen.facts[`${factName(c)}/head`] as ApiFinding | undefined,
          "the head of the backend's answer does not fit",
        ),
      brief: (_c, x) => `answer's head with ${x} ${x === 1 ? "violation" : "violations"}`,
      errors: (c, _x, _y, seen) => placed((seen.facts[`${factName(c)}/head`] as ApiFinding | undefined)?.violations),
    },
    responseTooLarge: {
      status: 502,
      title: "answer too large to be judged",
      say: (_c, x, y) => `the backend's answer has ${x} bytes or more, and at most ${writeSize(y)} are judged`,
    },
    responseUnjudged: unjudgedAnswer("judged"),
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
    const read = (body: CollectedBody, x: Passage): ApiFinding => {
      const call = called(api, x, c.basePath);
      return "reason" in call ? call : judgeRequest(call, body, x);
    };
    return [{ name: factName(c), kind: "body", source: { most: c.most, headers: api.fields, read } }];
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
  const operationOf = (x: Passage) => {
    const call = called(api, x, c.basePath);
    return "reason" in call ? undefined : call.operation;
  };
  const verdict = (
    x: Passage,
    reason: Reason,
    length: number,
    part: string,
    violations: readonly Violation[],
  ): Verdict => {
    if (violations.length === 0) return FINE;
    const value: ApiFinding = { reason, length, operation: operationOf(x)?.name ?? "", violations };
    return { reason, x: violations.length, y: 0, fact: { name: `${factName(c)}/${part}`, value } };
  };
  return {
    ...(c.responses === "warn" && { onlyTells: true }),
    response: {
      most: c.most,
      wants: (x, status, type) => {
        const operation = isWhole({ status }) ? operationOf(x) : undefined;
        return operation !== undefined && readsAnswer(operation, status, type);
      },
      judgeHead: (x, status, field, hasBody) => {
        const operation = operationOf(x);
        const found = operation === undefined ? [] : judgeAnswerHead(operation, status, field, hasBody);
        return verdict(x, Refusal.responseHead, 0, "head", found);
      },
      judge: (x, status, body) => {
        const operation = operationOf(x);
        const found = operation === undefined ? [] : judgeAnswerBody(operation, status, body);
        return verdict(x, Refusal.response, body.length, "answer", found);
      },
      tooLarge: Refusal.responseTooLarge,
      unreadable: Refusal.response,
      unjudged: Refusal.responseUnjudged,
    },
  };
}

const FINE: Verdict = { reason: 0, x: 0, y: 0 };
