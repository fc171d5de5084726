import assert from "node:assert/strict";
import { collectedOf } from "../gateway/facts/collected.ts";
import { read } from "../policyfile/read.ts";
import { PolicyCoverage } from "./policy-test-coverage.ts";
import { outlineOf, readTestFile } from "./policy-test-file.ts";
import { checkNames } from "./policy-test-names.ts";
import { runTest, type TestResult } from "./policy-test.ts";

const POLICY = `version: 1
listeners:
  - { name: edge, port: 8080 }
consumers:
  - { name: web, apiKey: demo-web-key, groups: [first-party] }
services:
  orders:
    endpoints: [{ url: http://localhost:4001 }, { url: http://localhost:4002 }]
    loadBalancer: { type: RoundRobin }
routes:
  - name: keyed
    matches: [{ path: { prefix: /keyed } }]
    policies:
      - apiKey: { header: x-api-key }
      - rateLimit: { key: consumer, requests: 2, per: 10s, algorithm: fixedWindow }
    backendRefs: [{ service: orders }]
  - name: few
    matches: [{ path: { prefix: /few } }]
    policies: [{ concurrency: { key: route, max: 1 } }]
    backendRefs: [{ service: orders }]
  - name: sized
    matches: [{ path: { prefix: /sized }, methods: [POST] }]
    policies:
      - jwt: { secret: a-secret-of-more-than-thirty-two-bytes, issuer: me }
      - requestSchema: { schema: { type: object, required: [n] } }
    backendRefs: [{ service: orders }]
`;

function planAndTree() {
  const { plan, tree, diagnostics } = read(POLICY, "switchyard.yaml", { env: () => undefined, file: () => undefined });
  assert.ok(plan, JSON.stringify(diagnostics));
  return { plan, tree };
}

function stepsOf(...steps: string[]): string {
  return `tests:\n  - name: one\n    steps:\n${steps.map((step) => `      - ${step}\n`).join("")}`;
}

function ran(text: string, coverage = new PolicyCoverage(planAndTree().plan)): TestResult {
  const { plan, tree } = planAndTree();
  const file = readTestFile(text, "a.switchyard-test.yaml");
  assert.deepEqual(file.diagnostics, []);
  assert.deepEqual(checkNames(file, plan, tree), []);
  return runTest(file.tests[0], {
    plan,
    tree: file.tree,
    coverage,
    collect: (body, type, most) => collectedOf(Buffer.from(body), type, "", most),
  });
}

function problemsOf(text: string): string[] {
  const { plan, tree } = planAndTree();
  const file = readTestFile(text, "a.switchyard-test.yaml");
  const all = file.diagnostics.length > 0 ? file.diagnostics : checkNames(file, plan, tree);
  return all.map(({ range, message }) => `${range.line}: ${message}`);
}

const KEYED = "request: { path: /keyed, headers: { X-API-Key: demo-web-key } }";

describe("a policy test", () => {
  it("decides requests in sequence by its own clock: a window that is full is empty again later", () => {
    const { failures, requests } = ran(
      stepsOf(
        `{ ${KEYED}, repeat: 2, every: 1s, expect: { decision: admitted, consumer: web, route: keyed } }`,
        `{ ${KEYED}, expect: { status: 429, policy: rateLimit, reason: rateLimit/limited } }`,
        `{ ${KEYED}, after: 10s, expect: { status: 200 } }`.replace(", reason: none-of-all", ""),
      ),
    );
    assert.deepEqual(failures, []);
    assert.equal(requests, 4);
  });

  it("says what came instead, where it was expected, and which line of the policy refused", () => {
    const { failures } = ran(stepsOf("{ request: { path: /keyed }, expect: { status: 200 } }"));
    assert.equal(failures.length, 1);
    const [{ message, expected, actual, range, explanation }] = failures;
    assert.equal(message, "step 1: status was 401, expected 200");
    assert.deepEqual([expected, actual, range.line], ["200", "401", 4]);
    assert.match(explanation.join("\n"), /Refused with 401 by apiKey[^]*✕ identify apiKey: .*\(switchyard\.yaml:14\)/);
  });

  it("stops at the request that fails and counts it", () => {
    const { failures, requests } = ran(stepsOf(`{ ${KEYED}, repeat: 5, expect: { status: 200 } }`));
    assert.equal(requests, 3);
    assert.equal(failures[0].message, "step 1, request 3: status was 429, expected 200");
  });

  it("keeps a request in flight until its answer, so that limits of requests at a time can be tested", () => {
    const { failures } = ran(
      stepsOf(
        "{ request: { path: /few }, answer: { after: 5s }, expect: { status: 200 } }",
        "{ request: { path: /few }, after: 4s, expect: { decision: refused, policy: concurrency } }",
        "{ request: { path: /few }, after: 1s, expect: { decision: admitted } }",
      ),
    );
    assert.deepEqual(failures, []);
  });

  it("takes claims for a verified token, judges them, and reads the body that it is given", () => {
    const sized = "request: { method: POST, path: /sized, body: { n: 1 } }";
    const { failures } = ran(
      stepsOf(
        `{ ${sized}, expect: { status: 401, reason: jwt/missing } }`,
        `{ ${sized}, jwt: { iss: me, sub: a }, expect: { status: 200, route: sized } }`,
        `{ ${sized}, jwt: { iss: you }, expect: { reason: wrongIssuer } }`,
        `{ ${sized}, jwt: { iss: me, exp: 1767225600 }, after: 1h, expect: { reason: jwt/expired } }`,
        "{ request: { method: POST, path: /sized, body: {} }, jwt: { iss: me }, expect: { policy: requestSchema, detail: n } }",
        "{ request: { method: POST, path: /sized, headers: { authorization: Bearer x } }, expect: { detail: 'write its claims under `jwt:`' } }",
      ),
    );
    assert.deepEqual(failures, []);
  });

  it("tells the balancer what the backend did: the replica that fails five times is ejected", () => {
    const { failures } = ran(
      stepsOf(
        "{ request: { path: /few }, repeat: 10, answer: { failure: reset }, expect: { status: 502 } }",
        "{ request: { path: /few }, expect: { status: 200, detail: ejected } }",
      ),
    );
    assert.deepEqual(failures, []);
  });

  it("gives the same verdict each time", () => {
    const text = stepsOf(`{ request: { path: /few }, repeat: 7, expect: { endpoint: ":4002" } }`);
    assert.deepEqual(ran(text), ran(text));
  });

  it("counts which routes, policies and reasons were reached", () => {
    const coverage = new PolicyCoverage(planAndTree().plan);
    ran(stepsOf("{ request: { path: /keyed }, expect: { status: 401 } }"), coverage);
    const items = coverage.items();
    const reached = items.filter((item) => item.reached > 0).map(({ kind, name }) => `${kind} ${name}`);
    assert.deepEqual(reached, ["route keyed", "policy apiKey", "reason apiKey apiKey/missing"]);
    assert.ok(items.some(({ kind, name, range }) => kind === "route" && name === "few" && range.line === 17));
  });
});

describe("the text of a policy test", () => {
  it("is read with all problems at once, each with its line and the nearest name", () => {
    const text = stepsOf(
      "{ request: { path: /keyed }, expct: { status: 200 } }",
      "{ request: { path: /a/%2e%2e/../../b }, answer: { status: 200, failure: reset }, expect: {} }",
    );
    assert.match(problemsOf(text).join("\n"), /^4: Unknown key `expct`.*Did you mean `expect`\?/);
    const second = problemsOf(text.replace("expct", "expect")).join("\n");
    assert.match(second, /5: Nothing is expected here/);
    assert.match(second, /5: A backend either answers with a status or fails/);
  });

  it("names what the policy does not have", () => {
    const all = problemsOf(
      stepsOf(
        "{ request: { path: /, listener: edg }, facts: { tokn: {} }, expect: { route: keyd, policy: apikey, reason: jwt/mising, service: order, endpoint: ':4009', consumer: wbe } }",
      ),
    ).join("\n");
    for (const name of ["edge", "token", "keyed", "apiKey", "jwt/missing", "orders", ":4001"])
      assert.match(all, new RegExp(`Did you mean "${name}"`), all);
  });

  it("never throws, however broken it is", () => {
    const whole = stepsOf(`{ ${KEYED}, jwt: { sub: a }, answer: { after: 1s }, expect: { status: 200 } }`);
    for (let end = 0; end <= whole.length; end++) {
      const file = readTestFile(whole.slice(0, end), "a");
      assert.ok(Array.isArray(outlineOf(file)));
      if (file.diagnostics.length > 0) assert.deepEqual(file.tests, []);
    }
    for (const odd of ["", "[]", "7", "tests: 7", "tests: [~]", "tests: [{ name: a, steps: [7] }]", "a: &a [*a]", "{"])
      assert.ok(readTestFile(odd, "a").diagnostics.length > 0, odd);
  });
});
