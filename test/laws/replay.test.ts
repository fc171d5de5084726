/**
 * Clone + replay = live: a journal folded over a copy of the state gives every decision again, number for number, and
 * ends in the same state - with overlapping requests, retries, probes, drains, resets and plan swaps in between.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { cloneState } from "../../src/decide/clone.ts";
import { entriesOf } from "../../src/decide/refusals.ts";
import {
  BuiltIn,
  CircuitNote,
  Mark,
  SendNote,
  SessionNote,
  ZoneNote,
  type Decision,
} from "../../src/model/decision.ts";
import { freshState } from "../../src/model/fresh.ts";
import type { Plan } from "../../src/model/plan.ts";
import { compareRuns, verdictOf, type Verdict } from "../../src/replay/compare.ts";
import { replay, type Replayed } from "../../src/replay/replay.ts";
import { read } from "../../src/policyfile/read.ts";
import { NO_BODY } from "../../src/gateway/facts/collected.ts";
import { plan, policyText, runs, sources } from "./policy-texts.ts";
import { Driver, traffic, type Happening } from "./traffic.ts";

function numbersOf(decision: Decision) {
  const { trace, taken: _taken, ...fields } = decision;
  return { ...fields, dropped: trace.dropped, trace: [...trace.numbers.subarray(0, trace.length * 3)] };
}

/** The same services with every request let through to them: what balancing remembers is used all the time. */
const busyPlan: fc.Arbitrary<Plan> = policyText
  .map((text) => {
    const document = JSON.parse(text);
    const services = Object.entries<object>(document.services).map(([name, fields]) => [
      name,
      { ...fields, policies: [] },
    ]);
    const { retry, hedge, mirror } = document.routes[0];
    const sending = { retry, hedge, mirror };
    const open = {
      ...document,
      listeners: [{ name: "edge", port: 8080 }],
      services: Object.fromEntries(services),
      routes: [{ ...sending, name: "all", backendRefs: [{ service: "one", weight: 3 }, { service: "two" }] }],
    };
    return read(JSON.stringify(open), "law.yaml", sources).plan;
  })
  .filter((made) => made !== undefined);

/** @returns what was live. */
function assertReplays(plans: readonly Plan[], warmUp: readonly Happening[], happenings: readonly Happening[]): Driver {
  // The recording begins in the middle of a life: some state is there, nothing is in flight.
  const before = new Driver(plans, freshState(plans[0]));
  before.run(warmUp.filter(({ act }) => act.kind !== "swap"));
  before.finish();
  const start = cloneState(before.state);
  const live = new Driver(plans, before.state);
  live.run(happenings);
  live.finish();
  const replayed = new Map<number, Replayed>();
  const end = replay(
    {
      plan: plans[0],
      state: start,
      planOf: (revision) => plans[revision],
      ended: (request) => replayed.set(request.id, request),
    },
    live.journal,
  );
  assert.equal(end.plan, live.plan);
  assert.deepEqual(end.state, live.state);
  for (const { id, decision, passage, settled } of live.requests) {
    if (!settled) continue;
    const again = replayed.get(id);
    assert.deepEqual(again && numbersOf(again.decision), numbersOf(decision));
    assert.deepEqual(again?.passage.caller, passage.caller);
  }
  return live;
}

describe("clone + replay = live", () => {
  it("over generated plans and traffic", () => {
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 3 }), traffic(80), traffic(80), (plans, warmUp, after) => {
        assertReplays(plans, warmUp, after);
      }),
      { numRuns: runs(50) },
    );
  });

  it("while requests are retried, hedged and mirrored", () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(
        fc.array(busyPlan, { minLength: 1, maxLength: 2 }),
        traffic(40),
        traffic(160),
        (plans, warmUp, after) => {
          for (const { decision } of assertReplays(plans, warmUp, after).requests) {
            for (const { mark, reason } of entriesOf(decision)) if (mark === Mark.Send) met.add(String(reason));
          }
        },
      ),
      { numRuns: runs(60), seed: 7 },
    );
    const wanted = [
      SendNote.Retry,
      SendNote.Exhausted,
      SendNote.Hedge,
      SendNote.Dropped,
      SendNote.Mirrored,
      SendNote.Copy,
    ];
    assert.deepEqual(
      wanted.filter((each) => !met.has(String(each))),
      [],
    );
  });

  it("while circuits open, sessions stick and zones spill over", () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(
        fc.array(busyPlan, { minLength: 1, maxLength: 2 }),
        traffic(40),
        traffic(120),
        (plans, warmUp, after) => {
          for (const { decision } of assertReplays(plans, warmUp, after).requests) {
            met.add(`refused ${decision.builtIn}`);
            for (const { mark, reason } of entriesOf(decision)) met.add(`${mark}/${reason}`);
          }
        },
      ),
      { numRuns: runs(60), seed: 5 },
    );
    const wanted = [
      `refused ${BuiltIn.CircuitOpen}`,
      `refused ${BuiltIn.TooManyInFlight}`,
      `${Mark.Circuit}/${CircuitNote.Trial}`,
      `${Mark.Session}/${SessionNote.Kept}`,
      `${Mark.Session}/${SessionNote.Moved}`,
      `${Mark.Zone}/${ZoneNote.Chosen}`,
    ];
    assert.deepEqual(
      wanted.filter((each) => !met.has(each)),
      [],
    );
  });
});

function planOf(limit: number, services = "one"): ReturnType<typeof read>["plan"] & object {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: {
      [services]: { endpoints: [{ url: "http://127.0.0.1:4001" }, { url: "http://127.0.0.1:4002" }] },
    },
    routes: [
      {
        name: "all",
        policies: [{ rateLimit: { key: "client.ip", requests: limit, per: "1h", algorithm: "fixedWindow" } }],
        backendRefs: [{ service: services }],
      },
    ],
  });
  const made = read(text, "what-if.yaml", sources).plan;
  assert.ok(made, "the plan of this test is accepted");
  return made;
}

describe("what if", () => {
  const recorded = planOf(5);
  const live = new Driver([recorded], freshState(recorded));
  const asked = {
    method: "GET",
    host: "localhost",
    path: "/",
    query: undefined,
    headers: {},
    clientIp: "127.0.0.1",
    token: { state: "absent" },
    body: NO_BODY,
  } as const;
  for (let i = 0; i < 8; i++) {
    live.run([
      { after: 10.5, act: { kind: "ask", asked: { ...asked, seed: i * 977 } } },
      { after: 0, act: { kind: "decide", which: 0 } },
      { after: 3, act: { kind: "settle", which: 0, outcome: { status: 200, failure: 0, firstByte: 3 } } },
    ]);
  }
  live.run([{ after: 1, act: { kind: "probe", which: 0, up: true } }]);

  function verdictsUnder(other: typeof recorded): Verdict[] {
    const verdicts: Verdict[] = [];
    const options = {
      plan: other,
      state: freshState(other),
      recorded,
      ended: (one: Replayed) => verdicts.push(verdictOf(one)),
    };
    replay(options, live.journal);
    return verdicts;
  }

  it("says which requests another limit would have refused or let pass", () => {
    const before = verdictsUnder(recorded);
    assert.equal(before.filter(({ refused }) => refused).length, 3);
    assert.equal(before.find(({ refused }) => refused)?.type, "urn:switchyard:rateLimit:limited");
    const tighter = compareRuns(before, verdictsUnder(planOf(2)));
    assert.deepEqual([tighter.total, tighter.same, tighter.newlyRefused, tighter.newlyAdmitted], [8, 5, 3, 0]);
    const wider = compareRuns(before, verdictsUnder(planOf(100)));
    assert.deepEqual([wider.newlyRefused, wider.newlyAdmitted], [0, 3]);
    assert.equal(compareRuns(before, before).same, 8);
  });

  it("survives a plan in which the recorded service is gone", () => {
    const other = compareRuns(verdictsUnder(recorded), verdictsUnder(planOf(5, "elsewhere")));
    assert.equal(other.differences.filter(({ change }) => change === "service").length, 5);
  });
});
