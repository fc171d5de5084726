/**
 * The decision on a request that is not sent: the same core over a copy of the state, with the same facts.
 * Must not touch the running state, and must not send anything to a service (keys for tokens are looked up).
 */
import type { ExplainRequest } from "../../contract/explaining.ts";
import type { Detail } from "../../contract/detail.ts";
import type { Row, RowState } from "../../contract/traffic.ts";
import { decide } from "../../decide/decide.ts";
import { enter } from "../../decide/enter.ts";
import { explain } from "../../decide/explain.ts";
import { normalisePath, pathProblem } from "../../decide/path.ts";
import type { Story } from "../../decide/story.ts";
import type { Arrival, Passage } from "../../model/arrival.ts";
import { Decision } from "../../model/decision.ts";
import type { Plan } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import type { FactGatherer } from "../facts/gatherer.ts";
import { curlForPowerShell, curlOf } from "../record/curl.ts";
import type { Mask } from "../record/mask.ts";
import { storyParts, verdictOf } from "../record/story-view.ts";

export interface WhatIfContext {
  readonly plan: Plan;
  readonly state: State;
  readonly revision: number;
  readonly facts: FactGatherer;
  readonly mask: Mask;
  now(): number;
  wallClock(): number;
  seed(): number;
}

/** @throws Error in words when the request cannot be understood. */
export async function explainRequest(context: WhatIfContext, request: ExplainRequest): Promise<Detail> {
  const { plan } = context;
  const passage = passageFor(context, request);
  const state = structuredClone(context.state);
  const decision = new Decision();
  const now = context.now();
  enter(passage, plan, state, now, decision);
  if (!decision.over && decision.route >= 0) {
    passage.facts = await context.facts.gather(plan.routes[decision.route].needs, passage);
    decide(passage, plan, state, now, decision);
  }
  const story = explain(decision, plan, passage);
  return describedDetail(context, passage, decision, story, request);
}

export function passageFor(context: WhatIfContext, request: ExplainRequest): Passage {
  const url = urlOf(request.url);
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(request.method)) throw new Error(`"${request.method}" is no method.`);
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers)) {
    const low = name.toLowerCase();
    const before = fields.get(low);
    fields.set(low, before === undefined ? value : `${before}, ${value}`);
  }
  const hostField = fields.get("host");
  if (hostField === undefined) fields.set("host", url.host);
  const arrival: Arrival = {
    layer: 7,
    listener: listenerFor(context.plan, url),
    clientIp: request.clientIp ?? "127.0.0.1",
    clientPort: 0,
    method: request.method,
    host: (hostField === undefined ? url.hostname : hostField.replace(/:\d*$/, "")).toLowerCase(),
    path: pathOf(request.url),
    query: queryOf(request.url),
    header: (name) => fields.get(name),
  };
  return {
    arrival,
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed: context.seed(),
    tried: 0,
    wallClock: context.wallClock(),
    requestId: () => "what-if",
  };
}

function urlOf(text: string): URL {
  const whole = text.startsWith("/") ? `http://localhost${text}` : text;
  try {
    const url = new URL(/^[a-z]+:\/\//i.test(whole) ? whole : `http://${whole}`);
    if (/^(?:http|ws)s?:$/.test(url.protocol)) return url;
  } catch {
    // Said below.
  }
  throw new Error(`"${text}" is no http address: write http://localhost:8080/path, or /path alone.`);
}

/** As it would arrive: what the URL class rewrites (dots, backslashes) is the gateway's to judge. */
function pathOf(text: string): string {
  const path = targetOf(text).split("?", 1)[0];
  const normal = normalisePath(path);
  if (normal === undefined) throw new Error(`The gateway would answer 400: ${pathProblem(path)}.`);
  return normal;
}

function queryOf(text: string): string | undefined {
  const target = targetOf(text);
  const mark = target.indexOf("?");
  return mark === -1 ? undefined : target.slice(mark + 1);
}

function targetOf(text: string): string {
  const rest = text.replace(/#.*$/, "").replace(/^(?:[a-z]+:\/\/)?[^/?]*/i, "");
  const target = rest.startsWith("/") ? rest : `/${rest}`;
  if (/[^\u0021-\u007e]/.test(target)) return encodeURI(target);
  return target;
}

function listenerFor(plan: Plan, url: URL): number {
  if (plan.listeners.length === 0) throw new Error("The policy has no listener, so nothing can arrive.");
  const http = plan.listeners.findIndex(({ protocol }) => protocol === "HTTP" || protocol === "HTTPS");
  const index = plan.listeners.findIndex((one) => one.port === Number(url.port) && one.protocol !== "UDP");
  const chosen = url.port === "" || index < 0 ? http : index;
  const { name, protocol } = plan.listeners[Math.max(0, chosen)];
  if (protocol === "HTTP" || protocol === "HTTPS") return chosen;
  throw new Error(`Listener ${name} works at layer 4 (${protocol}): it sees connections and no requests to explain.`);
}

/** What there is to tell of a request that was decided and not sent. */
export function describedDetail(
  context: WhatIfContext,
  { arrival, caller }: Passage,
  decision: Decision,
  story: Story,
  request: ExplainRequest,
): Detail {
  const { plan, revision, wallClock } = context;
  const mask = maskFor(context, request);
  const service = plan.services[decision.service];
  const refused = story.refusal !== undefined;
  const row: Row = {
    id: 0,
    at: wallClock(),
    state: (refused ? "rejected" : "ok") satisfies RowState,
    tags: ["explained"],
    protocol: "http/1.1",
    method: arrival.method ?? "",
    host: arrival.host ?? "",
    path: mask.target(arrival.query === undefined ? (arrival.path ?? "") : `${arrival.path}?${arrival.query}`),
    status: story.refusal?.status ?? story.answer?.status ?? 0,
    listener: plan.listeners[arrival.listener].name,
    route: plan.routes[decision.route]?.name,
    service: service?.name,
    endpoint: service?.endpoints[decision.endpoint]?.label,
    caller: caller.label,
    client: arrival.clientIp,
    policy: story.refusal?.policy,
    why: story.why,
    duration: -1,
    firstByte: -1,
    requestBytes: 0,
    responseBytes: 0,
    attempts: 0,
    revision,
    track: story.track,
    evicted: false,
  };
  const fields = Object.entries(request.headers).map(([name, value]) => ({ name, value: mask.field(name, value) }));
  const url = mask.target(request.url);
  const asked = { method: request.method, url, fields, body: Buffer.alloc(0), complete: true };
  const empty = { size: 0, captured: 0, contentType: "", contentEncoding: "", evicted: false };
  return mask.deep({
    row,
    verdict: verdictOf(story, plan, { refused: false, status: 0, title: "", sentence: "" }),
    ...storyParts(story),
    fields: fields.map(({ name, value }) => ({ name, client: value, side: "request" })),
    requestBody: empty,
    responseBody: empty,
    timing: [],
    attempts: [],
    curl: curlOf(asked),
    curlPowerShell: curlForPowerShell(asked),
    revealed: false,
  });
}

function maskFor(context: WhatIfContext, request: ExplainRequest): Mask {
  const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return context.mask.with(`GET ${targetOf(request.url)} HTTP/1.1\r\n${lines.join("")}\r\n`);
}
