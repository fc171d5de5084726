import assert from "node:assert/strict";
import { draw } from "./draw.ts";

describe("draw", () => {
  it("is a function of seed and number alone, in [0, 1)", () => {
    for (let seed = 0; seed < 1000; seed++) {
      const value = draw(seed * 7919, seed % 40);
      assert.ok(value >= 0 && value < 1);
      assert.equal(value, draw(seed * 7919, seed % 40));
    }
  });

  it("fills ten equal bins evenly, over seeds and over draw numbers", () => {
    for (const at of [(i: number) => draw(i, 0), (i: number) => draw(0x5eed, i), (i: number) => draw(i * 4096, 3)]) {
      const bins = new Array<number>(10).fill(0);
      for (let i = 0; i < 100_000; i++) bins[Math.floor(at(i) * 10)]++;
      const chiSquare = bins.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
      // 9 degrees of freedom: 99.99th percentile is 33.7
      assert.ok(chiSquare < 33.7, `chi-square ${chiSquare}`);
    }
  });
});
