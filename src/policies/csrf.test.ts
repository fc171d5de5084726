import assert from "node:assert/strict";
import { csrf } from "./csrf.ts";
import { fits, passageOf, Trial } from "./trial.fixture.ts";

const sent = (method: string, headers: Record<string, string>) =>
  passageOf({ method, headers: { host: "shop.localhost:8080", ...headers } });

describe("csrf", () => {
  const trial = () => new Trial(csrf, "{ origins: ['https://admin.example'] }");
  const reasonOf = (method: string, headers: Record<string, string>) => trial().peek(sent(method, headers)).reason;

  it("believes the browser about where a request comes from", () => {
    for (const site of ["same-origin", "none"]) assert.equal(reasonOf("POST", { "sec-fetch-site": site }), "");
    for (const site of ["cross-site", "same-site", "something"])
      assert.equal(reasonOf("POST", { "sec-fetch-site": site }), "crossSite", site);
  });

  it("compares origin and host where the browser says no more", () => {
    assert.equal(reasonOf("DELETE", { origin: "http://shop.localhost:8080" }), "");
    for (const origin of [
      "http://shop.localhost",
      "http://shop.localhost:8080.evil.test",
      "https://evil.test",
      "null",
      "",
    ])
      assert.equal(reasonOf("DELETE", { origin }), "foreignOrigin", origin);
  });

  it("lets safe methods, callers that are no browsers and trusted origins pass", () => {
    assert.equal(reasonOf("GET", { "sec-fetch-site": "cross-site" }), "");
    assert.equal(reasonOf("POST", {}), "");
    assert.equal(reasonOf("POST", { "sec-fetch-site": "cross-site", origin: "https://admin.example" }), "");
  });

  it("says who sent it, and offers to trust that origin", () => {
    const verdict = trial().peek(sent("POST", { "sec-fetch-site": "cross-site", origin: "https://evil.test" }));
    assert.equal(verdict.sentence, "the browser says that a cross-site page of https://evil.test sent this POST");
    assert.deepEqual(verdict.fixes, [
      {
        title: "Let pages of https://evil.test act here",
        path: ["origins"],
        value: ["https://admin.example", "https://evil.test"],
      },
    ]);
    const opaque = trial().peek(sent("POST", { origin: "null" }));
    assert.equal(opaque.sentence, "a page of an opaque origin sent this POST to shop.localhost:8080");
    assert.deepEqual(opaque.fixes, []);
  });

  it("takes whole origins only", () => {
    assert.equal(fits(csrf, "{ origins: ['admin.example'] }"), false);
    assert.equal(fits(csrf, "{}"), true);
  });
});
