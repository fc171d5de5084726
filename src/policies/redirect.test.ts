import assert from "node:assert/strict";
import type { PathMatch } from "../model/path-match.ts";
import { redirect } from "./redirect.ts";
import { fits, matchedBy, passageOf, problemsOf, Trial, type RequestParts } from "./trial.fixture.ts";

function locationOf(yaml: string, parts: RequestParts, matched: PathMatch = matchedBy("prefix", "/old")): string {
  const trial = new Trial(redirect, yaml);
  const x = passageOf({ headers: { host: "shop.localhost:8080" }, path: "/old/1", ...parts });
  assert.equal(trial.peek(x).reason, "");
  assert.ok(trial.act.answers?.(x, 0));
  return trial.act.answer?.(x, matched).fields[0][1] ?? "";
}

describe("redirect", () => {
  it("replaces what it names, and keeps the rest with the query", () => {
    assert.equal(locationOf("{ scheme: https }", { query: "a=1" }), "https://shop.localhost/old/1?a=1");
    assert.equal(locationOf("{ scheme: https, port: 443 }", {}), "https://shop.localhost/old/1");
    assert.equal(locationOf("{ scheme: https, port: 8443 }", {}), "https://shop.localhost:8443/old/1");
    assert.equal(locationOf("{ hostname: b.example }", {}), "//b.example:8080/old/1");
    assert.equal(locationOf("{ port: 9000 }", {}), "//shop.localhost:9000/old/1");
    assert.equal(locationOf("{ path: /new }", { query: "" }), "/new?");
    assert.equal(locationOf("{ prefix: /new }", {}), "/new/1");
    assert.equal(locationOf("{ prefix: '' }", { path: "/old" }), "/");
  });

  it("keeps an IPv6 host whole", () => {
    assert.equal(locationOf("{ scheme: https }", { headers: { host: "[::1]:8080" } }), "https://[::1]/old/1");
  });

  it("never lets a caller's path become a host", () => {
    const everything = matchedBy("prefix", "/");
    const location = locationOf("{ prefix: '' }", { path: "//evil.example/x" }, everything);
    assert.equal(new URL(location, "http://shop.localhost:8080/").host, "shop.localhost:8080");
    const bare = locationOf("{ prefix: '' }", { path: "//evil.example/x", headers: {}, host: "" }, everything);
    assert.equal(new URL(bare, "http://shop.localhost:8080/").host, "shop.localhost:8080");
    assert.equal(fits(redirect, "{ path: //evil.example }"), false);
  });

  it("takes the statuses that redirect, and something to change", () => {
    assert.equal(fits(redirect, "{ scheme: https, status: 200 }"), false);
    assert.equal(fits(redirect, "{ scheme: https, status: 308 }"), true);
    assert.match(problemsOf(redirect, "{}")[0].message, /back to itself/);
    assert.match(problemsOf(redirect, "{ prefix: /a, path: /b }")[0].message, /in one way/);
  });
});
