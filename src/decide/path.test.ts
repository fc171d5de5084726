import assert from "node:assert/strict";
import * as fc from "fast-check";
import { normalisePath, pathProblem, pathProblems } from "./path.ts";

/** Pieces out of which ways around a rule are made. */
const piece = fc.constantFrom(
  "/",
  "/",
  "a",
  "admin",
  ".",
  "..",
  "%2e",
  "%2E",
  "%2f",
  "%2F",
  "%5c",
  "\\",
  ";",
  "%",
  "%4",
  "%00",
  "%61",
  "%41",
  "%7e",
  "%20",
  "%25",
  "%252e",
  "//",
  "~",
  "é",
);
const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);

describe("normalisePath", () => {
  for (const [given, wanted] of [
    ["/", "/"],
    ["*", "*"],
    ["/orders/77", "/orders/77"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/../../b", "/b"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/..", "/"],
    ["/%61dmin", "/admin"],
    ["/public/%2e%2E/admin", "/admin"],
    ["/a%2fb", "/a%2Fb"],
    ["/%7Euser/%c3%a9", "/~user/%C3%A9"],
    ["/a//b", "/a//b"],
    ["//admin", "//admin"],
    ["/a/..//b", "//b"],
    ["/%252e%252e/x", "/%252e%252e/x"],
    ["/.well-known/x", "/.well-known/x"],
    ["/a/...", "/a/..."],
    ["/a..b", "/a..b"],
    ["/@scope%2Fname", "/@scope%2Fname"],
  ]) {
    it(`gives ${wanted} for ${given}`, () => assert.equal(normalisePath(given), wanted));
  }

  for (const [given, problem] of [
    ["/a%", pathProblems.escape],
    ["/a%4", pathProblems.escape],
    ["/a%zz", pathProblems.escape],
    ["/a%00", pathProblems.nul],
    ["/public\\..\\admin", pathProblems.backslash],
    ["/public%2f..%2fadmin", pathProblems.hiddenDots],
    ["/public/..%2fadmin", pathProblems.hiddenDots],
    ["/public%2f../admin", pathProblems.hiddenDots],
    ["/public%5C..%5Cadmin", pathProblems.hiddenDots],
    ["/public/..;/admin", pathProblems.hiddenDots],
    ["/public/%2e%2e;x=1/admin", pathProblems.hiddenDots],
  ]) {
    it(`refuses ${given}`, () => {
      assert.equal(normalisePath(given), undefined);
      assert.equal(pathProblem(given), problem);
    });
  }

  it("is idempotent, and gives a sentence exactly when it refuses", () => {
    fc.assert(
      fc.property(path, (given) => {
        const once = normalisePath(given);
        assert.equal(once === undefined, pathProblem(given) !== undefined);
        if (once !== undefined) assert.equal(normalisePath(once), once);
      }),
      { numRuns: 2000 },
    );
  });

  it("leaves nothing that a backend's decoding or URL parser could turn into another path", () => {
    fc.assert(
      fc.property(path, (given) => {
        const judged = normalisePath(given);
        if (judged === undefined) return;
        // The URL parser of browsers and of node, to which many backends hand the target.
        const seen = new URL(`http://host${judged}`).pathname;
        assert.equal(seen.replaceAll("é", "%C3%A9"), judged.replaceAll("é", "%C3%A9"));
        // A backend that decodes once and resolves dots afterwards.
        const decoded = judged.replaceAll(/%(2F|5C)/g, "/").split("/");
        assert.ok(!decoded.includes("..") && !decoded.includes("."), judged);
      }),
      { numRuns: 2000 },
    );
  });
});
