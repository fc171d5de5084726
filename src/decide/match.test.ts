import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Arrival } from "../model/arrival.ts";
import { Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import { nearestRoutes, routeCandidates } from "./candidates.ts";
import { failingHeader, failingQuery, hostnameMatches, methodMatches, pathMatches } from "./conditions.ts";
import { matchRoute } from "./match.ts";
import { arrivalOf, planOf, regexMatch, type RouteSpec } from "./plan.fixture.ts";
import { queryValue } from "./query.ts";

function routeOf(plan: Plan, arrival: Arrival): string | undefined {
  const out = new Decision();
  return matchRoute(plan, arrival, out) ? plan.routes[out.route].name : undefined;
}

const prefix = (value: string) => ({ path: { kind: "prefix", value } as const });
const exact = (value: string) => ({ path: { kind: "exact", value } as const });

describe("matchRoute", () => {
  const plan = planOf({
    routes: [
      { name: "root", matches: [prefix("/")] },
      { name: "regex", matches: [{ path: regexMatch("/v[0-9]+/.*") }] },
      { name: "shop", matches: [prefix("/shop")] },
      { name: "cart", matches: [prefix("/shop/cart/")] },
      { name: "exact", matches: [exact("/shop/cart")] },
      { name: "post", matches: [{ ...prefix("/shop"), methods: ["POST", "PUT"] }] },
      { name: "header", matches: [{ ...prefix("/shop"), headers: [{ name: "x-version", value: "2" }] }] },
      { name: "query", matches: [{ ...prefix("/shop"), query: [{ name: "debug", value: "a b" }] }] },
      { name: "wild", hostnames: ["*.example.com"] },
      { name: "wilder", hostnames: ["*.a.example.com"] },
      { name: "host", hostnames: ["b.example.com"], matches: [prefix("/only")] },
    ],
  });
  for (const [url, wanted, method, headers] of [
    ["localhost/", "root"],
    ["localhost/shop", "shop"],
    ["localhost/shop/", "shop"],
    ["localhost/shops", "root"],
    ["localhost/shop/cart", "exact"],
    ["localhost/shop/cart/1", "cart"],
    ["localhost/shop/carts", "shop"],
    ["localhost/shop/1", "post", "POST"],
    ["localhost/shop/1", "shop", "post"],
    ["localhost/shop/1", "header", "GET", { "x-version": "2" }],
    ["localhost/shop/1", "shop", "GET", { "x-version": "2, 2" }],
    ["localhost/shop?debug=a+b", "query"],
    ["localhost/shop?debug=a%20b&debug=c", "query"],
    ["localhost/shop?debug=c&debug=a+b", "shop"],
    ["x.example.com/shop/cart", "wild"],
    ["x.a.example.com/", "wilder"],
    ["x.y.example.com/", "wild"],
    ["example.com/", "root"],
    ["b.example.com/only/1", "host"],
    ["b.example.com/", "wild"],
  ] as [string, string, string?, Record<string, string>?][]) {
    it(`sends ${method ?? "GET"} ${url}${headers ? ` with ${JSON.stringify(headers)}` : ""} to ${wanted}`, () => {
      assert.equal(routeOf(plan, arrivalOf(method ?? "GET", url, headers)), wanted);
    });
  }

  it("does not give `OPTIONS *` to a prefix", () => {
    assert.equal(routeOf(plan, { ...arrivalOf("OPTIONS", "localhost/"), path: "*" }), undefined);
  });

  const word = fc.constantFrom("a", "b", "ab");
  const somePath = fc.array(word, { maxLength: 3 }).map((words) => `/${words.join("/")}`);
  const slashed = fc.tuple(somePath, fc.boolean()).map(([path, slash]) => (slash && path !== "/" ? `${path}/` : path));
  const host = fc.constantFrom("a.x.test", "b.x.test", "c.b.x.test", "x.test", "y.test");
  const route = fc.record({
    name: fc.constant("r"),
    hostnames: fc.array(fc.constantFrom("*.x.test", "*.b.x.test", "a.x.test", "y.test"), { maxLength: 2 }),
    matches: fc.array(
      fc.record({
        path: fc.oneof(
          slashed.map((value) => ({ kind: "prefix", value }) as const),
          slashed.map((value) => ({ kind: "exact", value }) as const),
          fc.constantFrom(regexMatch("/a.*"), regexMatch("/[ab]/b")),
        ),
        methods: fc.subarray(["GET", "POST"]),
        headers: fc.array(fc.record({ name: fc.constantFrom("x", "y"), value: word }), { maxLength: 2 }),
        query: fc.array(fc.record({ name: fc.constantFrom("q", "r"), value: word }), { maxLength: 1 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  });
  const arrival = fc
    .record({ host, path: slashed, method: fc.constantFrom("GET", "POST"), x: word, q: word })
    .map(({ host: name, path, method, x, q }) => arrivalOf(method, `${name}${path}?q=${q}`, { x }));

  it("finds by its index what trying every match in order of precedence finds, and explains every other", () => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 8 }), arrival, (routes, asked) => {
        const made = planOf({ routes: routes.map((one, i): RouteSpec => ({ ...one, name: `r${i}` })) });
        const first = made.order[0].find(({ route: at, match, hostnames }) => {
          const conditions = made.routes[at].matches[match];
          return (
            (hostnames.length === 0 || hostnames.some((name) => hostnameMatches(name, asked.host ?? ""))) &&
            pathMatches(conditions.path, asked.path ?? "") &&
            methodMatches(conditions, asked) &&
            failingHeader(conditions, asked) < 0 &&
            failingQuery(conditions, asked) < 0
          );
        });
        const out = new Decision();
        const found = matchRoute(made, asked, out);
        assert.deepEqual(found ? [out.route, out.match] : undefined, first && [first.route, first.match]);
        const candidates = routeCandidates(made, asked, out);
        assert.equal(
          candidates.length,
          made.routes.reduce((sum, { matches }) => sum + matches.length, 0),
        );
        assert.equal(candidates.filter(({ verdict }) => verdict === "chosen").length, found ? 1 : 0);
        for (const candidate of candidates) {
          assert.notEqual(candidate.why, "");
          if (candidate.verdict === "lost") assert.notEqual(candidate.condition, "", "a loser names its condition");
        }
      }),
      { numRuns: 600 },
    );
  });
});

describe("explaining a match", () => {
  const plan = planOf({
    routes: [
      { name: "shop", matches: [{ ...prefix("/shop"), methods: ["GET"] }] },
      { name: "cart", matches: [{ ...prefix("/shop/cart"), headers: [{ name: "x-beta", value: "1" }] }] },
      { name: "admin", hostnames: ["admin.localhost"] },
      { name: "old", matches: [prefix("/sho")] },
    ],
  });

  it("names for each route the condition on which it lost", () => {
    const arrival = arrivalOf("GET", "localhost/shop/cart/1");
    const whys = Object.fromEntries(
      routeCandidates(plan, arrival, { route: 0, match: 0 }).map(({ route, condition, why }) => [
        route,
        [condition, why],
      ]),
    );
    assert.deepEqual(whys, {
      shop: ["", "matches GET, path prefix /shop"],
      cart: ["header", "header x-beta: 1 is absent"],
      admin: ["hostname", "hostname admin.localhost is not localhost"],
      old: ["path", "path /sho does not match /shop/cart/1"],
    });
  });

  it("puts the nearest miss of a 404 first", () => {
    assert.deepEqual(nearestRoutes(plan, arrivalOf("DELETE", "localhost/shop/1"), 2)[0], {
      route: "shop",
      why: "method GET is not DELETE",
    });
    assert.equal(nearestRoutes(plan, arrivalOf("GET", "localhost/shopp"), 1)[0].route, "shop");
  });
});

describe("queryValue", () => {
  it("reads the first value, decoded, and leaves broken escapes as they stand", () => {
    assert.equal(queryValue("a=1&b=2&a=3", "a"), "1");
    assert.equal(queryValue("a+b=c+d%21", "a b"), "c d!");
    assert.equal(queryValue("a", "a"), "");
    assert.equal(queryValue("a=%zz", "a"), "%zz");
    assert.equal(queryValue("", ""), undefined);
    assert.equal(queryValue("b=a=1", "b"), "a=1");
    assert.equal(queryValue(undefined, "a"), undefined);
  });

  it("agrees with URLSearchParams on every query of well-formed pairs", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "=", "&", "+", "é", "%", " ") });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), text, (pairs, name) => {
        const params = new URLSearchParams(pairs);
        assert.equal(queryValue(params.toString(), name), params.get(name) ?? undefined);
      }),
    );
  });
});
