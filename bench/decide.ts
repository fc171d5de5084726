/**
 * Measures one whole decision (enter, decide, settle) with the trace on: microseconds each, for the example's kinds of
 * policies, three replicas, and growing numbers of routes; also what it costs to word a story afterwards.
 * Must not open a socket. The token is verified beforehand, as the gateway's cache has it for all but the first request.
 */
import { table, type Bench } from "./bench.ts";
import { decide as judge } from "../src/decide/decide.ts";
import { enter } from "../src/decide/enter.ts";
import { explain } from "../src/decide/explain.ts";
import { settle } from "../src/decide/settle.ts";
import type { Arrival, Passage, TokenFact } from "../src/model/arrival.ts";
import { Decision } from "../src/model/decision.ts";
import { freshState } from "../src/model/fresh.ts";
import type { Plan } from "../src/model/plan.ts";
import type { Outcome } from "../src/model/state.ts";
import { read } from "../src/policyfile/read.ts";

const SIX = [
  { apiKey: { header: "x-api-key" } },
  { jwt: { issuer: "https://dev.shop.local/", audiences: ["shop"], jwks: "./jwks.json" } },
  { authorization: { rules: [{ name: "can-read", allow: "'orders:read' in jwt.scope" }] } },
  { rateLimit: { key: "jwt.sub", requests: 1_000_000_000, per: "1h", algorithm: "slidingWindow" } },
  { rateLimit: { key: "client.ip", requests: 1_000_000_000, per: "1h", algorithm: "tokenBucket" } },
];

/** With the listener's ipFilter, `policies` are one more. */
function planOf(policies: readonly object[], others: number, type = "LeastRequest"): Plan {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080, policies: [{ ipFilter: { allow: ["127.0.0.0/8", "::1"] } }] }],
    consumers: [{ name: "web", apiKey: { env: "WEB_KEY" } }],
    services: {
      orders: { endpoints: [1, 2, 3].map((n) => ({ url: `http://127.0.0.1:400${n}` })), loadBalancer: { type } },
    },
    routes: [
      ...Array.from({ length: others }, (_, i) => ({
        name: `other-${i}`,
        matches: [{ path: { prefix: `/other/${i}` }, methods: ["GET"] }],
        backendRefs: [{ service: "orders" }],
      })),
      {
        name: "orders",
        matches: [{ path: { prefix: "/orders" }, methods: ["GET", "POST"] }],
        policies,
        backendRefs: [{ service: "orders" }],
      },
    ],
  });
  const { plan, diagnostics } = read(text, "bench.yaml", { env: () => "demo-web-key", file: () => '{"keys":[]}' });
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

const headers: Readonly<Record<string, string>> = { "x-api-key": "demo-web-key" };
const arrival: Arrival = {
  layer: 7,
  listener: 0,
  clientIp: "127.0.0.1",
  clientPort: 50_000,
  method: "GET",
  host: "localhost",
  path: "/orders/42",
  query: "expand=items",
  header: (name) => headers[name],
};
const WALL_CLOCK = 1_790_000_000_000;
const token: TokenFact = {
  state: "verified",
  algorithm: "RS256",
  claims: {
    iss: "https://dev.shop.local/",
    aud: "shop",
    sub: "alice",
    scope: "orders:read",
    exp: WALL_CLOCK / 1000 + 3600,
  },
};

/** One request through the core, again and again; the seed and the clock move on. */
class Run {
  readonly decision = new Decision();
  readonly passage: Passage;
  readonly #plan: Plan;
  readonly #state: ReturnType<typeof freshState>;
  readonly #outcome: Outcome = { status: 200, failure: 0, firstByte: 2 };
  #now = 1234.5;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#state = freshState(plan);
    const needs = plan.routes.flatMap((route) => route.needs);
    this.passage = {
      arrival,
      facts: Object.fromEntries(needs.map(({ name }) => [name, token])),
      caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
      seed: 1,
      tried: 0,
      wallClock: WALL_CLOCK,
      requestId: () => "bench",
    };
  }

  once(): void {
    const { passage, decision } = this;
    passage.seed = (passage.seed + 0x9e3779b1) >>> 0;
    this.#now += 0.013;
    enter(passage, this.#plan, this.#state, this.#now, decision);
    if (!decision.refused) judge(passage, this.#plan, this.#state, this.#now, decision);
    settle(passage, decision, this.#plan, this.#state, this.#outcome, this.#now + 2);
  }
}

/**
 * Microseconds of processor time per call: the median of the rounds after a warm-up. Not of the wall clock, which on a
 * busy machine counts what others do.
 */
function microseconds(run: () => unknown, calls: number): number {
  const rounds: number[] = [];
  for (let round = 0; round < 9; round++) {
    const start = process.cpuUsage();
    for (let call = 0; call < calls; call++) run();
    const { user, system } = process.cpuUsage(start);
    if (round > 1) rounds.push((user + system) / calls);
  }
  return rounds.toSorted((a, b) => a - b)[rounds.length >> 1];
}

function measured(plan: Plan, calls: number): string {
  const run = new Run(plan);
  run.once();
  if (run.decision.refused) throw new Error("the bench's request must be admitted");
  return `${microseconds(() => run.once(), calls).toFixed(2)} us`;
}

export const decide: Bench = async (smoke) => {
  const calls = smoke ? 200 : 200_000;
  const six = planOf(SIX, 3);
  const rows = [
    ["enter + decide + settle, trace on, 3 replicas", "each"],
    ["6 policies (ipFilter, apiKey, jwt, authorization, 2 rateLimits), 4 routes", measured(six, calls)],
    ["the same among 201 routes", measured(planOf(SIX, 200), calls)],
    ["1 policy (ipFilter), 4 routes", measured(planOf([], 3), calls)],
    ...SIX.slice(0, 1).map((policy) => ["  and apiKey", measured(planOf([policy], 3), calls)]),
    ["  and jwt", measured(planOf([SIX[1]], 3), calls)],
    ["  and jwt, authorization", measured(planOf([SIX[1], SIX[2]], 3), calls)],
    ["  and rateLimit", measured(planOf([SIX[4]], 3), calls)],
    ...["RoundRobin", "Random", "ConsistentHash"].map((type) => [`  by ${type}`, measured(planOf([], 3, type), calls)]),
  ];
  const run = new Run(six);
  run.once();
  const story = microseconds(() => explain(run.decision, six, run.passage), smoke ? 20 : 2000);
  rows.push(["explain one of the first kind in full", `${story.toFixed(1)} us`]);
  return table(rows);
};
