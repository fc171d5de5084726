/**
 * Judges one request, and one answer, by an OpenAPI document that has been read: parameters, bodies, header fields, each
 * violation with its place. Must not know the policy's fields: it says what is wrong, the policy says what follows.
 */
import type { Passage } from "../model/arrival.ts";
import { BodyState, type Allowance, type CollectedBody } from "../model/body.ts";
import { unread, Unread, type Finding } from "./json-body.ts";
import {
  contentFor,
  findPath,
  type Api,
  type Content,
  type FoundPath,
  type Operation,
  type Response,
} from "./openapi-document.ts";
import { multipartForm, urlencodedForm, type Form } from "./openapi-forms.ts";
import { headerValue, pairsOf, valueOf, type Parameter } from "./openapi-parameters.ts";
import { isJson, mediaType } from "./reply-changes.ts";
import type { Violation } from "./schema-run.ts";

/** Reasons of the policy, in the order of their numbers. */
export const Refusal = {
  ...Unread,
  noPath: 7,
  noMethod: 8,
  invalid: 9,
  tooCostly: 10,
  contentType: 11,
  response: 12,
  responseHead: 13,
  responseTooLarge: 14,
  responseUnjudged: 15,
} as const;

export interface ApiFinding extends Finding {
  /** "GET /orders/{id}" */
  readonly operation?: string;
  readonly allow?: string;
}

export interface Called {
  readonly found: FoundPath;
  readonly operation: Operation;
}

/** @param below where the document's paths begin here, in place of its servers. @returns what is called, or why nothing is. */
export function called(api: Api, { arrival }: Passage, below: string | undefined): Called | ApiFinding {
  const candidates = findPath(api, arrival.path ?? "", below);
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

export function judgeRequest({ operation, found }: Called, body: CollectedBody, x: Passage): ApiFinding {
  const { name } = operation;
  const { length, allowance } = body;
  const violations: Violation[] = [];
  const query = pairsOf(x.arrival.query);
  for (const parameter of operation.parameters) {
    const empty = parameter.mayBeEmpty && query.has(parameter.name);
    const value = valueOf(parameter, x, found.variables, query);
    if (!empty || value !== undefined) judgeParameter(parameter, value, allowance, violations);
  }
  const wrong = judgeBody(operation, body, violations);
  if (wrong !== undefined) return { ...wrong, operation: name };
  if (violations.length === 0) return { reason: 0, length, operation: name };
  return { reason: Refusal.invalid, length, operation: name, violations: violations.slice(0, 20) };
}

function judgeParameter(parameter: Parameter, value: unknown, allowance: Allowance, violations: Violation[]): void {
  const at = `${parameter.in}/${parameter.name}`;
  if (value === undefined) {
    if (parameter.required) violations.push({ at, say: "is required and missing" });
    return;
  }
  for (const one of parameter.validate(value, allowance) ?? [{ at: "", say: "is too costly to judge" }])
    violations.push({ at: at + one.at, say: one.say });
}

function judgeBody(operation: Operation, body: CollectedBody, violations: Violation[]): ApiFinding | undefined {
  const { contents } = operation;
  if (contents.length === 0) return undefined;
  if (body.state === BodyState.None) return operation.bodyRequired ? { reason: Unread.missing, length: 0 } : undefined;
  const { length, allowance } = body;
  const type = mediaType(body.type);
  const content = contentFor(contents, type);
  if (content === undefined) {
    const ranges = contents.map(({ range }) => range).join(", ");
    const came = type === "" ? "body without Content-Type" : type.slice(0, 100);
    return { reason: Refusal.contentType, length, problem: `${came}: it takes ${ranges}` };
  }
  if (content.validate === undefined) return undefined;
  if (!isJson(type) && formOf(type) === undefined) return undefined;
  const wrong = unread(body, !isJson(type));
  if (wrong !== undefined) return wrong;
  const form = formOf(type)?.(body, content);
  const found = content.validate(form === undefined ? body.json().value : form.value, allowance);
  if (found === undefined) return { reason: Refusal.tooCostly, length };
  violations.push(...(form?.violations ?? []), ...found);
  return undefined;
}

/** How a form of this type is read. */
function formOf(type: string): ((body: CollectedBody, content: Content) => Form) | undefined {
  if (type === "application/x-www-form-urlencoded")
    return (body, { members }) => urlencodedForm(body.text(), members, body.allowance);
  if (type === "multipart/form-data")
    return (body, { members }) => multipartForm(body.binary() ?? "", body.type, members, body.allowance);
  return undefined;
}

/** @returns undefined when the document does not say what such an answer is. */
export function responseFor({ responses }: Operation, status: number): Response | undefined {
  return responses.get(String(status)) ?? responses.get(`${Math.floor(status / 100)}XX`) ?? responses.get("DEFAULT");
}

/** Whether the answer's body will have to be read: what is declared and no JSON passes unread, however large. */
export function readsAnswer(operation: Operation, status: number, type: string): boolean {
  const content = contentFor(responseFor(operation, status)?.contents ?? [], mediaType(type));
  return content?.validate !== undefined && isJson(type);
}

/** Of a head one step more is asked than of any body. */
const HEAD_ALLOWANCE = 20_000;

/** @param field of the answer, by its name in lower case. @param hasBody it brings one. */
export function judgeAnswerHead(
  operation: Operation,
  status: number,
  field: (name: string) => string | undefined,
  hasBody: boolean,
): readonly Violation[] {
  const response = responseFor(operation, status);
  // A 304 says nothing new: nobody declares it.
  if (response === undefined)
    return status === 304 ? [] : [{ at: "", say: `must not have the status ${status}: it is not declared` }];
  const violations: Violation[] = [];
  const allowance = { left: HEAD_ALLOWANCE };
  if (status !== 304)
    for (const parameter of response.headers)
      judgeParameter(parameter, headerValue(parameter, field(parameter.name.toLowerCase())), allowance, violations);
  const { contents } = response;
  const type = mediaType(field("content-type") ?? "");
  if (hasBody && contentFor(contents, type) === undefined) {
    const declared =
      contents.length === 0 ? "no body is declared" : `declared is ${contents.map(({ range }) => range).join(", ")}`;
    violations.push({ at: "", say: `must not be ${type === "" ? "without Content-Type" : type}: ${declared}` });
  }
  return violations;
}

export function judgeAnswerBody(operation: Operation, status: number, body: CollectedBody): readonly Violation[] {
  const { validate } = contentFor(responseFor(operation, status)?.contents ?? [], mediaType(body.type)) ?? {};
  if (validate === undefined || !isJson(body.type)) return [];
  const { value, problem } = body.json();
  if (problem !== undefined) return [{ at: "", say: `cannot be read: ${problem}` }];
  return validate(value, body.allowance) ?? [{ at: "", say: "is too costly to judge" }];
}
