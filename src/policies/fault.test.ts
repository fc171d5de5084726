import assert from "node:assert/strict";
import { fault } from "./fault.ts";
import { fits, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const seeded = (seed: number) => Object.assign(passageOf(), { seed });

describe("fault", () => {
  it("takes the share that it is told, the same requests every time", () => {
    const trial = new Trial(fault, "{ delay: 300ms, delayPercent: 20%, abort: 503, abortPercent: 5% }");
    let [delayed, failed, both] = [0, 0, 0];
    for (let seed = 0; seed < 20_000; seed++) {
      const x = seeded(seed * 2654435761);
      const wait = trial.act.delay?.(x) ?? -1;
      const fails = trial.act.answers?.(x, 0) ?? false;
      assert.equal(trial.act.delay?.(x), wait);
      if (wait === 300) delayed++;
      else assert.equal(wait, 0);
      if (fails) failed++;
      if (fails && wait > 0) both++;
    }
    assert.ok(Math.abs(delayed / 20_000 - 0.2) < 0.01, String(delayed));
    assert.ok(Math.abs(failed / 20_000 - 0.05) < 0.005, String(failed));
    assert.ok(Math.abs(both / 20_000 - 0.01) < 0.004, String(both));
  });

  it("says what it drew", () => {
    const all = new Trial(fault, "{ delay: 1s, abort: 500 }").peek(seeded(1)).sentence;
    assert.match(all, /^waits 1s \(drew \d+\.\d, below 100%\); fails with 500 \(drew \d+\.\d, below 100%\)$/);
    const none = new Trial(fault, "{ reset: true, abortPercent: 0% }").peek(seeded(1)).sentence;
    assert.match(none, /^does not fail \(drew \d+\.\d, not below 0%\)$/);
  });

  it("breaks the connection when told to", () => {
    const { act } = new Trial(fault, "{ reset: true }");
    assert.equal(act.answer?.(seeded(1), matchedBy("prefix", "/")).reset, true);
    assert.equal(act.delay, undefined);
  });

  it("wants something to do, and one way to fail", () => {
    assert.equal(problemsOf(fault, "{}").length, 1);
    assert.equal(problemsOf(fault, "{ abort: 500, reset: true }").length, 1);
    assert.equal(fits(fault, "{ abort: 200 }"), false);
  });
});
