/**
 * Changes packed in columns come out as they went in, for those ids alone, the newest of too many.
 */
import assert from "node:assert/strict";
import type { Difference, Verdict } from "../../replay/compare.ts";
import { packShifts, Shifts } from "./shifts.ts";

const verdict = (id: number, status: number, why: string, assumed = 0): Verdict => ({
  id,
  refused: status === 429,
  answered: false,
  status,
  attempts: 1,
  assumed,
  why,
});

const refused = (id: number): Difference => ({
  id,
  before: verdict(id, 200, "to :3001"),
  after: verdict(id, 429, `per-user 0 of ${id % 2}`),
  change: "newly refused",
});

describe("changes on their way from the thread", () => {
  it("are found by request, whatever the order in which they ended", () => {
    const shifts = new Shifts(
      packShifts([
        refused(9),
        { id: 4, before: verdict(4, 429, ""), after: verdict(4, 0, "to :3002", 2), change: "newly admitted" },
        { id: 7, before: verdict(7, 200, ""), after: verdict(7, 200, "to :3002"), change: "endpoint" },
        { id: 8, before: verdict(8, 200, ""), after: undefined, change: "unknown" },
      ]),
    );
    assert.deepEqual([...shifts.ids], [4, 7, 9]);
    assert.deepEqual(shifts.of(9), {
      change: "rejected",
      before: 200,
      after: 429,
      why: "per-user 0 of 1",
      assumed: false,
    });
    assert.deepEqual(shifts.of(4), { change: "admitted", before: 429, after: 0, why: "to :3002", assumed: true });
    assert.equal(shifts.of(7)?.change, "elsewhere");
    for (const id of [0, 5, 8, 10]) assert.equal(shifts.of(id), undefined, String(id));
    assert.deepEqual([shifts.has(7), shifts.has(8)], [true, false]);
    assert.deepEqual(
      shifts.last(2).map(({ id }) => id),
      [7, 9],
    );
  });

  it("are told up to a number, the newest, and each reason once", () => {
    const packed = packShifts(Array.from({ length: 2500 }, (_, index) => refused(index + 1)));
    assert.equal(packed.ids.length, 2000);
    assert.equal(packed.ids[0], 501);
    assert.deepEqual(packed.words.toSorted(), ["per-user 0 of 0", "per-user 0 of 1"]);
    assert.deepEqual([...new Shifts(packShifts([])).ids], []);
  });
});
