import assert from "node:assert/strict";
import * as fc from "fast-check";
import { failover } from "./failover.ts";
import { endpointsOf, Notes, passageOf, poolOf } from "./pool.fixture.ts";

const ofPriorities = (priorities: readonly number[], weights = priorities.map(() => 1)) =>
  endpointsOf(weights).map((endpoint, i) => ({ ...endpoint, priority: priorities[i] }));

describe("Failover", () => {
  it("picks only from the lowest priority that has anybody left", () => {
    const one = fc.record({ priority: fc.nat(3), weight: fc.integer({ min: 1, max: 5 }), out: fc.boolean() });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 8 }), (made) => {
        const endpoints = ofPriorities(
          made.map(({ priority }) => priority),
          made.map(({ weight }) => weight),
        );
        const pool = poolOf(
          endpoints,
          made.flatMap(({ out }, i) => (out ? [i] : [])),
        );
        const chosen = failover
          .compile({}, endpoints)
          .pick(passageOf(1), pool, failover.state({}, endpoints), 0, new Notes());
        const left = made.filter(({ out }) => !out).map(({ priority }) => priority);
        assert.equal(chosen < 0 ? Infinity : made[chosen].priority, Math.min(...left));
      }),
    );
  });

  it("takes turns by weight within a priority, and says who stands by", () => {
    const endpoints = ofPriorities([0, 0, 1], [2, 1, 1]);
    const state = failover.state({}, endpoints);
    const balancer = failover.compile({}, endpoints);
    const notes = new Notes();
    const turns = Array.from({ length: 6 }, () => balancer.pick(passageOf(1), poolOf(endpoints), state, 0, notes));
    assert.deepEqual(turns, [0, 1, 0, 0, 1, 0]);
    const words = notes.all
      .slice(0, 3)
      .map(({ reason, x, y }) => Object.values(failover.reasons)[reason - 1](x, y, (i) => endpoints[i].label));
    assert.deepEqual(words, [
      "its turn: :4001 had the most credit, 2",
      "priority 0 comes first",
      ":4003 stands by with priority 1",
    ]);
  });

  it("fails over, says for whom, and comes back", () => {
    const endpoints = ofPriorities([0, 1]);
    const state = failover.state({}, endpoints);
    const balancer = failover.compile({}, endpoints);
    const notes = new Notes();
    assert.equal(balancer.pick(passageOf(1), poolOf(endpoints, [0]), state, 0, notes), 1);
    const { reason, x, y } = notes.all[1];
    const sentence = Object.values(failover.reasons)[reason - 1](x, y, String);
    assert.equal(sentence, "priority 1 stands in: nobody of priority 0 may be picked");
    assert.equal(balancer.pick(passageOf(2), poolOf(endpoints), state, 0, notes), 0);
  });
});
