import assert from "node:assert/strict";
import { anyOf } from "./anyOf.ts";
import { configOf, contextOf, Edit, fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const context = contextOf({ consumers: [{ name: "mobile", apiKey: "key-of-mobile", groups: ["partner"] }] });
const YAML = "[{ apiKey: { header: x-api-key } }, { jwt: { jwks: ./jwks.json, claims: { tenant: acme } } }]";
const trial = () => new Trial(anyOf, YAML, context);
const factName = anyOf.needs?.(configOf(anyOf, YAML) as never, context)[0].name ?? "";
const token = (claims: Record<string, unknown>, headers = {}) =>
  passageOf({ headers, facts: { [factName]: { state: "verified", algorithm: "RS256", claims } } });

describe("anyOf", () => {
  it("lets the first that admits settle who is calling, and says which", () => {
    const x = passageOf({ headers: { "x-api-key": "key-of-mobile" } });
    assert.equal(trial().peek(x).sentence, "apiKey: the key is mobile's (groups partner)");
    assert.equal(x.caller.consumer, "mobile");
    const other = token({ sub: "carol", tenant: "acme" });
    assert.match(trial().peek(other).sentence, /^jwt: the token of carol is signed by RS256/);
    assert.equal(other.caller.jwt?.sub, "carol");
  });

  it("tells what each way said when none admits, with each one's challenge", () => {
    const verdict = trial().peek(passageOf());
    assert.equal(verdict.status, 401);
    assert.equal(
      verdict.sentence,
      'apiKey: there is no header x-api-key: it must hold the key of a consumer; jwt: there is no token in the header Authorization: it must be "Bearer" and the token',
    );
    const fields = anyOf.replyFields?.(trial().config as never, 1, 0, 0, passageOf(), 0) ?? [];
    assert.deepEqual(
      fields.map(([name, value]) => `${name}: ${value.split(" ", 1)[0]}`),
      ["WWW-Authenticate: ApiKey", "WWW-Authenticate: Bearer"],
    );
  });

  it("forgets what a way that refused has found out", () => {
    const x = token({ sub: "carol", tenant: "globex" });
    const verdict = trial().peek(x);
    assert.equal(verdict.reason, "forbidden");
    assert.equal(verdict.status, 403);
    assert.equal(x.caller.jwt, undefined);
    assert.equal(x.caller.label, undefined);
  });

  it("is unavailable rather than unauthorized when keys could not be had", () => {
    const down = { state: "keysUnavailable", problem: "the key server does not answer" };
    const verdict = trial().peek(passageOf({ facts: { [factName]: down } }));
    assert.equal(verdict.status, 503);
    assert.match(verdict.sentence, /the key server does not answer/);
  });

  it("hides every key that a way reads", () => {
    const edit = new Edit({ "x-api-key": "key-of-mobile", accept: "*/*" });
    trial().act.request?.(passageOf(), edit, { kind: "prefix", value: "/" });
    assert.equal(edit.get("x-api-key"), undefined);
    assert.deepEqual(
      anyOf.secretPlaces?.(configOf(anyOf, YAML) as never).map(({ name }) => name),
      ["x-api-key", "authorization"],
    );
  });

  it("takes one kind for each way, and reports a way's own problems at their place", () => {
    assert.equal(fits(anyOf, "[{ apiKey: {} }]"), false);
    assert.equal(fits(anyOf, "[{ apiKey: {} }, { rateLimit: {} }]"), false);
    assert.deepEqual(
      problemsOf(anyOf, "[{ apiKey: {}, jwt: { jwks: ./a } }, { jwt: {} }]").map(({ path }) => path.join(".")),
      ["0", "1.jwt"],
    );
  });
});
