import assert from "node:assert/strict";
import { collectedOf, NO_BODY } from "../gateway/facts/collected.ts";
import { graphqlLimit } from "./graphqlLimit.ts";
import { measure } from "./graphql-measure.ts";
import { configOf, contextOf, passageOf, Trial, type RequestParts } from "./trial.fixture.ts";

const options = { tokens: 2000, operation: undefined, mostCost: 1000 };

function judged(yaml: string, text: string | undefined, parts: RequestParts = {}, type = "application/json") {
  const need = graphqlLimit.needs?.(configOf(graphqlLimit, yaml) as never, contextOf())[0];
  assert.ok(need?.kind === "body");
  const asked = passageOf({ method: "POST", ...parts });
  const body = text === undefined ? NO_BODY : collectedOf(Buffer.from(text), type, "", need.source.most);
  const facts = { [need.name]: need.source.read(body, asked) };
  return new Trial(graphqlLimit, yaml).peek(passageOf({ method: "POST", ...parts, facts }));
}

const query = (text: string, more = {}) => JSON.stringify({ query: text, ...more });

describe("the size of a GraphQL document", () => {
  it("counts fields, aliases and fragments where they are used", () => {
    assert.deepEqual(measure("{ a b { c } x: a y: a }", options), {
      depth: 2,
      cost: 5,
      kinds: ["query"],
      introspects: false,
    });
    const spread = "{ a { ...F } b { ...F } } fragment F on T { c { d } }";
    assert.deepEqual(measure(spread, options), { depth: 3, cost: 6, kinds: ["query"], introspects: false });
    const inline = measure("{ ... on T { a { ... { b } } } }", options);
    assert.deepEqual([(inline as { depth: number }).depth, (inline as { cost: number }).cost], [2, 2]);
  });

  it("multiplies by first, last and limit", () => {
    assert.equal((measure("{ a(first: 10) { b(last: 5) { c } } }", options) as { cost: number }).cost, 61);
  });

  it("survives fragments in circles and fragments that multiply, at once", () => {
    assert.ok("cost" in measure("{ ...A } fragment A on T { a ...B } fragment B on T { b ...A }", options));
    let bomb = "{ ...F0 }";
    for (let i = 0; i < 100; i++) bomb += ` fragment F${i} on T { a: x { ...F${i + 1} } b: x { ...F${i + 1} } }`;
    bomb += " fragment F100 on T { z }";
    const started = performance.now();
    const found = measure(bomb, { ...options, tokens: 10_000 });
    assert.ok("cost" in found && found.cost > 1_000_000);
    assert.ok(performance.now() - started < 5000);
  });

  it("stops at the parser's own limits: tokens and nesting", () => {
    const words = (text: string) => (measure(text, options) as { problem: string }).problem;
    assert.match(words(`{ ${"a ".repeat(3000)} }`), /more than 2000 words/);
    assert.match(words("{a".repeat(100_000)), /nests more than 200/);
    assert.match(words(`{ a(x: ${"[".repeat(10_000)}`), /nests more than 200/);
    assert.match(words("{ a"), /line 1, column/);
    assert.match(words("fragment F on T { a }"), /no operation/);
  });
});

describe("graphqlLimit", () => {
  it("admits with its numbers", () => {
    assert.equal(judged("{}", query("{ a { b } }")).sentence, "depth 2, 2 fields in all");
  });

  it("refuses what is too deep or too much, with a fix", () => {
    const deep = judged("{ depth: 2 }", query("{ a { b { c } } }"));
    assert.equal(deep.sentence, "the query nests 3 fields deep, and 2 are allowed");
    assert.deepEqual(deep.fixes[0].value, 3);
    assert.equal(judged("{ cost: 3 }", query("{ a b c d }")).reason, "tooCostly");
  });

  it("refuses operations that may not be sent, the one that runs alone counting", () => {
    const both = "query Q { a } mutation M { b }";
    assert.equal(judged("{ operations: [query] }", query(both)).reason, "operation");
    assert.equal(judged("{ operations: [query] }", query(both, { operationName: "Q" })).reason, "");
    assert.match(judged("{ operations: [query] }", query("subscription { a }")).sentence, /holds a subscription/);
  });

  it("refuses introspection unless it may", () => {
    assert.equal(judged("{}", query("{ __schema { types { name } } }")).status, 403);
    assert.equal(
      judged("{}", query('{ ...F } fragment F on Q { __type(name: "a") { name } }')).reason,
      "introspection",
    );
    assert.equal(judged("{ introspection: true }", query("{ __schema { types { name } } }")).reason, "");
    assert.equal(judged("{}", query("{ a { __typename } }")).reason, "");
  });

  it("reads lists, GET and bare documents, and changes nothing by GET", () => {
    const list = JSON.stringify([{ query: "{ a }" }, { query: "{ b }" }]);
    assert.equal(judged("{}", list).reason, "batch");
    assert.equal(judged("{ batch: 2 }", list).sentence, "depth 1, 2 fields in all");
    assert.equal(judged("{ depth: 1 }", "{ a { b } }", {}, "application/graphql").reason, "tooDeep");
    const get = { method: "GET", query: `query=${encodeURIComponent("mutation { a }")}` };
    const verdict = judged("{}", undefined, get);
    assert.equal(verdict.status, 405);
    assert.equal(verdict.fields.Allow, "POST");
    assert.equal(judged("{}", undefined, { method: "GET" }).sentence, "there is no GraphQL document to judge");
  });

  it("refuses what is no GraphQL at all", () => {
    assert.equal(judged("{}", "{").reason, "malformed");
    assert.equal(judged("{}", '{"query":5}').reason, "syntax");
    assert.equal(judged("{}", undefined).reason, "missing");
    assert.equal(judged("{}", "a=b", {}, "text/plain").reason, "notJson");
  });
});
