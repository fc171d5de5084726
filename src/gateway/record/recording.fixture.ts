/**
 * Recordings as the engine would make them, for tests and benches that fill a recorder directly.
 */
import type { Arrival, TokenFact } from "../../model/arrival.ts";
import { Mark } from "../../model/decision.ts";
import { freshState } from "../../model/fresh.ts";
import type { Plan } from "../../model/plan.ts";
import { read } from "../../policyfile/read.ts";
import { fieldOf } from "./heads.ts";
import type { Recorder } from "./recorder.ts";
import { Next, type Recording } from "./recording.ts";

export const POLICY = `version: 1
listeners:
  - { name: edge, port: 8080 }
consumers:
  - { name: alice, apiKey: alices-own-key-4711, groups: [team] }
services:
  orders:
    endpoints:
      - { url: "http://localhost:4001" }
      - { url: "http://localhost:4002" }
routes:
  - name: orders
    matches: [{ path: { prefix: /orders } }]
    policies:
      - apiKey: { query: api_key }
      - rateLimit: { key: consumer, requests: 5, per: 1m }
      - requestHeaders: { set: { x-caller: "\${consumer}" } }
    backendRefs: [{ service: orders }]
`;

export function planOf(text: string): Plan {
  const secrets: string[] = [];
  const { plan, diagnostics } = read(text, "switchyard.yaml", {
    env: () => undefined,
    file: () => undefined,
    resolved: (secret) => void secrets.push(secret),
  });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  void freshState(plan);
  return { ...plan, secrets };
}

export interface Made {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly status?: number;
  readonly fields?: readonly string[];
  readonly replyFields?: readonly string[];
  readonly requestBody?: string;
  readonly responseBody?: string | Buffer;
  readonly caller?: string;
  readonly fact?: TokenFact;
  /** Refused by the step with this index, for reason 1. */
  readonly refusedBy?: number;
  readonly at?: number;
  readonly took?: number;
  readonly failure?: number;
}

/** Begins and ends one request. @returns its id. */
export function record(recorder: Recorder, made: Made = {}): number {
  const recording = begin(recorder, made);
  const { id } = recording;
  finish(recorder, recording, made);
  return id;
}

export function begin(recorder: Recorder, made: Made = {}): Recording {
  const { method = "GET", path = "/orders", query, fields = [] } = made;
  const target = query === undefined ? path : `${path}?${query}`;
  const head = [`${method} ${target} HTTP/1.1`, "Host: localhost:8080", ...fields, "", ""].join("\r\n");
  const arrival: Arrival = {
    layer: 7,
    listener: 0,
    clientIp: "127.0.0.1",
    clientPort: 50_000,
    method,
    host: "localhost",
    path,
    query,
    header: (name) => fieldOf(head, name),
  };
  const recording = recorder.open();
  recording.at = made.at ?? 1_700_000_000_000;
  recording.start = 1000;
  recording.revision = 1;
  recording.seed = 7;
  recording.arrival = arrival;
  recording.requestHead = head;
  recorder.began(recording);
  return recording;
}

export function finish(recorder: Recorder, recording: Recording, made: Made = {}): void {
  const { status = 200, replyFields = [], requestBody = "", responseBody = "", refusedBy } = made;
  const sent = Buffer.from(requestBody);
  const answered = typeof responseBody === "string" ? Buffer.from(responseBody) : responseBody;
  recorder.captureRequest(recording, sent, 0, sent.length);
  recorder.captureResponse(recording, answered, 0, answered.length);
  recording.replyHead = [`HTTP/1.1 ${status} OK`, ...replyFields, "", ""].join("\r\n");
  recording.end = recording.start + (made.took ?? 12);
  recording.status = status;
  recording.failure = made.failure ?? 0;
  recording.caller.label = made.caller;
  recording.caller.consumer = made.caller;
  if (made.fact !== undefined) {
    recording.facts = { token: made.fact };
    if (made.fact.state === "verified") recording.caller.jwt = made.fact.claims;
  }
  const { decision } = recording;
  decision.enteredAt = decision.decidedAt = recording.start;
  decision.route = decision.match = 0;
  decision.trace.mark(Mark.Route, 0, 0, 1, 0);
  if (refusedBy === undefined) {
    decision.service = 0;
    decision.endpoint = 1;
    decision.attempts = 1;
    decision.trace.mark(Mark.Candidate, 0, 0, 0, 1);
    decision.trace.mark(Mark.Candidate, 1, 0, 0, 1);
    decision.trace.mark(Mark.Picked, 1, 1, 0, 0);
    recording.upstreamHead = recording.requestHead;
    recording.responseHead = recording.replyHead;
    const start = recording.start;
    recording.attempts.push({
      endpoint: 1,
      startedAt: start,
      connectedAt: start + 1,
      sentAt: start + 2,
      firstByteAt: start + 9,
      endedAt: recording.end,
      status,
      failure: made.failure ?? 0,
      reused: false,
      next: Next.Nothing,
    });
  } else {
    decision.step = refusedBy;
    decision.reason = 1;
    decision.trace.mark(Mark.Step, refusedBy, 1, 0, 0);
  }
  recorder.ended(recording);
}
