/**
 * What an event must have before the page acts on it: the fields that the page counts, indexes or iterates.
 * A message that lacks them is dropped, so that nothing a broken peer sends can break the view.
 * Must not copy or mend: what passes is used as it came.
 */
type Check = (value: unknown) => boolean;

const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isText: Check = (value) => typeof value === "string";
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function shape(fields: Readonly<Record<string, Check>>): Check {
  return (value) => isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

const stamp = shape({ generation: isText, seq: isNumber });

const track = shape({
  phases: listOf(isText),
  warned: isNumber,
  replicas: isNumber,
  chosen: isNumber,
  excluded: listOf(isNumber),
  say: isText,
});

const row = shape({
  id: isNumber,
  at: isNumber,
  state: isText,
  tags: listOf(isText),
  method: isText,
  path: isText,
  status: isNumber,
  why: isText,
  duration: isNumber,
  track,
});

const counts = { stamp, total: isNumber, matched: isNumber, first: isNumber, dropped: isNumber, p95: isNumber };

const endpoint = shape({ label: isText, health: isText, inFlight: isNumber, share: isNumber });
const service = shape({ name: isText, healthy: isNumber, total: isNumber, endpoints: listOf(endpoint) });
const route = shape({ name: isText, summary: isText, perSecond: isNumber });
const key = shape({ key: isText, left: isNumber, capacity: isNumber, nextIn: isNumber, fullIn: isNumber });
const limit = shape({ identity: isText, name: isText, capacity: isNumber, keys: listOf(key), keyCount: isNumber });

const policy = shape({ file: isText, revision: isNumber, acceptedAt: isNumber, diagnostics: Array.isArray });

const CHECKS: Readonly<Record<string, Check>> = {
  traffic: shape({ ...counts, appended: listOf(row), appendedAt: isNumber, changed: listOf(row) }),
  rows: shape({ ...counts, from: isNumber, rows: listOf(row) }),
  servicesChanged: shape({ stamp, at: isNumber, services: listOf(service), routes: listOf(route) }),
  analytics: shape({
    window: isText,
    oneIn: isNumber,
    series: listOf(
      shape({
        kind: isText,
        name: isText,
        requests: isNumber,
        perSecond: isNumber,
        p50: isNumber,
        history: listOf(isNumber),
      }),
    ),
    policies: listOf(shape({ identity: isText, name: isText, judged: isNumber, micros: isNumber, location: isRecord })),
  }),
  limitsChanged: shape({ stamp, at: isNumber, limits: listOf(limit) }),
  statusChanged: shape({ stamp, state: isText, listeners: Array.isArray, policy }),
  whatIfChanged: (value) =>
    value === null ||
    shape({ total: isNumber, rejected: isNumber, admitted: isNumber, same: isNumber, assumptions: listOf(isText) })(
      value,
    ),
  passingFixes: listOf(shape({ title: isText, edits: Array.isArray, view: isRecord })),
  hostState: shape({ gateway: isText }),
  intent: shape({ kind: isText }),
  detail: shape({
    row,
    verdict: shape({ status: isNumber, title: isText, sentence: isText, fixes: Array.isArray }),
    gateway: Array.isArray,
    balancer: Array.isArray,
    routes: Array.isArray,
    fields: Array.isArray,
    requestBody: isRecord,
    responseBody: isRecord,
    timing: Array.isArray,
    attempts: Array.isArray,
    curl: isText,
    curlPowerShell: isText,
  }),
};

/** Whether `value` can be used as the payload of the message `name`. */
export function looksLike(name: string, value: unknown): boolean {
  return Object.hasOwn(CHECKS, name) && CHECKS[name]?.(value) === true;
}
