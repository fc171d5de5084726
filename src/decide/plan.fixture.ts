/**
 * Small plans by hand for the core's own tests: fake policies that count what is asked of them.
 * Must not be imported by anything but tests; laws over real policies read policy files (test/laws).
 */
import type { Arrival, Passage } from "../model/arrival.ts";
import type { Phase, SourceRange } from "../model/basics.ts";
import type { AnyBalancerKind } from "../model/balancer.ts";
import type { PathMatch } from "../model/path-match.ts";
import type { ActiveCheck, Plan, PlanMatch, PlanRoute, PlanService, PlanStep, RankedMatch } from "../model/plan.ts";
import type { AnyPolicy, Step } from "../model/policy.ts";
import type { Outcome } from "../model/state.ts";
import { draw, DrawOf } from "../model/draw.ts";

export interface GateState {
  peeks: number;
  takes: number;
  ends: number;
  refusals: number;
}

export interface GateSpec {
  readonly name?: string;
  /** Refuses when false. */
  readonly admit?: boolean | ((x: Passage) => boolean);
  readonly shadow?: boolean;
  readonly when?: (x: Passage) => boolean;
  readonly phase?: Phase;
  /** Name of the service that it stands on. */
  readonly service?: string;
}

export interface RouteSpec {
  readonly name: string;
  readonly hostnames?: readonly string[];
  readonly matches?: readonly Partial<PlanMatch>[];
  readonly gates?: readonly GateSpec[];
  /** Service name to weight. */
  readonly backends?: Readonly<Record<string, number>>;
}

export interface PlanSpec {
  /** Weights of each service's endpoints. */
  readonly services?: Readonly<Record<string, readonly number[]>>;
  readonly gates?: readonly GateSpec[];
  readonly routes?: readonly RouteSpec[];
  readonly balancer?: AnyBalancerKind;
  readonly panicThreshold?: number;
  readonly active?: ActiveCheck;
  readonly maxEjectionPercent?: number;
}

export const nowhere: SourceRange = {
  file: "test.yaml",
  line: 1,
  column: 1,
  endLine: 1,
  endColumn: 1,
  offset: 0,
  endOffset: 0,
};

const gate: AnyPolicy = {
  kind: "gate",
  phase: "limit",
  summary: "Admits or refuses, and counts.",
  example: "gate: {}",
  // The fake is never read from a file.
  config: undefined as never,
  reasons: { closed: { status: 403, title: "Gate closed", say: (_c, x, y) => `The gate is closed (${x} of ${y}).` } },
  admits: (_config, x, y) => `the gate is open (${x} of ${y})`,
  state: (): GateState => ({ peeks: 0, takes: 0, ends: 0, refusals: 0 }),
  compile: () => ({}),
};

function actOf(spec: GateSpec): Step<GateState> {
  const admits = (x: Passage) => (typeof spec.admit === "function" ? spec.admit(x) : spec.admit !== false);
  return {
    peek(x, _state, _now, note) {
      const reason = admits(x) ? 0 : 1;
      note.put(reason, 3, 4);
      return reason;
    },
    take: (_x, state) => void state.takes++,
    end: (_x, state) => void state.ends++,
    refused: (_x, state) => void state.refusals++,
  };
}

/** Picks by the request's draw, so that tests need no import of the balancers. */
export const drawn: AnyBalancerKind = {
  type: "Drawn",
  summary: "Draws.",
  example: "type: Drawn",
  config: undefined as never,
  reasons: { drew: (x) => `drew ${x}` },
  state: () => null,
  compile: () => ({
    pick(x, pool, _state, _now, note) {
      const at = Math.floor(draw(x.seed, DrawOf.Balance) * pool.count);
      note.put(1, at, pool.count);
      return pool.count === 0 ? -1 : pool.eligible[at];
    },
  }),
};

export function planOf(spec: PlanSpec): Plan {
  const steps: PlanStep[] = [];
  const names = Object.keys(spec.services ?? { shop: [1, 1, 1] });
  const addStep = (gateSpec: GateSpec, owner: string): number => {
    const index = steps.length;
    const name = gateSpec.name ?? `gate${index}`;
    steps.push({
      index,
      identity: `${owner}/gate/${name}`,
      name,
      kind: "gate",
      phase: gateSpec.phase ?? "limit",
      policy: gate,
      config: {},
      act: actOf(gateSpec) as Step<unknown>,
      replyFields: gate.replyFields,
      twin: 0,
      shadow: gateSpec.shadow ?? false,
      service: gateSpec.service === undefined ? undefined : names.indexOf(gateSpec.service),
      when: gateSpec.when,
      source: nowhere,
    });
    return index;
  };
  const listenerSteps = (spec.gates ?? []).map((one) => addStep(one, "listener/edge"));
  const routes = (spec.routes ?? [{ name: "all" }]).map((route, index) => routeOf(route, index, names, addStep));
  return {
    file: "test.yaml",
    listeners: [
      { name: "edge", protocol: "HTTP", port: 8080, addresses: ["127.0.0.1"], steps: listenerSteps, source: nowhere },
    ],
    services: names.map((name, index) => serviceOf(spec, name, index)),
    routes,
    steps,
    order: [rank(routes)],
  };
}

function routeOf(
  route: RouteSpec,
  index: number,
  services: readonly string[],
  addStep: (spec: GateSpec, owner: string) => number,
): PlanRoute {
  const backends = Object.entries(route.backends ?? { [services[0]]: 1 }).map(([name, weight]) => ({
    service: services.indexOf(name),
    weight,
    source: nowhere,
  }));
  return {
    index,
    name: route.name,
    listeners: [0],
    hostnames: route.hostnames ?? [],
    matches: (route.matches ?? [{}]).map((match) => ({
      path: { kind: "prefix", value: "/" },
      methods: [],
      headers: [],
      query: [],
      source: nowhere,
      ...match,
    })),
    steps: (route.gates ?? []).map((one) => addStep(one, `route/${route.name}`)),
    shapes: [],
    needs: [],
    backends,
    totalWeight: backends.reduce((sum, { weight }) => sum + weight, 0),
    timeouts: { connect: 0, request: 0, backendRequest: 0, idle: 0 },
    source: nowhere,
  };
}

function serviceOf(spec: PlanSpec, name: string, index: number): PlanService {
  const weights = (spec.services ?? { shop: [1, 1, 1] })[name];
  const endpoints = weights.map((weight, at) => ({
    index: at,
    url: `http://127.0.0.1:${4001 + index * 100 + at}`,
    host: "127.0.0.1",
    port: 4001 + index * 100 + at,
    label: `:${4001 + index * 100 + at}`,
    weight,
    priority: 0,
    admin: 0,
    source: nowhere,
  }));
  const kind = spec.balancer ?? drawn;
  return {
    index,
    name,
    endpoints,
    balancerKind: kind,
    balancerConfig: {},
    balancer: kind.compile({}, endpoints),
    active: spec.active,
    passive: { consecutive5xx: 5, baseEjectionTime: 30_000, maxEjectionPercent: spec.maxEjectionPercent ?? 50 },
    panicThreshold: spec.panicThreshold ?? 0,
    drain: 30_000,
    source: nowhere,
  };
}

const KIND = { exact: 0, prefix: 1, regex: 2 } as const;

function compare(a: readonly number[], b: readonly number[]): number {
  return a.map((n, i) => n - b[i]).find((n) => n !== 0) ?? 0;
}

/** Precedence, written down a second time and plainly: what the reader compiles is held against the same words. */
function rank(routes: readonly PlanRoute[]): RankedMatch[] {
  const ranked: (RankedMatch & { readonly key: readonly number[] })[] = [];
  for (const route of routes) {
    const groups = new Map<number, string[]>();
    if (route.hostnames.length === 0) groups.set(0, []);
    for (const hostname of route.hostnames) {
      const level = hostname.startsWith("*.") ? hostname.length : 100_000;
      groups.set(level, [...(groups.get(level) ?? []), hostname]);
    }
    route.matches.forEach((match, at) => {
      for (const [level, hostnames] of groups) {
        const length = match.path.kind === "prefix" ? match.path.value.replace(/\/$/, "").length : 0;
        const key = [-level, KIND[match.path.kind], -length, match.methods.length > 0 ? 0 : 1];
        key.push(-match.headers.length, -match.query.length, route.index, at);
        ranked.push({ route: route.index, match: at, hostnames, key });
      }
    });
  }
  return ranked.toSorted((a, b) => compare(a.key, b.key));
}

export function regexMatch(value: string): PathMatch {
  const regex = new RegExp(`^(?:${value})$`);
  return { kind: "regex", value, test: (path) => regex.test(path) };
}

export function arrivalOf(method: string, url: string, headers: Readonly<Record<string, string>> = {}): Arrival {
  const slash = url.indexOf("/");
  const question = url.indexOf("?");
  const end = question < 0 ? url.length : question;
  return {
    layer: 7,
    listener: 0,
    clientIp: "127.0.0.1",
    clientPort: 50_000,
    method,
    host: url.slice(0, slash),
    path: url.slice(slash, end),
    query: question < 0 ? undefined : url.slice(question + 1),
    header: (name) => headers[name],
  };
}

export function passageOf(arrival: Arrival, seed = 1): Passage {
  return {
    arrival,
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed,
    tried: 0,
    wallClock: 1_700_000_000_000,
    requestId: () => "test",
  };
}

export const answered = (status: number): Outcome => ({ status, failure: 0, firstByte: 5 });
