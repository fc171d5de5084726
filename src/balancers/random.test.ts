import assert from "node:assert/strict";
import { endpointsOf, Notes, passageOf, poolOf } from "./pool.fixture.ts";
import { random } from "./random.ts";

describe("Random", () => {
  const endpoints = endpointsOf([1, 2, 5]);
  const balancer = random.compile({}, endpoints);

  it("shares by weight, to within 1 percentage point over 40,000 requests", () => {
    const counts = [0, 0, 0];
    for (let seed = 0; seed < 40_000; seed++)
      counts[balancer.pick(passageOf(seed), poolOf(endpoints), null, 0, new Notes())]++;
    [1, 2, 5].forEach((weight, i) => assert.ok(Math.abs(counts[i] / 40_000 - weight / 8) < 0.01, `${counts[i]}`));
  });

  it("answers the same for the same seed", () => {
    for (let seed = 0; seed < 100; seed++) {
      const pick = () => balancer.pick(passageOf(seed), poolOf(endpoints), null, 0, new Notes());
      assert.equal(pick(), pick());
    }
  });

  it("spreads the retries of one endpoint over all the others", () => {
    const equal = endpointsOf([1, 1, 1]);
    const heirs = [0, 0, 0];
    for (let seed = 0; seed < 9000; seed++) {
      const x = passageOf(seed);
      if (balancer.pick(x, poolOf(equal), null, 0, new Notes()) !== 0) continue;
      x.tried = 1;
      heirs[balancer.pick(x, poolOf(equal, [0]), null, 0, new Notes())]++;
    }
    assert.equal(heirs[0], 0);
    assert.ok(Math.abs(heirs[1] / (heirs[1] + heirs[2]) - 0.5) < 0.03, `${heirs}`);
  });
});
