import assert from "node:assert/strict";
import { basicAuth } from "./basicAuth.ts";
import { configOf, contextOf, Edit, fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const YAML = "{ users: [{ name: ada, password: one, groups: [staff] }, { name: bob, password: two }] }";
const factName = basicAuth.needs?.(configOf(basicAuth, YAML) as never, contextOf())[0].name ?? "";
const given = (fact: unknown) => passageOf({ facts: { [factName]: fact } });
const HASH = "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

describe("basicAuth", () => {
  it("makes the user the consumer, with the user's groups", () => {
    const x = given({ state: "verified", user: "ada" });
    const verdict = new Trial(basicAuth, YAML).peek(x);
    assert.equal(verdict.sentence, "the password is ada's (groups staff)");
    assert.deepEqual(x.caller, { consumer: "ada", groups: ["staff"], jwt: undefined, label: "ada" });
  });

  it("says the same of an unknown name and a wrong password", () => {
    const trial = new Trial(basicAuth, YAML);
    const wrong = trial.peek(given({ state: "wrong", user: "ada" }));
    const unknown = trial.peek(given({ state: "unknown", user: "eve" }));
    assert.equal(wrong.status, 401);
    assert.equal(wrong.sentence, unknown.sentence);
    assert.deepEqual(wrong.fields, unknown.fields);
    assert.equal(wrong.fields["WWW-Authenticate"], 'Basic realm="switchyard", charset="UTF-8"');
  });

  it("asks for a name and password where there is none, and says what cannot be read", () => {
    const trial = new Trial(basicAuth, YAML);
    assert.equal(trial.peek(given({ state: "absent" })).reason, "missing");
    assert.equal(trial.peek(passageOf()).reason, "missing");
    const odd = trial.peek(given({ state: "malformed", problem: "there is no colon between name and password" }));
    assert.equal(odd.sentence, "there is no colon between name and password");
    const busy = trial.peek(given({ state: "busy", problem: "32 passwords wait" }));
    assert.equal(busy.status, 503);
    assert.equal(busy.fields["Retry-After"], "1");
  });

  it("hides the password from the backend, unless told not to", () => {
    const edit = new Edit({ Authorization: "Basic YWRhOm9uZQ==", Accept: "*/*" });
    new Trial(basicAuth, YAML).act.request?.(passageOf(), edit, { kind: "prefix", value: "/" });
    assert.equal(edit.get("authorization"), undefined);
    assert.equal(edit.get("accept"), "*/*");
    assert.equal(new Trial(basicAuth, YAML.replace("{ users", "{ hide: false, users")).act.request, undefined);
  });

  it("names its fact by a digest that holds no password", () => {
    assert.match(factName, /^password\/[0-9a-f]{8}$/);
  });

  it("demands one password or hash of each user, and a hash that protects", () => {
    const messages = (yaml: string) => problemsOf(basicAuth, yaml).map(({ message }) => message);
    assert.deepEqual(messages(`{ users: [{ name: ada, hash: "${HASH}" }] }`), []);
    assert.match(messages("{ users: [{ name: ada }] }")[0], /either `password` or `hash`/);
    assert.match(messages(`{ users: [{ name: ada, password: x, hash: "${HASH}" }] }`)[0], /either/);
    assert.match(messages('{ users: [{ name: ada, hash: "5f4dcc3b5aa765d61d8327deb882cf99" }] }')[0], /PHC form/);
    assert.match(messages(`{ users: [{ name: ada, hash: "${HASH.replace("ln=15", "ln=8")}" }] }`)[0], /too few/);
    assert.match(messages(`{ users: [{ name: ada, hash: "${HASH.replace("ln=15", "ln=20")}" }] }`)[0], /64 MiB/);
    assert.match(messages("{ users: [{ name: a, password: x }, { name: a, password: y }] }")[0], /another user/);
    assert.equal(fits(basicAuth, "{ users: [{ name: 'a:b', password: x }] }"), false);
    assert.equal(fits(basicAuth, "{ users: [] }"), false);
  });
});
