/**
 * What a message must look like before the gateway acts on it: every call by name, with its arguments.
 * A page or a program that got hold of a channel may send anything; what does not pass is answered with an error or
 * dropped, and nothing else happens. Must not copy or mend: what passes is used as it came.
 */
import type { GatewayFunctions } from "./calls.ts";
import { SORT_KEYS } from "./traffic.ts";

type Check = (value: unknown) => string | undefined;

/** Longest text of a call: a policy file. Characters. */
export const MAX_TEXT = 1_048_576;

function text(longest: number): Check {
  return (value) => {
    if (typeof value !== "string") return "must be a text";
    return value.length > longest ? `must have at most ${longest} characters` : undefined;
  };
}

function whole(lowest: number, highest: number): Check {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= lowest && value <= highest
      ? undefined
      : `must be a whole number from ${lowest} to ${highest}`;
}

const flag: Check = (value) => (typeof value === "boolean" ? undefined : "must be true or false");

function optional(check: Check): Check {
  return (value) => (value === undefined || value === null ? undefined : check(value));
}

function record(fields: Readonly<Record<string, Check>>): Check {
  return (value) => {
    if (!isRecord(value)) return "must be an object";
    for (const [name, check] of Object.entries(fields)) {
      const problem = check(Object.hasOwn(value, name) ? value[name] : undefined);
      if (problem !== undefined) return `${name} ${problem}`;
    }
    return undefined;
  };
}

function texts(mostEntries: number, longest: number): Check {
  return (value) => {
    if (!isRecord(value)) return "must be an object";
    const entries = Object.entries(value);
    if (entries.length > mostEntries) return `must have at most ${mostEntries} entries`;
    for (const [name, entry] of entries) {
      const problem = text(longest)(entry) ?? text(1024)(name);
      if (problem !== undefined) return `${name.slice(0, 40)} ${problem}`;
    }
    return undefined;
  };
}

function oneOf(...values: readonly string[]): Check {
  return (value) =>
    typeof value === "string" && values.includes(value) ? undefined : `must be one of ${values.join(", ")}`;
}

const simulation: Check = (value) => {
  if (value === null) return undefined;
  if (!isRecord(value)) return "must be a simulation or null";
  switch (value.kind) {
    case "down":
      return undefined;
    case "latency":
      return record({ milliseconds: whole(1, 600_000) })(value);
    case "errors":
      return record({ status: whole(400, 599), percent: whole(1, 100) })(value);
    default:
      return "kind must be one of down, latency, errors";
  }
};

const bucketChange: Check = (value) => {
  if (!isRecord(value)) return "must be a change of a bucket";
  if (value.kind === "set") {
    const { left } = value;
    return typeof left === "number" && left >= 0 && left <= 1e12 ? undefined : "left must be a number from 0 to 1e12";
  }
  return oneOf("reset", "freeze", "thaw")(value.kind) === undefined
    ? undefined
    : "kind must be one of reset, freeze, thaw, set";
};

/** What stands in them is read part by part, each within its bounds. */
const entries: Check = (value) =>
  Array.isArray(value) && value.length <= 200 ? undefined : "must be a list of at most 200 entries";

const sort = record({ by: oneOf(...SORT_KEYS), descending: flag, run: whole(0, Number.MAX_SAFE_INTEGER) });

const name = text(200);
const url = text(2048);
const filter = text(4000);
const position = whole(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

const explained = record({
  method: text(64),
  url: text(8192),
  headers: texts(100, 8192),
  clientIp: optional(text(64)),
});

const mintTarget: Check = (value) =>
  isRecord(value) && Object.hasOwn(value, "id") ? record({ id: position })(value) : explained(value);

/** One check per argument: a call that is added to the contract without its checks does not compile. */
type ChecksOf<Arguments extends readonly unknown[]> = { readonly [Place in keyof Arguments]: Check };
type Checks = { readonly [Name in keyof GatewayFunctions]: ChecksOf<Parameters<GatewayFunctions[Name]>> };

/** Arguments of each of GatewayFunctions, in order. */
const CALLS: Checks = {
  hello: [whole(0, 1_000_000)],
  watch: [
    record({
      traffic: optional(record({ filter })),
      services: optional(flag),
      limits: optional(record({ search: optional(text(1000)), count: optional(whole(0, 500)) })),
      status: optional(flag),
      whatIf: optional(flag),
    }),
  ],
  parseFilter: [filter],
  suggest: [filter, whole(0, 4000)],
  rows: [record({ filter, from: position, count: whole(0, 500), sort: optional(sort) })],
  detail: [position, flag],
  lastRejection: [],
  exportHar: [filter],
  importRequests: [text(200), whole(0, 1_000_000), entries],
  pin: [position, flag],
  replayRequest: [position],
  requestDraft: [position],
  sendDraft: [position, text(MAX_TEXT)],
  mintToken: [record({ target: mintTarget, given: texts(64, 4096), key: optional(text(1024)) })],
  services: [],
  limits: [text(1000), whole(0, 500)],
  caches: [text(1000), whole(0, 500)],
  purgeCache: [text(200), text(8192)],
  analytics: [oneOf("1m", "15m", "all")],
  changeBucket: [text(2000), text(4000), bucketChange],
  undoBucket: [whole(0, Number.MAX_SAFE_INTEGER)],
  setAdmin: [name, url, oneOf("Up", "Drain", "Maintenance")],
  simulate: [name, url, simulation],
  clearSimulations: [],
  scale: [name, whole(1, 32)],
  replicaLog: [name, url],
  status: [],
  policyText: [],
  propose: [text(MAX_TEXT), whole(-1, Number.MAX_SAFE_INTEGER)],
  explain: [explained],
  whatIf: [text(MAX_TEXT), flag],
  endWhatIf: [],
  prepareWhatIf: [],
  passingFixes: [position, optional(text(MAX_TEXT))],
  clearTraffic: [],
  clearFiltered: [filter],
  setRecording: [flag],
  stop: [],
};

export type GuardVerdict =
  | { readonly kind: "call" }
  /** Answerable: it had an id. */
  | { readonly kind: "refused"; readonly id: string; readonly message: string }
  /** Not a call, or one that nobody waits for. */
  | { readonly kind: "dropped" };

/** Judges one frame that came from a watcher. Never throws. */
export function guardFrame(frame: unknown): GuardVerdict {
  if (!isRecord(frame) || frame.t !== "q") return { kind: "dropped" };
  const id = typeof frame.i === "string" && frame.i.length <= 64 ? frame.i : undefined;
  const problem = callProblem(frame);
  if (problem === undefined && id !== undefined) return { kind: "call" };
  if (id === undefined) return { kind: "dropped" };
  return { kind: "refused", id, message: problem ?? "" };
}

function callProblem(frame: Readonly<Record<string, unknown>>): string | undefined {
  const { m: name, a: given } = frame;
  if (typeof name !== "string" || !Object.hasOwn(CALLS, name))
    return `The gateway has no function "${String(name).slice(0, 40)}".`;
  const checks: readonly Check[] = CALLS[name as keyof Checks];
  if (!Array.isArray(given)) return `${name}: the arguments must be a list.`;
  if (given.length > checks.length) return `${name} takes ${checks.length} arguments, not ${given.length}.`;
  for (let k = 0; k < checks.length; k++) {
    const problem = checks[k](given[k]);
    if (problem !== undefined) return `${name}: argument ${k + 1} ${problem}.`;
  }
  return undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
