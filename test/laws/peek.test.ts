/**
 * Peek changes nothing, for every policy in the list, whatever state it has come to: asked twice it answers the same,
 * and its state is as it was.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { cloneState } from "../../src/decide/clone.ts";
import { freshState } from "../../src/model/fresh.ts";
import type { Step } from "../../src/model/policy.ts";
import { policies } from "../../src/policies/index.ts";
import { plan, runs } from "./policy-texts.ts";
import { asked, Driver, factsFor, passageOf, START, traffic, type Asked } from "./traffic.ts";

class Heard {
  readonly notes: number[][] = [];
  put(...note: number[]): void {
    this.notes.push(note);
  }
}

/** Of fifty plans each. */
const MOST_ROUNDS = 20;

describe("peek", () => {
  it("changes nothing and answers the same when asked again, for every policy", () => {
    const met = new Set<string>();
    const judging = policies.filter((policy) => Object.keys(policy.reasons).length > 0).map(({ kind }) => kind);
    const unmet = () => judging.filter((kind) => !met.has(kind));
    const law = fc.property(
      plan,
      traffic(40),
      fc.array(asked, { maxLength: 5 }),
      fc.nat(100_000),
      (made, happenings, more, later) => {
        const driver = new Driver([made], freshState(made));
        driver.run(happenings);
        const now = START + 1_000_000 + later;
        const before = cloneState(driver.state);
        for (const step of made.steps) {
          const act = step.act as Partial<Step<unknown>>;
          met.add(step.kind);
          // Some judge what comes later: an answer.
          if (act.peek === undefined) continue;
          for (const one of more) {
            const answers = [peekAt(act as Step<unknown>, one), peekAt(act as Step<unknown>, one)];
            assert.deepEqual(answers[0], answers[1]);
            assert.equal(answers[0].heard.notes.length, 1, "a peek notes exactly once");
            assert.equal(answers[0].heard.notes[0][0], answers[0].reason, "and with the reason that it returns");
            const known = Object.keys(step.policy.reasons).length;
            assert.ok(answers[0].reason >= 0 && answers[0].reason <= known);
          }
          function peekAt(policy: Step<unknown>, one: Asked) {
            const heard = new Heard();
            const x = passageOf(one, 1, now);
            x.facts = Object.assign({}, ...made.routes.map(({ needs }) => factsFor(needs, one)));
            const reason = policy.peek(x, driver.state.steps[step.index], now, heard);
            return { reason, heard, caller: x.caller };
          }
        }
        assert.deepEqual(driver.state, before);
      },
    );
    // A plan holds a few of the many kinds: generated on, within bounds, until each was there.
    for (let round = 0; round === 0 || (round < MOST_ROUNDS && unmet().length > 0); round++)
      fc.assert(law, { numRuns: runs(50) });
    assert.deepEqual(unmet(), [], "every kind was generated");
  });
});
