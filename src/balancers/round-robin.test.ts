import assert from "node:assert/strict";
import * as fc from "fast-check";
import { endpointsOf, Notes, passageOf, poolOf } from "./pool.fixture.ts";
import { roundRobin } from "./round-robin.ts";

function turns(weights: number[], count: number, without: (turn: number) => number[] = () => []): number[] {
  const endpoints = endpointsOf(weights);
  const balancer = roundRobin.compile({}, endpoints);
  const state = roundRobin.state({}, endpoints);
  return Array.from({ length: count }, (_, turn) =>
    balancer.pick(passageOf(turn), poolOf(endpoints, without(turn)), state, 0, new Notes()),
  );
}

describe("RoundRobin", () => {
  it("gives nginx's published sequence for weights 5, 1, 1: a a b a c a a", () => {
    assert.deepEqual(turns([5, 1, 1], 14), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
  });

  it("gives every endpoint exactly its weight over one round, for any weights", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const counts = weights.map(() => 0);
        for (const endpoint of turns(weights, total)) counts[endpoint]++;
        assert.deepEqual(counts, weights);
      }),
    );
  });

  it("goes on evenly after an endpoint was away: its return brings no burst", () => {
    const picks = turns([1, 1, 1], 33, (turn) => (turn >= 3 && turn < 23 ? [1] : []));
    const after = picks.slice(23);
    for (let i = 1; i < after.length; i++) assert.notEqual(after[i], after[i - 1]);
  });

  it("keeps each endpoint's credit over an edit, by url", () => {
    const before = endpointsOf([1, 1, 1]);
    const after = [before[2], before[0]].map((endpoint, index) => ({ ...endpoint, index }));
    assert.deepEqual(roundRobin.carry?.({ credit: [1, 2, -3] }, before, after), { credit: [-3, 1] });
  });

  it("picks none of none", () => {
    assert.deepEqual(
      turns([1], 2, () => [0]),
      [-1, -1],
    );
  });
});
