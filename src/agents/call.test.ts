import assert from "node:assert/strict";
import Ajv2020 from "ajv/dist/2020.js";
import type { Detail } from "../contract/detail.ts";
import type { Row, TrafficQuery, TrafficWindow } from "../contract/traffic.ts";
import type { PassingFix, WhatIfResult, WhatIfView } from "../contract/what-if.ts";
import { MOST_CHARACTERS } from "./bound.ts";
import { callTool } from "./call.ts";
import { inputSchema, outputSchema, TOOLS } from "./declarations.ts";
import { AgentProblem, type AgentTraffic, type AgentWorld } from "./world.ts";

const SECRET = "alices-own-key-4711";
const TEXT = `version: 1\nconsumers:\n  - { name: alice, apiKey: ${SECRET} }\nlimit: { requests: 5 }\nother: { requests: 7 }\n`;
const VIEW: WhatIfView = {
  total: 3,
  rejected: 0,
  admitted: 1,
  elsewhere: 0,
  unknown: 0,
  same: 2,
  assumptions: ["one"],
  milliseconds: 4,
};

function row(id: number, more: Partial<Row> = {}): Row {
  return {
    id,
    at: 1_700_000_000_000 + id,
    state: "rejected",
    tags: [],
    protocol: "http/1.1",
    method: "GET",
    host: "localhost",
    path: `/orders/${id}`,
    status: 429,
    listener: "edge",
    route: "orders",
    policy: "per-user",
    client: "127.0.0.1",
    why: "per-user 0 of 5",
    duration: 1,
    firstByte: -1,
    requestBytes: 0,
    responseBytes: 0,
    attempts: 0,
    revision: 1,
    track: { phases: [], stopped: true, warned: -1, replicas: 0, chosen: -1, excluded: [], failed: false, say: "" },
    evicted: false,
    ...more,
  };
}

function detail(of: Row, sentence = `key ${SECRET} has 0 of 5 left`): Detail {
  const empty = { size: 0, captured: 0, contentType: "", contentEncoding: "", evicted: false };
  const location = { file: "switchyard.yaml", line: 4, column: 3 };
  return {
    row: of,
    verdict: { refused: of.state === "rejected", status: of.status, title: "Refused", sentence, location, fixes: [] },
    gateway: [
      { phase: "limit", label: "per-user", sentence, state: "stop", location, facts: [{ name: "left", value: "0" }] },
    ],
    balancer: [],
    routes: [{ route: "orders", match: "prefix /orders", verdict: "chosen", why: "", location }],
    fields: [],
    requestBody: empty,
    responseBody: empty,
    timing: [],
    attempts: [],
    curl: "",
    curlPowerShell: "",
    revealed: false,
  };
}

/** A recording of `rows`, oldest first. */
function traffic(
  rows: readonly Row[],
  more: Partial<AgentTraffic> = {},
): AgentTraffic & { asked: TrafficQuery[]; tried: string[] } {
  const asked: TrafficQuery[] = [];
  const tried: string[] = [];
  const fix: PassingFix = {
    title: "Smallest passing limit: 6",
    edits: [{ offset: TEXT.indexOf("5 }"), endOffset: TEXT.indexOf("5 }") + 1, newText: "6" }],
    line: 4,
    view: VIEW,
  };
  return {
    asked,
    tried,
    parseFilter: (filter) => ({
      ok: filter !== "nonsense:",
      description: "",
      problem: { message: "no such key", start: 0, end: 8 },
    }),
    rows: (query) => {
      asked.push(query);
      const from = Math.max(0, query.from < 0 ? rows.length + query.from : query.from);
      return {
        first: 0,
        matched: rows.length,
        from,
        rows: rows.slice(from, from + query.count),
      } as unknown as TrafficWindow;
    },
    detail: (id) => {
      const found = rows.find((one) => one.id === id);
      return found && detail(found);
    },
    lastRejection: () => {
      const newest = rows.findLast(({ state }) => state === "rejected");
      return newest && detail(newest);
    },
    whatIf: (text): WhatIfResult => {
      tried.push(text);
      return {
        kind: "compared",
        view: VIEW,
        shifts: [{ id: 1, change: "admitted", before: 429, after: 200, why: "now admitted", assumed: false }],
      };
    },
    passingFixes: () => [fix],
    ...more,
  };
}

function world(more: Partial<AgentWorld> = {}): AgentWorld {
  return {
    traffic: async () => traffic([row(1), row(2, { policy: "keys", status: 401 }), row(3)]),
    explain: async ({ method, url }) => detail(row(0, { method, path: url })),
    policy: async () => ({ file: "switchyard.yaml", text: TEXT, mark: "m1" }),
    problem: async (text) => (text.includes("broken") ? { line: 2, message: "is broken" } : undefined),
    secrets: async () => [SECRET],
    conceal: (value) => JSON.parse(JSON.stringify(value).replaceAll(SECRET, "••••")) as typeof value,
    ...more,
  };
}

async function answer<T = Record<string, never>>(on: AgentWorld, name: string, input: unknown): Promise<T> {
  const found = await callTool(on, name, input);
  assert.ok(found.ok, found.ok ? "" : found.message);
  return found.value as T;
}

async function refusal(on: AgentWorld, name: string, input: unknown): Promise<string> {
  const found = await callTool(on, name, input);
  assert.ok(!found.ok, "it was answered");
  return found.message;
}

describe("a call of an agent's tool", () => {
  it("gives what its output schema promises, whatever it is asked", async () => {
    const editing = world({ edit: async () => ({ mark: "m2", sentence: "Written." }) });
    const calls: [string, object][] = [
      ["explain_request", {}],
      ["explain_request", { id: 2 }],
      ["explain_request", { url: "/orders", method: "POST", headers: { a: "b" } }],
      ["list_rejections", { limit: 1 }],
      ["simulate_edit", { policy: "version: 1" }],
      ["simulate_edit", { policy: "broken" }],
      ["propose_fix", { id: 1 }],
      ["propose_fix", { id: 1, apply: "Smallest passing limit: 6", mark: "m1" }],
    ];
    const ajv = new Ajv2020({ strict: true });
    const judges = new Map(
      TOOLS.map((tool) => [tool.name, [inputSchema(tool, true), outputSchema(tool)].map((one) => ajv.compile(one))]),
    );
    for (const [name, input] of calls) {
      const [takes, judge] = judges.get(name) ?? [];
      assert.ok(takes(input), name);
      assert.ok(judge(await answer(editing, name, input)), `${name}: ${JSON.stringify(judge.errors)}`);
    }
  });

  it("hides secrets, in answers and in reasons", async () => {
    assert.ok(!JSON.stringify(await answer(world(), "explain_request", { id: 1 })).includes(SECRET));
    const failing = world({ explain: () => Promise.reject(new Error(`${SECRET} is wrong`)) });
    assert.ok(!(await refusal(failing, "explain_request", { url: "/" })).includes(SECRET));
    const mute = world({
      conceal: () => {
        throw new Error(SECRET);
      },
    });
    assert.ok(!(await refusal(mute, "explain_request", { id: 1 })).includes(SECRET));
  });

  it("says what is wrong with its input and what to do", async () => {
    assert.match(
      await refusal(world(), "list_rejections", { limit: 0, what: 1 }),
      /limit is too small: at least 1; .*unknown fields: what/,
    );
    assert.match(await refusal(world(), "list_rejections", { limit: "9" }), /limit must be of type number/);
    assert.match(await refusal(world(), "explain_request", { method: "GET" }), /needs url/);
    assert.match(await refusal(world(), "explain_request", { id: 1, url: "/" }), /Both id and url/);
    assert.match(await refusal(world(), "explain_request", { id: 99 }), /99 is not in the recording.*list_rejections/);
    assert.match(await refusal(world(), "simulate_edit", {}), /either edits or policy/);
    assert.match(await refusal(world(), "nothing", {}), /Known are explain_request/);
    for (const input of [null, 7, "x", [], { id: {} }]) await callTool(world(), "explain_request", input);
  });

  it("lists the newest first, in groups, and pages backwards", async () => {
    const rows = Array.from({ length: 1200 }, (_, index) =>
      row(index + 1, index % 3 === 0 ? { policy: "keys", status: 401 } : {}),
    );
    const recording = traffic(rows);
    const on = world({ traffic: async () => recording });
    type Listed = {
      counted: number;
      more: boolean;
      rejections: { id: number }[];
      groups: { count: number; policy: string; newest: number }[];
    };
    const first = await answer<Listed>(on, "list_rejections", { limit: 2, filter: "route:orders" });
    assert.deepEqual([first.counted, first.more, first.rejections.map(({ id }) => id)], [1200, true, [1200, 1199]]);
    assert.deepEqual(
      first.groups.map(({ policy, count, newest }) => [policy, count, newest]),
      [
        ["per-user", 800, 1200],
        ["keys", 400, 1198],
      ],
    );
    assert.deepEqual(
      recording.asked.map(({ from, count }) => [from, count]),
      [
        [-500, 500],
        [200, 500],
        [0, 200],
      ],
    );
    assert.equal(recording.asked[0].filter, "is:rejected route:orders");
    const last = await answer<Listed>(on, "list_rejections", { before: 2 });
    assert.deepEqual([last.more, last.rejections.map(({ id }) => id)], [false, [1]]);
    assert.match(await refusal(on, "list_rejections", { filter: "nonsense:" }), /not understood: no such key/);
  });

  it("keeps every answer within bounds, and says that it was cut", async () => {
    const rows = Array.from({ length: 100 }, (_, index) =>
      row(index + 1, { path: `/${"😀".repeat(2000)}`, why: "w".repeat(5000) }),
    );
    const value = await answer<{ shortened?: boolean }>(
      world({ traffic: async () => traffic(rows) }),
      "list_rejections",
      { limit: 100 },
    );
    assert.ok(JSON.stringify(value).length <= MOST_CHARACTERS + 20);
    assert.equal(value.shortened, true);
    // No half of a character is left: JSON would show it escaped.
    assert.doesNotMatch(JSON.stringify(value), /\\ud[89a-f]/);
  });
});

describe("simulate_edit", () => {
  it("makes its edits one after the other and tries the result", async () => {
    const recording = traffic([row(1)]);
    const edits = [
      { oldText: "limit: { requests: 5 }", newText: "limit: { requests: 50 }" },
      { oldText: "requests: 50", newText: "requests: 500" },
    ];
    const value = await answer<{ changes: { request: string }[] }>(
      world({ traffic: async () => recording }),
      "simulate_edit",
      { edits },
    );
    assert.deepEqual(recording.tried, [TEXT.replace("requests: 5 ", "requests: 500 ")]);
    assert.equal(value.changes[0].request, "GET /orders/1");
  });

  it("refuses a text that is not there once", async () => {
    const once = (oldText: string) => refusal(world(), "simulate_edit", { edits: [{ oldText, newText: "" }] });
    assert.match(await once("requests:"), /occurs 2 times/);
    assert.match(await once("nowhere"), /does not occur/);
  });

  it("says the same of a wrong guess at a secret as of a right one", async () => {
    const guess = (oldText: string) => refusal(world(), "simulate_edit", { edits: [{ oldText, newText: "x" }] });
    assert.equal(await guess("apiKey: a"), await guess("apiKey: b"));
    assert.equal(await guess(SECRET), await guess("bobs-own-key-0815"));
    assert.equal(await guess("4711 }"), await guess("4712 }"));
  });

  it("asks again while somebody types, and gives up in words", async () => {
    let asked = 0;
    const busy = traffic([], { whatIf: () => (++asked < 3 ? { kind: "superseded" } : { kind: "nothing" }) });
    const value = await answer<{ valid: boolean; next: string }>(
      world({ traffic: async () => busy }),
      "simulate_edit",
      { policy: "version: 1" },
    );
    assert.match(value.next, /no request is recorded/);
    const busier = traffic([], { whatIf: () => ({ kind: "superseded" }) });
    assert.match(await refusal(world({ traffic: async () => busier }), "simulate_edit", { policy: "" }), /Ask again/);
  });

  it("says that an edit is valid even where it cannot be tried", async () => {
    const alone = world({ traffic: () => Promise.reject(new AgentProblem("No gateway runs.", "Start one.")) });
    assert.match(
      await refusal(alone, "simulate_edit", { policy: "version: 1" }),
      /valid, but it cannot be tried: No gateway runs\. Start one\./,
    );
    assert.deepEqual((await answer<{ problem: object }>(alone, "simulate_edit", { policy: "broken" })).problem, {
      line: 2,
      message: "is broken",
    });
  });
});

describe("propose_fix", () => {
  const title = "Smallest passing limit: 6";

  it("knows no `apply` where nobody allows edits", async () => {
    assert.match(
      await refusal(world(), "propose_fix", { id: 1, apply: title, mark: "m1" }),
      /unknown fields: apply, mark/,
    );
    const properties = (mayEdit: boolean) => Object.keys(inputSchema(TOOLS[3], mayEdit)["properties"] as object);
    assert.deepEqual([properties(false), properties(true)], [["id"], ["id", "apply", "mark"]]);
  });

  it("edits only the text that it was shown", async () => {
    const made: unknown[] = [];
    const on = world({
      edit: async (edits, mark) => {
        made.push([edits, mark]);
        return { mark: "m2", sentence: "Written." };
      },
    });
    assert.match(await refusal(on, "propose_fix", { id: 1, apply: title }), /apply needs mark/);
    assert.match(await refusal(on, "propose_fix", { id: 1, apply: title, mark: "m0" }), /has changed/);
    assert.match(
      await refusal(on, "propose_fix", { id: 1, apply: "Delete all", mark: "m1" }),
      /has the title "Delete all".*"Smallest passing limit: 6"/,
    );
    assert.deepEqual(made, []);
    const value = await answer<{ mark: string; applied: object }>(on, "propose_fix", {
      id: 1,
      apply: title,
      mark: "m1",
    });
    assert.deepEqual([value.mark, value.applied], ["m2", { title, mark: "m2", sentence: "Written." }]);
    assert.equal(made.length, 1);
  });

  it("has nothing to propose for a request that passed", async () => {
    const passed = traffic([row(1, { state: "ok", status: 200 })]);
    assert.match(await refusal(world({ traffic: async () => passed }), "propose_fix", { id: 1 }), /was not refused/);
    assert.match(await refusal(world({ traffic: async () => passed }), "propose_fix", {}), /No request was refused/);
  });
});
