import assert from "node:assert/strict";
import * as fc from "fast-check";
import { isTimezone, periodFinder } from "./calendar.ts";

const at = (text: string): number => Date.parse(text);
const shown = (per: "day" | "month", zone: string, moment: string): string[] => {
  const { from, until } = periodFinder(per, zone)(at(moment));
  return [new Date(from).toISOString(), new Date(until).toISOString()];
};

describe("calendar periods", () => {
  it("are days and months of the time zone", () => {
    assert.deepEqual(shown("day", "UTC", "2026-11-24T10:00:00Z"), [
      "2026-11-24T00:00:00.000Z",
      "2026-11-25T00:00:00.000Z",
    ]);
    assert.deepEqual(shown("day", "Asia/Tokyo", "2026-11-24T16:00:00Z"), [
      "2026-11-24T15:00:00.000Z",
      "2026-11-25T15:00:00.000Z",
    ]);
    assert.deepEqual(shown("month", "Europe/Berlin", "2026-12-31T23:30:00Z"), [
      "2026-12-31T23:00:00.000Z",
      "2027-01-31T23:00:00.000Z",
    ]);
    assert.deepEqual(shown("month", "UTC", "2028-02-29T12:00:00Z"), [
      "2028-02-01T00:00:00.000Z",
      "2028-03-01T00:00:00.000Z",
    ]);
  });

  it("are shorter and longer where clocks are changed, and begin at one o'clock where midnight is left out", () => {
    const hours = (zone: string, moment: string): number => {
      const { from, until } = periodFinder("day", zone)(at(moment));
      return (until - from) / 3_600_000;
    };
    assert.equal(hours("Europe/Berlin", "2026-03-29T10:00:00Z"), 23);
    assert.equal(hours("Europe/Berlin", "2026-10-25T10:00:00Z"), 25);
    assert.equal(hours("America/New_York", "2026-07-01T10:00:00Z"), 24);
    assert.equal(hours("Africa/Cairo", "2026-04-24T10:00:00Z"), 23);
  });

  it("follow one another without a gap, whatever the zone and the moment", () => {
    const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu");
    fc.assert(
      fc.property(
        zones,
        fc.constantFrom("day" as const, "month" as const),
        fc.integer({ min: 0, max: 4e12 }),
        (zone, per, moment) => {
          const find = periodFinder(per, zone);
          const here = find(moment);
          assert.ok(here.from <= moment && moment < here.until);
          const next = find(here.until);
          assert.equal(next.from, here.until);
          assert.deepEqual(find(here.until - 1), here);
          assert.deepEqual(find(here.from), here);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("knows which zones there are", () => {
    assert.ok(isTimezone("Europe/Berlin") && isTimezone("UTC"));
    assert.ok(!isTimezone("Mars/Olympus") && !isTimezone(""));
  });
});
