import assert from "node:assert/strict";
import * as fc from "fast-check";
import { leastRequest, type LeastRequestConfig } from "./least-request.ts";
import { endpointsOf, Notes, passageOf, poolOf } from "./pool.fixture.ts";

function sharesOf(config: LeastRequestConfig, weights: number[], inFlight: number[], count: number): number[] {
  const endpoints = endpointsOf(weights);
  const balancer = leastRequest.compile(config, endpoints);
  const pool = poolOf(endpoints);
  inFlight.forEach((n, i) => (pool.states[i].inFlight = n));
  const shares = weights.map(() => 0);
  for (let seed = 0; seed < count; seed++) {
    shares[balancer.pick(passageOf(seed * 2654435761), pool, null, 0, new Notes())] += 1 / count;
  }
  return shares;
}

describe("LeastRequest", () => {
  it("never picks the busier of the two it sampled", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 2, maxLength: 6 }), fc.nat(0xffffffff), (inFlight, seed) => {
        const endpoints = endpointsOf(inFlight.map(() => 1));
        const pool = poolOf(endpoints);
        inFlight.forEach((n, i) => (pool.states[i].inFlight = n));
        const notes = new Notes();
        const chosen = leastRequest.compile({ choices: 2 }, endpoints).pick(passageOf(seed), pool, null, 0, notes);
        const [won, lost] = notes.all;
        assert.deepEqual([won.x, won.y], [inFlight[chosen], inFlight[lost.x]]);
        assert.notEqual(lost.x, chosen);
        assert.ok(inFlight[chosen] <= inFlight[lost.x]);
      }),
    );
  });

  it("shares by weight while all are idle, to within 1.5 percentage points over 20,000 requests", () => {
    for (const choices of [2, "all"] as const) {
      const shares = sharesOf({ choices }, [1, 2, 5], [0, 0, 0], 20_000);
      [1, 2, 5].forEach((weight, i) => assert.ok(Math.abs(shares[i] - weight / 8) < 0.015, `${shares}`));
    }
  });

  it("choices: all takes the least busy, always", () => {
    assert.deepEqual(sharesOf({ choices: "all" }, [1, 1, 1], [4, 1, 3], 200).map(Math.round), [0, 1, 0]);
  });

  it("keeps load even when requests stay: no endpoint is more than two above the mean", () => {
    const endpoints = endpointsOf([1, 1, 1, 1, 1]);
    const pool = poolOf(endpoints);
    const balancer = leastRequest.compile({ choices: 2 }, endpoints);
    for (let seed = 0; seed < 500; seed++) {
      pool.states[balancer.pick(passageOf(seed * 7919), pool, null, 0, new Notes())].inFlight++;
    }
    for (const { inFlight } of pool.states) assert.ok(Math.abs(inFlight - 100) <= 3, `${inFlight}`);
  });

  it("picks the only one left, and none of none", () => {
    const endpoints = endpointsOf([1, 1]);
    for (const choices of [2, "all"] as const) {
      const balancer = leastRequest.compile({ choices }, endpoints);
      assert.equal(balancer.pick(passageOf(1), poolOf(endpoints, [0]), null, 0, new Notes()), 1);
      assert.equal(balancer.pick(passageOf(1), poolOf(endpoints, [0, 1]), null, 0, new Notes()), -1);
    }
  });
});
