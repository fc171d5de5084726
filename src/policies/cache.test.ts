import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { CacheFact } from "../model/cache.ts";
import { ageOf, httpDate, parseDirectives, parseTargeted, secondsOf } from "./cache-control.ts";
import { cache } from "./cache.ts";
import { anyText, contextOf, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const held: CacheFact = {
  state: "held",
  status: 200,
  storedAt: 1000,
  storedWall: 1_700_000_000_000,
  age: 5,
  lifetime: 60,
  from: "max-age",
  noCache: false,
  mustRevalidate: false,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  validator: "ETag",
};

function judge(fact: CacheFact, seconds: number, headers: Record<string, string> = {}) {
  const trial = new Trial(cache, "{}", contextOf());
  const wallClock = 1_700_000_000_000 + seconds * 1000;
  return trial.peek(passageOf({ facts: { "cache/route/orders": fact }, headers, wallClock }), 1000 + seconds * 1000);
}

describe("cache", () => {
  it("says with its numbers what it does and why", () => {
    assert.equal(judge(held, 10).sentence, "hit: 15 s old, fresh for 60 s (max-age)");
    assert.equal(judge(held, 100).sentence, "revalidated by ETag: stale; 105 s old, fresh for 60 s (max-age)");
    assert.equal(judge({ state: "none", variants: 0 }, 0).sentence, "miss: nothing is held for this URL");
    assert.match(judge({ state: "bypass", why: "range" }, 0).sentence, /ranges are left to the backend/);
    assert.match(judge(held, 10, { "cache-control": "max-age=3" }).sentence, /the request wants a younger one/);
  });

  it("refuses only-if-cached with 504 where it has nothing, and nothing else ever", () => {
    const headers = { "cache-control": "only-if-cached" };
    assert.equal(judge({ state: "none", variants: 0 }, 0, headers).reason, "onlyIfCached");
    assert.equal(judge(held, 10, headers).reason, "");
  });

  it("wants a path in its key", () => {
    assert.equal(problemsOf(cache, "{ key: [host] }").length, 1);
    assert.equal(problemsOf(cache, "{ key: [path, query.page, header.x-a, cookie.b] }").length, 0);
  });
});

describe("what HTTP says about caching", () => {
  it("is read as RFC 9111 section 5.2 writes it, the first of several counting", () => {
    const said = parseDirectives('Max-Age=10, no-cache="a, b", max-age=99, ext="max-age=1", private');
    assert.deepEqual(
      [...said],
      [
        ["max-age", "10"],
        ["no-cache", "a, b"],
        ["ext", "max-age=1"],
        ["private", ""],
      ],
    );
    assert.deepEqual(
      ["1", '"2"', "-1", "1.0", "a", ""].map((text) => secondsOf(parseDirectives(`max-age=${text}`), "max-age")),
      [1, 2, 0, 0, 0, 0],
    );
  });

  it("is read from anything without failing, and never as fresher than a number says", () => {
    fc.assert(
      fc.property(anyText(200), (text) => {
        parseDirectives(text);
        parseTargeted(text);
        httpDate(text, 0);
        assert.ok(ageOf(text) >= 0);
      }),
    );
  });

  it("knows the three forms of a date (RFC 9110 section 5.6.7), as Date does", () => {
    const at = Date.UTC(1994, 10, 6, 8, 49, 37);
    for (const text of [
      "Sun, 06 Nov 1994 08:49:37 GMT",
      "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
    ]) {
      assert.equal(httpDate(text, Date.UTC(2026, 0, 1)), at, text);
    }
    fc.assert(
      fc.property(fc.integer({ min: -62_000_000_000, max: 250_000_000_000 }), (seconds) => {
        if (new Date(seconds * 1000).getUTCFullYear() < 1000) return;
        assert.equal(httpDate(new Date(seconds * 1000).toUTCString(), 0), seconds * 1000);
      }),
    );
  });
});
