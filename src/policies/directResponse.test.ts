import assert from "node:assert/strict";
import type { Answer } from "../model/policy.ts";
import { directResponse } from "./directResponse.ts";
import { contextOf, fits, matchedBy, passageOf, problemsOf, Trial, type RequestParts } from "./trial.fixture.ts";

const context = contextOf({ file: (path) => (path === "./mock.json" ? '{"id":"${header.x-id}"}' : undefined) });

function answerOf(yaml: string, parts: RequestParts = {}): Answer | undefined {
  const trial = new Trial(directResponse, yaml, context);
  const x = passageOf(parts);
  assert.equal(trial.peek(x).reason, "");
  assert.ok(trial.act.answers?.(x, 0));
  return trial.act.answer?.(x, matchedBy("prefix", "/"));
}

describe("directResponse", () => {
  it("answers what it holds, with the type that the body has", () => {
    assert.deepEqual(answerOf("{ body: closed, status: 503 }"), {
      status: 503,
      fields: [["Content-Type", "text/plain; charset=utf-8"]],
      body: "closed",
    });
    assert.deepEqual(answerOf(`{ body: '{"a":1}' }`)?.fields, [["Content-Type", "application/json"]]);
    assert.deepEqual(answerOf("{ body: '<p>', headers: { Content-Type: text/html } }")?.fields, [
      ["Content-Type", "text/html"],
    ]);
    assert.deepEqual(answerOf("{ status: 204 }"), { status: 204, fields: [], body: "" });
  });

  it("fills in a template, escaped for JSON and for HTML", () => {
    const stranger = { headers: { "x-id": '"><script>\n' } };
    assert.equal(answerOf("{ file: ./mock.json, template: true }", stranger)?.body, '{"id":"\\"><script>\\n"}');
    const page = "{ body: 'for ${header.x-id}!', headers: { content-type: text/html }, template: true }";
    assert.equal(answerOf(page, stranger)?.body, "for &#34;&#62;&#60;script&#62;\n!");
    assert.equal(answerOf("{ file: ./mock.json }")?.body, '{"id":"${header.x-id}"}');
    assert.equal(answerOf("{ body: '${request.id}: ${jwt.sub}', template: true }")?.body, "request-1: ");
  });

  it("reports a file that is not there, two bodies, a body that cannot be, and unknown names", () => {
    const messages = (yaml: string) => problemsOf(directResponse, yaml, context).map(({ message }) => message);
    assert.match(messages("{ file: ./other.json }")[0], /cannot be read/);
    assert.match(messages("{ body: a, file: ./mock.json }")[0], /one place/);
    assert.match(messages("{ body: a, status: 204 }")[0], /no body/);
    assert.match(messages("{ body: '${nosuch}', template: true }")[0], /not known in a template/);
    assert.equal(fits(directResponse, "{ status: 101 }"), false);
  });
});
