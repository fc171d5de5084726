import assert from "node:assert/strict";
import { stringify } from "yaml";
import { collectedOf, NO_BODY, type Collected } from "../gateway/facts/collected.ts";
import { openapi } from "./openapi.ts";
import { configOf, contextOf, passageOf, problemsOf, Trial, type RequestParts } from "./trial.fixture.ts";

const parameter = (name: string, place: string, schema: object, more = {}) => ({ name, in: place, schema, ...more });
const integers = { type: "array", items: { type: "integer" } };

const document = {
  openapi: "3.1.0",
  servers: [{ url: "https://shop.example/api" }],
  paths: {
    "/orders": {
      get: {
        parameters: [
          parameter("ids", "query", integers),
          parameter("tags", "query", { type: "array" }, { explode: false }),
          parameter("piped", "query", integers, { style: "pipeDelimited", explode: false }),
          parameter(
            "filter",
            "query",
            { type: "object", properties: { min: { type: "integer" } } },
            { style: "deepObject" },
          ),
          parameter("open", "query", { type: "boolean" }),
          parameter("X-Page", "header", { type: "integer" }),
          parameter("theme", "cookie", { enum: ["dark", "light"] }),
          { name: "q", in: "query", content: { "application/json": { schema: { type: "object", required: ["a"] } } } },
        ],
        responses: {},
      },
      post: {
        requestBody: {
          content: {
            "application/json": { schema: { $ref: "#/components/schemas/Order" } },
            "application/x-www-form-urlencoded": { schema: { $ref: "#/components/schemas/Order" } },
            "text/*": {},
          },
        },
        responses: {},
      },
    },
    "/orders/{id}": {
      get: { parameters: [parameter("id", "path", { type: "integer" }, { required: true })], responses: {} },
    },
    "/orders/latest": { get: { responses: {} } },
    "/files/{name}.{format}": { get: { parameters: [parameter("format", "path", { enum: ["pdf"] })], responses: {} } },
    "/needs": {
      get: { parameters: [parameter("must", "query", { type: "string" }, { required: true })], responses: {} },
    },
  },
  components: { schemas: { Order: { type: "object", required: ["qty"], properties: { qty: { type: "integer" } } } } },
};

const context = (text = stringify(document)) =>
  contextOf({ file: (path) => (path === "./api.yaml" ? text : undefined) });
const YAML = "{ document: ./api.yaml }";

function judged(parts: RequestParts, body: Collected = NO_BODY, yaml = YAML) {
  const need = openapi.needs?.(configOf(openapi, yaml) as never, context())[0];
  assert.ok(need?.kind === "body");
  const facts = { [need.name]: need.source.read(body, passageOf(parts)) };
  return new Trial(openapi, yaml, context()).peek(passageOf({ ...parts, facts }));
}

const sentence = (query: string, headers = {}) => judged({ path: "/api/orders", query, headers }).sentence;

describe("openapi", () => {
  it("finds the operation below the server's path, concrete before templated", () => {
    assert.equal(judged({ path: "/api/orders/7" }).sentence, "the request fits GET /orders/{id}");
    assert.equal(judged({ path: "/api/orders/latest" }).sentence, "the request fits GET /orders/latest");
    assert.equal(judged({ path: "/orders/latest" }).sentence, "the request fits GET /orders/latest");
    assert.equal(judged({ path: "/api/files/bill.pdf" }).reason, "");
    assert.equal(judged({ path: "/api/files/bill.doc" }).reason, "invalid");
    assert.equal(judged({ path: "/v9/orders/7" }, NO_BODY, "{ document: ./api.yaml, basePath: /v9 }").reason, "");
    assert.equal(judged({ method: "HEAD", path: "/api/orders/7" }).reason, "");
  });

  it("refuses other paths and methods, with those there are", () => {
    assert.equal(judged({ path: "/api/nothing" }).status, 404);
    const method = judged({ path: "/api/orders", method: "DELETE" });
    assert.equal(method.status, 405);
    assert.equal(method.fields.Allow, "GET, POST");
  });

  it("reads parameters in every style", () => {
    assert.equal(
      sentence("ids=1&ids=2&tags=a,b&piped=1|2&filter[min]=3&open=true&q=%7B%22a%22:1%7D"),
      "the request fits GET /orders",
    );
    assert.match(sentence("ids=1&ids=x"), /query\/ids\/1 must be an integer/);
    assert.match(sentence("piped=1|x"), /query\/piped\/1 must be an integer/);
    assert.match(sentence("filter[min]=x"), /query\/filter\/min must be an integer/);
    assert.match(sentence("open=yes"), /query\/open must be a boolean/);
    assert.match(sentence("open=true&open=false"), /query\/open must be a boolean, not an array/);
    assert.match(sentence("q=%7B%7D"), /query\/q must have the member "a"/);
    assert.match(
      sentence("", { "x-page": "one", cookie: "theme=pink" }),
      /header\/X-Page must be an integer.*cookie\/theme must be one of "dark", "light"/,
    );
    assert.match(judged({ path: "/api/needs" }).sentence, /query\/must is required and missing/);
    assert.match(judged({ path: "/api/orders/x" }).sentence, /path\/id must be an integer/);
  });

  it("judges bodies by their content type", () => {
    const post = { method: "POST", path: "/api/orders" };
    const body = (text: string, type: string) => judged(post, collectedOf(Buffer.from(text), type, "", 1000));
    assert.equal(body('{"qty":1}', "application/json").reason, "");
    assert.match(
      body('{"qty":"x"}', "application/json; charset=utf-8").sentence,
      /POST \/orders in 1 place: \/qty must be an integer/,
    );
    assert.equal(body("qty=3", "application/x-www-form-urlencoded").reason, "");
    assert.match(body("qty=many", "application/x-www-form-urlencoded").sentence, /\/qty must be an integer/);
    assert.equal(body("anything", "text/csv").reason, "");
    assert.equal(body("<a/>", "application/xml").reason, "contentType");
    assert.equal(body("{", "application/json").reason, "malformed");
    assert.equal(judged(post).reason, "", "a body that need not be there");
  });

  it("tells what is wrong with the document", () => {
    const messages = (text: string) => problemsOf(openapi, YAML, context(text)).map(({ message }) => message);
    assert.match(messages("swagger: '2.0'")[0], /no OpenAPI 3.0 or 3.1 document/);
    assert.match(messages("a: [")[0], /no valid YAML/);
    const dangling = { ...document, components: {} };
    assert.match(messages(stringify(dangling)).join(" "), /leads nowhere/);
    assert.match(problemsOf(openapi, "{ document: ./none.yaml }", context())[0].message, /cannot be read/);
  });
});
