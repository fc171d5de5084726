/**
 * Traffic that never happened, for developing and testing the page: every row is a function of its number alone,
 * so that 100,000 of them are the same on every run and every machine.
 * Must not read a clock or randomness.
 */
import type { Detail, EndpointCandidate, TimelineStep } from "../../src/contract/detail.ts";
import type { Location } from "../../src/contract/location.ts";
import type { Row, Track } from "../../src/contract/traffic.ts";

/** 12:04:31.882 UTC on some day: the newest row of the first hundred thousand. */
export const NOON = Date.UTC(2026, 10, 24, 12, 4, 31, 882);
const FILE = "switchyard.yaml";

export function line(number: number): Location {
  return { file: FILE, line: number, column: 5 };
}

interface Kind {
  readonly state: Row["state"];
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly route?: string;
  readonly endpoint?: string;
  readonly caller?: string;
  readonly policy?: string;
  readonly why: string;
  readonly duration: number;
  readonly tags?: readonly string[];
  readonly protocol?: Row["protocol"];
  readonly track: Track;
}

function track(phases: readonly string[], say: string, more: Partial<Track> = {}): Track {
  return {
    phases,
    stopped: false,
    warned: -1,
    replicas: 0,
    chosen: -1,
    excluded: [],
    failed: false,
    say,
    ...more,
  };
}

const FOUR = ["route", "identify", "authorize", "limit"];
const THREE = ["route", "identify", "authorize"];

/** What the mock shows, in its order from old to new. */
export const KINDS: readonly Kind[] = [
  {
    state: "rejected",
    method: "GET",
    path: "/favicon.ico",
    status: 404,
    why: "no route; nearest: shop (path /shop)",
    duration: 0.2,
    track: track(["route"], "stopped: no route matched", { stopped: true }),
  },
  {
    state: "ok",
    method: "GET",
    path: "/live",
    status: 101,
    route: "live",
    endpoint: ":4201",
    why: "consistent hash x-tenant=acme",
    duration: -1,
    protocol: "websocket",
    track: track(THREE, "to replica 2 of 2, socket open", { replicas: 2, chosen: 1 }),
  },
  {
    state: "ok",
    method: "GET",
    path: "/orders/11",
    status: 200,
    route: "orders",
    endpoint: ":4002",
    caller: "bob",
    why: "least request 2 < 6  (:4001 ejected)",
    duration: 38.4,
    track: track(FOUR, "to replica 2 of 3; replica 1 excluded", { replicas: 3, chosen: 1, excluded: [0] }),
  },
  {
    state: "upstreamError",
    method: "GET",
    path: "/reviews/9",
    status: 502,
    route: "reviews",
    endpoint: ":4101",
    why: "backend closed before a response",
    duration: 6.1,
    track: track(THREE, "replica 1 of 3 failed", { replicas: 3, chosen: 0, failed: true }),
  },
  {
    state: "rejected",
    method: "GET",
    path: "/profile",
    status: 401,
    route: "profile",
    policy: "user-jwt",
    why: "user-jwt  expired 4 min ago",
    duration: 0.8,
    track: track(["route", "identify"], "stopped at identify (user-jwt)", { stopped: true }),
  },
  {
    state: "ok",
    method: "POST",
    path: "/orders",
    status: 201,
    route: "orders",
    endpoint: ":4003",
    caller: "alice",
    why: "least request 1 < 3  (:4001 ejected)",
    duration: 31.2,
    track: track(FOUR, "to replica 3 of 3; replica 1 excluded", {
      replicas: 3,
      chosen: 2,
      excluded: [0],
      warned: 2,
    }),
  },
  {
    state: "rejected",
    method: "GET",
    path: "/admin/users",
    status: 403,
    route: "admin",
    caller: "bob",
    policy: "admins-only",
    why: "admins-only  'admin' in jwt.roles",
    duration: 1.1,
    track: track(THREE, "stopped at authorize (admins-only)", { stopped: true }),
  },
  {
    state: "clientError",
    method: "GET",
    path: "/catalog/999999?fields=name,price,stock&expand=supplier",
    status: 404,
    route: "catalog",
    endpoint: ":4010",
    why: "round robin, turn of :4010",
    duration: 3.7,
    track: track(THREE, "to replica 1 of 2", { replicas: 2, chosen: 0 }),
  },
  {
    state: "ok",
    method: "GET",
    path: "/catalog?q=lamp",
    status: 200,
    route: "catalog",
    endpoint: ":4011",
    why: "least request 1 < 4",
    duration: 12.3,
    track: track(THREE, "to replica 1 of 2", { replicas: 2, chosen: 0 }),
  },
  {
    state: "ok",
    method: "GET",
    path: "/orders/12",
    status: 200,
    route: "orders",
    endpoint: ":4002",
    caller: "bob",
    why: "retry 2 of 2 after 502 from :4001",
    duration: 84,
    tags: ["retried"],
    track: track(FOUR, "to replica 2 of 3 after a retry", { replicas: 3, chosen: 1, excluded: [0] }),
  },
  {
    state: "aborted",
    method: "GET",
    path: "/catalog/export",
    status: 200,
    route: "catalog",
    endpoint: ":4010",
    why: "client went away after 1.2 MiB",
    duration: 2210,
    track: track(THREE, "to replica 1 of 2; client went away", { replicas: 2, chosen: 0 }),
  },
  {
    state: "rejected",
    method: "POST",
    path: "/orders/77",
    status: 429,
    route: "orders",
    caller: "alice",
    policy: "per-user",
    why: "per-user  0 of 60, next in 1.3 s",
    duration: 1.6,
    track: track(FOUR, "stopped at the rate limit (per-user)", { stopped: true }),
  },
];

export function kindOf(id: number): Kind {
  return KINDS[(id - 1) % KINDS.length]!;
}

/** The row with this id; ids count from 1. `newest` is the id whose time is NOON. */
export function makeRow(id: number, newest: number): Row {
  const kind = kindOf(id);
  const sizes = [212, 48, 3170, 0, 402, 188, 377, 96, 15_210, 2954, 1_258_291, 431];
  return {
    id,
    at: NOON - (newest - id) * 237 - ((id * 7919) % 200),
    state: kind.state,
    tags: kind.tags ?? [],
    protocol: kind.protocol ?? "http/1.1",
    method: kind.method,
    host: "localhost:8080",
    path: kind.path,
    status: kind.status,
    listener: "edge",
    ...(kind.route === undefined ? {} : { route: kind.route }),
    ...(kind.endpoint === undefined ? {} : { service: kind.route ?? "shop", endpoint: kind.endpoint }),
    ...(kind.caller === undefined ? {} : { caller: kind.caller }),
    client: "127.0.0.1",
    ...(kind.policy === undefined ? {} : { policy: kind.policy }),
    why: kind.why,
    duration: kind.duration,
    firstByte: kind.endpoint === undefined ? -1 : Math.abs(kind.duration) * 0.8,
    requestBytes: kind.method === "POST" ? 143 : 0,
    responseBytes: sizes[(id - 1) % sizes.length]!,
    attempts: kind.tags?.includes("retried") === true ? 2 : kind.endpoint === undefined ? 0 : 1,
    revision: 14,
    track: kind.track,
    evicted: false,
    traceId: `4bf92f3577b34da6a3ce929d${id.toString(16).padStart(8, "0")}`,
  };
}

function step(
  phase: string,
  sentence: string,
  state: TimelineStep["state"],
  at: number,
  facts: Readonly<Record<string, string>> = {},
): TimelineStep {
  return {
    phase,
    label: phase,
    sentence,
    state,
    location: line(at),
    facts: Object.entries(facts).map(([name, value]) => ({ name, value })),
  };
}

function gatewaySteps(row: Row): TimelineStep[] {
  const steps = [
    step("route", "orders, of 2 candidates; catalog lost on path", "ok", 31, { listener: "edge", path: row.path }),
    step("identify", `sub ${row.caller ?? "alice"}, aud shop, expires in 14 min`, "ok", 22, {
      issuer: "https://dev.local/",
      algorithm: "RS256",
      "key id": "dev-1",
      "clock skew": "30 s",
    }),
    step("authorize", `can-write: "orders:write" in scope`, row.track.warned === 2 ? "shadow" : "ok", 37, {
      expression: "'orders:write' in jwt.scope",
      "jwt.scope": "[orders:read, orders:write]",
    }),
    step("limit", "per-user: 12.0 of 60 tokens left", "ok", 41, { key: row.caller ?? "alice", left: "12.0" }),
  ];
  const ran = Math.max(1, row.track.phases.length);
  return steps.map((one, index): TimelineStep => {
    if (index < ran - 1 || !row.track.stopped) return index < ran ? one : { ...one, state: "skipped", facts: [] };
    if (index === ran - 1) return { ...one, state: "stop", sentence: row.why };
    return { ...one, state: "off", sentence: "not reached", facts: [] };
  });
}

const CANDIDATES: readonly EndpointCandidate[] = [
  {
    label: ":4001",
    url: "http://localhost:4001",
    verdict: "excluded",
    why: "ejected after 5 failures in a row, back in 18 s",
    inFlight: 0,
    weight: 1,
    location: line(12),
  },
  {
    label: ":4002",
    url: "http://localhost:4002",
    verdict: "chosen",
    why: "drawn with :4003; 2 < 6",
    inFlight: 2,
    weight: 2,
    location: line(13),
  },
  {
    label: ":4003",
    url: "http://localhost:4003",
    verdict: "lost",
    why: "6 > 2",
    inFlight: 6,
    weight: 1,
    location: line(14),
  },
];

function verdictOf(row: Row): Detail["verdict"] {
  const titles: Record<Row["state"], string> = {
    pending: "In flight",
    ok: "Forwarded",
    clientError: "Forwarded",
    upstreamError: "The backend failed",
    rejected: "Refused",
    aborted: "The client went away",
  };
  const limit = row.policy === "per-user";
  const refused = row.state === "rejected";
  return {
    refused,
    status: row.status,
    title: limit ? "Rate limit used up by per-user" : titles[row.state],
    sentence: limit ? "0.0 of 60 tokens left, 1 needed; the next comes in 1.3 s." : `${row.why}.`,
    ...(refused
      ? { type: limit ? "urn:switchyard:rateLimit:empty" : "urn:switchyard:route:refused", location: line(41) }
      : {}),
    ...(row.policy === undefined ? {} : { policy: row.policy }),
    fixes: limit ? [{ title: "Smallest passing limit: 74 per 1m", location: line(41), newText: "requests: 74" }] : [],
  };
}

const REPLY = JSON.stringify({
  id: 12,
  item: "lamp",
  total: 12345678901234567890n.toString(),
  lines: [{ sku: "L-1" }],
});

export function makeDetail(row: Row, reveal: boolean): Detail {
  const stopped = row.track.stopped;
  const token = reveal ? "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl" : "•••• (masked)";
  return {
    row,
    verdict: verdictOf(row),
    gateway: gatewaySteps(row),
    balancer: stopped
      ? [step("split", "not reached", "off", 48), step("pick", "not reached", "off", 12)]
      : [
          step("split", "orders (90%), drawn 0.31", "ok", 48, { "orders weight": "90", "orders-v2 weight": "10" }),
          step("pick", row.why, row.track.failed ? "stop" : "ok", 12, { drawn: ":4002 and :4003" }),
        ],
    routes: [
      { route: "orders", match: "GET POST /orders", verdict: "chosen", why: "prefix /orders", location: line(31) },
      { route: "catalog", match: "/catalog", verdict: "lost", why: "path does not match", location: line(52) },
      { route: "shop", match: "/", verdict: "lost", why: "less specific: prefix /", location: line(70) },
    ],
    ...(stopped
      ? {}
      : {
          balance: {
            algorithm: "LeastRequest",
            sentence: "Power of two choices, drew :4002 and :4003",
            seed: "8f21a0c4",
            candidates: CANDIDATES,
          },
        }),
    fields: fieldsOf(token, stopped),
    requestBody: body(row.method === "POST" ? `{"item":"lamp","quantity":2}` : "", "application/json"),
    responseBody: body(stopped ? `{"type":"urn:switchyard:rateLimit:empty","status":429}` : REPLY, "application/json"),
    timing: timingOf(row),
    attempts: attemptsOf(row),
    curlPowerShell: `curl.exe -i -X ${row.method} 'http://localhost:8080${row.path}'`,
    curl: `curl -i -X ${row.method} 'http://localhost:8080${row.path}' -H 'authorization: ${token}'`,
    revealed: reveal,
  };
}

function body(text: string, contentType: string): Detail["requestBody"] {
  const size = Buffer.byteLength(text);
  return {
    size,
    captured: size,
    contentType: size === 0 ? "" : contentType,
    contentEncoding: "",
    base64: Buffer.from(text).toString("base64"),
    evicted: false,
  };
}

function fieldsOf(token: string, stopped: boolean): Detail["fields"] {
  const to = (value: string): { upstream?: string } => (stopped ? {} : { upstream: value });
  return [
    { name: "host", side: "request", client: "localhost:8080", ...to("localhost:4002"), changedBy: "gateway" },
    { name: "accept", side: "request", client: "*/*", ...to("*/*") },
    { name: "authorization", side: "request", client: token, changedBy: "user-jwt", location: line(22) },
    { name: "x-user", side: "request", ...to("alice"), changedBy: "user-jwt", location: line(24) },
    { name: "via", side: "request", ...to("1.1 switchyard"), changedBy: "gateway" },
    { name: "content-type", side: "response", ...to("application/json"), reply: "application/json" },
    { name: "x-powered-by", side: "response", ...to("Express"), changedBy: "tidy", location: line(45) },
    { name: "ratelimit", side: "response", reply: `"per-user";r=0;t=2`, changedBy: "per-user", location: line(41) },
  ];
}

const attemptSpans = (number: number, start: number): Detail["timing"] => [
  { name: "connect", attempt: number, start, duration: 1.2 },
  { name: "send", attempt: number, start: start + 1.2, duration: 0.3 },
  { name: "wait", attempt: number, start: start + 1.5, duration: 9 },
  { name: "receive", attempt: number, start: start + 10.5, duration: 2.1 },
];

function timingOf(row: Row): Detail["timing"] {
  const decide = { name: "decide", attempt: 0, start: 0, duration: 0.4 } as const;
  if (row.endpoint === undefined) return [decide];
  return [decide, ...attemptSpans(1, 0.4), ...(row.attempts > 1 ? attemptSpans(2, 38) : [])];
}

function attemptsOf(row: Row): Detail["attempts"] {
  if (row.endpoint === undefined) return [];
  const last = {
    number: row.attempts,
    endpoint: row.endpoint,
    outcome: `${row.status} in 12 ms`,
    failed: row.status >= 500,
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the contract, a text
    then: "",
    reusedConnection: true,
  };
  if (row.attempts < 2) return [last];
  const first = {
    ...last,
    number: 1,
    endpoint: ":4001",
    outcome: "502 in 9 ms",
    failed: true,
    reusedConnection: false,
  };
  // oxlint-disable-next-line unicorn/no-thenable -- as above
  return [{ ...first, then: "tried again: 502 is in retry.codes, budget 20% not used up" }, last];
}
