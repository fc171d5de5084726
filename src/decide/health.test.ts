import assert from "node:assert/strict";
import { Decision, Exclusion } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import { Admin, Failure, Life, Probe, type Outcome } from "../model/state.ts";
import { decide } from "./decide.ts";
import { enter } from "./enter.ts";
import { exclusionSentence } from "./exclusions.ts";
import { probed, setAdmin, setLife } from "./health.ts";
import { answered, arrivalOf, passageOf, planOf, type PlanSpec } from "./plan.fixture.ts";
import { settle } from "./settle.ts";

const active = { path: "/healthz", interval: 2000, timeout: 500, healthyThreshold: 1, unhealthyThreshold: 3 };

function scene(spec: PlanSpec = {}) {
  const plan = planOf(spec);
  const state = freshState(plan);
  const endpoints = state.services[0].endpoints;
  /** Sends requests until one lands on the endpoint, and ends that one so; the others end well. */
  function end(endpoint: number, outcome: Outcome, now: number): void {
    for (let seed = 0; seed < 1000; seed++) {
      const x = passageOf(arrivalOf("GET", "localhost/"), seed);
      const out = new Decision();
      enter(x, plan, state, now, out);
      decide(x, plan, state, now, out);
      const hit = out.endpoint === endpoint;
      const nothing = { status: 0, failure: Failure.ClientGone, firstByte: -1 };
      settle(x, out, plan, state, hit ? outcome : nothing, now);
      if (hit) return;
    }
    assert.fail(`endpoint ${endpoint} is never picked`);
  }
  return { plan, state, endpoints, end };
}

const reset: Outcome = { status: 0, failure: Failure.ResetBeforeResponse, firstByte: -1 };
const clientGone: Outcome = { status: 0, failure: Failure.ClientGone, firstByte: -1 };

describe("passive health", () => {
  it("ejects after consecutive 5xx, refused connections and resets, all counted alike", () => {
    const { endpoints, end } = scene();
    end(1, answered(500), 100.5);
    end(1, reset, 101);
    end(1, { status: 0, failure: Failure.ConnectRefused, firstByte: -1 }, 102);
    end(1, answered(503), 103);
    assert.equal(endpoints[1].ejectedUntil, 0);
    end(1, { status: 0, failure: Failure.BackendTimeout, firstByte: -1 }, 104);
    assert.equal(endpoints[1].ejectedUntil, 30_104);
  });

  it("forgets failures at the first good answer, and learns nothing from a client that went away", () => {
    const { endpoints, end } = scene();
    for (let i = 0; i < 4; i++) end(0, answered(500), 100 + i);
    end(0, clientGone, 110);
    assert.equal(endpoints[0].failures, 4);
    end(0, answered(404), 111);
    assert.equal(endpoints[0].failures, 0);
  });

  it("doubles the ejection each time in a row, up to a limit, and starts over after good conduct", () => {
    const { endpoints, end } = scene();
    let now = 1000;
    const lengths: number[] = [];
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 5; i++) end(2, answered(502), now);
      lengths.push((endpoints[2].ejectedUntil - now) / 30_000);
      now = endpoints[2].ejectedUntil;
    }
    assert.deepEqual(lengths, [1, 2, 4, 8, 16, 32, 32, 32]);
    end(2, answered(200), now + 29_999);
    assert.equal(endpoints[2].ejections, 8);
    end(2, answered(200), now + 30_000);
    assert.equal(endpoints[2].ejections, 0);
  });

  it("never ejects more than maxEjectionPercent: of three endpoints and 50% one, of one none", () => {
    const { endpoints, end } = scene();
    for (const endpoint of [0, 1]) for (let i = 0; i < 5; i++) end(endpoint, answered(500), 200);
    assert.ok(endpoints[0].ejectedUntil > 200);
    assert.equal(endpoints[1].ejectedUntil, 0);
    const single = scene({ services: { shop: [1] } });
    for (let i = 0; i < 9; i++) single.end(0, answered(500), 200);
    assert.equal(single.endpoints[0].ejectedUntil, 0);
  });

  it("readmits by itself when the time is over", () => {
    const { endpoints, end } = scene();
    for (let i = 0; i < 5; i++) end(1, answered(500), 100);
    assert.throws(() => end(1, answered(200), 30_099));
    end(1, answered(200), endpoints[1].ejectedUntil);
  });
});

describe("active health", () => {
  it("takes an endpoint down after the threshold of failed probes in a row, and back after one good one", () => {
    const { plan, state, endpoints } = scene({ active });
    const probes = [false, false, true, false, false, false, false, true].map((up, i) =>
      probed(plan, state, 0, 1, up, 100 + i),
    );
    assert.deepEqual(probes, [false, false, true, false, false, true, false, true]);
    assert.equal(endpoints[1].probe, Probe.Up);
    assert.equal(endpoints[1].probeStreak, 0);
  });

  it("wants as many good probes in a row as healthyThreshold says", () => {
    const { plan, state, endpoints } = scene({ active: { ...active, healthyThreshold: 2, unhealthyThreshold: 1 } });
    const seen = [false, true, false, true, true].map((up) => {
      probed(plan, state, 0, 0, up, 100);
      return endpoints[0].probe;
    });
    assert.deepEqual(seen, [Probe.Down, Probe.Down, Probe.Down, Probe.Down, Probe.Up]);
  });

  it("readmits an ejected endpoint at once when a probe succeeds", () => {
    const { plan, state, endpoints, end } = scene({ active });
    for (let i = 0; i < 5; i++) end(1, answered(500), 100);
    assert.equal(probed(plan, state, 0, 1, true, 150), true);
    end(1, answered(200), 150);
    assert.equal(endpoints[1].failures, 0);
  });
});

describe("setAdmin", () => {
  it("says whether it changed anything", () => {
    const { state } = scene();
    assert.equal(setAdmin(state, 0, 0, Admin.Drain, 1), true);
    assert.equal(setAdmin(state, 0, 0, Admin.Drain, 1), false);
  });
});

describe("the life of an endpoint", () => {
  it("keeps requests away until it serves, and then holds nothing of its predecessor against it", () => {
    const { state, endpoints } = scene();
    endpoints[0].failures = 4;
    endpoints[0].ejectedUntil = 99_000;
    endpoints[0].probe = Probe.Down;
    assert.ok(setLife(state, 0, 0, Life.Restarting, 5000, 137, 1000));
    assert.ok(!setLife(state, 0, 0, Life.Restarting, 5000, 137, 1000), "nothing new");
    assert.ok(setLife(state, 0, 0, Life.Serving, 0, 137, 5100));
    const { failures, ejectedUntil, probe, life } = endpoints[0];
    assert.deepEqual([failures, ejectedUntil, probe, life], [0, 0, Probe.Unknown, Life.Serving]);
  });

  it("is no matter of panic: who does not serve is not even counted", () => {
    const { plan, state } = scene({ panicThreshold: 100 });
    for (let i = 1; i < plan.services[0].endpoints.length; i++) setLife(state, 0, i, Life.Starting, 0, 0, 1);
    for (let seed = 0; seed < 20; seed++) {
      const x = passageOf(arrivalOf("GET", "localhost/"), seed);
      const out = new Decision();
      enter(x, plan, state, 10, out);
      decide(x, plan, state, 10, out);
      assert.equal(out.endpoint, 0);
    }
  });

  it("is worded with how the process ended and when the next one starts", () => {
    const say = (reason: number, x: number, y: number) => exclusionSentence({ reason, x, y });
    assert.equal(say(Exclusion.Restarting, 4000, 1), "is restarting in 4 s after exit code 1");
    assert.equal(say(Exclusion.Restarting, 500, 137), "is restarting in 500 ms after SIGKILL");
    assert.equal(say(Exclusion.Restarting, 500, -1), "is restarting in 500 ms after it could not be started");
    assert.equal(say(Exclusion.Leaving, 0, 0), "is leaving: it gets no new requests");
  });
});
