/** Every style of OpenAPI's parameters, forms and their parts, and header fields of answers. */
import assert from "node:assert/strict";
import { collectedOf, NO_BODY, type Collected } from "../gateway/facts/collected.ts";
import { openapi } from "./openapi.ts";
import { configOf, contextOf, passageOf, Trial, type RequestParts } from "./trial.fixture.ts";

const numbers = { type: "array", items: { type: "integer" }, maxItems: 3 };
const point = {
  type: "object",
  properties: { x: { type: "integer" }, y: { type: "integer" } },
  additionalProperties: false,
};

/** @param more of the operation at GET or POST /p/{v}. */
function judged(more: object, parts: RequestParts, body: Collected = NO_BODY, version = "3.1.0", components = {}) {
  const operation = { responses: {}, ...more };
  const text = JSON.stringify({
    openapi: version,
    paths: { "/p/{v}": { get: operation, post: operation } },
    components,
  });
  const context = contextOf({ file: (path) => (path === "./api.json" ? text : undefined) });
  const yaml = "{ document: ./api.json }";
  const need = openapi.needs?.(configOf(openapi, yaml) as never, context)[0];
  assert.ok(need?.kind === "body");
  const asked = { path: "/p/1", ...parts };
  const facts = { [need.name]: need.source.read(body, passageOf(asked)) };
  return new Trial(openapi, yaml, context).peek(passageOf({ ...asked, facts }));
}

const parameter = (place: string, schema: object, more: object) => ({
  parameters: [{ name: "v", in: place, schema, ...(place === "path" && { required: true }), ...more }],
});

const posted = (text: string | Buffer, type: string): Collected =>
  collectedOf(Buffer.from(text as string), type, "", 1_000_000);

/** Place, schema, how it is written; then what fits and what does not, with what is told of it. */
const STYLES: readonly (readonly [string, object, object, string, string, RegExp])[] = [
  ["path", { type: "integer" }, {}, "5", "x", /path\/v must be an integer/],
  ["path", numbers, {}, "1,2", "1,x", /path\/v\/1 must be an integer/],
  ["path", point, {}, "x,1,y,2", "x,a", /path\/v\/x must be an integer/],
  ["path", point, { explode: true }, "x=1,y=2", "x=1,z=2", /path\/v\/z is not among/],
  ["path", { type: "integer" }, { style: "label" }, ".5", ".x", /path\/v must be an integer/],
  ["path", numbers, { style: "label" }, ".1,2", ".1,x", /path\/v\/1/],
  ["path", numbers, { style: "label", explode: true }, ".1.2", ".1.x", /path\/v\/1/],
  ["path", point, { style: "label" }, ".x,1,y,2", ".x,1,y,a", /path\/v\/y/],
  ["path", point, { style: "label", explode: true }, ".x=1.y=2", ".x=1.y=a", /path\/v\/y/],
  ["path", { type: "integer" }, { style: "matrix" }, ";v=5", ";v=x", /path\/v must be an integer/],
  ["path", numbers, { style: "matrix" }, ";v=1,2", ";v=1,x", /path\/v\/1/],
  ["path", numbers, { style: "matrix", explode: true }, ";v=1;v=2", ";v=1;v=x", /path\/v\/1/],
  ["path", point, { style: "matrix" }, ";v=x,1,y,2", ";v=x,a,y,2", /path\/v\/x/],
  ["path", point, { style: "matrix", explode: true }, ";x=1;y=2", ";x=1;y=a", /path\/v\/y/],
  ["query", numbers, {}, "v=1&v=2", "v=1&v=x", /query\/v\/1/],
  ["query", numbers, { explode: false }, "v=1,2", "v=1,x", /query\/v\/1/],
  ["query", { type: "array", items: { enum: ["a,b", "c"] } }, { explode: false }, "v=a%2Cb,c", "v=a,b", /query\/v\/0/],
  ["query", numbers, { style: "spaceDelimited", explode: false }, "v=1%202", "v=1%20x", /query\/v\/1/],
  ["query", numbers, { style: "pipeDelimited", explode: false }, "v=1%7C2", "v=1|x", /query\/v\/1/],
  ["query", point, {}, "x=1&y=2", "x=a", /query\/v\/x/],
  ["query", point, { explode: false }, "v=x,1,y,2", "v=x,a", /query\/v\/x/],
  [
    "query",
    point,
    { style: "deepObject", explode: true },
    "v[x]=1&v%5By%5D=2",
    "v[x]=1&v[z]=2",
    /query\/v\/z is not among/,
  ],
  ["query", { type: "string" }, {}, "v=a", "v=a&v=b", /query\/v must be a string, not an array/],
  ["query", { type: "integer" }, { allowEmptyValue: true }, "v=", "v=x", /query\/v/],
  ["query", { type: ["integer", "null"] }, {}, "v=", "v=x", /query\/v/],
  ["header", numbers, {}, "1, 2", "1, x", /header\/v\/1/],
  ["header", point, { explode: true }, "x=1,y=2", "x=a", /header\/v\/x/],
  ["cookie", { type: "integer" }, {}, "v=5; w=x", "v=x", /cookie\/v/],
  ["cookie", numbers, { explode: false }, "v=1,2", "v=1,x", /cookie\/v\/1/],
];

describe("openapi parameters", () => {
  for (const [place, schema, more, good, bad, told] of STYLES)
    it(`reads ${JSON.stringify(more)} in ${place}: ${good}`, () => {
      const parts = (text: string): RequestParts =>
        place === "path"
          ? { path: `/p/${text}` }
          : place === "query"
            ? { query: text }
            : { headers: place === "header" ? { v: text } : { cookie: text } };
      assert.equal(judged(parameter(place, schema, more), parts(good)).reason, "", good);
      assert.match(judged(parameter(place, schema, more), parts(bad)).sentence, told);
    });

  it("reads content parameters as JSON, within a depth, and any other as text", () => {
    const content = (type: string, schema: object) => ({
      parameters: [{ name: "v", in: "query", content: { [type]: { schema } } }],
    });
    assert.equal(judged(content("application/json", point), { query: "v=%7B%22x%22:1%7D" }).reason, "");
    assert.match(
      judged(content("application/json", point), { query: "v=%7B%22x%22:%22a%22%7D" }).sentence,
      /query\/v\/x/,
    );
    assert.match(
      judged(content("application/json", { uniqueItems: true, type: "array" }), { query: `v=${"[".repeat(9000)}` })
        .sentence,
      /query\/v must be an array/,
    );
    assert.equal(judged(content("text/plain", { type: "string" }), { query: "v=[1]" }).reason, "");
  });

  it("judges every one of many values, not the first thousand", () => {
    const query = `${"v=1&".repeat(1500)}v=x`;
    assert.match(
      judged(parameter("query", { type: "array", items: { type: "integer" } }, {}), { query }).sentence,
      /query\/v\/1500/,
    );
  });
});

const body = (type: string, schema: object, encoding = {}) => ({
  requestBody: { content: { [type]: { schema, encoding } } },
});
const POST: RequestParts = { method: "POST" };

describe("openapi forms", () => {
  const FORM = "application/x-www-form-urlencoded";
  const schema = {
    type: "object",
    required: ["qty"],
    properties: { qty: { type: "integer" }, tags: numbers, at: point },
  };

  it("reads members of urlencoded forms by type and encoding", () => {
    const told = (text: string, encoding = {}) => judged(body(FORM, schema, encoding), POST, posted(text, FORM));
    assert.equal(told("qty=1&tags=1&tags=2&at=%7B%22x%22:1%7D").reason, "");
    assert.match(told("qty=1&tags=1&tags=x").sentence, /\/tags\/1 must be an integer/);
    assert.match(told("tags=1").sentence, /must have the member "qty"/);
    assert.match(told("qty=1&qty=2").sentence, /\/qty must be an integer, not an array/);
    assert.equal(told("qty=1&tags=1|2", { tags: { style: "pipeDelimited", explode: false } }).reason, "");
    assert.match(told("qty=1&at[x]=a", { at: { style: "deepObject" } }).sentence, /\/at\/x must be an integer/);
    assert.match(told("qty=1&at=%7B%22x%22:%22a%22%7D").sentence, /\/at\/x must be an integer/);
    const large = collectedOf(Buffer.alloc(2000, "a=1&"), FORM, "", 1000);
    assert.equal(judged(body(FORM, schema), POST, large).reason, "tooLarge", "too large is not unread");
  });

  const MULTI = 'multipart/form-data; boundary="--b 1"';
  const part = (head: string, text: string) => `----b 1\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
  const parts = (...all: string[]) => posted(Buffer.from(`${all.join("")}----b 1--\r\n`, "utf8"), MULTI);
  const multi = {
    ...schema,
    properties: { ...schema.properties, file: { type: "string", maxLength: 4 }, word: { enum: ["grün"] } },
  };
  const told = (sent: Collected, encoding = {}) => judged(body("multipart/form-data", multi, encoding), POST, sent);

  it("reads members of multipart forms: texts, lists, JSON, files", () => {
    assert.equal(
      told(
        parts(part('name="qty"', "1"), part('name="word"', "grün"), part('name="tags"', "1"), part('name="tags"', "2")),
      ).reason,
      "",
    );
    assert.match(told(parts(part('name="qty"', "x"))).sentence, /\/qty must be an integer/);
    assert.match(
      told(parts(part('name="qty"', "1"), part('name="tags"', "x"))).sentence,
      /\/tags\/0 must be an integer/,
    );
    assert.match(
      told(parts(part('name="qty"', "1"), part('name="at"', '{"x":"a"}'))).sentence,
      /\/at\/x must be an integer/,
    );
    assert.match(
      told(parts(part('name="qty"\r\nContent-Type: application/json', '"1"'))).sentence,
      /\/qty must be an integer, not a string/,
    );
    assert.match(
      told(parts(part('name="qty"', "1"), part('name="file"; filename="a"', "12345"))).sentence,
      /\/file must have at most 4 characters, not 5/,
    );
  });

  it("holds parts to the content types of their encoding", () => {
    const encoding = { file: { contentType: "image/png, image/*" } };
    const file = (type: string) =>
      parts(part('name="qty"', "1"), part(`name="file"; filename="a"\r\nContent-Type: ${type}`, "1"));
    assert.equal(told(file("image/jpeg"), encoding).reason, "");
    assert.match(told(file("text/html"), encoding).sentence, /\/file must be image\/png or image\/\*, not text\/html/);
  });

  it("says what is wrong with the form itself", () => {
    assert.match(told(posted("x", "multipart/form-data")).sentence, /it needs a boundary/);
    assert.match(told(posted("x", MULTI)).sentence, /it has no part/);
    assert.match(told(posted(part('name="qty"', "1"), MULTI)).sentence, /ends before its last boundary/);
    assert.match(told(parts(part('nome="qty"', "1"))).sentence, /has a part without a name/);
    assert.match(
      told(parts(...Array.from({ length: 1001 }, () => part('name="x"', "")))).sentence,
      /more than 1000 parts/,
    );
  });
});

describe("openapi schemas", () => {
  const JSON_TYPE = "application/json";
  const schemas = {
    Pet: {
      oneOf: [{ $ref: "#/components/schemas/Cat" }, { $ref: "#/components/schemas/Dog" }],
      discriminator: { propertyName: "kind", mapping: { hound: "#/components/schemas/Dog" } },
    },
    Cat: { type: "object", properties: { kind: {}, lives: { type: "integer" } } },
    Dog: { type: "object", properties: { kind: {}, bark: { type: "string" } } },
    Item: {
      type: "object",
      required: ["id", "name", "secret"],
      properties: {
        id: { type: "integer", readOnly: true },
        name: { type: "string", nullable: true },
        secret: { type: "string", writeOnly: true },
      },
    },
  };
  const told = (name: string, value: unknown, version = "3.0.3") =>
    judged(
      body(JSON_TYPE, { $ref: `#/components/schemas/${name}` }),
      POST,
      posted(JSON.stringify(value), JSON_TYPE),
      version,
      { schemas },
    );

  it("follows a discriminator to the alternative that is meant", () => {
    assert.equal(told("Pet", { kind: "Cat", lives: 9 }).reason, "");
    assert.match(told("Pet", { kind: "Cat", lives: "9" }).sentence, /in 1 place: \/lives must be an integer/);
    assert.match(told("Pet", { kind: "hound", bark: 1 }).sentence, /in 1 place: \/bark must be a string/);
    assert.match(told("Pet", { kind: "Dog" }).sentence, /\/kind must be one of "Cat", "hound"/);
    assert.match(told("Pet", {}).sentence, /must have the member "kind"/);
    assert.match(told("Pet", { kind: "Bird" }, "3.1.0").sentence, /\/kind must be one of/);
  });

  it("knows nullable in 3.0 alone, and asks in requests for nothing that is read-only", () => {
    assert.equal(told("Item", { name: null, secret: "x" }).reason, "");
    assert.match(told("Item", { name: null, secret: "x" }, "3.1.0").sentence, /\/name must be a string, not null/);
    assert.match(told("Item", { name: "a" }).sentence, /must have the member "secret"/);
  });
});
