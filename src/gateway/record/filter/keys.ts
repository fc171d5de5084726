/**
 * What traffic can be filtered by: one entry per key, from which parsing, description and suggestions all come.
 * Must not read rows: compile.ts says how a key is looked up.
 */
export type Operator = ":" | "=" | "!=" | ">" | ">=" | "<" | "<=" | "~";

export interface KeyKind {
  /** "" is the bare word. A trailing "." takes a name behind it ("req.x-tenant"). */
  readonly name: string;
  readonly type: "text" | "name" | "number" | "duration" | "size" | "state" | "status" | "since" | "field";
  readonly operators: readonly Operator[];
  /** How a sentence names it: "on route", "status". */
  readonly words: string;
  readonly example: string;
  readonly summary: string;
  /** Known only once the request has ended. */
  readonly atEnd: boolean;
  /** undefined = good. */
  check(value: string, operator: Operator): string | undefined;
}

const TEXT: readonly Operator[] = [":", "=", "!=", "~"];
const NUMBER: readonly Operator[] = [":", "=", "!=", ">", ">=", "<", "<="];

/** Words after `is:`, each with its sentence. */
export const STATES: Readonly<Record<string, string>> = {
  pending: "still running",
  ok: "answered well",
  "client-error": "answered with 4xx by the service",
  "upstream-error": "failed by the service",
  error: "failed in any way",
  rejected: "rejected by the gateway",
  aborted: "given up by the client",
  forwarded: "sent to a replica",
  retried: "retried",
  hedged: "sent to another replica before the first had answered",
  mirror: "that are copies of others, sent to a mirror",
  replay: "sent again by a person",
  mock: "answered by a mock of the policy",
  pinned: "pinned",
  imported: "imported from an archive",
  websocket: "upgraded to a WebSocket",
  grpc: "that are gRPC calls",
  shadow: "let pass by a shadow policy that would have refused",
  simulated: "touched by a simulation",
  bypassed: "let through a trusted listener without all its policies",
  changed: "that the unsaved policy would treat otherwise",
  evicted: "whose heads and bodies are evicted",
};

/** After `proto:`. `h2` are all requests over HTTP/2, gRPC and WebSockets too. */
export const PROTOCOLS: readonly string[] = ["http/1.1", "h2", "grpc", "websocket", "tcp", "tls", "udp"];

function checkProtocol(value: string, operator: Operator): string | undefined {
  if (operator === "~" || value.includes("*") || PROTOCOLS.includes(value.toLowerCase())) return undefined;
  return `"${value}" is no protocol. Known are ${PROTOCOLS.join(", ")}.`;
}

const anything = () => undefined;

function kind(
  name: string,
  type: KeyKind["type"],
  words: string,
  example: string,
  summary: string,
  options: { atEnd?: boolean; check?: KeyKind["check"]; operators?: readonly Operator[] } = {},
): KeyKind {
  const numeric = type === "number" || type === "duration" || type === "size" || type === "status";
  return {
    name,
    type,
    words,
    example,
    summary,
    operators: options.operators ?? (numeric ? NUMBER : TEXT),
    atEnd: options.atEnd ?? true,
    check: options.check ?? anything,
  };
}

const KEYS: readonly KeyKind[] = [
  kind("", "text", "", "orders", "a word anywhere in method, host, path, route, service, caller or policy"),
  kind("is", "state", "", "is:rejected", "how it ended", { check: checkState, operators: [":", "="] }),
  kind("status", "status", "status", "status>=500", "status sent to the client; 4xx is a class", {
    check: checkStatus,
  }),
  kind("proto", "name", "by", "proto:h2", `what the client spoke: ${PROTOCOLS.join(", ")}`, { check: checkProtocol }),
  kind("grpc", "number", "gRPC status", "grpc>0", "status of a gRPC call; 0 is OK", { check: checkNumber }),
  kind("method", "name", "method", "method:POST", "request method", { atEnd: false }),
  kind("path", "text", "path", "path:/orders/*", "path; * stands for anything", { atEnd: false }),
  kind("host", "text", "host", "host:shop.localhost", "host that was asked for", { atEnd: false }),
  kind("client", "text", "client", "client:127.0.0.1", "address of the client", { atEnd: false }),
  kind("route", "name", "on route", "route:orders", "route that matched"),
  kind("service", "name", "to service", "service:orders", "service it went to"),
  kind("replica", "name", "to replica", "replica:orders-2", "replica it went to: orders-2, :4002"),
  kind("policy", "name", "refused by", "policy:per-user", "policy that refused"),
  kind("key", "name", "caller", "key:alice", "consumer or token subject"),
  kind("caller", "name", "caller", "caller:alice", "consumer or token subject"),
  kind("dur", "duration", "taking", "dur>250ms", "duration", { check: checkDuration }),
  kind("size", "size", "of size", "size>10kB", "bytes of the answer", { check: checkSize }),
  kind("attempt", "number", "attempts", "attempt>1", "attempts made", { check: checkNumber }),
  kind("req.", "field", "request header", "req.x-tenant:acme", "a request header"),
  kind("trace", "name", "of trace", "trace:4bf92f*", "trace of its traceparent, 32 hex digits"),
  kind("jwt.", "field", "token claim", "jwt.sub:42", "a claim of the verified token"),
  kind("since", "since", "since", "since:save", "after the last save, or in the last 5m", {
    atEnd: false,
    check: checkSince,
    operators: [":"],
  }),
  kind("body", "text", "body containing", 'body~"out of stock"', "captured bodies, both ways"),
];

export const KEY_NAMES = KEYS.map((key) => key.name).filter((name) => name !== "");

export const ALL_KEYS = KEYS;

/** @param key lower case. */
export function findKey(key: string): KeyKind | undefined {
  return KEYS.find((kind) =>
    kind.name.endsWith(".") ? key.startsWith(kind.name) && key.length > kind.name.length : kind.name === key,
  );
}

function checkState(value: string): string | undefined {
  const state = value.toLowerCase();
  if (normalState(state) in STATES) return undefined;
  return `"${value}" is no state. Known are ${Object.keys(STATES).join(", ")}.`;
}

/** clientError, client-error and clienterror mean the same. */
export function normalState(value: string): string {
  const plain = value.toLowerCase().replaceAll("-", "");
  return Object.keys(STATES).find((state) => state.replaceAll("-", "") === plain) ?? value;
}

function checkStatus(value: string, operator: Operator): string | undefined {
  if (/^[1-5]xx$/i.test(value))
    return operator === ":" || operator === "=" || operator === "!="
      ? undefined
      : `"${value}" is a class of statuses: use it with ":", or compare with a number.`;
  return /^\d{1,3}$/.test(value) ? undefined : `"${value}" is no status: write 404 or 4xx.`;
}

function checkNumber(value: string): string | undefined {
  return /^\d{1,9}$/.test(value) ? undefined : `"${value}" is no whole number.`;
}

function checkDuration(value: string): string | undefined {
  return durationOf(value) === undefined ? `"${value}" is no duration: write 250ms, 1.5s or 2m.` : undefined;
}

function checkSize(value: string): string | undefined {
  return sizeOf(value) === undefined ? `"${value}" is no size: write 500, 10kB or 1MiB.` : undefined;
}

function checkSince(value: string): string | undefined {
  return value.toLowerCase() === "save" || durationOf(value) !== undefined
    ? undefined
    : `"${value}" is no time: write since:save or since:5m.`;
}

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, "": 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** @returns milliseconds. */
export function durationOf(value: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|min|m|h|)$/i.exec(value);
  return match === null ? undefined : Number(match[1]) * MILLISECONDS[match[2].toLowerCase()];
}

const BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1000,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1_048_576,
  g: 1e9,
  gb: 1e9,
  gib: 1_073_741_824,
};

/** @returns bytes. */
export function sizeOf(value: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([kmg]i?b?|b|)$/i.exec(value);
  const unit = match === null ? undefined : BYTES[match[2].toLowerCase()];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
