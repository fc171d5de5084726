/**
 * One entry of an HTTP Archive (HAR 1.2) -> a row and a detail. An archive that Switchyard wrote brings its decision
 * under `_switchyard`; of any other one only request, answer and times are known, and it is said so.
 * A file is a stranger's word: every part is built anew from what it should be, and nothing else of it is kept. Must
 * not keep a place in a policy as a link: the lines of another machine's file mean nothing here.
 */
import type { AttemptView, BodyView, Detail, FieldJourney, TimelineStep, TimingSpan } from "../../contract/detail.ts";
import type { Row, RowState, Track } from "../../contract/traffic.ts";
import { curlForPowerShell, curlOf, type CurlInput } from "./curl.ts";
import { contentTypeOf, flag, list, number, object, oneOf, place, text, type Part } from "./har-parts.ts";
import type { Mask } from "./mask.ts";

export interface EntryContext {
  readonly id: number;
  /** Name of the file. */
  readonly archive: string;
  readonly mask: Mask;
}

/** Bytes kept of each body, as of a recorded one. */
const MOST_BODY = 65_536;
const MOST_FIELDS = 200;
const METHOD = /^[!#$%&'*+.^_`|~\w-]{1,64}$/;
const STATES: readonly RowState[] = ["ok", "clientError", "upstreamError", "rejected", "aborted"];
/** A pin was another gateway's. */
const TAGS: readonly string[] = ["retried", "shadow", "simulated", "bypassed", "hedged", "mirror", "part", "replay"];
const PROTOCOLS: readonly Row["protocol"][] = ["http/1.1", "h2", "grpc", "websocket"];
const SPANS: readonly TimingSpan["name"][] = ["decide", "queue", "connect", "send", "wait", "receive"];
const STEP_STATES: readonly TimelineStep["state"][] = ["ok", "stop", "off", "shadow", "skipped"];

/** @returns what is wrong with it, in words, when it is no request that could be shown. */
export function readEntry(value: unknown, context: EntryContext): { row: Row; detail: Detail } | string {
  const entry = object(value);
  const request = object(entry.request);
  const response = object(entry.response);
  const method = text(request.method, 64);
  if (!METHOD.test(method)) return "request.method is no method";
  const url = urlOf(request.url);
  if (url === undefined) return "request.url is no http or https URL";
  const at = Date.parse(text(entry.startedDateTime, 64));
  if (Number.isNaN(at)) return "startedDateTime is no time";
  if (typeof response.status !== "number") return "response.status is no number";
  const { _switchyard: told } = entry;
  const own = object(told);
  const parts: Parts = { entry, request, response, own, url, method, at, context };
  return assemble(parts);
}

interface Parts {
  readonly entry: Part;
  readonly request: Part;
  readonly response: Part;
  /** What Switchyard wrote beside; empty in another's archive. */
  readonly own: Part;
  readonly url: URL;
  readonly method: string;
  readonly at: number;
  readonly context: EntryContext;
}

function assemble(parts: Parts): { row: Row; detail: Detail } {
  const { request, response, own, context } = parts;
  const requestFields = fieldsOf(request);
  const replyFields = fieldsOf(response);
  const mask = context.mask.with(headOf(parts, requestFields), headOf(parts, replyFields));
  const shown = (fields: readonly Field[]) =>
    fields.map((each) => ({ ...each, value: mask.field(each.name, each.value) }));
  const requestBody = bodyOf(requestFields, object(request.postData), request.bodySize, mask);
  const row = mask.deep(rowOf(parts, mask, requestBody));
  const decided = own.gateway !== undefined;
  const curl: CurlInput = {
    method: parts.method,
    url: mask.target(parts.url.href),
    fields: shown(requestFields),
    body: Buffer.from(requestBody.base64 ?? "", "base64"),
    complete: requestBody.captured === requestBody.size,
  };
  const detail: Detail = {
    row,
    imported: { archive: context.archive, decided },
    verdict: verdictOf(parts, decided),
    gateway: list(own.gateway, 200).map(stepOf),
    balancer: list(own.balancer, 50).map(stepOf),
    routes: list(own.routes, 200).map((route) => ({
      route: text(route.route),
      match: text(route.match),
      verdict: oneOf(route.verdict, ["chosen", "lost"], "lost"),
      why: text(route.why),
    })),
    ...balanceOf(own.balance),
    fields: journeyOf(parts, shown(requestFields), shown(replyFields), mask),
    requestBody,
    responseBody: bodyOf(replyFields, object(response.content), object(response.content).size, mask),
    timing: timingOf(parts),
    attempts: list(own.attempts, 32).map(attemptOf),
    curl: curlOf(curl),
    curlPowerShell: curlForPowerShell(curl),
    revealed: false,
  };
  return { row, detail: mask.deep(detail) };
}

// ---- The row -----------------------------------------------------------------------------------------------------

function rowOf({ own, url, method, at, entry, request, response, context }: Parts, mask: Mask, body: BodyView): Row {
  const told = object(own.row);
  const status = Math.trunc(number(response.status, 0));
  const named = (value: unknown) => text(value, 200) || undefined;
  return {
    id: context.id,
    at,
    state: oneOf(told.state, STATES, stateOf(status)),
    tags: ["imported", ...TAGS.filter((tag) => strings(told.tags, 20).includes(tag))],
    archive: context.archive,
    protocol: oneOf(told.protocol, PROTOCOLS, /2|h2/i.test(text(request.httpVersion, 20)) ? "h2" : "http/1.1"),
    method,
    host: text(told.host, 300) || url.host,
    path: mask.target(`${url.pathname}${url.search}`).slice(0, 4096),
    status,
    listener: text(own.listener, 200),
    route: named(own.route),
    service: named(own.service),
    endpoint: named(own.endpoint),
    caller: named(own.caller),
    client: text(told.client, 100),
    policy: named(told.policy ?? object(own.verdict).policy),
    why: text(own.why) || text(response.comment),
    duration: Math.max(0, number(entry.time, 0)),
    firstByte: number(told.firstByte, -1),
    requestBytes: Math.max(0, number(request.bodySize, body.size)),
    responseBytes: Math.max(0, number(response.bodySize, 0), number(object(response.content).size, 0)),
    attempts: Math.min(255, Math.max(0, Math.trunc(number(told.attempts, list(own.attempts, 32).length)))),
    revision: Math.max(0, Math.trunc(number(own.revision, 0))),
    track: trackOf(told.track),
    evicted: false,
    ...(typeof told.traceId === "string" && /^[\da-f]{32}$/.test(told.traceId) ? { traceId: told.traceId } : {}),
  };
}

function stateOf(status: number): RowState {
  if (status >= 500) return "upstreamError";
  if (status >= 400) return "clientError";
  return status === 0 ? "aborted" : "ok";
}

function trackOf(value: unknown): Track {
  const told = object(value);
  const whole = (entry: unknown) => Math.trunc(number(entry, -1));
  const replicas = Math.min(32, Math.max(0, whole(told.replicas)));
  return {
    phases: strings(told.phases, 20),
    stopped: flag(told.stopped),
    warned: whole(told.warned),
    replicas,
    chosen: Math.min(replicas - 1, Math.max(-1, whole(told.chosen))),
    excluded: Array.isArray(told.excluded) ? told.excluded.slice(0, 32).map(whole) : [],
    failed: flag(told.failed),
    say: text(told.say) || "imported; no decision stands in the archive",
  };
}

function strings(value: unknown, most: number): string[] {
  return Array.isArray(value) ? value.slice(0, most).map((entry) => text(entry, 100)) : [];
}

function urlOf(value: unknown): URL | undefined {
  try {
    const url = new URL(text(value, 8192));
    return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
  } catch {
    return undefined;
  }
}

// ---- The story ---------------------------------------------------------------------------------------------------

function verdictOf({ own, response }: Parts, decided: boolean): Detail["verdict"] {
  const told = object(own.verdict);
  const status = Math.trunc(number(response.status, 0));
  if (!decided)
    return {
      refused: false,
      status,
      title: text(response.statusText, 200) || (status === 0 ? "No answer" : "Answered"),
      sentence: "The archive holds no decision: another program wrote it.",
      fixes: [],
    };
  const line = place(told.location);
  return {
    refused: flag(told.refused),
    status,
    title: text(told.title, 200),
    sentence: `${text(told.sentence)}${line === "" ? "" : ` It was decided at ${line} of the policy that served then.`}`,
    ...(text(told.type) === "" ? {} : { type: text(told.type) }),
    ...(text(told.policy) === "" ? {} : { policy: text(told.policy) }),
    fixes: [],
  };
}

function stepOf(step: Part): TimelineStep {
  const line = place(step.location);
  const facts = list(step.facts, 100).map((fact) => ({ name: text(fact.name, 200), value: text(fact.value) }));
  return {
    phase: text(step.phase, 100),
    label: text(step.label, 200),
    sentence: text(step.sentence),
    state: oneOf(step.state, STEP_STATES, "ok"),
    facts: line === "" ? facts : [...facts, { name: "decided at", value: line }],
  };
}

function balanceOf(value: unknown): Pick<Detail, "balance"> {
  if (value === undefined || value === null) return {};
  const told = object(value);
  return {
    balance: {
      algorithm: text(told.algorithm, 100),
      sentence: text(told.sentence),
      seed: text(told.seed, 100),
      candidates: list(told.candidates, 64).map((candidate) => ({
        label: text(candidate.label, 200),
        url: text(candidate.url, 500),
        verdict: oneOf(candidate.verdict, ["chosen", "lost", "excluded"], "lost"),
        why: text(candidate.why),
        inFlight: number(candidate.inFlight, 0),
        weight: number(candidate.weight, 1),
      })),
    },
  };
}

function attemptOf(attempt: Part, index: number): AttemptView {
  return {
    number: number(attempt.number, index + 1),
    endpoint: text(attempt.endpoint, 200),
    outcome: text(attempt.outcome),
    failed: flag(attempt.failed),
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the contract, a text
    then: text(attempt.then),
    reusedConnection: flag(attempt.reusedConnection),
  };
}

/** Switchyard's own spans, or the format's phases one after the other. */
function timingOf({ own, entry }: Parts): TimingSpan[] {
  const told = list(own.timing, 400).map((span) => ({
    name: oneOf(span.name, SPANS, "wait"),
    attempt: number(span.attempt, 1),
    start: Math.max(0, number(span.start, 0)),
    duration: Math.max(0, number(span.duration, 0)),
  }));
  if (told.length > 0) return told;
  const timings = object(entry.timings);
  const spans: TimingSpan[] = [];
  let start = 0;
  for (const [name, key] of [
    ["queue", "blocked"],
    ["connect", "connect"],
    ["send", "send"],
    ["wait", "wait"],
    ["receive", "receive"],
  ] as const) {
    const duration = number(timings[key], -1);
    if (duration < 0) continue;
    spans.push({ name, attempt: 1, start, duration });
    start += duration;
  }
  return spans;
}

// ---- Fields and bodies -------------------------------------------------------------------------------------------

interface Field {
  readonly name: string;
  readonly value: string;
}

function fieldsOf(message: Part): Field[] {
  return list(message.headers, MOST_FIELDS)
    .map((field) => ({ name: text(field.name, 200), value: text(field.value, 8192).replaceAll(/[\r\n]/g, " ") }))
    .filter(({ name }) => name !== "" && !name.startsWith(":"));
}

function headOf({ method, url }: Parts, fields: readonly Field[]): string {
  const lines = fields.map(({ name, value }) => `${name}: ${value}`);
  return [`${method} ${url.pathname}${url.search} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

function journeyOf({ own }: Parts, request: readonly Field[], reply: readonly Field[], mask: Mask): FieldJourney[] {
  const told = list(own.fields, 2 * MOST_FIELDS).map((field) => {
    const name = text(field.name, 200);
    const value = (station: "client" | "gateway" | "upstream" | "reply") =>
      typeof field[station] === "string" ? { [station]: mask.field(name, text(field[station], 8192)) } : {};
    return {
      name,
      side: oneOf(field.side, ["request", "response"] as const, "request"),
      ...value("client"),
      ...value("gateway"),
      ...value("upstream"),
      ...value("reply"),
      ...(text(field.changedBy) === "" ? {} : { changedBy: text(field.changedBy, 200) }),
    };
  });
  if (told.length > 0) return told;
  return [
    ...request.map(({ name, value }) => ({ name, client: value, side: "request" as const })),
    ...reply.map(({ name, value }) => ({ name, reply: value, side: "response" as const })),
  ];
}

/** @param holder `postData`, or `content`. @param told bytes on the wire, as the archive says. */
function bodyOf(fields: readonly Field[], holder: Part, told: unknown, mask: Mask): BodyView {
  const { _base64: coded } = holder;
  const encoded = typeof coded === "string" ? coded : undefined;
  const written = encoded ?? (typeof holder.text === "string" ? holder.text : "");
  const base64 = encoded !== undefined || holder.encoding === "base64";
  const bytes = Buffer.from(written.slice(0, 2 * MOST_BODY), base64 ? "base64" : "utf8").subarray(0, MOST_BODY);
  const whole = base64 ? Math.floor((written.length * 3) / 4) : Buffer.byteLength(written);
  const size = Math.max(bytes.length, number(told, whole), 0);
  return {
    size,
    captured: bytes.length,
    contentType: text(holder.mimeType, 200) || contentTypeOf(fields),
    // An archive holds bodies as they were read, not as they were packed for the way.
    contentEncoding: "",
    base64: mask.bytes(bytes).toString("base64"),
    evicted: false,
  };
}
