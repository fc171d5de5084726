import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Consumer } from "../model/policy.ts";
import { apiKey, sameSecret } from "./apiKey.ts";
import { anyText, contextOf, Edit, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const consumers: readonly Consumer[] = [
  { name: "mobile", apiKey: "mobile-key-1", groups: ["partner"] },
  { name: "web", apiKey: "web-key", groups: ["first-party"] },
  { name: "unset", groups: [] },
];
const context = contextOf({ consumers });
const trialOf = (yaml: string) => new Trial(apiKey, yaml, context);

const admitted = (yaml: string, parts: Parameters<typeof passageOf>[0]) =>
  trialOf(yaml).peek(passageOf(parts)).reason === "";

const places = (yaml: string) => apiKey.secretPlaces?.(trialOf(yaml).config as never);

describe("apiKey", () => {
  it("knows the consumer by the key, and writes it down for later steps", () => {
    const x = passageOf({ headers: { "x-api-key": "web-key" } });
    const verdict = trialOf("{}").peek(x);
    assert.equal(verdict.reason, "");
    assert.equal(verdict.sentence, "the key is web's (groups first-party)");
    assert.deepEqual(x.caller, { consumer: "web", groups: ["first-party"], label: "web", jwt: undefined });
  });

  it("reads it from a header, a query parameter or a cookie", () => {
    assert.ok(admitted("{ header: X-Key }", { headers: { "x-key": "web-key" } }));
    assert.ok(admitted("{ query: api_key }", { query: "a=1&api%5Fkey=web%2Dkey" }));
    assert.ok(admitted("{ cookie: key }", { headers: { cookie: 'a=1; key="web-key"; b=2' } }));
    assert.ok(admitted("{ cookie: key }", { headers: { cookie: "a=1, key=web-key" } }), "two Cookie fields, joined");
    assert.ok(!admitted("{ cookie: key }", { headers: { cookie: "monkey=web-key" } }));
    assert.ok(!admitted("{ query: api_key }", { query: "xapi_key=web-key" }));
  });

  it("refuses a missing, an unknown and a doubled key with 401, and asks for one", () => {
    const trial = trialOf("{ query: key }");
    const missing = trial.peek(passageOf({ query: "k=1" }));
    assert.deepEqual(
      [missing.reason, missing.status, missing.sentence],
      ["missing", 401, "there is no query parameter key: it must hold the key of a consumer"],
    );
    assert.equal(missing.fields["WWW-Authenticate"], 'ApiKey realm="switchyard", in="query", name="key"');
    const unknown = trial.peek(passageOf({ query: "key=web-kez" }));
    assert.equal(unknown.reason, "unknown");
    assert.ok(!unknown.sentence.includes("web-kez"), "a sentence never holds a key");
    assert.match(unknown.sentence, /7 characters that belongs to none of the 2 consumers/);
    assert.equal(trial.peek(passageOf({ query: "key=web-key&key=x" })).reason, "repeated");
    assert.equal(trial.peek(passageOf({ query: "key=" })).reason, "missing");
  });

  it("never takes a consumer without a key for one with an empty key", () => {
    const trial = trialOf("{}");
    for (const key of ["", "undefined", "unset"]) {
      assert.notEqual(trial.peek(passageOf({ headers: { "x-api-key": key } })).reason, "");
    }
  });

  it("refuses a consumer who is in none of the groups with 403, and says who it was", () => {
    const x = passageOf({ headers: { "x-api-key": "web-key" } });
    const verdict = trialOf("{ groups: [partner] }").peek(x);
    assert.deepEqual([verdict.reason, verdict.status], ["forbiddenGroup", 403]);
    assert.equal(verdict.sentence, "web is in first-party; one of partner is needed");
    assert.deepEqual(verdict.fixes[0].value, ["partner", "first-party"]);
    assert.equal(x.caller.label, "web");
  });

  it("hides the key from the backend and leaves everything else byte for byte", () => {
    const matched = matchedBy("prefix", "/");
    const header = new Edit({ "X-Api-Key": "web-key", accept: "*/*" });
    trialOf("{}").act.request?.(passageOf(), header, matched);
    assert.deepEqual(header.fields, [["accept", "*/*"]]);
    const query = new Edit({}, "/", "a=%7e+1&key=web-key&b&key=2&=x");
    trialOf("{ query: key }").act.request?.(passageOf(), query, matched);
    assert.equal(query.query, "a=%7e+1&b&=x");
    const alone = new Edit({}, "/", "key=web-key");
    trialOf("{ query: key }").act.request?.(passageOf(), alone, matched);
    assert.equal(alone.query, undefined);
    const cookie = new Edit({ cookie: 'a="x y"; key=web-key; b=2' });
    trialOf("{ cookie: key }").act.request?.(passageOf(), cookie, matched);
    assert.deepEqual(cookie.fields, [["cookie", 'a="x y"; b=2']]);
    const only = new Edit({ cookie: "key=web-key" });
    trialOf("{ cookie: key }").act.request?.(passageOf(), only, matched);
    assert.deepEqual(only.fields, []);
    assert.equal(trialOf("{ hide: false }").act.request, undefined);
  });

  it("says where it reads a secret, so that it can be masked", () => {
    assert.deepEqual(places("{}"), [{ in: "header", name: "x-api-key" }]);
    assert.deepEqual(places("{ query: key }"), [{ in: "query", name: "key" }]);
    assert.deepEqual(places("{ cookie: key }"), [{ in: "cookie", name: "key" }]);
  });

  it("refuses two places, and groups that nobody is in, with a way out", () => {
    const [two] = problemsOf(apiKey, "{ header: a, query: b }", context);
    assert.match(two.message, /one place/);
    assert.deepEqual(two.fix?.path, ["query"]);
    const [group] = problemsOf(apiKey, "{ groups: [partners] }", context);
    assert.match(group.message, /did you mean partner\?/);
    assert.deepEqual(group.fix?.value, "partner");
  });

  it("compares secrets as === does", () => {
    const text = fc.string({ minLength: 1, maxLength: 12 });
    fc.assert(fc.property(text, text, (a, b) => sameSecret(a, b) === (a === b)));
    fc.assert(fc.property(text, (a) => sameSecret(a, a) && !sameSecret(a + a, a) && !sameSecret("", a)));
  });

  it("judges any header, query and cookie without throwing", () => {
    const text = anyText(60);
    const trials = ["{}", "{ query: k }", "{ cookie: k }"].map(trialOf);
    fc.assert(
      fc.property(text, text, fc.nat(2), (value, extra, which) => {
        const headers = { "x-api-key": value, cookie: `k=${value}; ${extra}` };
        const verdict = trials[which].peek(passageOf({ headers, query: `k=${value}&${extra}` }));
        assert.notEqual(verdict.reason, "");
        trials[which].act.request?.(
          passageOf(),
          new Edit(headers, "/", `${extra}&k=${value}`),
          matchedBy("prefix", "/"),
        );
      }),
      { numRuns: 300 },
    );
  });
});
