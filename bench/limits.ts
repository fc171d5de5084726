/**
 * A million distinct keys through one rate limit: what a decision costs while old keys are evicted for new ones, and
 * what memory the keys that are kept take, for each algorithm and for keys of the longest length.
 * Must not open a socket. Memory is measured after a collection, so it is what lives.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { table, type Bench } from "./bench.ts";
import { decide } from "../src/decide/decide.ts";
import { enter } from "../src/decide/enter.ts";
import { settle } from "../src/decide/settle.ts";
import type { Arrival, Passage } from "../src/model/arrival.ts";
import { Decision } from "../src/model/decision.ts";
import { freshState } from "../src/model/fresh.ts";
import type { Plan } from "../src/model/plan.ts";
import { read } from "../src/policyfile/read.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function planOf(policy: object): Plan {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: { orders: { endpoints: [{ url: "http://127.0.0.1:4001" }] } },
    routes: [{ name: "orders", policies: [policy], backendRefs: [{ service: "orders" }] }],
  });
  const { plan, diagnostics } = read(text, "bench.yaml", { env: () => "x", file: () => undefined });
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

const BATCH = 1000;

/** Microseconds of processor time for one decision, on average and in the slowest batch: wall time counts what others do. */
interface Measured {
  readonly each: number;
  readonly slowest: number;
  readonly mebibytes: number;
  readonly kept: number;
}

/** @param width length of each key. */
function measure(policy: object, width: number, requests: number): Measured {
  const plan = planOf(policy);
  const state = freshState(plan);
  const decision = new Decision();
  let key = "";
  const arrival: Arrival = {
    layer: 7,
    listener: 0,
    clientIp: "127.0.0.1",
    clientPort: 50_000,
    method: "GET",
    host: "localhost",
    path: "/orders/42",
    header: (name) => (name === "x-key" ? key : undefined),
  };
  const passage: Passage = {
    arrival,
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed: 1,
    tried: 0,
    wallClock: 1_790_000_000_000,
    requestId: () => "bench",
  };
  const outcome = { status: 200, failure: 0, firstByte: 2 };
  const once = (at: number): void => {
    enter(passage, plan, state, at, decision);
    if (!decision.refused) decide(passage, plan, state, at, decision);
    settle(passage, decision, plan, state, outcome, at + 2);
  };
  collect();
  const before = process.memoryUsage().heapUsed;
  let spent = 0;
  let slowest = 0;
  const batch: string[] = [];
  for (let i = 0; i < requests; i += BATCH) {
    // Keys as a head gives them: texts of their own, made outside of what is measured.
    for (let k = 0; k < BATCH; k++) batch[k] = `key-${i + k}-`.padEnd(width, "x");
    const start = process.cpuUsage();
    for (let k = 0; k < BATCH; k++) {
      key = batch[k];
      once(1234.5 + (i + k) * 0.013);
    }
    const { user, system } = process.cpuUsage(start);
    spent += user + system;
    slowest = Math.max(slowest, (user + system) / BATCH);
  }
  batch.length = 0;
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  const gauge = plan.steps[0].policy.gauge;
  const kept = gauge?.size(state.steps[0]) ?? 0;
  return { each: spent / requests, slowest, mebibytes: bytes / 2 ** 20, kept };
}

export const limits: Bench = async (smoke) => {
  const requests = smoke ? 20_000 : 1_000_000;
  const limit = (algorithm: string) => ({ rateLimit: { key: "header.x-key", requests: 20, per: "1m", algorithm } });
  const quota = { quota: { key: "header.x-key", requests: 20, per: "day" } };
  const cases: readonly (readonly [string, object, number])[] = [
    ["tokenBucket, keys of 20 characters", limit("tokenBucket"), 20],
    ["slidingWindow, keys of 20 characters", limit("slidingWindow"), 20],
    ["fixedWindow, keys of 20 characters", limit("fixedWindow"), 20],
    ["tokenBucket, keys of 128 characters", limit("tokenBucket"), 128],
    ["tokenBucket, keys of 1000 characters", limit("tokenBucket"), 1000],
    ["quota, keys of 20 characters", quota, 20],
  ];
  measure(cases[0][1], 20, Math.min(requests, 50_000));
  const rows = [
    [`${requests.toLocaleString("en")} distinct keys, each decided once`, "each", "kept", "memory", "slowest thousand"],
  ];
  for (const [name, policy, width] of cases) {
    const { each, slowest, mebibytes, kept } = measure(policy, width, requests);
    rows.push([
      name,
      `${each.toFixed(2)} us`,
      kept.toLocaleString("en"),
      `${mebibytes.toFixed(1)} MiB`,
      `${slowest.toFixed(2)} us`,
    ]);
  }
  return table(rows);
};
