/** The laws over connections: a policy file's layer-4 listeners decide without a request, and replay to the same state. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { again } from "../../src/decide/again.ts";
import { decide } from "../../src/decide/decide.ts";
import { enter } from "../../src/decide/enter.ts";
import { explain } from "../../src/decide/explain.ts";
import { settle } from "../../src/decide/settle.ts";
import type { Arrival, Passage } from "../../src/model/arrival.ts";
import { Decision } from "../../src/model/decision.ts";
import { freshState } from "../../src/model/fresh.ts";
import type { JournalEvent } from "../../src/model/journal.ts";
import type { Plan } from "../../src/model/plan.ts";
import { Failure } from "../../src/model/state.ts";
import { read } from "../../src/policyfile/read.ts";
import { replay } from "../../src/replay/replay.ts";
import { runs, sources } from "./policy-texts.ts";

const listenerPolicies = fc.subarray([
  { ipFilter: { deny: ["10.0.0.2/32"] } },
  { rateLimit: { key: "client.ip", requests: 3, per: "10s" } },
  { ipFilter: { allow: ["127.0.0.0/8"], shadow: true } },
]);

const plan: fc.Arbitrary<Plan> = fc
  .record({
    policies: listenerPolicies,
    weights: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
    loadBalancer: fc.constantFrom(
      { type: "RoundRobin" },
      { type: "LeastRequest", choices: "all" },
      ...[2, 3, 5].map((tuple) => ({ type: "SourceHash", tuple })),
    ),
    consecutive5xx: fc.constantFrom(0, 1, 2),
  })
  .map(({ policies, weights, loadBalancer, consecutive5xx }) => {
    const endpoints = weights.map((weight, i) => ({ url: `tcp://127.0.0.1:${4001 + i}`, weight }));
    const backendRefs = [{ service: "raw" }];
    const text = JSON.stringify({
      version: 1,
      listeners: [
        { name: "tcp", port: 1, protocol: "TCP", policies, backendRefs },
        { name: "tls", port: 2, protocol: "TLS", policies, backendRefs },
        { name: "named", port: 3, protocol: "TLS" },
      ],
      services: { raw: { endpoints, loadBalancer, healthCheck: { passive: { consecutive5xx } } } },
      routes: [{ name: "named", listeners: ["tls", "named"], hostnames: ["*.a.test"], backendRefs }],
    });
    const { plan: made, diagnostics } = read(text, "law.yaml", sources);
    assert.ok(made, JSON.stringify(diagnostics));
    return made;
  });

const flow = fc.record({
  listener: fc.nat(2),
  clientIp: fc.constantFrom("127.0.0.1", "10.0.0.1", "10.0.0.2", "::1"),
  clientPort: fc.integer({ min: 1024, max: 1030 }),
  sni: fc.constantFrom(undefined, "b.a.test", "c.test"),
  seed: fc.nat(0xffffffff),
  failure: fc.constantFrom(Failure.None, Failure.ConnectRefused, Failure.ResetDuringResponse, Failure.ClientGone),
  retry: fc.boolean(),
});

type Flow = typeof flow extends fc.Arbitrary<infer Made> ? Made : never;

function passageOf({ listener, clientIp, clientPort, sni, seed }: Flow, id: number): Passage {
  const protocol = listener === 0 ? "tcp" : "tls";
  const name = listener === 0 ? undefined : sni;
  const arrival: Arrival = {
    layer: 4,
    listener,
    clientIp,
    clientPort,
    protocol,
    localIp: "127.0.0.1",
    localPort: listener + 1,
    sni: name,
    host: name,
    header: () => assert.fail("layer 4 reads a header"),
  };
  const caller = { consumer: undefined, groups: [], jwt: undefined, label: undefined };
  return { arrival, facts: {}, caller, seed, tried: 0, wallClock: 0, requestId: () => String(id) };
}

describe("layer 4: the laws", () => {
  it("decides, words and settles every connection without a request, and replays to the same state", () => {
    fc.assert(
      fc.property(plan, fc.array(flow, { maxLength: 40 }), (made, flows) => {
        const state = freshState(made);
        const journal: JournalEvent[] = [];
        const seen: string[] = [];
        flows.forEach((one, id) => {
          const at = 1000.5 + id * 333;
          const passage = passageOf(one, id);
          const decision = new Decision();
          const { arrival, seed, wallClock } = passage;
          journal.push({ kind: "enter", id, at, wallClock, seed, arrival });
          enter(passage, made, state, at, decision);
          const failed = { status: 0, failure: one.failure, firstByte: one.failure === Failure.None ? 2 : -1 };
          if (!decision.refused) {
            journal.push({ kind: "decide", id, at, facts: {} });
            decide(passage, made, state, at, decision);
            if (!decision.refused && one.retry) {
              journal.push({ kind: "again", id, at, outcome: failed });
              again(passage, made, state, at, failed, decision);
            }
          }
          journal.push({ kind: "settle", id, at: at + 5, outcome: failed });
          settle(passage, decision, made, state, failed, at + 5);
          const story = explain(decision, made, passage, { status: 0, failure: one.failure });
          assert.ok(story.why !== "" && story.track.say !== "" && !story.title.includes("with 4"), story.title);
          seen.push(`${id} ${decision.route} ${decision.endpoint} ${decision.step}`);
        });
        for (const endpoint of state.services[0].endpoints) assert.equal(endpoint.inFlight, 0);
        const replayed: string[] = [];
        const folded = replay(
          {
            plan: made,
            state: freshState(made),
            ended: ({ id, decision }) => replayed.push(`${id} ${decision.route} ${decision.endpoint} ${decision.step}`),
          },
          journal,
        );
        assert.deepEqual(replayed, seen);
        assert.deepEqual(folded.state, state);
      }),
      { numRuns: runs(60) },
    );
  });
});
