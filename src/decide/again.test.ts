import assert from "node:assert/strict";
import { Decision, Mark, SendNote } from "../model/decision.ts";
import { draw, DrawOf } from "../model/draw.ts";
import { freshState } from "../model/fresh.ts";
import type { Plan, PlanRoute } from "../model/plan.ts";
import { Failure, type Outcome, type State } from "../model/state.ts";
import { again, drop, hedge, retry } from "./again.ts";
import { decide } from "./decide.ts";
import { enter } from "./enter.ts";
import { answered, arrivalOf, passageOf, planOf } from "./plan.fixture.ts";
import { entriesOf } from "./refusals.ts";
import { settle } from "./settle.ts";

const reset: Outcome = { status: 0, failure: Failure.ResetBeforeResponse, firstByte: -1 };

function planWith(fields: Partial<PlanRoute>, replicas: readonly number[] = [1, 1, 1]): Plan {
  const made = planOf({ services: { shop: replicas } });
  return { ...made, routes: made.routes.map((route) => ({ ...route, ...fields })) };
}

const settings = (more: object = {}): Partial<PlanRoute> => ({
  retry: {
    attempts: 2,
    codes: new Set([503]),
    budget: 20,
    perTry: 0,
    backoff: 25,
    methods: undefined,
    source: planOf({}).routes[0].source,
    ...more,
  },
});

const hedged = (more: object = {}): Partial<PlanRoute> => ({
  hedge: { after: 50, max: 1, budget: 20, source: planOf({}).routes[0].source, ...more },
});

function sent(plan: Plan, state: State, seed = 7, now = 1000.5) {
  const x = passageOf(arrivalOf("GET", "localhost/"), seed);
  const out = new Decision();
  enter(x, plan, state, now, out);
  decide(x, plan, state, now, out);
  return { x, out };
}

function notes(out: Decision) {
  return entriesOf(out)
    .filter(({ mark }) => mark === Mark.Send)
    .map(({ index, reason, x, y }) => ({ index, reason, x, y }));
}

const inFlight = (state: State) => state.services[0].endpoints.map((one) => one.inFlight);

describe("a retry", () => {
  it("waits longer each time, drawn by the seed, and never beyond ten times the first bound", () => {
    const plan = planWith(settings({ attempts: 10, budget: 100 }));
    const state = freshState(plan);
    for (let seed = 1; seed < 40; seed += 1) {
      const { x, out } = sent(plan, state, seed, 1000.5 + seed * 20_000);
      const now = 1000.5 + seed * 20_000;
      for (let n = 1; n <= 7; n++) {
        const wait = retry(x, plan, state, now, reset, out);
        const bound = Math.min(250, 25 * 2 ** (n - 1));
        assert.equal(wait, draw(seed, DrawOf.Backoff + n) * bound);
        assert.ok(again(x, plan, state, now, reset, out));
      }
      settle(x, out, plan, state, answered(200), now);
    }
    assert.deepEqual(inFlight(state), [0, 0, 0]);
  });

  it("holds no endpoint while it waits, so that whoever leaves then leaves nothing behind", () => {
    const plan = planWith(settings());
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    assert.ok(retry(x, plan, state, 1001, reset, out) >= 0);
    assert.deepEqual(inFlight(state), [0, 0, 0]);
    settle(x, out, plan, state, { status: 0, failure: Failure.ClientGone, firstByte: -1 }, 1002);
    assert.deepEqual(inFlight(state), [0, 0, 0]);
    assert.equal(state.services[0].endpoints[out.endpoint].failed, 1);
  });

  it("stops at the number that the route allows, and changes nothing by being refused", () => {
    const plan = planWith(settings({ attempts: 1 }));
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    assert.ok(retry(x, plan, state, 1001, answered(503), out) >= 0);
    again(x, plan, state, 1001, answered(503), out);
    const before = inFlight(state);
    assert.equal(retry(x, plan, state, 1002, reset, out), -1);
    assert.deepEqual(inFlight(state), before);
    const [, , last] = notes(out);
    assert.deepEqual(last, { index: 0, reason: SendNote.Exhausted, x: -Failure.ResetBeforeResponse, y: 1 });
  });

  it("is refused once the route's budget is spent, and allowed again when the window has moved on", () => {
    const plan = planWith(settings({ backoff: 0 }));
    const state = freshState(plan);
    let granted = 0;
    let refused: Decision | undefined;
    for (let i = 0; i < 100; i++) {
      const { x, out } = sent(plan, state, i, 1000.5 + i);
      if (retry(x, plan, state, 1000.6 + i, reset, out) === 0) granted++;
      else refused ??= out;
    }
    // Ten before there were fifty requests to have a share of, then a fifth of them.
    assert.equal(granted, 20);
    assert.ok(refused);
    assert.deepEqual(notes(refused), [{ index: 0, reason: SendNote.BudgetSpent, x: 10, y: 11 }]);
    const { x, out } = sent(plan, state, 1, 12_000);
    assert.equal(retry(x, plan, state, 12_000, reset, out), 0);
  });

  it("goes elsewhere at once and outside the budget when no connection came about", () => {
    const plan = planWith(settings({ budget: 0, backoff: 1000 }), [1, 1]);
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    const refused: Outcome = { status: 0, failure: Failure.ConnectRefused, firstByte: -1 };
    assert.equal(retry(x, plan, state, 1001, refused, out), 0);
    assert.ok(again(x, plan, state, 1001, refused, out));
    // Nobody else is left: asking the same again is what budget and back-off are for.
    assert.equal(retry(x, plan, state, 1002, refused, out), -1);
  });

  it("is never allowed with a budget of nothing", () => {
    const plan = planWith(settings({ budget: 0 }));
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    assert.equal(retry(x, plan, state, 1001, reset, out), -1);
  });

  it("asks somebody else first, and the same again when there is nobody else", () => {
    const plan = planWith(settings({ attempts: 3 }), [1, 1]);
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    const asked = [out.endpoint];
    for (let n = 0; n < 3; n++) {
      assert.ok(retry(x, plan, state, 1001, reset, out) >= 0);
      assert.ok(again(x, plan, state, 1001, reset, out));
      asked.push(out.endpoint);
    }
    assert.deepEqual(asked, [asked[0], asked[1], asked[0], asked[1]]);
    assert.notEqual(asked[0], asked[1]);
  });

  it("without `retry` follows at once, twice, and never where it has been", () => {
    const plan = planWith({});
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    const asked = new Set([out.endpoint]);
    for (let n = 0; n < 2; n++) {
      assert.equal(retry(x, plan, state, 1001, reset, out), 0);
      assert.ok(again(x, plan, state, 1001, reset, out));
      asked.add(out.endpoint);
    }
    assert.equal(asked.size, 3);
    assert.equal(retry(x, plan, state, 1001, reset, out), -1);
  });
});

describe("a hedge", () => {
  it("is on its way beside the first attempt, and whoever loses is let go without blame", () => {
    const plan = planWith(hedged());
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    const first = out.endpoint;
    assert.ok(hedge(x, plan, state, 1050, out));
    const second = out.endpoint;
    assert.notEqual(first, second);
    assert.equal(
      inFlight(state).reduce((sum, one) => sum + one),
      2,
    );
    assert.ok(!hedge(x, plan, state, 1100, out), "max is 1");
    drop(plan, state, 1060, second, { status: 0, failure: Failure.Outrun, firstByte: -1 }, out);
    assert.equal(out.endpoint, first);
    settle(x, out, plan, state, answered(200), 1070);
    assert.deepEqual(inFlight(state), [0, 0, 0]);
    assert.deepEqual(
      state.services[0].endpoints.map(({ failed }) => failed),
      [0, 0, 0],
    );
  });

  it("lets go of the first when that one fails, and goes on alone", () => {
    const plan = planWith(hedged({ max: 2 }));
    const state = freshState(plan);
    const { x, out } = sent(plan, state);
    const first = out.endpoint;
    hedge(x, plan, state, 1050, out);
    hedge(x, plan, state, 1100, out);
    drop(plan, state, 1060, first, reset, out);
    assert.equal(state.services[0].endpoints[first].failed, 1);
    assert.equal(
      inFlight(state).reduce((sum, one) => sum + one),
      2,
    );
    settle(x, out, plan, state, answered(200), 1070);
    assert.deepEqual(inFlight(state), [0, 0, 0]);
    assert.deepEqual(out.beside, []);
  });

  it("needs another endpoint, and a budget", () => {
    const lonely = planWith(hedged(), [1]);
    const alone = sent(lonely, freshState(lonely));
    assert.ok(!hedge(alone.x, lonely, freshState(lonely), 1050, alone.out));
    assert.equal(notes(alone.out).at(-1)?.reason, SendNote.NoRival);
    const plan = planWith(hedged());
    const state = freshState(plan);
    const allowed = Array.from({ length: 40 }, (_, i) => {
      const { x, out } = sent(plan, state, i);
      return hedge(x, plan, state, 1050, out);
    });
    assert.equal(allowed.filter(Boolean).length, 10);
  });
});
