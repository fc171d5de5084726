/**
 * The only place where a refusal becomes HTTP: problem+json (RFC 9457) with Proxy-Status (RFC 9209); and where the answer
 * that a policy gives by itself does.
 * Policies and the core say why as data; here it gets a document, header fields and, for a client on this machine,
 * the line of the policy file to look at.
 * Must not know a policy by name.
 */
import { STATUS_CODES } from "node:http";
import type { Passage } from "../../model/arrival.ts";
import type { Plan } from "../../model/plan.ts";
import type { Answer, PlacedError } from "../../model/policy.ts";
import type { Refusal } from "../../decide/story.ts";
import { VALUE } from "../http1/grammar.ts";

/** An answer that the gateway gives itself. */
export interface Problem {
  /** "urn:switchyard:<kind>:<reason>", stable for ever. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Error type of RFC 9209 section 2.3. */
  readonly proxyError: string;
  /** Header lines that go with it, each with its CRLF. */
  readonly lines: string;
  readonly policy?: string;
  readonly file?: string;
  readonly line?: number;
  readonly fix?: string;
  readonly errors?: readonly PlacedError[];
  /** Said in place of the document: no problem at all, but what a policy answers. */
  readonly answer?: Answer;
  /** Its body in place of the answer's own text: latin1, one character per byte. */
  readonly content?: string;
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  508: "Loop Detected",
};

export function reasonPhrase(status: number): string {
  return REASONS[status] ?? "Refused";
}

/** Framing and connection fields are the engine's alone. */
const OWN_FIELDS = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
  "trailer",
  "upgrade",
]);

/** What a policy answers by itself. @param fields of the answer, after the shapes. @param lines of the policies that spoke. */
export function ownAnswer(answer: Answer, fields: readonly (readonly [string, string])[], lines: string): Problem {
  let written = "";
  for (const [name, value] of fields) {
    if (OWN_FIELDS.has(name.toLowerCase()) || !isFieldName(name) || !isFieldValue(value)) continue;
    written += `${name}: ${value}\r\n`;
  }
  const { status } = answer;
  return { type: "", title: "", status, detail: "", proxyError: "", lines: written + lines, answer };
}

function isFieldName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name);
}

/** A refusal of the core: by a policy, the router or the balancer. */
export function problemOf(refusal: Refusal, plan: Plan, lines: string): Problem {
  return {
    ...(refusal.errors && { errors: refusal.errors }),
    type: refusal.type,
    title: refusal.title,
    status: refusal.status,
    detail: refusal.sentence,
    proxyError: proxyErrorOf(refusal),
    lines: refusal.retryAfter === undefined ? lines : `${lines}Retry-After: ${refusal.retryAfter}\r\n`,
    policy: refusal.policy,
    file: refusal.source?.file ?? plan.file,
    line: refusal.source?.line,
    fix: refusal.fixes.length > 0 ? refusal.fixes.map((fix) => fix.title).join("; ") : undefined,
  };
}

function proxyErrorOf(refusal: Refusal): string {
  if (refusal.step >= 0) return "http_request_denied";
  return refusal.status === 404 ? "destination_not_found" : "destination_unavailable";
}

/**
 * The header lines that the plan's policies add to an answer (RateLimit, WWW-Authenticate, ...).
 * @param verdicts (step index, reason, x, y) of each step that spoke.
 */
export function replyLines(plan: Plan, step: number, reason: number, x: number, y: number, seen: Passage): string {
  const { replyFields, config, twin } = plan.steps[step];
  let lines = "";
  if (replyFields === undefined) return lines;
  const fields = replyFields(config, reason, x, y, seen, twin);
  for (const [name, value] of fields) if (isFieldValue(value)) lines += `${name}: ${value}\r\n`;
  return lines;
}

function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 255 || VALUE[code] !== 1) return false;
  }
  return true;
}

export interface ProblemOptions {
  /** Request id, for `instance`; "" when there was no request to name. */
  readonly instance: string;
  /** Name of this gateway in Proxy-Status. */
  readonly pseudonym: string;
  /** The client runs on this machine and may know about files. */
  readonly local: boolean;
  /** Answer to HEAD. */
  readonly bodiless: boolean;
  readonly keepAlive: boolean;
  /** The client speaks HTTP/1.0. */
  readonly minor: number;
  /** Value of Date. */
  readonly date: string;
}

/** @returns the whole response as latin1: head, and the document unless `bodiless`. */
export function composeProblem(problem: Problem, options: ProblemOptions): { head: string; body: string } {
  if (problem.answer !== undefined) return composeAnswer(problem, problem.answer, options);
  const { type, title, status, detail } = problem;
  const place = options.local
    ? { policy: problem.policy, file: problem.file, line: problem.line, fix: problem.fix }
    : undefined;
  const instance = options.instance === "" ? undefined : options.instance;
  const body = asciiJson({ type, title, status, detail, instance, errors: problem.errors, ...place });
  const connection = connectionLine(options);
  const head =
    `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n` +
    `Date: ${options.date}\r\n` +
    "Content-Type: application/problem+json\r\n" +
    `Content-Length: ${body.length}\r\n` +
    "Cache-Control: no-store\r\n" +
    `Proxy-Status: ${options.pseudonym}; error=${problem.proxyError}; details=${structuredString(detail)}\r\n` +
    problem.lines +
    connection +
    "\r\n";
  return { head, body: options.bodiless ? "" : body };
}

function connectionLine({ keepAlive, minor }: ProblemOptions): string {
  if (!keepAlive) return "Connection: close\r\n";
  return minor === 0 ? "Connection: keep-alive\r\n" : "";
}

/** RFC 9110 section 8.6: no Content-Length with 204, and with 304 none that would describe this message. */
function composeAnswer(problem: Problem, { body }: Answer, options: ProblemOptions): { head: string; body: string } {
  const { status } = problem;
  const bodiless = status === 204 || status === 304;
  const content = bodiless ? "" : (problem.content ?? Buffer.from(body, "utf8").toString("latin1"));
  const length = bodiless ? "" : `Content-Length: ${content.length}\r\n`;
  const head =
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n` +
    `Date: ${options.date}\r\n${length}${problem.lines}${connectionLine(options)}\r\n`;
  return { head, body: options.bodiless ? "" : content };
}

/** JSON in which everything beyond ASCII is escaped, so that characters and bytes count the same. */
function asciiJson(value: unknown): string {
  return (
    JSON.stringify(value, undefined, 2).replace(
      /[\u007f-\uffff]/g,
      (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"),
    ) + "\n"
  );
}

/** An sf-string (RFC 9651 section 3.3.3): printable ASCII, with quote and backslash escaped. */
function structuredString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}
