/** The short memory of one endpoint. */
import assert from "node:assert/strict";
import { EndpointRecord, HISTORY_PLACES, HISTORY_STEP } from "./endpoint-record.ts";

describe("the record of an endpoint", () => {
  it("tells its percentiles and, place by place, the share of attempts that failed", () => {
    const record = new EndpointRecord();
    for (let i = 0; i < 100; i++) record.attempt(1000, false, i < 90 ? 10 : 400);
    record.attempt(HISTORY_STEP + 1, true, -1);
    record.attempt(HISTORY_STEP + 1, false, 10);
    const now = HISTORY_STEP + 2;
    assert.deepEqual(record.history(now).slice(-3), [-1, 0, 0.5]);
    assert.equal(record.history(now).length, HISTORY_PLACES);
    const p50 = record.durations.percentile(1000, 0.5);
    const p95 = record.durations.percentile(1000, 0.95);
    assert.ok(p50 > 9 && p50 < 11 && p95 > 360 && p95 < 440, `${p50} ${p95}`);
  });

  it("forgets what is older than its places, and does not take a new lap for the old one", () => {
    const record = new EndpointRecord();
    record.attempt(5, true, -1);
    const later = HISTORY_PLACES * HISTORY_STEP + 5;
    assert.ok(record.history(later).every((share) => share === -1));
    record.attempt(later, false, 3);
    assert.deepEqual(
      record.history(later).filter((share) => share >= 0),
      [0],
    );
  });
});
