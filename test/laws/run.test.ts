/**
 * Replicas that come and go keep the laws: over scalings, starts, deaths and traffic, a replay equals what happened, and
 * nobody is picked who does not serve. Plans differ in their replicas alone, as scaling makes them.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { cloneState } from "../../src/decide/clone.ts";
import { Mark, unpackEntry } from "../../src/model/decision.ts";
import { freshState } from "../../src/model/fresh.ts";
import { read } from "../../src/policyfile/read.ts";
import { withReplicas } from "../../src/policyfile/replicas.ts";
import { replay } from "../../src/replay/replay.ts";
import { runs, sources } from "./policy-texts.ts";
import { Driver, traffic } from "./traffic.ts";

const base = read(
  JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: {
      one: { run: { command: "node one.js", replicas: 3, port: { from: 4101 } }, drain: "5s" },
      two: { endpoints: [{ url: "http://127.0.0.1:4001" }, { url: "http://127.0.0.1:4002" }] },
    },
    routes: [{ name: "all", backendRefs: [{ service: "one", weight: 3 }, { service: "two" }] }],
  }),
  "run.yaml",
  sources,
).plan;

const ports = fc.uniqueArray(fc.integer({ min: 4101, max: 4112 }), { minLength: 1, maxLength: 8 });

describe("replicas that come and go", () => {
  it("are replayed exactly, and only those that serve are picked", () => {
    assert.ok(base);
    const plan = base;
    fc.assert(
      fc.property(fc.array(ports, { minLength: 1, maxLength: 4 }), traffic(120), (scalings, happenings) => {
        const plans = scalings.map((wanted) => withReplicas(plan, () => wanted.toSorted((a, b) => a - b)));
        const start = freshState(plans[0]);
        const live = new Driver(plans, cloneState(start));
        live.run(happenings);
        live.finish();
        const end = replay({ plan: plans[0], state: start, planOf: (revision) => plans[revision] }, live.journal);
        assert.deepEqual(end.state, live.state);
        for (const { decision } of live.requests) {
          const { trace } = decision;
          const excluded = new Set<number>();
          for (let k = 0; k < trace.length; k++) {
            const { mark, index } = unpackEntry(trace.numbers[k * 3], 0, 0);
            if (mark === Mark.Excluded) excluded.add(index);
            else if (mark === Mark.Candidate) excluded.delete(index);
            else if (mark === Mark.Picked) assert.ok(!excluded.has(index));
          }
        }
      }),
      { numRuns: runs(100) },
    );
  });
});
