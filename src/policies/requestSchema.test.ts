import assert from "node:assert/strict";
import { Collected, collectedOf, NO_BODY } from "../gateway/facts/collected.ts";
import { BodyState } from "../model/body.ts";
import { requestSchema } from "./requestSchema.ts";
import { configOf, contextOf, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const SCHEMA = "{ schema: { type: object, required: [id], properties: { id: { type: integer } } } }";

function judged(yaml: string, body: Collected, method = "POST", context = contextOf()) {
  const need = requestSchema.needs?.(configOf(requestSchema, yaml) as never, context)[0];
  assert.ok(need?.kind === "body");
  const facts = { [need.name]: need.source.read(body, passageOf({ method })) };
  return new Trial(requestSchema, yaml, context).peek(passageOf({ method, facts }));
}

const json = (text: string, type = "application/json") => collectedOf(Buffer.from(text), type, "", 1000);

describe("requestSchema", () => {
  it("admits what fits, and what brings no body with a method that needs none", () => {
    assert.equal(judged(SCHEMA, json('{"id":1}')).sentence, "the body fits the schema");
    assert.equal(judged(SCHEMA, NO_BODY, "GET").sentence, "there is no body to judge");
    assert.equal(judged(SCHEMA, json('{"id":1}', "application/vnd.shop+json")).reason, "");
  });

  it("refuses with the place of every violation", () => {
    const verdict = judged(SCHEMA, json('{"id":"x"}'));
    assert.equal(verdict.status, 422);
    assert.equal(verdict.sentence, "the body does not fit the schema in 1 place: /id must be an integer, not a string");
    assert.equal(verdict.x, 1);
  });

  it("says why a body cannot be judged", () => {
    assert.equal(judged(SCHEMA, NO_BODY).reason, "missing");
    assert.match(judged(SCHEMA, json("{}", "")).sentence, /Content-Type is missing/);
    assert.match(judged(SCHEMA, json('{"id":1,}')).sentence, /line 1, column 9/);
    assert.match(judged(SCHEMA, json('{"id":1,"id":2}')).sentence, /names "id" twice/);
    assert.match(
      judged(SCHEMA, json('{"id":1,"x":[{"a":1,"b":2},{"a":"\\\\"}],"\\u0069d":2}')).sentence,
      /names "id" twice/,
    );
    assert.match(judged(SCHEMA, json("[".repeat(70) + "]".repeat(70))).sentence, /nested more than 64 deep/);
    const large = judged(SCHEMA, new Collected(BodyState.TooLarge, 2_000_000, "application/json"));
    assert.equal(large.sentence, "the body has 2000000 bytes or more, decoded, and at most 1MiB are read");
    assert.equal(judged(SCHEMA, new Collected(BodyState.Busy, 5, "")).status, 503);
    const costly = collectedOf(Buffer.from(`[${"1,".repeat(400_000)}1]`), "application/json", "", 2_000_000);
    assert.equal(
      judged("{ schema: { items: { anyOf: [{ type: string }, { type: integer }] } } }", costly).reason,
      "tooCostly",
    );
  });

  it("reads files beside the policy file, YAML or JSON, and those they name", () => {
    const files: Record<string, string> = {
      "./a.yaml": "{ $ref: 'b.json#/$defs/id' }",
      "b.json": '{"$defs":{"id":{"type":"integer"}}}',
    };
    const context = contextOf({ file: (path) => files[path] });
    assert.equal(judged("./a.yaml", json("1"), "POST", context).reason, "");
    assert.equal(
      judged("./a.yaml", json('"x"'), "POST", context).sentence,
      "the body does not fit ./a.yaml in 1 place: it must be an integer, not a string",
    );
  });

  it("tells at the place in the file what is wrong with a schema", () => {
    const messages = (yaml: string, files: Record<string, string> = {}) =>
      problemsOf(requestSchema, yaml, contextOf({ file: (path) => files[path] })).map(({ message }) => message);
    assert.match(messages("./none.json")[0], /\.\/none\.json cannot be read/);
    assert.match(messages("./a.json", { "./a.json": "{" })[0], /no valid JSON/);
    assert.match(messages("{ schema: { $ref: '#/none' } }")[0], /`#\/none` leads nowhere/);
    assert.match(messages("{}")[0], /either `file` or `schema`/);
    assert.match(messages("{ schema: { pattern: '(a)+\\1' } }")[0], /bounded time/);
  });
});
