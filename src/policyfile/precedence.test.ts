/** The order of matches, as the Gateway API orders them, and matches that can never win. */
import assert from "node:assert/strict";
import { sources } from "./policy-file.fixture.ts";
import { read } from "./read.ts";

interface RouteText {
  readonly hostnames?: readonly string[];
  readonly matches?: readonly object[];
}

/** Names of routes in the order in which they are tried; with the host names where a route stands more than once. */
function order(routes: Readonly<Record<string, RouteText>>): string[] {
  const { plan, diagnostics } = read(
    JSON.stringify({
      version: 1,
      listeners: [{ name: "edge", port: 8080 }],
      services: { s: { endpoints: [{ url: "http://localhost:1" }] } },
      routes: Object.entries(routes).map(([name, route]) => ({ name, ...route, backendRefs: [{ service: "s" }] })),
    }),
    "x",
    sources,
  );
  assert.ok(plan, JSON.stringify(diagnostics));
  const entries = plan.order[0];
  return entries.map(({ route, hostnames }) => {
    const twice = entries.filter((other) => other.route === route).length > 1;
    return plan.routes[route].name + (twice ? ` ${hostnames.join(",")}` : "");
  });
}

const path = (kind: string, value: string, more: object = {}): RouteText => ({
  matches: [{ path: { [kind]: value }, ...more }],
});

describe("the order of matches", () => {
  it("is exact path, then prefix with more segments, then regular expression", () => {
    const routes = {
      regex: path("regex", "/a/.*"),
      root: {},
      short: path("prefix", "/a"),
      long: path("prefix", "/a/b"),
      exact: path("exact", "/a"),
      // More characters, fewer segments.
      wide: path("prefix", "/abcdefgh"),
    };
    assert.deepEqual(order(routes), ["exact", "long", "short", "wide", "root", "regex"]);
  });

  it("then a method, then more headers, then more query parameters, then the file", () => {
    const routes = {
      none: path("prefix", "/a"),
      query: path("prefix", "/a", { query: { a: "1", b: "2" } }),
      header: path("prefix", "/a", { headers: { a: "1" } }),
      both: path("prefix", "/a", { headers: { a: "1" }, query: { a: "1" } }),
      headers: path("prefix", "/a", { headers: { a: "1", b: "2" } }),
      method: path("prefix", "/a", { methods: ["GET"] }),
      later: path("prefix", "/a", { headers: { c: "1" } }),
    };
    assert.deepEqual(order(routes), ["method", "headers", "both", "header", "later", "query", "none"]);
  });

  it("looks at the host name first: exact, longer wildcard, shorter wildcard, any", () => {
    const routes = {
      any: path("exact", "/a"),
      short: { hostnames: ["*.localhost"] },
      long: { hostnames: ["*.shop.localhost"] },
      exact: { hostnames: ["a.shop.localhost"] },
    };
    assert.deepEqual(order(routes), ["exact", "long", "short", "any"]);
  });

  it("places a route once per rank of its host names", () => {
    const routes = {
      mixed: { hostnames: ["*.localhost", "a.test", "b.test"] },
      long: { hostnames: ["*.shop.localhost"] },
    };
    assert.deepEqual(order(routes), ["mixed a.test,b.test", "long", "mixed *.localhost"]);
  });

  it("takes `/a/` and `/a` as the same prefix", () => {
    assert.deepEqual(order({ one: path("prefix", "/a/"), two: path("prefix", "/a") }), ["one", "two"]);
  });
});

function shadowed(routes: readonly object[]): string[] {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: { s: { endpoints: [{ url: "http://localhost:1" }] } },
    routes: routes.map((route, i) => ({ name: `r${i}`, ...route, backendRefs: [{ service: "s" }] })),
  });
  return read(text, "x", sources)
    .diagnostics.filter(({ code }) => code === "SY201")
    .map(({ range }) => text.slice(range.offset, range.endOffset));
}

describe("a shadowed match", () => {
  const get = path("prefix", "/a", { methods: ["GET"] });
  const getOrPost = path("prefix", "/a", { methods: ["GET", "POST"] });

  it("stands after one that holds whenever it does", () => {
    assert.deepEqual(shadowed([getOrPost, get]), ['"r1"']);
    assert.deepEqual(shadowed([get, get]), ['"r1"']);
    assert.deepEqual(shadowed([{ hostnames: ["*.a.test"] }, { hostnames: ["*.a.test"] }]), ['"r1"']);
    assert.deepEqual(shadowed([path("prefix", "/a"), path("regex", "/a/[0-9]+")]), ['"r1"']);
  });

  it("is not one that is more specific, or that one alone does not cover", () => {
    assert.deepEqual(shadowed([get, getOrPost]), []);
    assert.deepEqual(shadowed([path("prefix", "/a"), path("prefix", "/a/b")]), []);
    assert.deepEqual(shadowed([path("prefix", "/a"), path("regex", "/b/[0-9]+")]), []);
    assert.deepEqual(shadowed([path("prefix", "/a"), path("regex", "/a/x|/b")]), []);
    assert.deepEqual(shadowed([{ hostnames: ["a.test"] }, {}]), []);
    assert.deepEqual(
      shadowed([path("prefix", "/a", { headers: { x: "1" } }), path("prefix", "/a", { headers: { x: "2" } })]),
      [],
    );
  });
});
