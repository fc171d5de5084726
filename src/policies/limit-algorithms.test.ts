/**
 * Each algorithm against a reference that counts in another way: the bucket in exact fractions, the windows from a
 * log of everything that was taken. Times are whole milliseconds from an odd origin, in uneven steps.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { algorithms, type AlgorithmName, type LimitShape } from "./limit-algorithms.ts";

interface Reference {
  /** Whether `cost` may be taken at `now`; takes it if so. */
  admit(cost: number, now: number): boolean;
}

/** Tokens times `per`, in whole numbers: no rounding anywhere. */
function exactBucket({ capacity, requests, per }: LimitShape): Reference {
  const unit = BigInt(per);
  let tokens = BigInt(capacity) * unit;
  let last: number | undefined;
  return {
    admit(cost, now) {
      const refill = BigInt(now - (last ?? now)) * BigInt(requests);
      last = now;
      tokens += refill;
      if (tokens > BigInt(capacity) * unit) tokens = BigInt(capacity) * unit;
      if (tokens < BigInt(cost) * unit) return false;
      tokens -= BigInt(cost) * unit;
      return true;
    },
  };
}

function loggedFixedWindow({ capacity, per }: LimitShape): Reference {
  const log: { at: number; cost: number }[] = [];
  let opened: number | undefined;
  return {
    admit(cost, now) {
      const open = opened !== undefined && now < opened + per ? opened : now;
      const used = log.filter(({ at }) => at >= open).reduce((sum, entry) => sum + entry.cost, 0);
      if ((open === now && open !== opened ? 0 : used) + cost > capacity) return false;
      if (cost === 0) return true;
      opened = open;
      log.push({ at: now, cost });
      return true;
    },
  };
}

/** current + previous * share, compared in whole numbers: both sides times `per`. */
function loggedSlidingWindow({ capacity, per }: LimitShape): Reference {
  const taken = new Map<number, number>();
  return {
    admit(cost, now) {
      const index = Math.floor(now / per);
      const [current, previous] = [taken.get(index) ?? 0, taken.get(index - 1) ?? 0];
      const share = BigInt(per - (now - index * per));
      const used = BigInt(current + cost) * BigInt(per) + BigInt(previous) * share;
      if (used > BigInt(capacity) * BigInt(per)) return false;
      taken.set(index, current + cost);
      return true;
    },
  };
}

const references: Readonly<Record<AlgorithmName, (shape: LimitShape) => Reference>> = {
  tokenBucket: exactBucket,
  leakyBucket: exactBucket,
  fixedWindow: loggedFixedWindow,
  slidingWindow: loggedSlidingWindow,
};

const NAMES = Object.keys(algorithms) as AlgorithmName[];

const shapes = fc.record({
  requests: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1000 })),
  per: fc.constantFrom(1, 7, 100, 1000, 1001, 60_000, 86_400_000),
  burst: fc.integer({ min: 1, max: 30 }),
});

const schedule = fc.array(
  fc.record({
    gap: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(200), fc.nat(5000), fc.nat(100_000_000)),
    cost: fc.oneof(fc.constant(1), fc.constant(1), fc.nat(4)),
  }),
  { minLength: 1, maxLength: 40, size: "max" },
);

/** A window's capacity is its requests; a bucket's may differ. */
function shapeFor(
  name: AlgorithmName,
  { requests, per, burst }: { requests: number; per: number; burst: number },
): LimitShape {
  return { requests, per, capacity: name.endsWith("Bucket") ? burst : requests };
}

describe("limit algorithms", () => {
  for (const name of NAMES) {
    it(`${name} admits exactly what its reference admits, over 10,000 generated schedules`, function () {
      this.timeout(120_000);
      const algorithm = algorithms[name];
      fc.assert(
        fc.property(shapes, schedule, fc.nat(100_000), (sizes, steps, origin) => {
          const shape = shapeFor(name, sizes);
          const reference = references[name](shape);
          let now = origin + 13;
          const usage = algorithm.begin(shape, 0, now);
          for (const { gap, cost } of steps) {
            now += gap;
            const admitted = algorithm.wait(shape, usage, cost, now) === 0;
            assert.equal(admitted, reference.admit(cost, now), `at ${now} for ${cost}`);
            if (admitted) algorithm.take(shape, usage, cost, now);
          }
        }),
        { numRuns: 10_000 },
      );
    });

    it(`${name} never has less than nothing or more than everything, and waits exactly as long as it must`, () => {
      const algorithm = algorithms[name];
      fc.assert(
        fc.property(shapes, schedule, (sizes, steps) => {
          const shape = shapeFor(name, sizes);
          let now = 101;
          const usage = algorithm.begin(shape, 0, now);
          for (const { gap, cost } of steps) {
            now += gap;
            const left = algorithm.left(shape, usage, now);
            assert.ok(left >= 0 && left <= shape.capacity);
            const wait = algorithm.wait(shape, usage, cost, now);
            if (cost > shape.capacity) assert.equal(wait, Infinity);
            else if (wait > 0) {
              assert.equal(algorithm.wait(shape, usage, cost, now + wait + 0.01), 0, "after the wait it may be taken");
              const sooner = algorithm.wait(shape, usage, cost, now + wait * 0.9 - 0.01);
              assert.ok(wait < 0.2 || sooner > 0, "and not much sooner");
            } else algorithm.take(shape, usage, cost, now);
            const full = algorithm.full(shape, usage, now);
            assert.ok(algorithm.left(shape, usage, now + full + 0.01) > shape.capacity - 0.001, "full when it says");
          }
        }),
        { numRuns: 200 },
      );
    });

    it(`${name} begins with what is said to be used`, () => {
      const algorithm = algorithms[name];
      const shape: LimitShape = { requests: 10, per: 1000, capacity: 10 };
      for (const used of [0, 1, 7, 10]) {
        // A sliding window counts what is used at the start of its window in full.
        const left = algorithm.left(shape, algorithm.begin(shape, used, 5000.5), 5000.5);
        assert.ok(Math.abs(left - (10 - used)) < 1e-9, `${used} ${left}`);
      }
    });
  }
});
