/**
 * An unchanged policy changes nothing: whatever was recorded, decided again under the very text that is saved, gives
 * zero differences - over saves, resets, drains, retries and requests in flight; and what is replayed is what happened.
 * LAWS_RUNS=100 judges ten thousand generated policies by the first law, and says how many it did.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { cloneState } from "../../src/decide/clone.ts";
import { freshState } from "../../src/model/fresh.ts";
import type { Plan } from "../../src/model/plan.ts";
import { read } from "../../src/policyfile/read.ts";
import { changeOf, outlineOf } from "../../src/replay/compare.ts";
import { assess, runUnder, type Recorded } from "../../src/replay/what-if.ts";
import { policyText, runs, sources } from "./policy-texts.ts";
import { Driver, traffic, type Happening } from "./traffic.ts";

interface Read {
  readonly text: string;
  readonly plan: Plan;
}

const readable: fc.Arbitrary<Read> = policyText
  .map((text) => ({ text, plan: read(text, "law.yaml", sources).plan }))
  .filter((made): made is Read => made.plan !== undefined);

function record(plans: readonly Plan[], warmUp: readonly Happening[], happenings: readonly Happening[]) {
  const before = new Driver(plans, freshState(plans[0]));
  before.run(warmUp.filter(({ act }) => act.kind !== "swap"));
  before.finish();
  const state = cloneState(before.state);
  const live = new Driver(plans, before.state);
  live.run(happenings);
  live.finish();
  const recorded: Recorded = {
    journal: live.journal,
    plan: plans[0],
    at: 0,
    state: () => cloneState(state),
    planOf: (revision) => plans[revision],
  };
  return { recorded, live };
}

/** Policies judged by the first law, and for how long at most when nobody asked for more: a busy machine judges fewer. */
const POLICIES = runs(100);
const PATIENCE = process.env.LAWS_RUNS === undefined ? 20_000 : Infinity;

describe("what if nothing changes", () => {
  it("nothing changes, over generated policies and traffic", () => {
    let judged = 0;
    let requests = 0;
    const unchanged = fc.property(
      fc.array(readable, { minLength: 1, maxLength: 3 }),
      traffic(40),
      traffic(60),
      (policies, warmUp, after) => {
        const { recorded, live } = record(
          policies.map(({ plan }) => plan),
          warmUp,
          after,
        );
        for (const { text, plan } of policies) {
          const again = read(text, "law.yaml", sources).plan;
          assert.ok(again);
          const { total, same, differences } = assess(recorded, plan, again);
          assert.deepEqual(differences, []);
          assert.equal(same, total);
          // A copy for a mirror is asked about only where both policies mirror its request.
          assert.ok(total <= live.requests.length);
          judged++;
          requests += total;
        }
      },
    );
    const begun = performance.now();
    const enough = (): boolean => judged >= POLICIES || performance.now() - begun > PATIENCE;
    do fc.assert(unchanged, { numRuns: 10 });
    while (!enough());
    assert.ok(requests > 0);
    if (PATIENCE === Infinity) console.log(`    ${judged} policies, ${requests} requests decided again, 0 differences`);
  });

  it("what is replayed is what happened", () => {
    fc.assert(
      fc.property(readable, traffic(40), traffic(60), ({ text, plan }, warmUp, after) => {
        const stayed = after.filter(({ act }) => act.kind !== "swap");
        const { recorded, live } = record([plan], warmUp, stayed);
        const again = read(text, "law.yaml", sources).plan;
        assert.ok(again);
        const happened = new Map(live.requests.map((request) => [request.id, request]));
        runUnder(recorded, again, (replayed) => {
          const { id, outcome, passage } = replayed;
          const request = happened.get(id);
          assert.ok(request);
          assert.deepEqual(passage.caller, request.passage.caller);
          const was = outlineOf({
            id,
            decision: request.decision,
            plan,
            passage: request.passage,
            outcome,
            assumed: 0,
          });
          assert.equal(changeOf(was, outlineOf(replayed)), undefined);
        });
      }),
      { numRuns: runs(50) },
    );
  });

  it("another policy never makes the replay fail, and what it cannot know it says", () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(readable, readable, traffic(60), (saved, edited, happenings) => {
        const { recorded, live } = record([saved.plan], [], happenings);
        const { total, same, differences, unknown, newlyRefused, newlyAdmitted } = assess(
          recorded,
          saved.plan,
          edited.plan,
        );
        // A copy for a mirror is asked about only where both policies mirror its request.
        assert.ok(total <= live.requests.length);
        assert.equal(same + differences.length, total);
        if (unknown > 0) met.add("unknown");
        if (newlyRefused > 0) met.add("refused");
        if (newlyAdmitted > 0) met.add("admitted");
        for (const { change, after } of differences)
          if (change === "newly admitted" && after?.answered === false) {
            assert.equal(after.status, 0);
            assert.notEqual(after.assumed, 0);
          }
      }),
      { numRuns: runs(60), seed: 11 },
    );
    assert.deepEqual([...met].toSorted(), ["admitted", "refused", "unknown"]);
  });
});
