/** Quantiles are as near as they promise, windows hold what they say, and what leaves is well formed. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { binOf, BINS, countBelow, freshBins, lowerBound, quantile, RELATIVE_ERROR } from "./sketch.ts";
import { Ending, secondsOf, Series } from "./series.ts";

describe("a sketch", () => {
  it("gives any quantile of any values to within its error", () => {
    const value = fc.double({ min: 0.001, max: 4_000_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, share) => {
          const bins = freshBins();
          for (const each of all) bins[binOf(each)]++;
          const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * all.length)) - 1];
          const told = quantile(bins, share);
          assert.ok(Math.abs(told - exact) <= exact * RELATIVE_ERROR * 1.000001, `${told} for ${exact}`);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("puts every bound into the bin that it opens, and takes any number", () => {
    for (let bin = 1; bin < BINS; bin++) assert.equal(binOf(lowerBound(bin)), bin);
    for (const odd of [0, -1, NaN, 1e-300]) assert.equal(binOf(odd), 0);
    assert.equal(binOf(Infinity), BINS - 1);
  });

  it("knows exactly how many are below a power of two", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 40_000, noNaN: true })),
        fc.integer({ min: 0, max: 14 }),
        (all, exponent) => {
          const bins = freshBins();
          for (const each of all) bins[binOf(each)]++;
          assert.equal(countBelow(bins, exponent), all.filter((each) => each < 2 ** exponent).length);
        },
      ),
    );
  });

  it("says that nothing was counted", () => assert.equal(quantile(freshBins(), 0.5), -1));
});

describe("a series", () => {
  const ORIGIN = 7_345_678;

  it("holds in each window what a plain list of the same requests holds", () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 200_000 }),
      ending: fc.constantFrom(0, 1, 2),
      bytes: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 0, max: 1_200_000 }), (steps, later) => {
        const series = new Series();
        const all: { at: number; ending: number; bytes: number }[] = [];
        let now = ORIGIN;
        for (const { wait, ending, bytes } of steps) {
          now += wait;
          series.count(now, ending, 1, bytes, 2 * bytes);
          all.push({ at: now, ending, bytes });
        }
        now += later;
        for (const window of ["1m", "15m", "all"] as const) {
          const slice = window === "1m" ? 10_000 : 60_000;
          const count = window === "1m" ? 6 : 15;
          const from = window === "all" ? -Infinity : (Math.floor(now / slice) - count + 1) * slice;
          const inside = all.filter(({ at }) => at >= from);
          const sum = series.over(now, window);
          assert.equal(sum.requests, inside.length, window);
          assert.equal(sum.failed, inside.filter(({ ending }) => ending === Ending.Failed).length);
          assert.equal(sum.rejected, inside.filter(({ ending }) => ending === Ending.Rejected).length);
          assert.equal(
            sum.bytesOut,
            inside.reduce((total, { bytes }) => total + 2 * bytes, 0),
          );
          const history = series.history(now, window);
          if (window !== "all")
            assert.equal(
              history.reduce((a, b) => a + b, 0),
              inside.length,
              `history of ${window}`,
            );
        }
      }),
      { numRuns: 300 },
    );
  });

  it("does not time what has no duration", () => {
    const series = new Series();
    series.count(ORIGIN, Ending.Well, -1, 5, 6);
    const slice = series.over(ORIGIN, "1m");
    assert.deepEqual([slice.requests, slice.timed, slice.bytesIn], [1, 0, 5]);
  });

  it("looks back no longer than it has counted", () => {
    assert.equal(secondsOf(ORIGIN + 5000, "1m", ORIGIN), 5);
    assert.ok(Math.abs(secondsOf(ORIGIN + 1e6, "1m", ORIGIN) - 55) <= 5);
    assert.equal(secondsOf(ORIGIN + 1e6, "all", ORIGIN), 1000);
  });
});
