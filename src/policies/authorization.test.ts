import assert from "node:assert/strict";
import * as fc from "fast-check";
import { authorization } from "./authorization.ts";
import { fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const withScope = (scope: string) => passageOf({ caller: { jwt: { scope, sub: "ann" } } });
const canRead = `{ rules: [{ name: can-read, allow: "'orders:read' in jwt.scope" }] }`;

describe("authorization", () => {
  it("admits by the rule that allows, and names it", () => {
    const verdict = new Trial(authorization, canRead).peek(withScope("openid orders:read"));
    assert.equal(verdict.reason, "");
    assert.equal(verdict.sentence, "rule can-read allows it: `'orders:read' in jwt.scope`");
  });

  it("denies what no rule allows, and shows the part that failed with its values", () => {
    const verdict = new Trial(authorization, canRead).peek(withScope("orders:write"));
    assert.deepEqual([verdict.reason, verdict.status], ["notAllowed", 403]);
    assert.equal(
      verdict.sentence,
      "can-read: `'orders:read' in jwt.scope` was false - jwt.scope was [\"orders:write\"]",
    );
    assert.deepEqual(verdict.fields, {
      "WWW-Authenticate": 'Bearer realm="switchyard", error="insufficient_scope", scope="orders:read"',
    });
  });

  it("asks for no token scope from a caller who came without a token", () => {
    assert.deepEqual(new Trial(authorization, canRead).peek(passageOf()).fields, {});
  });

  it("asks the rules that deny first, wherever they stand", () => {
    const yaml = `{ rules: [{ name: all, allow: "true" }, { name: no-delete, deny: "request.method == 'DELETE'" }] }`;
    const trial = new Trial(authorization, yaml);
    assert.equal(trial.peek(passageOf({ method: "GET" })).reason, "");
    const verdict = trial.peek(passageOf({ method: "DELETE" }));
    assert.equal(verdict.reason, "denied");
    assert.equal(
      verdict.sentence,
      "rule no-delete denies it: `request.method == 'DELETE'` was true - request.method was \"DELETE\"",
    );
  });

  it("falls to the default when no rule is true", () => {
    const yaml = `{ rules: [{ name: no-delete, deny: "request.method == 'DELETE'" }], default: allow }`;
    const trial = new Trial(authorization, yaml);
    assert.equal(trial.peek(passageOf()).sentence, "no rule denies it, and the default allows");
    const closed = new Trial(authorization, yaml.replace(", default: allow", ""));
    assert.equal(closed.peek(passageOf()).sentence, "there is no rule that allows anything, and the default denies");
  });

  it("refuses when a rule fails to evaluate, and says which and why", () => {
    const yaml = `{ rules: [{ name: own, allow: "jwt.sub == request.headers['x-user']" }, { name: all, allow: "true" }] }`;
    const verdict = new Trial(authorization, yaml).peek(passageOf());
    assert.deepEqual([verdict.reason, verdict.status], ["failed", 403]);
    assert.match(verdict.sentence, /^rule own: .* failed: there is no `sub` - jwt\.sub was absent/);
    const guarded = yaml.replace("jwt.sub ==", "has(jwt.sub) && jwt.sub ==");
    assert.equal(new Trial(authorization, guarded).peek(passageOf()).reason, "");
    const denying = `{ rules: [{ name: bad, deny: "jwt.level > 3" }], default: allow }`;
    assert.equal(new Trial(authorization, denying).peek(passageOf()).reason, "failed");
  });

  it("tells of at most three rules, and how many more there are", () => {
    const rules = [1, 2, 3, 4, 5].map((i) => `{ name: r${i}, allow: "jwt.scope == ['${i}']" }`);
    const { sentence } = new Trial(authorization, `{ rules: [${rules.join(", ")}] }`).peek(passageOf());
    assert.match(sentence, /^r1: .*; r2: .*; r3: .*; and 2 more$/);
  });

  it("refuses rules with two verdicts or none, twice the same name, and expressions that are wrong", () => {
    const messages = problemsOf(
      authorization,
      `{ rules: [{ name: a, allow: "true", deny: "true" }, { name: a }, { name: b, allow: "jwt.sub = 1" }] }`,
    );
    assert.deepEqual(
      messages.map(({ path }) => path.join(".")),
      ["rules.0", "rules.1.name", "rules.1", "rules.2.allow"],
    );
    assert.deepEqual([messages[3].within?.start, messages[3].within?.end], [8, 9]);
    assert.ok(!fits(authorization, "{ rules: [] }"));
    assert.ok(!fits(authorization, "{ rules: [{ name: a, alow: 'true' }] }"));
  });

  it("admits exactly when no rule that denies is true, none fails before, and one that allows is true", () => {
    const outcomes = { true: "true", false: "false", fails: "jwt.nope == 1" } as const;
    const rule = fc.record({ allows: fc.boolean(), outcome: fc.constantFrom("true", "false", "fails") });
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 6 }), fc.boolean(), (rules, open) => {
        const written = rules.map(({ allows, outcome }, i) => ({
          name: `r${i}`,
          [allows ? "allow" : "deny"]: outcomes[outcome as keyof typeof outcomes],
        }));
        const trial = new Trial(authorization, JSON.stringify({ rules: written, default: open ? "allow" : "deny" }));
        const order = [...rules.filter(({ allows }) => !allows), ...rules.filter(({ allows }) => allows)];
        const first = order.find(({ outcome }) => outcome !== "false");
        const wanted = first === undefined ? open : first.outcome === "true" && first.allows;
        assert.equal(trial.peek(passageOf()).reason === "", wanted);
      }),
      { numRuns: 300 },
    );
  });
});
