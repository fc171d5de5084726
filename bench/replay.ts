/**
 * How fast recorded requests are decided again: the core alone over the example policies, and a whole "what if" over
 * 2,000 recorded requests, as after a keystroke: reading the edited text, both replays, the comparison.
 * Must not open a socket: what the gateway's other thread does to its requests is measured by bench/forward.ts.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, table, type Bench } from "./bench.ts";
import { cloneState } from "../src/decide/clone.ts";
import { decide } from "../src/decide/decide.ts";
import { enter } from "../src/decide/enter.ts";
import { settle } from "../src/decide/settle.ts";
import type { Arrival, Passage, TokenFact } from "../src/model/arrival.ts";
import { Decision } from "../src/model/decision.ts";
import { freshState } from "../src/model/fresh.ts";
import type { JournalEvent } from "../src/model/journal.ts";
import type { Plan } from "../src/model/plan.ts";
import { read } from "../src/policyfile/read.ts";
import { replay } from "../src/replay/replay.ts";
import { assess, type Recorded } from "../src/replay/what-if.ts";

const EXAMPLES = ["shop", "layers", "replicas"] as const;
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "examples");
const WALL_CLOCK = 1_790_000_000_000;

function planOf(text: string, folder: string): Plan {
  const sources = { env: () => "a-secret", file: (path: string) => readFileSync(join(folder, path), "utf8") };
  const { plan, diagnostics } = read(text, "switchyard.yaml", sources);
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

const PATHS = ["/catalog/7", "/orders/42", "/orders", "/reviews/3", "/", "/nowhere", "/cart"];
const METHODS = ["GET", "GET", "GET", "POST", "DELETE"];

const token: TokenFact = {
  state: "verified",
  algorithm: "RS256",
  claims: {
    iss: "https://dev.shop.local/",
    aud: "shop",
    sub: "alice",
    scope: "orders:read orders:write",
    exp: WALL_CLOCK / 1000 + 3600,
  },
};

/** What a gateway would have written down of `count` requests that overlap, one every half millisecond. */
function journalOf(plan: Plan, count: number): JournalEvent[] {
  const journal: JournalEvent[] = [];
  const state = freshState(plan);
  const open: { id: number; passage: Passage; decision: Decision }[] = [];
  const listeners = plan.listeners.filter(({ protocol }) => protocol === "HTTP" || protocol === "HTTPS");
  const outcome = { status: 200, failure: 0, firstByte: 2 };
  let at = 1234.5;
  const end = (): void => {
    const ended = open.shift();
    if (ended === undefined) return;
    const { holds, service, endpoint } = ended.decision;
    journal.push({ kind: "settle", id: ended.id, at, outcome, sent: holds ? { service, endpoint } : null });
    settle(ended.passage, ended.decision, plan, state, outcome, at);
  };
  for (let id = 1; id <= count; id++) {
    at += 0.5;
    const headers: Readonly<Record<string, string>> = {
      "x-api-key": "demo-web-key",
      "x-tenant": `tenant-${id % 7}`,
      host: "localhost",
    };
    const arrival: Arrival = {
      layer: 7,
      listener: plan.listeners.indexOf(listeners[id % listeners.length]),
      clientIp: "127.0.0.1",
      clientPort: 50_000 + (id % 1000),
      method: METHODS[id % METHODS.length],
      host: "localhost",
      path: PATHS[id % PATHS.length],
      query: undefined,
      header: (name) => headers[name],
    };
    const caller = { consumer: undefined, groups: [], jwt: undefined, label: undefined };
    const seed = (id * 0x9e3779b1) >>> 0;
    const passage: Passage = {
      arrival,
      facts: {},
      caller,
      seed,
      tried: 0,
      wallClock: WALL_CLOCK,
      requestId: () => String(id),
    };
    const decision = new Decision();
    journal.push({ kind: "enter", id, at, wallClock: WALL_CLOCK, seed, arrival });
    enter(passage, plan, state, at, decision);
    if (!decision.over) {
      const facts = Object.fromEntries(plan.routes[decision.route].needs.map(({ name }) => [name, token]));
      passage.facts = facts;
      journal.push({ kind: "decide", id, at, facts });
      decide(passage, plan, state, at, decision);
    }
    open.push({ id, passage, decision });
    if (open.length > 8) end();
  }
  while (open.length > 0) end();
  return journal;
}

/** Processor milliseconds of the main thread: on a busy machine the wall clock counts what others do. */
function cost(run: () => void, rounds: number): number {
  const each: number[] = [];
  for (let round = 0; round < rounds + 2; round++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    if (round > 1) each.push((user + system) / 1000);
  }
  return median(each);
}

export const replaying: Bench = async (smoke) => {
  const rows = [["example", "decisions/s", "what if, 2,000 requests"]];
  for (const name of EXAMPLES) {
    const folder = join(root, name);
    const text = readFileSync(join(folder, "switchyard.yaml"), "utf8");
    const plan = planOf(text, folder);
    const count = smoke ? 200 : 20_000;
    const journal = journalOf(plan, count);
    const fresh = freshState(plan);
    const alone = cost(() => void replay({ plan, state: cloneState(fresh) }, journal), smoke ? 1 : 9);
    const short = journalOf(plan, smoke ? 100 : 2000);
    const recorded: Recorded = { journal: short, plan, at: 0, state: () => cloneState(fresh), planOf: () => plan };
    // A character is typed: the text is another one each time.
    let keystroke = 0;
    const question = cost(
      () => void assess(recorded, plan, planOf(`${text}# ${keystroke++}\n`, folder)),
      smoke ? 1 : 9,
    );
    rows.push([name, Math.round((count * 1000) / alone).toLocaleString("en"), `${question.toFixed(0)} ms`]);
  }
  return table(rows);
};
