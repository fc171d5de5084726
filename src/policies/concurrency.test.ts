import assert from "node:assert/strict";
import type { Passage } from "../model/arrival.ts";
import { concurrency } from "./concurrency.ts";
import { configOf, contextOf, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const from = (clientIp: string) => passageOf({ clientIp });
const DONE = { status: 200, failure: 0, firstByte: 1 };

describe("concurrency", () => {
  const end = (trial: Trial, x: Passage) => trial.act.end?.(x, trial.state, DONE, 0);

  it("counts requests on their way for each key, and gives back when they end", () => {
    const trial = new Trial(concurrency, "{ key: client.ip, max: 2 }");
    assert.equal(trial.pass(from("10.0.0.1")).sentence, "1 of 2 on their way with this one, by client.ip");
    assert.equal(trial.pass(from("10.0.0.1")).reason, "");
    const full = trial.pass(from("10.0.0.1"));
    assert.equal(full.status, 429);
    assert.equal(full.sentence, "2 requests are on the way; 2 may be at once by client.ip");
    assert.equal(full.fields["Retry-After"], "1");
    assert.deepEqual(full.fixes[0], {
      title: "Allow 3 at once: the least that admits this one",
      path: ["max"],
      value: 3,
    });
    assert.equal(trial.pass(from("10.0.0.2")).reason, "");
    end(trial, from("10.0.0.1"));
    assert.equal(trial.pass(from("10.0.0.1")).reason, "");
  });

  it("keeps nothing of keys that have nothing on their way", () => {
    const trial = new Trial(concurrency, "{ key: client.ip, max: 2 }");
    for (let i = 0; i < 100; i++) trial.pass(from(`10.0.0.${i}`));
    for (let i = 0; i < 100; i++) end(trial, from(`10.0.0.${i}`));
    assert.equal(concurrency.gauge?.size(trial.state as never), 0);
  });

  it("counts on the same numbers over an edit, unless it counts by something else", () => {
    const trial = new Trial(concurrency, "{ key: client.ip, max: 2 }");
    trial.pass(from("10.0.0.1"));
    const carried = (yaml: string) =>
      concurrency.carry?.(trial.state as never, trial.config as never, configOf(concurrency, yaml) as never, 0);
    assert.equal(carried("{ key: client.ip, max: 9 }"), trial.state);
    assert.equal(carried("{ key: consumer, max: 2 }")?.entries.size, 0);
  });

  it("may not hang on who is calling where that can still change", () => {
    const onListener = contextOf({ owner: "listener/edge", routeName: undefined as never });
    assert.equal(problemsOf(concurrency, "{ key: consumer, max: 1 }", onListener).length, 1);
    assert.equal(problemsOf(concurrency, "{ key: [client.ip, jwt.sub], max: 1 }", onListener).length, 1);
    assert.equal(problemsOf(concurrency, "{ key: client.ip, max: 1 }", onListener).length, 0);
  });
});
