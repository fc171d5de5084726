import assert from "node:assert/strict";
import * as fc from "fast-check";
import { requestHeaders } from "./requestHeaders.ts";
import { responseHeaders } from "./responseHeaders.ts";
import { checkTemplate, safeFieldValue } from "./template.ts";
import { anyText, Edit, fits, matchedBy, passageOf, problemsOf, Trial, type RequestParts } from "./trial.fixture.ts";

function edited(yaml: string, fields: Readonly<Record<string, string>>, parts: RequestParts = {}) {
  const edit = new Edit(fields);
  new Trial(requestHeaders, yaml).act.request?.(passageOf(parts), edit, matchedBy("prefix", "/"));
  return edit.fields;
}

describe("requestHeaders and responseHeaders", () => {
  it("remove, then set, then add", () => {
    const yaml = "{ remove: [X-A, x-missing], set: { x-b: new }, add: { x-b: more, x-c: c } }";
    assert.deepEqual(edited(yaml, { "x-a": "1", "X-B": "old", accept: "*/*" }), [
      ["accept", "*/*"],
      ["x-b", "new"],
      ["x-b", "more"],
      ["x-c", "c"],
    ]);
  });

  it("change the response in the same way", () => {
    const edit = new Edit({ "x-powered-by": "x" });
    const trial = new Trial(responseHeaders, "{ remove: [x-powered-by], set: { cache-control: no-store } }");
    trial.act.response?.(passageOf(), edit);
    assert.deepEqual(edit.fields, [["cache-control", "no-store"]]);
    assert.equal(trial.act.request, undefined);
  });

  it("say which fields they change, and never to what", () => {
    const say = (policy: typeof requestHeaders, yaml: string) => {
      const { config } = new Trial(policy, yaml);
      return policy.admits(config as never, 0, 0, passageOf());
    };
    assert.equal(
      say(requestHeaders, "{ remove: [cookie], set: { authorization: Bearer hidden }, add: { x-c: c } }"),
      "request headers changed: removes cookie; sets authorization; adds x-c",
    );
    assert.equal(
      say(responseHeaders, "{ remove: [a, b, c, d, e, f] }"),
      "response headers changed: removes a, b, c, d, e, …",
    );
  });

  it("fill in what a template names", () => {
    const yaml =
      '{ set: { a: "${jwt.sub}/${request.id}", b: "${client.ip} ${consumer}", c: "${header.X-Y}${route}", d: "$${x} ${request.method} ${request.path}", e: "${jwt.org.id}" } }';
    const parts = { headers: { "x-y": "z" }, caller: { jwt: { sub: "ann", org: { id: 7 } }, consumer: "web" } };
    assert.deepEqual(Object.fromEntries(edited(yaml, {}, parts)), {
      a: "ann/request-1",
      b: "127.0.0.1 web",
      c: "zorders",
      d: "${x} GET /orders/1",
      e: "7",
    });
  });

  it("remove a header whose variables are all missing, so that a caller cannot forge it", () => {
    const yaml = '{ set: { x-user: "${jwt.sub}", x-both: "user ${jwt.sub}" }, add: { x-more: "${consumer}" } }';
    assert.deepEqual(edited(yaml, { "X-User": "admin" }), [["x-both", "user "]]);
  });

  it("refuse framing fields, unknown names in templates and unclosed braces, with the place", () => {
    const [framing] = problemsOf(requestHeaders, "{ set: { Content-Length: '5' } }");
    assert.match(framing.message, /how long the body is/);
    const [unknown] = problemsOf(requestHeaders, '{ set: { x: "a ${request.idd}" } }');
    assert.match(unknown.message, /did you mean `request\.id`/);
    assert.deepEqual([unknown.within?.start, unknown.within?.end], [2, 16]);
    assert.match(checkTemplate("${jwt.sub")?.message ?? "", /never closed/);
    assert.match(problemsOf(requestHeaders, "{ remove: [Host] }")[0].message, /urlRewrite/);
    assert.match(problemsOf(requestHeaders, "{}")[0].message, /give/);
    assert.ok(!fits(requestHeaders, '{ set: { x: "a\\r\\nb: c" } }'));
    assert.ok(!fits(requestHeaders, "{ set: { 'a b': c } }"));
  });

  it("never let a value break a head, whatever a token claims", () => {
    assert.equal(safeFieldValue("a\r\nx-admin: 1"), "a%0D%0Ax-admin: 1");
    assert.equal(safeFieldValue("Zoë \ud800"), "Zo%C3%AB %EF%BF%BD");
    fc.assert(
      fc.property(anyText(), (sub) => {
        const [field] = edited('{ set: { x-user: "${jwt.sub}" } }', {}, { caller: { jwt: { sub } } });
        assert.match(field?.[1] ?? "", /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/);
      }),
      { numRuns: 300 },
    );
  });
});
