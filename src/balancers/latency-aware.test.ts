import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Failure, type Outcome } from "../model/state.ts";
import { latencyAware, type LatencyAwareState } from "./latency-aware.ts";
import { endpointsOf, Notes, passageOf, poolOf } from "./pool.fixture.ts";

const answered = (firstByte: number, status = 200): Outcome => ({ status, failure: Failure.None, firstByte });

function setUp(weights: readonly number[], decay = 10_000) {
  const endpoints = endpointsOf(weights);
  const config = { decay };
  const state: LatencyAwareState = latencyAware.state(config, endpoints);
  return { endpoints, state, pool: poolOf(endpoints), balancer: latencyAware.compile(config, endpoints) };
}

describe("LatencyAware", () => {
  it("picks the one of the two drawn whose latency times requests in flight is lower, by weight", () => {
    const one = fc.record({ latency: fc.integer({ min: 1, max: 900 }), inFlight: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(one, { minLength: 2, maxLength: 6 }), fc.nat(0xffffffff), (made, seed) => {
        const { state, pool, balancer } = setUp(made.map(() => 1));
        made.forEach(({ latency, inFlight }, i) => {
          balancer.ended?.(i, state, answered(latency), 1000);
          pool.states[i].inFlight = inFlight;
        });
        const notes = new Notes();
        const chosen = balancer.pick(passageOf(seed), pool, state, 1000, notes);
        const load = (i: number) => made[i].latency * (made[i].inFlight + 1);
        const [won, lost] = notes.all;
        assert.deepEqual([won.x, won.y, lost.y], [chosen, load(chosen), load(lost.x)]);
        assert.ok(load(chosen) <= load(lost.x));
      }),
    );
  });

  it("sends a replica that is ten times as slow less than a tenth, and asks it again after a while", () => {
    const { state, pool, balancer } = setUp([1, 1, 1]);
    const latencies = [20, 20, 200];
    const counts = [0, 0, 0];
    for (let i = 0; i < 6000; i++) {
      const now = i * 10;
      const chosen = balancer.pick(passageOf(i * 7919), pool, state, now, new Notes());
      counts[chosen]++;
      balancer.ended?.(chosen, state, answered(latencies[chosen]), now + latencies[chosen]);
    }
    assert.ok(counts[2] > 0 && counts[2] < 600, `${counts}`);
    assert.ok(Math.abs(counts[0] - counts[1]) < 600, `${counts}`);
  });

  it("believes a slow answer at once and a fast one little by little", () => {
    const { state, balancer } = setUp([1]);
    balancer.ended?.(0, state, answered(10), 0);
    balancer.ended?.(0, state, answered(500), 1);
    assert.equal(state.endpoints[0].cost, 500);
    balancer.ended?.(0, state, answered(10), 101);
    assert.ok(state.endpoints[0].cost > 480 && state.endpoints[0].cost < 500);
  });

  it("does not take a quick failure for quickness, nor a client that went away for anything", () => {
    const { state, balancer } = setUp([1, 1, 1]);
    balancer.ended?.(0, state, answered(1, 503), 0);
    balancer.ended?.(1, state, { status: 0, failure: Failure.ConnectRefused, firstByte: -1 }, 0);
    balancer.ended?.(2, state, { status: 0, failure: Failure.ClientGone, firstByte: -1 }, 0);
    assert.deepEqual(
      state.endpoints.map(({ cost }) => cost),
      [1000, 1000, -1],
    );
  });

  it("tries one that was never measured, by one request at a time", () => {
    const { state, pool, balancer } = setUp([1, 1]);
    balancer.ended?.(0, state, answered(5), 0);
    for (let seed = 0; seed < 50; seed++) assert.equal(balancer.pick(passageOf(seed), pool, state, 0, new Notes()), 1);
    pool.states[1].inFlight = 1;
    for (let seed = 0; seed < 50; seed++) assert.equal(balancer.pick(passageOf(seed), pool, state, 0, new Notes()), 0);
  });

  it("keeps what it learnt over an edit, by url, and teaches the old and the new plan alike", () => {
    const { endpoints, state, balancer } = setUp([1, 1]);
    balancer.ended?.(1, state, answered(40), 0);
    const to = [
      { ...endpoints[1], index: 0 },
      { ...endpoints[0], index: 1, url: "http://127.0.0.1:9" },
    ];
    const next = latencyAware.carry?.(state, endpoints, to) as LatencyAwareState;
    assert.equal(next.endpoints[0], state.endpoints[1]);
    assert.equal(next.endpoints[1].cost, -1);
  });
});
