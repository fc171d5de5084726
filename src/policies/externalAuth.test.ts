import assert from "node:assert/strict";
import type { AuthorityFact, AuthoritySource } from "../model/arrival.ts";
import { externalAuth } from "./externalAuth.ts";
import { configOf, contextOf, Edit, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const FIELDS = 'url: "http://localhost:9000/ok", consumer: X-User, headersToBackend: [x-user, x-roles]';
const YAML = `{ ${FIELDS} }`;
const needOf = (yaml: string) => externalAuth.needs?.(configOf(externalAuth, yaml) as never, contextOf())[0];

function judged(fact: AuthorityFact | undefined, yaml = YAML) {
  const x = passageOf({ facts: fact === undefined ? {} : { [needOf(yaml)?.name ?? ""]: fact } });
  const trial = new Trial(externalAuth, yaml);
  return { x, trial, verdict: trial.peek(x) };
}
const answered = (status: number, headers: Record<string, string> = {}, challenge?: string): AuthorityFact => ({
  state: "answered",
  status,
  headers,
  ...(challenge !== undefined && { challenge }),
});
const DOWN: AuthorityFact = { state: "unavailable", problem: "http://localhost:9000/ok: ECONNREFUSED" };

describe("externalAuth", () => {
  it("admits what the server answers with 2xx, as the caller that the server names", () => {
    const { x, verdict } = judged(answered(204, { "x-user": "ann" }));
    assert.equal(verdict.sentence, "http://localhost:9000/ok answered 204: it is ann");
    assert.deepEqual([x.caller.consumer, x.caller.label], ["ann", "ann"]);
    assert.equal(judged(answered(200)).x.caller.consumer, undefined);
  });

  it("refuses everything else, a redirect too, and passes a challenge on", () => {
    const unknown = judged(answered(401, {}, 'Basic realm="shop"\u0007')).verdict;
    assert.deepEqual([unknown.reason, unknown.status], ["unauthenticated", 401]);
    assert.match(unknown.fields["WWW-Authenticate"], /^Basic realm="shop"/);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(unknown.fields["WWW-Authenticate"], /[\u0000-\u001f]/);
    assert.equal(judged(answered(401)).verdict.fields["WWW-Authenticate"], 'Bearer realm="switchyard"');
    for (const status of [302, 400, 403, 404]) {
      const { reason, status: told } = judged(answered(status)).verdict;
      assert.deepEqual([reason, told], ["denied", 403]);
    }
    for (const fact of [answered(500), DOWN, undefined]) {
      const { reason, status, fields } = judged(fact).verdict;
      assert.deepEqual([reason, status, fields], ["unavailable", 503, { "Retry-After": "1" }]);
    }
    assert.match(judged(DOWN).verdict.sentence, /ECONNREFUSED/);
  });

  it("lets pass without a verdict only where failOpen says so, as nobody's, and says that it did", () => {
    const open = `{ ${FIELDS}, failOpen: true }`;
    const { x, verdict } = judged(DOWN, open);
    assert.equal(verdict.reason, "");
    assert.match(verdict.sentence, /let pass without a verdict, since `failOpen` is true: .*ECONNREFUSED/);
    assert.equal(x.caller.consumer, undefined);
    assert.equal(judged(answered(403), open).verdict.reason, "denied");
    assert.equal(judged(answered(401), open).verdict.reason, "unauthenticated");
  });

  it("gives the backend the server's headers and never the caller's own", () => {
    const forged = { "x-user": "root", "x-roles": "admin", accept: "*/*" };
    const shaped = (fact: AuthorityFact) => {
      const { trial, x } = judged(fact);
      const edit = new Edit(forged);
      trial.act.request?.(x, edit, matchedBy("prefix", "/"));
      return [edit.get("x-user"), edit.get("x-roles"), edit.get("accept")];
    };
    assert.deepEqual(shaped(answered(200, { "x-user": "ann" })), ["ann", undefined, "*/*"]);
    assert.deepEqual(shaped(answered(403, { "x-user": "ann" })), [undefined, undefined, "*/*"]);
    assert.deepEqual(shaped(DOWN), [undefined, undefined, "*/*"]);
  });

  it("asks for what it names and no more, by a safe road", () => {
    const source = needOf(YAML)?.source as AuthoritySource;
    assert.deepEqual([source.forwardHeaders, source.keep], [["authorization"], ["x-user", "x-roles"]]);
    assert.match(problemsOf(externalAuth, '{ url: "http://auth.test/" }')[0].message, /can be read on the way/);
    assert.match(problemsOf(externalAuth, "{ url: nowhere }")[0].message, /https:\/\/host\/path/);
  });
});
