import assert from "node:assert/strict";
import { Decision } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import { Admin, Failure, Probe } from "../model/state.ts";
import { again } from "./again.ts";
import { decide } from "./decide.ts";
import { enter } from "./enter.ts";
import { explain, explainBriefly } from "./explain.ts";
import { arrivalOf, passageOf, planOf, type PlanSpec } from "./plan.fixture.ts";
import { refusalOf } from "./refusals.ts";
import type { Story } from "./story.ts";
import { millisWords } from "./words.ts";

function scene(spec: PlanSpec, url = "localhost/", seed = 1) {
  const plan = planOf(spec);
  const state = freshState(plan);
  const x = passageOf(arrivalOf("GET", url), seed);
  const out = new Decision();
  const judge = () => {
    enter(x, plan, state, 1000.5, out);
    if (!out.refused) decide(x, plan, state, 1000.5, out);
    return explain(out, plan, x);
  };
  return { plan, state, x, out, judge };
}

const states = (story: Story) => story.gateway.map(({ label, state }) => `${label} ${state}`);

describe("the story of a refused request", () => {
  it("names the policy, its sentence with the numbers, and leaves unreached steps visible", () => {
    const gates = [{ name: "first" }, { name: "closed", admit: false }, { name: "never" }];
    const story = scene({ gates: [{ name: "door" }], routes: [{ name: "shop", gates }] }).judge();
    assert.deepEqual(states(story), ["door ok", "shop ok", "first ok", "closed stop", "never off"]);
    assert.equal(story.refusal?.type, "urn:switchyard:gate:closed");
    assert.equal(story.title, "Refused with 403 by closed: Gate closed");
    assert.equal(story.why, "closed: The gate is closed (3 of 4).");
    assert.equal(story.gateway[2].sentence, "the gate is open (3 of 4)");
    assert.equal(story.balancer.at(-1)?.state, "off");
    assert.deepEqual(story.track.phases, ["limit", "route", "limit"]);
    assert.deepEqual(
      [story.track.stopped, story.track.replicas, story.track.say],
      [true, 0, "stopped at the rate limit by closed"],
    );
  });

  it("on the listener has no route to tell of", () => {
    const story = scene({ gates: [{ name: "door", admit: false }] }).judge();
    assert.deepEqual(states(story), ["door stop", "route off"]);
    assert.deepEqual(story.routes, []);
  });

  it("without a route lists the nearest misses and the condition of each", () => {
    const match = { path: { kind: "prefix", value: "/shop" } as const };
    const { judge } = scene({ routes: [{ name: "shop", matches: [match] }] }, "localhost/cart");
    const story = judge();
    assert.equal(story.refusal?.status, 404);
    assert.equal(story.why, "no route for GET /cart");
    assert.equal(story.sentence, "No route takes GET localhost/cart. Nearest: shop (path /shop does not match /cart).");
    assert.equal(story.routes[0].condition, "path");
    assert.deepEqual([story.track.phases, story.track.stopped], [["route"], true]);
  });

  it("without an endpoint says of each why it is left out", () => {
    const { state, judge } = scene({ services: { shop: [1, 1, 1, 0] } });
    const endpoints = state.services[0].endpoints;
    endpoints[0].ejectedUntil = 19_000.5;
    Object.assign(endpoints[1], { probe: Probe.Down, probeStreak: 3 });
    endpoints[2].admin = Admin.Drain;
    const story = judge();
    assert.equal(story.refusal?.type, "urn:switchyard:balance:no-endpoint");
    assert.equal(
      story.refusal?.sentence,
      "Service shop cannot take the request: all 4 endpoints left out (:4001 is ejected after 5 failures in a row, " +
        "back in 18 s; :4002 is down: 3 probes failed in a row; :4003 is being drained: it gets no new requests; " +
        ":4004 has weight 0).",
    );
    assert.deepEqual(story.track.excluded, [0, 1, 2, 3]);
    assert.equal(story.track.phases.at(-1), "balance");
  });
});

describe("the story of a forwarded request", () => {
  it("shows each candidate with its numbers, the draw, and who was left out", () => {
    const { state, out, judge } = scene({});
    state.services[0].endpoints[0].inFlight = 4;
    state.services[0].endpoints[1].ejectedUntil = 2000.5;
    const story = judge();
    const chosen = story.balance?.candidates.find(({ verdict }) => verdict === "chosen");
    assert.equal(chosen?.label, `:${4001 + out.endpoint}`);
    assert.deepEqual(
      story.balance?.candidates.map(({ inFlight, weight }) => [inFlight, weight]),
      [
        [4, 1],
        [0, 1],
        [0, 1],
      ],
    );
    assert.equal(story.balance?.candidates[1].why, "is ejected after 5 failures in a row, back in 1 s");
    assert.match(story.why, /^drew \d; :4002 is ejected after 5 failures in a row, back in 1 s$/);
    assert.deepEqual([story.track.replicas, story.track.chosen, story.track.excluded], [3, out.endpoint, [1]]);
    assert.equal(story.balance?.seed, "00000001");
  });

  it("tells every attempt, and the failure that ended the last", () => {
    const { plan, state, x, out, judge } = scene({});
    judge();
    const first = out.endpoint;
    assert.ok(again(x, plan, state, 1002, { status: 0, failure: Failure.ConnectRefused, firstByte: -1 }, out));
    const story = explain(out, plan, x, { status: 502, failure: Failure.ResetBeforeResponse });
    const labels = story.balancer.map(({ label }) => label);
    assert.deepEqual(labels, [`:${4001 + first}`, `:${4001 + out.endpoint}`]);
    assert.match(story.balancer[1].sentence, /^attempt 2: /);
    assert.match(story.why, /^closed the connection before it answered; attempt 2; /);
    assert.equal(story.balance?.candidates[first].why, "was tried already by this request");
    assert.ok(story.track.failed);
    assert.match(story.title, /attempt 2: 502$/);
  });

  it("says when a split drew the service, and when panic used the sick", () => {
    const { state, judge } = scene({
      services: { one: [1, 1], two: [1, 1] },
      routes: [{ name: "a", backends: { one: 90, two: 10 } }],
      panicThreshold: 60,
    });
    for (const { endpoints } of state.services) endpoints[0].probe = Probe.Down;
    const story = judge();
    assert.match(story.balancer[0].sentence, /^one with weight 90 of 100: drew \d+\.\d\d$/);
    assert.equal(
      story.balancer[1].sentence,
      "only 1 of 2 endpoints are healthy, below the panic threshold of 60%: all are used",
    );
    assert.match(story.why, /panic: 1 of 2 healthy/);
  });

  it("warns of a shadow refusal and shows a step that was skipped", () => {
    const gates = [
      { name: "trial", shadow: true, admit: false },
      { name: "off", when: () => false },
    ];
    const story = scene({ routes: [{ name: "a", gates }] }).judge();
    assert.deepEqual(states(story), ["a ok", "trial shadow", "off skipped"]);
    assert.match(story.why, /^trial would have refused \(shadow\); /);
    assert.deepEqual([story.track.phases, story.track.warned], [["route", "limit"], 1]);
  });
});

describe("explainBriefly", () => {
  it("says in the table exactly what the whole story says", () => {
    for (const spec of [
      { routes: [{ name: "a", gates: [{ admit: false }] }] },
      { routes: [] },
      { services: { shop: [0] } },
      { gates: [{}] },
    ] satisfies PlanSpec[]) {
      const { plan, x, out, judge } = scene(spec);
      const { refusal, why, track } = judge();
      assert.deepEqual(explainBriefly(out, plan, x), { refusal, why, track });
    }
  });
});

describe("refusalOf", () => {
  it("is undefined for a request that was let pass", () => {
    const { plan, x, out, judge } = scene({});
    judge();
    assert.equal(refusalOf(out, plan, x), undefined);
  });
});

describe("millisWords", () => {
  it("rounds up, so that nobody is told to come back too early", () => {
    const words = [0, 0.2, 850, 999.5, 1300, 1301, 18_000, 60_000, 75_000, 3_600_000, 5_400_000].map(millisWords);
    const wanted = [
      "0 ms",
      "1 ms",
      "850 ms",
      "1 s",
      "1.3 s",
      "1.4 s",
      "18 s",
      "1 min",
      "1 min 15 s",
      "1 h",
      "1 h 30 min",
    ];
    assert.deepEqual(words, wanted);
  });
});
