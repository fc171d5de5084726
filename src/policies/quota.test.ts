import assert from "node:assert/strict";
import { quota } from "./quota.ts";
import { configOf, fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const NOON = Date.parse("2026-11-24T12:00:00Z");
const HOUR = 3_600_000;
const YAML = "{ key: client.ip, requests: 3, per: day }";
const from = (clientIp: string, wallClock = NOON) => passageOf({ clientIp, wallClock });
const trial = () => new Trial(quota, YAML);
type Config = Parameters<NonNullable<typeof quota.gauge>["describe"]>[0];
const gauge = quota.gauge as NonNullable<typeof quota.gauge>;
const durable = quota.durable as NonNullable<typeof quota.durable>;
const left = (one: Trial, key: string, now = 0) =>
  [...gauge.keys(one.config as Config, one.state as never, now)].find((each) => each.key === key)?.left;

describe("quota", () => {
  it("counts each key within the day, and says when the next begins", () => {
    const one = trial();
    assert.equal(
      one.pass(from("a")).sentence,
      "2 of 3 left this day after this one (3 per day by client.ip, UTC); the next begins in 12 h",
    );
    one.pass(from("a"));
    one.pass(from("a"));
    const over = one.pass(from("a", NOON + HOUR));
    assert.deepEqual([over.reason, over.status], ["exhausted", 429]);
    assert.equal(
      over.sentence,
      "all 3 requests of this day are used (3 per day by client.ip, UTC); the next day begins in 11 h",
    );
    assert.deepEqual(over.fields, {
      "RateLimit-Policy": '"client.ip/3/day";q=3',
      RateLimit: `"client.ip/3/day";r=0;t=${11 * 3600}`,
      "Retry-After": String(11 * 3600),
    });
    assert.equal(over.fixes[0].value, 4);
    assert.equal(one.pass(from("b")).reason, "");
  });

  it("begins afresh at midnight of its time zone", () => {
    const one = new Trial(quota, "{ key: client.ip, requests: 1, per: day, timezone: Asia/Tokyo }");
    assert.equal(one.pass(from("a")).reason, "");
    assert.equal(one.pass(from("a", Date.parse("2026-11-24T14:59:59.999Z"))).reason, "exhausted");
    assert.equal(one.pass(from("a", Date.parse("2026-11-24T15:00:00Z"))).reason, "");
    const month = new Trial(quota, "{ key: client.ip, requests: 1, per: month }");
    assert.equal(month.pass(from("a")).reason, "");
    assert.equal(month.pass(from("a", Date.parse("2026-11-30T23:59:59Z"))).reason, "exhausted");
    assert.equal(month.pass(from("a", Date.parse("2026-12-01T00:00:00Z"))).reason, "");
  });

  it("gives nothing back when a clock is set back a little, and is not stuck when it was far ahead", () => {
    const one = new Trial(quota, "{ key: client.ip, requests: 1, per: day }");
    one.pass(from("a", NOON + 13 * HOUR));
    assert.equal(one.pass(from("a", NOON)).reason, "exhausted");
    assert.equal(one.pass(from("a", NOON - 48 * HOUR)).reason, "");
  });

  it("takes nothing in shadow beyond what there is, and keeps no more keys than a limit may", () => {
    const one = trial();
    for (let i = 0; i < 9; i++) one.act.take?.(from("a"), one.state, 0);
    assert.equal(left(one, "a"), 0);
    for (let i = 0; i < 100_500; i++) one.act.take?.(from(`key-${i}`), one.state, 0);
    const size = gauge.size(one.state as never);
    assert.ok(size >= 50_000 && size <= 100_000, `${size} keys`);
  });

  it("can be reset, set, frozen and put back", () => {
    const one = trial();
    const c = one.config as Config;
    const state = one.state as never;
    for (let i = 0; i < 3; i++) one.pass(from("a"));
    const before = gauge.saved?.(state, "a");
    gauge.set?.(c, state, "a", 2, 0);
    assert.equal(left(one, "a"), 2);
    gauge.freeze?.(c, state, "a", true, 0);
    for (let i = 0; i < 9; i++) assert.equal(one.pass(from("a")).reason, "", "it does not empty");
    gauge.set?.(c, state, "a", 0, 0);
    assert.equal(one.pass(from("a")).reason, "frozen");
    gauge.freeze?.(c, state, "a", false, 0);
    gauge.reset(c, state, "a", 0);
    assert.equal(one.peek(from("a")).reason, "");
    gauge.restore?.(c, state, "a", before, 0);
    assert.equal(one.peek(from("a")).reason, "exhausted");
    gauge.restore?.(c, state, "a", undefined, 0);
    assert.equal(gauge.size(state), 0);
  });

  it("comes back from what was kept, under the same config only, and keeps nothing frozen", () => {
    const one = trial();
    one.pass(from("a"));
    one.pass(from("a"));
    gauge.freeze?.(one.config as Config, one.state as never, "b", true, 0);
    const head = JSON.parse(JSON.stringify(durable.head(one.config as Config, one.state as never)));
    const entries = [...durable.entries(one.state as never)];
    assert.deepEqual(entries, [["a", 2]]);
    const again = trial();
    again.state = durable.load(again.config as Config, head, entries);
    assert.equal(again.pass(from("a")).reason, "");
    assert.equal(again.pass(from("a")).reason, "exhausted");
    again.state = durable.load(again.config as Config, head, entries);
    assert.equal(again.pass(from("a", NOON + 13 * HOUR)).sentence.slice(0, 6), "2 of 3", "the day is over");
    const other = configOf(quota, "{ key: client.ip, requests: 3, per: month }") as Config;
    assert.equal(durable.load(other, head, entries), undefined);
    const wider = configOf(quota, "{ key: client.ip, requests: 9, per: day }") as Config;
    assert.ok(durable.load(wider, head, entries));
    assert.equal(durable.load(wider, {}, entries), undefined);
  });

  it("keeps what is used over an edit of the number, not over one of the meaning", () => {
    const one = trial();
    one.pass(from("a"));
    const carried = (yaml: string) =>
      quota.carry?.(one.state as never, one.config as Config, configOf(quota, yaml) as Config, 0);
    assert.equal(carried("{ key: client.ip, requests: 30, per: day }"), one.state);
    assert.notEqual(carried("{ key: client.ip, requests: 3, per: month }"), one.state);
  });

  it("reports a time zone that there is not", () => {
    assert.match(
      problemsOf(quota, "{ key: route, requests: 1, per: day, timezone: Mars }")[0].message,
      /no time zone "Mars"/,
    );
    assert.ok(!fits(quota, "{ key: route, requests: 1, per: week }"));
  });
});
