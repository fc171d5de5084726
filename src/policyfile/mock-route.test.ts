import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { decide } from "../decide/decide.ts";
import { enter } from "../decide/enter.ts";
import { Decision } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import type { Plan } from "../model/plan.ts";
import { passageOf, type RequestParts } from "../policies/trial.fixture.ts";
import { applyEdits } from "./edit.ts";
import { mockName, mockRoute, mocksIn, withoutMock, type Mocked } from "./mock-route.ts";
import { read } from "./read.ts";

const SHOP = readFileSync(new URL("../../examples/shop/switchyard.yaml", import.meta.url), "utf8");

/** What the shop's policy names stands beside it. */
const shopFile = (path: string): string =>
  readFileSync(new URL(`../../examples/shop/${path}`, import.meta.url), "utf8");

function planOf(text: string): Plan {
  const { plan, diagnostics } = read(text, "switchyard.yaml", { env: () => undefined, file: shopFile });
  assert.ok(plan, `${text}\n${JSON.stringify(diagnostics.map(({ message }) => message))}`);
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === "warning").map(({ message }) => message),
    [],
  );
  return plan;
}

const answer = { status: 200, headers: { "content-type": "application/json" }, body: '{"id":7}' };

function mock(text: string, parts: Partial<Mocked> = {}): { text: string; name: string } {
  const mocked = { method: "GET", path: "/orders/7", query: {}, route: undefined, answer, remark: "a mock", ...parts };
  const name = mockName(text, mocked.method, mocked.path);
  const edits = mockRoute(text, name, mocked);
  assert.ok(edits, "there is no place");
  return { text: applyEdits(text, edits), name };
}

/** Name of the route that takes it, and whether that answers. */
function taken(text: string, request: RequestParts, caller = {}): { route: string | undefined; answered: boolean } {
  const plan = planOf(text);
  const facts = Object.fromEntries(
    plan.routes
      .flatMap(({ needs }) => needs)
      .map(({ name }) => [name, { state: "verified", algorithm: "", claims: caller }]),
  );
  const x = passageOf({ ...request, facts });
  const state = freshState(plan);
  const out = new Decision();
  enter(x, plan, state, 0, out);
  if (!out.refused) decide(x, plan, state, 0, out);
  return { route: plan.routes[out.route]?.name, answered: out.answer >= 0 };
}

describe("a mock in the policy", () => {
  it("answers its one request before the route that took it, and no other", () => {
    const made = mock(SHOP, { path: "/catalog/3", route: "catalog" });
    assert.deepEqual(taken(made.text, { path: "/catalog/3" }), { route: "mock-get-catalog-3", answered: true });
    assert.equal(taken(made.text, { path: "/catalog/4" }).route, "catalog");
    assert.equal(taken(made.text, { path: "/catalog/3", method: "HEAD" }).route, "catalog");
  });

  it("asks of a caller what the route asked", () => {
    const made = mock(SHOP, { path: "/orders/7", route: "orders-read" });
    assert.deepEqual(taken(made.text, { path: "/orders/7" }), { route: made.name, answered: false });
    const claims = { iss: "https://dev.shop.local/", aud: "shop", sub: "ann", scope: "orders:read" };
    assert.equal(taken(made.text, { path: "/orders/7" }, claims).answered, true);
  });

  it("changes in its answer what the route changes, and nothing for a backend that is not asked", () => {
    const { routes, steps } = planOf(mock(SHOP, { path: "/catalog/3", route: "catalog" }).text);
    const kinds = [...routes[0].steps, ...routes[0].shapes].map((index) => steps[index].kind);
    assert.deepEqual(kinds, ["rateLimit", "directResponse", "responseHeaders", "responseBody"]);
    const read = planOf(mock(SHOP, { path: "/orders/7", route: "orders-read" }).text);
    assert.deepEqual(
      read.routes[0].shapes.map((index) => read.steps[index].kind),
      ["jwt"],
    );
  });

  it("wins over routes with hosts, conditions and exact paths", () => {
    const text = `version: 1
listeners: [{ name: edge, port: 8080 }, { name: other, port: 8081 }]
services: { a: { endpoints: [{ url: http://localhost:4001 }] } }
routes:
  - name: exact
    listeners: [edge]
    hostnames: [shop.localhost, "*.test"]
    matches:
      - path: { exact: /a }
        methods: [GET]
        headers: { x-client: mobile }
        query: { debug: "1" }
      - path: { prefix: /b }
    backendRefs: [{ service: a }]
`;
    const request = { path: "/a", query: "debug=1&page=2", headers: { "x-client": "mobile" } };
    assert.equal(taken(text, request).route, "exact");
    const made = mock(text, { path: "/a", route: "exact", query: { page: "2" } });
    assert.deepEqual(taken(made.text, request), { route: "mock-get-a", answered: true });
    assert.equal(taken(made.text, { ...request, query: "debug=1&page=3" }).route, "exact");
  });

  it("changes nothing else, and is taken away again without a trace", () => {
    const made = mock(SHOP, { path: "/catalog/3", route: "catalog" });
    assert.ok(made.text.startsWith(SHOP.slice(0, SHOP.indexOf("routes:") + 8)));
    assert.ok(made.text.endsWith(SHOP.slice(SHOP.indexOf("routes:") + 8)));
    assert.match(made.text, /routes:\n  - name: mock-get-catalog-3 # a mock\n/);
    assert.deepEqual(mocksIn(made.text), [{ name: "mock-get-catalog-3", summary: "GET /catalog/3" }]);
    const edits = withoutMock(made.text, made.name);
    assert.equal(applyEdits(made.text, edits ?? []), SHOP);
    assert.equal(withoutMock(SHOP, "nothing"), undefined);
  });

  it("keeps the comments above the first route with it, and Windows line ends", () => {
    const text =
      "version: 1\r\nlisteners: [{ name: edge, port: 8080 }]\r\nroutes: # all\r\n# first\r\n- name: a\r\n  policies: [{ directResponse: {} }]\r\n";
    const made = mock(text);
    assert.match(
      made.text,
      /routes: # all\r\n- name: mock-get-orders-7 # a mock\r\n  matches: .*\r\n.*\r\n.*\r\n# first\r\n- name: a/,
    );
    assert.ok(!/[^\r]\n/.test(made.text));
    planOf(made.text);
  });

  it("finds a place in a list in brackets, and where there was no route", () => {
    const head = "version: 1\nlisteners: [{ name: edge, port: 8080 }]\n";
    for (const text of [
      head,
      `${head}routes: []\n`,
      `${head}routes: [{ name: a, policies: [{ directResponse: {} }] }]\n`,
    ])
      assert.equal(taken(mock(text).text, { path: "/orders/7" }).route, "mock-get-orders-7", text);
  });

  it("gets a name that no route has", () => {
    const once = mock(SHOP, { path: "/catalog/3", route: "catalog" });
    assert.equal(mockName(once.text, "GET", "/catalog/3"), "mock-get-catalog-3-2");
    assert.equal(mockName("", "GET", `/${"x".repeat(90)}/é%20`), `mock-get-${"x".repeat(44)}`);
    assert.equal(mockName("", "GET", "/"), "mock-get");
  });
});
