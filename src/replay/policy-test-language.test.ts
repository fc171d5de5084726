/** What the editor says of a test file: keys, names of the policy, mistakes with their fixes, places in the policy. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { applyEdits } from "../policyfile/edit.ts";
import { resolveRef, type Schema } from "../policyfile/schema.ts";
import { testSchema } from "./policy-test-file.ts";
import {
  completeTests,
  diagnoseTests,
  hoverTests,
  policyOf,
  policyPlaceOf,
  testedPolicy,
  testSymbols,
} from "./policy-test-language.ts";

const POLICY = `version: 1
listeners: [{ name: edge, port: 8080 }]
consumers: [{ name: web, apiKey: demo-web-key }]
services:
  orders: { endpoints: [{ url: "http://localhost:4001" }] }
policies:
  per-user: { rateLimit: { key: consumer, requests: 2, per: 10s } }
routes:
  - name: keyed
    policies: [{ apiKey: { header: x-api-key } }, per-user]
    backendRefs: [{ service: orders }]
`;
const policy = testedPolicy(POLICY, "switchyard.yaml", { env: () => undefined, file: () => undefined });

/** Labels offered at the `|`. */
function at(marked: string): string[] {
  return completeTests(marked.replace("|", ""), marked.indexOf("|"), policy).map(({ label }) => label);
}

const STEP = "tests:\n  - name: one\n    steps:\n      - request: { path: /a }\n        ";
const problems = (text: string) =>
  diagnoseTests(text, "a", policy).map(({ code, range, message }) => [code, range.line, message].join(" "));

describe("the editor of policy tests", () => {
  it("offers every key where it may stand, and explains it", () => {
    const walk = (given: Schema, before: string, indent: number): void => {
      const node = resolveRef(given);
      if (node.items) return walk(node.items, `${before}${" ".repeat(indent)}- `, indent + 2);
      for (const [key, field] of Object.entries(node.properties ?? {})) {
        const line = before.endsWith("- ") ? before : `${before}${" ".repeat(indent)}`;
        assert.ok(at(`${line}|`).includes(key), `${key} after\n${line}`);
        assert.ok(at(`${line}${key.slice(0, 1)}|`).includes(key), key);
        assert.ok(field.description, key);
        const whole = `${line}${key}: 1\n`;
        assert.ok(hoverTests(whole, line.length + 1, policy)?.markdown.includes(field.description), key);
        walk(field, `${line}${key}:\n`, indent + 2);
      }
    };
    walk(testSchema(), "", 0);
  });

  it("offers the names of the policy: where each may stand, and nowhere else", () => {
    const offered = (key: string) => at(`${STEP}expect: { ${key}: | }`);
    assert.deepEqual(offered("route"), ["keyed", "none"]);
    assert.deepEqual(offered("service"), ["orders", "none"]);
    assert.deepEqual(offered("consumer"), ["web", "none"]);
    assert.deepEqual(offered("policy"), ["per-user", "apiKey", "none"]);
    assert.ok(offered("reason").includes("rateLimit/limited"));
    assert.ok(offered("endpoint").includes("http://localhost:4001"));
    assert.deepEqual(offered("decision"), ["admitted", "refused", "answered"]);
    assert.deepEqual(at("tests:\n  - steps:\n      - request: { listener: | }"), ["edge"]);
    assert.ok(at(`${STEP}facts: { | }`).includes("password"));
  });

  it("tells of what is wrong with code and place, and mends it", () => {
    const text = `${STEP}expct: { route: keyd, service: orders }\n`;
    assert.match(problems(text)[0], /^SY101 5 .*Did you mean `expect`/);
    const known = text.replace("expct", "expect");
    assert.match(problems(known).join("\n"), /^SY102 5 There is no route "keyd".*Did you mean "keyed"\?$/);
    const [{ fixes }] = diagnoseTests(known, "a", policy);
    assert.deepEqual(problems(applyEdits(known, fixes[0].edits)), []);
    assert.match(problems(`${STEP}after: 10\n        expect: { status: 200 }`)[0], /^SY102 5 .*write a duration/);
    assert.deepEqual(problems(`${STEP}expect: { route: none, status: 404, consumer: none }`), []);
  });

  it("offers the unit that a duration lacks", () => {
    const text = `${STEP}after: 10\n        expect: { status: 200 }\n`;
    const [{ fixes }] = diagnoseTests(text, "a", policy);
    assert.deepEqual(problems(applyEdits(text, fixes[0].edits)), []);
  });

  it("says when the policy is not there, beside what the file says of itself", () => {
    const [missing, own] = diagnoseTests("policy: ./nosuch.yaml\ntests: []\n", "a", undefined);
    assert.match(`${missing.code} ${missing.range.line} ${missing.message}`, /^SY221 1 The policy \.\/nosuch\.yaml/);
    assert.equal(own.range.line, 2);
    assert.equal(policyOf("tests: ["), "./switchyard.yaml");
  });

  it("leads from a name to its place in the policy, and shows it", () => {
    const text = `policy: ./switchyard.yaml\n${STEP}expect: { route: keyed, policy: per-user, reason: rateLimit/limited, endpoint: "http://localhost:4001" }\n`;
    const lineOf = (word: string) => {
      const place = policyPlaceOf(text, text.indexOf(word) + 1, policy);
      return typeof place === "object" ? POLICY.split("\n")[place.line - 1] : place;
    };
    assert.equal(lineOf("./switchyard"), "file");
    assert.match(String(lineOf("keyed")), /name: keyed/);
    for (const word of ["per-user", "rateLimit/"]) assert.match(String(lineOf(word)), /per-user: \{ rateLimit/);
    assert.match(String(lineOf('"http')), /orders: \{ endpoints/);
    assert.equal(lineOf("tests:"), undefined);
    assert.match(hoverTests(text, text.indexOf("keyed") + 1, policy)?.markdown ?? "", /route.*line 9[^]*name: keyed/);
  });

  it("outlines tests and their steps", () => {
    const [test] = testSymbols(`${STEP}expect: { status: 429 }\n`);
    assert.deepEqual(
      [test.name, test.detail, test.steps[0].name, test.steps[0].detail],
      ["one", "1 step", "GET /a", "429"],
    );
  });

  it("has nothing against the tests of the shop", () => {
    const text = readFileSync("examples/shop/shop.switchyard-test.yaml", "utf8");
    const shop = testedPolicy(readFileSync("examples/shop/switchyard.yaml", "utf8"), "switchyard.yaml", {
      env: () => undefined,
      file: (path) => readFileSync(`examples/shop/${path}`, "utf8"),
    });
    assert.ok(shop.plan);
    assert.deepEqual(diagnoseTests(text, "a", shop), []);
  });

  it("never throws, wherever the cursor is", () => {
    const text = `${STEP}expect: { route: keyed, service: orders }\n`;
    for (let end = 0; end <= text.length; end += 3) {
      const part = text.slice(0, end);
      for (const given of [policy, undefined]) {
        completeTests(part, end, given);
        hoverTests(part, end, given);
        policyPlaceOf(part, end, given);
        diagnoseTests(part, "a", given);
      }
      testSymbols(part);
    }
  });
});
