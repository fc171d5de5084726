/**
 * `shadow` and `when`, over the whole list of policies: in shadow a policy never refuses, is recorded as if it had, and
 * costs nothing that it would have refused; where `when` is false it is not asked at all. And a policy that may not be
 * tried in shadow says so.
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { decide } from "../../src/decide/decide.ts";
import { enter } from "../../src/decide/enter.ts";
import { explain } from "../../src/decide/explain.ts";
import { entriesOf } from "../../src/decide/refusals.ts";
import { Decision, Mark } from "../../src/model/decision.ts";
import { freshState } from "../../src/model/fresh.ts";
import { policies } from "../../src/policies/index.ts";
import { read } from "../../src/policyfile/read.ts";
import { passageOf } from "../../src/policies/trial.fixture.ts";
import { sources } from "./policy-texts.ts";

const GUARDS = new Set(["identify", "authorize", "limit"]);

/** Configs under which a request without anything is refused at once, by kind. */
const REFUSING: Readonly<Record<string, object>> = {
  apiKey: { header: "x-api-key" },
  jwt: { jwks: "./jwks.json" },
  basicAuth: { users: [{ name: "ada", password: { env: "P" } }] },
  introspection: { url: "https://a.test/", clientId: "a", clientSecret: { env: "S" } },
  clientCertificate: {},
  externalAuth: { url: "https://a.test/" },
  authorization: { rules: [{ name: "nobody", deny: "true" }] },
  requireScopes: { all: ["a"] },
  requireGroups: { any: ["a"] },
  rateLimit: { key: "client.ip", requests: 1, per: "1h", cost: "2" },
  quota: { key: "client.ip", requests: 1, per: "day" },
  concurrency: { key: "client.ip", max: 1 },
};

function planOf(kind: string, more: object) {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: { one: { endpoints: [{ url: "http://127.0.0.1:4001" }] } },
    routes: [
      { name: "all", policies: [{ [kind]: { ...REFUSING[kind], ...more } }], backendRefs: [{ service: "one" }] },
    ],
  });
  const { plan, diagnostics } = read(text, "law.yaml", sources);
  assert.ok(plan, JSON.stringify(diagnostics));
  return plan;
}

/** The second of two requests: the first takes what there is. */
function second(kind: string, more: object) {
  const plan = planOf(kind, more);
  const state = freshState(plan);
  const decision = new Decision();
  const x = passageOf();
  for (let i = 0; i < 2; i++) {
    enter(x, plan, state, 1234.5 + i, decision);
    decide(x, plan, state, 1234.5 + i, decision);
  }
  return { plan, decision, x, entries: entriesOf(decision), story: explain(decision, plan, x) };
}

describe("guards and limits", () => {
  const kinds = policies.filter(({ phase, kind }) => GUARDS.has(phase) && kind !== "anyOf").map(({ kind }) => kind);

  it("have all of them a config here that refuses", () => {
    assert.deepEqual(kinds.toSorted(), Object.keys(REFUSING).toSorted());
  });

  for (const kind of kinds) {
    it(`${kind} refuses, in shadow only says so, and is not asked where \`when\` is false`, () => {
      const refused = second(kind, {});
      assert.ok(refused.decision.refused, `${kind} refuses`);

      const shadow = second(kind, { shadow: true });
      assert.ok(!shadow.decision.refused);
      const told = shadow.entries.find(({ mark }) => mark === Mark.Shadow);
      assert.equal(told?.reason, refused.decision.reason, "with the reason that it would have refused with");
      assert.match(
        shadow.story.gateway.find(({ label }) => label === kind)?.sentence ?? "",
        /^would have refused \(shadow\)/,
      );

      const elsewhere = second(kind, { when: "request.method == 'PUT'" });
      assert.ok(!elsewhere.decision.refused);
      assert.ok(elsewhere.entries.some(({ mark }) => mark === Mark.Skipped));
      assert.match(elsewhere.story.gateway.find(({ label }) => label === kind)?.sentence ?? "", /`when` is false/);

      assert.ok(second(kind, { when: "request.method == 'GET'" }).decision.refused);
      assert.ok(second(kind, { when: "jwt.nothing.here" }).decision.refused, "a `when` that fails lets no guard sleep");
    });
  }

  it("take `when` in every kind, and `shadow` where they can refuse", () => {
    for (const { kind, example, phase } of policies) {
      const fields = (parse(example) as Record<string, unknown>)[kind];
      if (typeof fields !== "object" || fields === null || Array.isArray(fields)) continue;
      const problems = (more: object): string[] =>
        read(
          JSON.stringify({
            version: 1,
            listeners: [{ name: "edge", port: 8080 }],
            services: { orders: { endpoints: [{ url: "http://127.0.0.1:4001" }] } },
            routes: [
              { name: "all", policies: [{ [kind]: { ...fields, ...more } }], backendRefs: [{ service: "orders" }] },
            ],
          }),
          "law.yaml",
          sources,
        )
          .diagnostics.filter(({ code }) => code === "SY214" || code === "SY101")
          .map(({ message }) => message);
      assert.deepEqual(problems({ when: "request.method == 'GET'" }), [], kind);
      const refuses = GUARDS.has(phase) || phase === "screen" || phase === "validate";
      assert.equal(problems({ shadow: true }).length, refuses ? 0 : 1, kind);
    }
  });
});
