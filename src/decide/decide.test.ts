import assert from "node:assert/strict";
import { BuiltIn, Decision, Exclusion, Mark, unpackEntry, type TraceEntry } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import type { Plan } from "../model/plan.ts";
import { Admin, Failure, Probe, type State } from "../model/state.ts";
import { again } from "./again.ts";
import { decide } from "./decide.ts";
import { enter } from "./enter.ts";
import { answered, arrivalOf, passageOf, planOf, type GateState, type PlanSpec } from "./plan.fixture.ts";
import { settle } from "./settle.ts";

function marks(out: Decision): TraceEntry[] {
  const { numbers, length } = out.trace;
  return Array.from({ length }, (_, i) => unpackEntry(numbers[i * 3], numbers[i * 3 + 1], numbers[i * 3 + 2]));
}

function judge(plan: Plan, state: State, seed = 1, url = "localhost/", now = 1000.5) {
  const x = passageOf(arrivalOf("GET", url), seed);
  const out = new Decision();
  enter(x, plan, state, now, out);
  if (!out.refused) decide(x, plan, state, now, out);
  return { x, out };
}

function scene(spec: PlanSpec) {
  const plan = planOf(spec);
  const state = freshState(plan);
  return { plan, state, gates: state.steps as GateState[] };
}

const inFlight = (state: State) => state.services.flatMap(({ endpoints }) => endpoints.map((one) => one.inFlight));

describe("stages", () => {
  it("take only after all have admitted: a refusal costs no one anything", () => {
    const { plan, state, gates } = scene({ routes: [{ name: "a", gates: [{}, {}, { admit: false }, {}] }] });
    const { x, out } = judge(plan, state);
    assert.equal(out.step, 2);
    assert.equal(out.reason, 1);
    settle(x, out, plan, state, answered(403), 1001);
    assert.deepEqual(
      gates.map(({ takes, ends, refusals }) => [takes, ends, refusals]),
      [
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 1],
        [0, 0, 0],
      ],
    );
  });

  it("of the listener take before a route is chosen, and are ended though the route's refuse", () => {
    const { plan, state, gates } = scene({ gates: [{}], routes: [{ name: "a", gates: [{ admit: false }] }] });
    const { x, out } = judge(plan, state);
    settle(x, out, plan, state, answered(403), 1001);
    settle(x, out, plan, state, answered(403), 1002);
    assert.deepEqual([gates[0].takes, gates[0].ends, gates[1].takes], [1, 1, 0]);
    assert.deepEqual(
      marks(out).map(({ mark }) => mark),
      [Mark.Step, Mark.Route, Mark.Step],
    );
  });

  it("refuse before matching when a listener's policy refuses", () => {
    const { plan, state } = scene({ gates: [{ admit: false }] });
    const { out } = judge(plan, state);
    assert.deepEqual([out.route, out.step, out.tookListener], [-1, 0, false]);
  });

  it("record a shadow refusal, let it pass, and take only from shadows that admitted", () => {
    const { plan, state, gates } = scene({
      routes: [{ name: "a", gates: [{ shadow: true, admit: false }, { shadow: true }] }],
    });
    const { x, out } = judge(plan, state);
    assert.equal(out.refused, false);
    settle(x, out, plan, state, answered(200), 1001);
    assert.deepEqual(
      gates.map(({ takes, ends, refusals }) => [takes, ends, refusals]),
      [
        [0, 0, 1],
        [1, 1, 0],
      ],
    );
    assert.deepEqual(
      marks(out)
        .filter(({ mark }) => mark === Mark.Shadow)
        .map(({ reason }) => reason),
      [1, 0],
    );
  });

  it("skip a step whose `when` is false, and say so", () => {
    const { plan, state, gates } = scene({ routes: [{ name: "a", gates: [{ when: () => false, admit: false }] }] });
    const { out } = judge(plan, state);
    assert.equal(out.refused, false);
    assert.equal(gates[0].takes, 0);
    assert.ok(marks(out).some(({ mark, index }) => mark === Mark.Skipped && index === 0));
  });

  it("ask a service's policy only when that service was drawn", () => {
    const { plan, state, gates } = scene({
      services: { one: [1], two: [1] },
      routes: [{ name: "a", backends: { one: 1, two: 1 }, gates: [{ service: "one" }, { service: "two" }] }],
    });
    for (let seed = 0; seed < 400; seed++) {
      const { x, out } = judge(plan, state, seed);
      settle(x, out, plan, state, answered(200), 1001);
    }
    const picks = state.services.map(({ endpoints }) => endpoints[0].picks);
    assert.deepEqual(
      gates.map(({ takes }) => takes),
      picks,
    );
    assert.ok(picks[0] > 150 && picks[1] > 150);
  });
});

describe("split", () => {
  it("follows the weights to within 1.5 percentage points, and never draws weight 0", () => {
    const { plan, state } = scene({
      services: { stable: [1], canary: [1], off: [1] },
      routes: [{ name: "a", backends: { stable: 90, off: 0, canary: 10 } }],
    });
    for (let seed = 0; seed < 10_000; seed++) judge(plan, state, seed);
    const picks = state.services.map(({ endpoints }) => endpoints[0].picks);
    assert.ok(Math.abs(picks[1] / 10_000 - 0.1) < 0.015, `${picks}`);
    assert.equal(picks[2], 0);
  });

  it("refuses as NoService when no backend has weight, but only after the policies had their say", () => {
    const { plan, state } = scene({ routes: [{ name: "a", backends: { shop: 0 } }] });
    assert.equal(judge(plan, state).out.builtIn, BuiltIn.NoService);
    const guarded = scene({ routes: [{ name: "a", backends: { shop: 0 }, gates: [{ admit: false }] }] });
    assert.equal(judge(guarded.plan, guarded.state).out.step, 0);
  });
});

describe("endpoints", () => {
  it("leave one entry each in the trace, with why they are out", () => {
    const { plan, state } = scene({ services: { shop: [1, 0, 1, 1, 1, 1] } });
    const endpoints = state.services[0].endpoints;
    endpoints[2].admin = Admin.Drain;
    endpoints[3].admin = Admin.Maintenance;
    endpoints[4].probe = Probe.Down;
    endpoints[5].ejectedUntil = 5000;
    const { out } = judge(plan, state);
    assert.equal(out.endpoint, 0);
    assert.deepEqual(
      marks(out)
        .filter(({ mark }) => mark === Mark.Excluded || mark === Mark.Candidate)
        .map(({ mark, index, reason }) => [mark === Mark.Candidate, index, reason]),
      [
        [true, 0, 0],
        [false, 1, Exclusion.Weightless],
        [false, 2, Exclusion.Drain],
        [false, 3, Exclusion.Maintenance],
        [false, 4, Exclusion.ProbeDown],
        [false, 5, Exclusion.Ejected],
      ],
    );
  });

  it("are all used in panic, but for those that a person took out", () => {
    const { plan, state } = scene({ services: { shop: [1, 1, 1] }, panicThreshold: 50 });
    const endpoints = state.services[0].endpoints;
    endpoints[0].admin = Admin.Drain;
    endpoints[1].probe = endpoints[2].probe = Probe.Down;
    const { out } = judge(plan, state);
    assert.deepEqual(
      marks(out)
        .filter(({ mark }) => mark === Mark.Panic)
        .map(({ x, y }) => [x, y]),
      [[0, 2]],
    );
    assert.ok(out.endpoint === 1 || out.endpoint === 2);
    endpoints[1].probe = Probe.Up;
    assert.equal(judge(plan, state).out.endpoint, 1, "half of them healthy is not fewer than half");
  });

  it("count a request in flight from decide to settle, once", () => {
    const { plan, state } = scene({});
    const { x, out } = judge(plan, state);
    assert.equal(inFlight(state)[out.endpoint], 1);
    settle(x, out, plan, state, answered(200), 1001);
    settle(x, out, plan, state, answered(200), 1001);
    assert.deepEqual(inFlight(state), [0, 0, 0]);
    assert.equal(state.services[0].endpoints[out.endpoint].latency, 5);
  });

  it("refuse as NoEndpoint when none may be picked, and settle without a trace in the counts", () => {
    const { plan, state } = scene({ services: { shop: [0] } });
    const { x, out } = judge(plan, state);
    assert.equal(out.builtIn, BuiltIn.NoEndpoint);
    settle(x, out, plan, state, answered(503), 1001);
    assert.deepEqual(inFlight(state), [0]);
  });
});

describe("again", () => {
  it("tries each endpoint at most once, then has none left", () => {
    const { plan, state, gates } = scene({ routes: [{ name: "a", gates: [{}] }] });
    const { x, out } = judge(plan, state);
    const tried = [out.endpoint];
    const refusedConnection = { status: 0, failure: Failure.ConnectRefused, firstByte: -1 };
    while (again(x, plan, state, 1001, refusedConnection, out)) tried.push(out.endpoint);
    assert.deepEqual(tried.toSorted(), [0, 1, 2]);
    assert.deepEqual(inFlight(state), [0, 0, 0]);
    assert.equal(out.attempts, 3);
    assert.equal(out.refused, false);
    settle(x, out, plan, state, answered(502), 1002);
    assert.deepEqual(inFlight(state), [0, 0, 0]);
    assert.deepEqual([gates[0].takes, gates[0].ends], [1, 1], "policies are charged once, whatever the attempts");
    assert.deepEqual(
      state.services[0].endpoints.map(({ failed }) => failed),
      [1, 1, 1],
    );
  });
});
