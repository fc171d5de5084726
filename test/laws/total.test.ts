/**
 * The core is total over every policy file that `read` accepts: nothing throws, every reason has a sentence, what was
 * taken is ended, what was counted in flight is counted out, and a refused request costs nothing.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { balancers } from "../../src/balancers/index.ts";
import { clone, cloneState } from "../../src/decide/clone.ts";
import { explain } from "../../src/decide/explain.ts";
import { failureWords } from "../../src/decide/failures.ts";
import { refusalOf } from "../../src/decide/refusals.ts";
import type { Story } from "../../src/decide/story.ts";
import { freshState } from "../../src/model/fresh.ts";
import { Failure } from "../../src/model/state.ts";
import { policies } from "../../src/policies/index.ts";
import { read } from "../../src/policyfile/read.ts";
import { plan, policyText, runs, sources } from "./policy-texts.ts";
import { Driver, traffic, type Live } from "./traffic.ts";

function assertWorded(story: Story): void {
  const sentences = [
    story.title,
    story.sentence,
    story.track.say,
    ...story.gateway.flatMap(({ label, sentence }) => [label, sentence]),
    ...story.balancer.flatMap(({ label, sentence }) => [label, sentence]),
    ...story.routes.map(({ why }) => why),
    // Why the chosen one was chosen is said once, for all of them.
    ...(story.balance === undefined ? [] : [story.balance.sentence]),
    ...(story.balance?.candidates.filter(({ verdict }) => verdict !== "chosen").map(({ why }) => why) ?? []),
  ];
  for (const sentence of sentences) {
    assert.ok(sentence.trim() !== "", JSON.stringify(story, null, 1));
    assert.ok(!/undefined|NaN|\[object|\bnull\b/.test(sentence), sentence);
  }
}

function inFlightOf(live: readonly Live[]): number {
  const endpoints = new Set(live.flatMap(({ state }) => state.services.flatMap((service) => service.endpoints)));
  return [...endpoints].reduce((sum, { inFlight }) => sum + inFlight, 0);
}

describe("generated policy files", () => {
  it("are accepted by the reader, most of them", () => {
    const texts = fc.sample(policyText, { numRuns: 100, seed: 7 });
    const results = texts.map((text) => read(text, "law.yaml", sources));
    const accepted = results.filter((result) => result.plan !== undefined).length;
    const problems = new Set(results.flatMap(({ diagnostics }) => diagnostics.map(({ message }) => message)));
    assert.ok(accepted >= 80, `${accepted} of 100:\n${[...problems].join("\n")}`);
  });
});

describe("the core, over every accepted policy file", () => {
  it("never throws, words everything, returns in-flight to zero, and charges refused requests nothing", () => {
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 2 }), traffic(60), (plans, happenings) => {
        const driver = new Driver(plans, freshState(plans[0]), (_step, live) => {
          const ended = live.settled ? { status: 200, failure: Failure.None } : undefined;
          const story = explain(live.decision, live.plan, live.passage, ended);
          assertWorded(story);
          assert.equal(story.refusal !== undefined, live.decision.refused);
        });
        driver.run(happenings);
        driver.finish();
        assert.equal(inFlightOf(driver.requests), 0);
        for (const { endpoints } of driver.state.services) {
          for (const endpoint of endpoints) assert.ok(endpoint.latency >= -1 && endpoint.failures >= 0);
        }
      }),
      { numRuns: runs(80) },
    );
  });

  it("leaves the listener's and the route's state as it was when the stage refuses, but for counts of refusals", () => {
    fc.assert(
      fc.property(plan, traffic(40), (made, happenings) => {
        let before = cloneState(freshState(made));
        const driver = new Driver([made], freshState(made), (step, { decision, plan: judged, state }) => {
          const refusedHere =
            (step === "enter" && decision.step >= 0 && decision.route < 0) || (step === "decide" && decision.step >= 0);
          if (refusedHere) {
            const count = (all: unknown) => JSON.stringify([all], replaceMaps).replaceAll(/"rejected":\d+/g, "");
            const stage = step === "enter" ? judged.listeners[0].steps : judged.routes[decision.route].steps;
            for (const index of stage) assert.equal(count(state.steps[index]), count(before.steps[index]));
          }
          before = cloneState(state);
        });
        // Resets touch state between requests.
        driver.run(happenings.filter(({ act }) => act.kind !== "reset"));
      }),
      { numRuns: runs(40) },
    );
  });

  it("copies state whole", () => {
    fc.assert(
      fc.property(plan, traffic(40), (made, happenings) => {
        const driver = new Driver([made], freshState(made));
        driver.run(happenings);
        assert.deepEqual(cloneState(driver.state), driver.state);
        assert.deepEqual(clone(driver.state.steps), driver.state.steps);
      }),
      { numRuns: runs(30) },
    );
  });
});

function replaceMaps(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value.entries()] : value;
}

describe("every reason", () => {
  it("of every policy has a stable name, an error status, a title and, for any numbers, a sentence", () => {
    for (const policy of policies) {
      for (const [name, reason] of Object.entries(policy.reasons)) {
        assert.match(`${policy.kind}/${name}`, /^[a-zA-Z][a-zA-Z0-9]*\/[a-z][a-zA-Z0-9-]*$/);
        assert.ok(reason.status >= 400 && reason.status < 600, `${policy.kind}/${name}`);
        assert.notEqual(reason.title.trim(), "");
      }
    }
  });

  it("of every policy is worded as generated traffic meets it, with fixes that have titles", () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(plan, traffic(40), (made, happenings) => {
        const driver = new Driver([made], freshState(made), (_step, { decision, plan: judged, passage }) => {
          const refusal = refusalOf(decision, judged, passage);
          if (refusal === undefined) return;
          met.add(refusal.type);
          assert.match(refusal.type, /^urn:switchyard:[A-Za-z0-9-]+:[A-Za-z0-9-]+$/);
          assert.ok(refusal.sentence.trim() !== "" && refusal.title.trim() !== "");
          for (const fix of refusal.fixes) assert.notEqual(fix.title.trim(), "");
        });
        driver.run(happenings);
      }),
      { numRuns: runs(800), seed: 11 },
    );
    // What the traffic cannot meet here: numbers that no request of it has.
    for (const wanted of [
      "route:no-match",
      "ipFilter:denied",
      "apiKey:missing",
      "apiKey:unknown",
      "jwt:expired",
      "rateLimit:limited",
    ]) {
      assert.ok(met.has(`urn:switchyard:${wanted}`), `${wanted} was never met; met: ${[...met].toSorted()}`);
    }
  });

  it("of every balancer makes a sentence of any numbers", () => {
    for (const kind of balancers) {
      for (const [name, say] of Object.entries(kind.reasons)) {
        for (const [x, y] of [
          [0, 0],
          [1, 1],
          [31, 1e6],
          [0.123456, 2],
        ]) {
          assert.notEqual(say(x, y, (endpoint) => `:${4001 + endpoint}`).trim(), "", `${kind.type}/${name}`);
        }
      }
    }
  });

  it("of every failure is worded", () => {
    for (const failure of Object.values(Failure)) {
      if (failure !== Failure.None) assert.ok(!/^failure \d/.test(failureWords(failure)), `${failure}`);
    }
  });
});
