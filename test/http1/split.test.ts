/**
 * The law of the codec: what the reader says does not depend on how the bytes were split, down to the offset at which it refuses.
 * Every case is cut at every byte, fed byte by byte, and fed in random pieces.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Case } from "./cases.ts";
import { cases } from "./cases.ts";
import { bytes, drive } from "./drive.ts";
import { rawCases } from "./raw.ts";

const long = 2000;

/** Long inputs are cut where something can happen: near line ends, the limits, and now and then between. */
function cutsOf(input: Buffer): number[] {
  const cuts: number[] = [];
  for (let i = 0; i <= input.length; i++) {
    const near =
      input[i] === 13 ||
      input[i] === 10 ||
      input[i - 1] === 10 ||
      i % 509 === 0 ||
      i % 8192 < 2 ||
      i + 3 > input.length;
    if (input.length < long || near) cuts.push(i);
  }
  return cuts;
}

const raw = rawCases.map((one): Case => ({
  name: one.id,
  rule: "corpus",
  role: "request",
  input: one.bytes.toString("latin1"),
  finish: true,
}));

describe("Splitting", () => {
  for (const each of [...cases, ...raw]) {
    it(`does not matter for ${JSON.stringify(each.name)} (${each.role})`, () => {
      const input = bytes(each.input);
      const whole = drive(each.role, input, [], each);
      for (const cut of cutsOf(input)) assert.deepEqual(drive(each.role, input, [cut], each), whole, `cut at ${cut}`);
      const everywhere = Array.from(input.keys()).slice(1);
      assert.deepEqual(drive(each.role, input, everywhere, each), whole, "byte by byte");
    });
  }

  it("does not matter for any cuts", () => {
    const all = [...cases, ...raw];
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.array(fc.nat(20000), { maxLength: 12 }), (index, offsets) => {
        const each = all[index];
        const input = bytes(each.input);
        const cuts = offsets.map((offset) => offset % (input.length + 1)).toSorted((a, b) => a - b);
        assert.deepEqual(drive(each.role, input, cuts, each), drive(each.role, input, [], each));
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses at the first byte after which nothing valid can follow", () => {
    for (const each of cases) {
      if (each.refused === undefined || each.finish === true) continue;
      const input = bytes(each.input);
      const whole = drive(each.role, input, [], each);
      // All bytes before the offending one pass; with it, they do not.
      const before = drive(each.role, input.subarray(0, whole.at), [], { ...each, finish: false });
      const upTo = drive(each.role, input.subarray(0, whole.at + 1), [], { ...each, finish: false });
      assert.equal(upTo.error, whole.error, each.name);
      if (before.error !== "") assert.equal(before.error, whole.error, each.name);
    }
  });
});
