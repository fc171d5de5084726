// JSON Schema has a keyword `then`.
/* eslint-disable unicorn/no-thenable */
import assert from "node:assert/strict";
import { Validator } from "@cfworker/json-schema";
import * as fc from "fast-check";
import { SchemaCompiler, type SchemaOptions } from "./json-schema.ts";
import { SchemaRegistry } from "./schema-registry.ts";
import type { Violation } from "./schema-run.ts";

function check(schema: unknown, options: SchemaOptions = {}, files: Readonly<Record<string, unknown>> = {}) {
  const registry = new SchemaRegistry((path) => files[path]);
  const home = registry.add("file:///schema.json", schema);
  const compiler = new SchemaCompiler(registry, options);
  const validate = compiler.compile(schema, home);
  return { validate, problems: compiler.problems };
}

const found = (schema: unknown, value: unknown, options: SchemaOptions = {}): readonly Violation[] | undefined =>
  check(schema, options).validate(value, { left: 300_000 });
const fits = (schema: unknown, value: unknown, options: SchemaOptions = {}) =>
  found(schema, value, options)?.length === 0;

/** Schema, values that fit, values that do not: a few for each keyword, with the corners that validators get wrong. */
const CASES: readonly (readonly [unknown, readonly unknown[], readonly unknown[]])[] = [
  [true, [null, 1], []],
  [false, [], [null, {}]],
  [{}, [1, "a", null], []],
  [{ type: "integer" }, [1, 1.0, -3, 1e20], [1.5, "1", true, null]],
  [{ type: ["string", "null"] }, ["", null], [0, {}]],
  [{ type: "object" }, [{}], [[], null]],
  [{ enum: [1, "a", { b: [1] }, false] }, [1, "a", { b: [1] }, false], [0, true, { b: [2] }, [1]]],
  [{ const: { a: 1, b: 2 } }, [{ b: 2, a: 1 }], [{ a: 1 }, { a: 1, b: 2, c: 3 }]],
  [{ const: null }, [null], [0, false, ""]],
  [{ multipleOf: 0.01 }, [0.07, 4.35, 1.15, 0], [0.075, 4.351]],
  [{ multipleOf: 0.0001 }, [0.0075], [0.00751]],
  [{ multipleOf: 1e-8 }, [12391239123], []],
  [{ minimum: 1, exclusiveMaximum: 3 }, [1, 2.9, "x"], [0.9, 3]],
  [{ minLength: 2, maxLength: 2 }, ["ab", "💩💩", 5], ["a", "💩", "abc"]],
  [{ pattern: "^a*$" }, ["aaa", "", 1], ["b"]],
  [{ pattern: "a+" }, ["xxaayy"], ["b"]],
  [{ pattern: "^\\p{Letter}+$" }, ["été"], ["a1"]],
  [{ pattern: "^(?!x)a" }, ["ab"], ["xa"]],
  [{ items: { type: "integer" } }, [[], [1, 2], {}], [[1, "x"]]],
  [{ prefixItems: [{ type: "integer" }], items: false }, [[], [1]], [[1, 2], ["a"]]],
  [{ minItems: 1, maxItems: 2 }, [[1], [1, 2]], [[], [1, 2, 3]]],
  [
    { uniqueItems: true },
    [[1, "1", true, [1], { a: 1, b: 2 }, { a: 1, b: 3 }], []],
    [
      [1, 1.0],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      [[1], [1]],
    ],
  ],
  [{ contains: { minimum: 5 } }, [[1, 6]], [[], [1]]],
  [
    { contains: { const: 1 }, minContains: 2, maxContains: 3 },
    [
      [1, 1],
      [1, 1, 1, 2],
    ],
    [[1], [1, 1, 1, 1]],
  ],
  [{ contains: { const: 1 }, minContains: 0 }, [[], [2]], []],
  [{ properties: { a: { type: "integer" } }, required: ["a"] }, [{ a: 1 }, 5], [{}, { a: "x" }]],
  [{ required: ["toString", "__proto__"] }, [JSON.parse('{"toString":1,"__proto__":2}')], [{}]],
  [
    { properties: JSON.parse('{"__proto__":{"type":"number"},"constructor":{"type":"string"}}') },
    [{}, JSON.parse('{"__proto__":1}')],
    [JSON.parse('{"__proto__":"x"}'), { constructor: 1 }],
  ],
  [
    { patternProperties: { "f.*o": { type: "integer" } }, additionalProperties: false },
    [{ foo: 1, foooo: 2 }],
    [{ foo: "x" }, { bar: 1 }],
  ],
  [{ propertyNames: { maxLength: 3 } }, [{ abc: 1 }], [{ abcd: 1 }]],
  [{ minProperties: 1, maxProperties: 1 }, [{ a: 1 }], [{}, { a: 1, b: 2 }]],
  [{ dependentRequired: { a: ["b"] } }, [{}, { a: 1, b: 2 }], [{ a: 1 }]],
  [{ dependentSchemas: { a: { required: ["b"] } } }, [{ b: 1 }, { a: 1, b: 2 }], [{ a: 1 }]],
  [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1, 2], [0, 3]],
  [{ anyOf: [{ type: "string" }, { minimum: 5 }] }, ["a", 5], [4]],
  [{ oneOf: [{ type: "integer" }, { minimum: 2 }] }, [1, 2.5], [3, 1.5]],
  [{ not: { type: "integer" } }, ["a", 1.5], [1]],
  [{ if: { exclusiveMaximum: 0 }, then: { minimum: -10 }, else: { multipleOf: 2 } }, [-1, 4], [-100, 3]],
  [{ then: { const: 1 }, else: { const: 2 } }, [3], []],
  [{ $ref: "#/$defs/a", $defs: { a: { type: "integer" } } }, [1], ["a"]],
  [{ $ref: "#/$defs/a", maxLength: 1, $defs: { a: { type: "string" } } }, ["a"], ["ab", 1]],
  [
    { properties: { next: { $ref: "#" } }, additionalProperties: false },
    [{ next: { next: {} } }],
    [{ next: { other: 1 } }],
  ],
  [
    {
      $defs: { "til~de": { type: "integer" }, "sl/ash": { type: "string" }, "per%cent": { const: 1 } },
      properties: { a: { $ref: "#/$defs/til~0de" }, b: { $ref: "#/$defs/sl~1ash" }, c: { $ref: "#/$defs/per%25cent" } },
    },
    [{ a: 1, b: "x", c: 1 }],
    [{ a: "x" }, { b: 1 }, { c: 2 }],
  ],
  [
    { $id: "http://shop.test/root.json", $ref: "item.json", $defs: { i: { $id: "item.json", type: "integer" } } },
    [1],
    ["a"],
  ],
  [{ $ref: "#here", $defs: { x: { $anchor: "here", type: "integer" } } }, [1], ["a"]],
  [
    { $id: "urn:uuid:1", properties: { a: { $ref: "#/$defs/b" } }, $defs: { b: { minLength: 2 } } },
    [{ a: "xx" }],
    [{ a: "x" }],
  ],
  [{ enum: [{ $id: "http://shop.test/x", type: "null" }] }, [{ $id: "http://shop.test/x", type: "null" }], [null]],
  [{ properties: { a: true }, unevaluatedProperties: false }, [{ a: 1 }], [{ b: 1 }]],
  [
    {
      allOf: [{ properties: { a: true } }],
      anyOf: [{ properties: { b: { const: 1 } }, required: ["b"] }, true],
      unevaluatedProperties: false,
    },
    [{ a: 1 }, { b: 1 }],
    [{ b: 2 }, { c: 1 }],
  ],
  [
    {
      $ref: "#/$defs/base",
      properties: { b: true },
      unevaluatedProperties: false,
      $defs: { base: { properties: { a: true } } },
    },
    [{ a: 1, b: 2 }],
    [{ c: 1 }],
  ],
  [
    {
      if: { properties: { k: { const: 1 } }, required: ["k"] },
      then: { properties: { a: true } },
      unevaluatedProperties: false,
    },
    [{ k: 1, a: 2 }],
    [{ k: 2 }, { a: 1 }],
  ],
  [{ not: { not: { properties: { a: true } } }, unevaluatedProperties: false }, [{}], [{ a: 1 }]],
  [{ prefixItems: [true], unevaluatedItems: false }, [[1]], [[1, 2]]],
  [{ contains: { type: "string" }, unevaluatedItems: { type: "integer" } }, [["a", 1]], [["a", true]]],
  [{ additionalProperties: { type: "integer" }, unevaluatedProperties: false }, [{ a: 1 }], [{ a: "x" }]],
];

/** Where the library differs from the specification, and ours does not. */
const LIBRARY_DIFFERS = new Set(["$dynamicRef"]);

describe("JSON Schema", () => {
  for (const [schema, good, bad] of CASES) {
    it(`holds ${JSON.stringify(schema).slice(0, 90)}`, () => {
      assert.deepEqual(check(schema).problems, []);
      for (const value of good) assert.deepEqual(found(schema, value), [], JSON.stringify(value));
      for (const value of bad) assert.ok(!fits(schema, value), JSON.stringify(value));
    });
  }

  it("follows $dynamicRef to the outermost anchor", () => {
    const tree = {
      $id: "http://shop.test/strict",
      $dynamicAnchor: "node",
      $ref: "tree",
      unevaluatedProperties: false,
      $defs: {
        tree: {
          $id: "tree",
          $dynamicAnchor: "node",
          properties: { kids: { items: { $dynamicRef: "#node" } } },
        },
      },
    };
    assert.ok(fits(tree, { kids: [{ kids: [] }] }));
    assert.ok(!fits(tree, { kids: [{ kidz: [] }] }), "the strict one holds below as well");
  });

  it("understands older drafts' lists and OpenAPI 3.0's dialect", () => {
    assert.ok(!fits({ items: [{ type: "integer" }], additionalItems: false }, [1, 2]));
    assert.ok(fits({ dependencies: { a: ["b"] } }, { a: 1, b: 1 }));
    const nullable = { type: "string", nullable: true, minimum: 3, exclusiveMinimum: true };
    assert.ok(fits(nullable, null, { openapi: "3.0" }));
    assert.ok(!fits(nullable, null));
    assert.ok(!fits({ minimum: 3, exclusiveMinimum: true }, 3, { openapi: "3.0" }));
    const own = { required: ["id", "secret"], properties: { id: { readOnly: true }, secret: { writeOnly: true } } };
    assert.ok(fits(own, { secret: 1 }, { direction: "request" }));
    assert.ok(!fits(own, { secret: 1 }, { direction: "response" }));
  });

  it("judges formats only when asked", () => {
    for (const [format, good, bad] of [
      ["date", "2024-02-29", "2023-02-29"],
      ["date-time", "2024-01-01T10:00:00.5Z", "2024-01-01 10:00:00Z"],
      ["time", "23:59:60Z", "24:00:00Z"],
      ["email", "a@b.test", "a b@c"],
      ["uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"],
      ["ipv4", "127.0.0.1", "256.0.0.1"],
      ["ipv6", "::ffff:1.2.3.4", "1::2::3"],
      ["hostname", "a-b.test", "-a.test"],
      ["uri", "https://a.test/x", "no uri"],
    ]) {
      assert.ok(fits({ format }, good, { formats: true }), good);
      assert.ok(!fits({ format }, bad, { formats: true }), bad);
      assert.ok(fits({ format }, bad), "a note only");
    }
  });

  it("says each violation with its pointer, and the nearest of several alternatives", () => {
    assert.deepEqual(found({ properties: { "a/b": { items: { type: "number" } } } }, { "a/b": [1, "x", null] }), [
      { at: "/a~1b/1", say: "must be a number, not a string" },
      { at: "/a~1b/2", say: "must be a number, not null" },
    ]);
    const either = {
      anyOf: [{ type: "string" }, { type: "object", required: ["id"], properties: { id: { type: "integer" } } }],
    };
    assert.deepEqual(found(either, { id: "x" }), [
      { at: "", say: "fits none of the 2 alternatives" },
      { at: "/id", say: "must be an integer, not a string" },
    ]);
  });

  it("tells of references that lead nowhere and patterns that have no bound, and does not throw", () => {
    assert.match(check({ $ref: "#/$defs/none" }).problems[0].message, /leads nowhere/);
    assert.match(check({ $ref: "https://elsewhere.test/x.json" }).problems[0].message, /leads nowhere/);
    assert.match(check({ pattern: "(a+)+\\1" }).problems[0].message, /bounded time/);
    const files = { "common.json": { $defs: { id: { type: "integer" } } } };
    const beside = check({ $ref: "common.json#/$defs/id" }, {}, files);
    assert.deepEqual(beside.problems, []);
    assert.equal(beside.validate("x", { left: 300_000 })?.length, 1);
  });

  it("tells of keywords that hold what they cannot: they would ask nothing, without a word", () => {
    for (const [schema, at, words] of [
      [{ properties: { id: { required: true } } }, "/properties/id/required", /a list of names, not true; it stands/],
      [{ required: "id" }, "/required", /a list of names, not "id"/],
      [{ items: { type: "strng" } }, "/items/type", /one of array, .*, not "strng"/],
      [{ minimum: "5" }, "/minimum", /a number, not "5"/],
      [{ maxLength: -1 }, "/maxLength", /a whole number, 0 or more/],
      [{ multipleOf: 0 }, "/multipleOf", /a number above 0/],
      [{ minimum: 3, exclusiveMinimum: true }, "/exclusiveMinimum", /is written `exclusiveMinimum: 3`/],
      [{ properties: { id: null } }, "/properties/id", /must be a schema .*, not null/],
      [{ allOf: [] }, "/allOf", /at least one schema/],
      [{ $recursiveRef: "#" }, "/$recursiveRef", /it is `\$dynamicRef`/],
      [{ $schema: "https://shop.test/mine" }, "/$schema", /a dialect that is not read here/],
      [["a"], "", /must be a schema/],
    ] as const) {
      const { problems } = check(schema);
      assert.equal(problems.length, 1, JSON.stringify(schema));
      assert.equal(problems[0].at, at);
      assert.match(problems[0].message, words);
    }
    const named = { $schema: "http://json-schema.org/draft-07/schema#", properties: { required: { type: "integer" } } };
    assert.deepEqual(check(named).problems, [], "a member may be called like a keyword");
    assert.deepEqual(check({ minimum: 3, exclusiveMinimum: true }, { openapi: "3.0" }).problems, []);
  });

  it("matches as ECMA-262 does, wherever RE2 would differ without a word", () => {
    const texts = [
      "",
      "a",
      "A1",
      "é",
      "\n",
      "\r",
      "\t",
      "\u00a0",
      "\u2028",
      "\ufeff",
      "💩",
      "[",
      "]",
      "-",
      "\b",
      "\0",
      "a\n",
      "\\p{L}",
    ];
    const sources = String.raw`^.$ ^\s$ ^\S$ ^[\s]$ ^[^\s]$ ^[\S]$ ^[^\S]$ [] ^[^]$ ^[^.]$ ^[a\-]$ ^[[a]$ ^[[]$ ^[[^]$ ^[\]a]$ ^[\b]$ ^\0$ ^\cI$ ^\u00e9$ ^\u{e9}$ ^\ud83d\udca9$ ^[\u{1f4a9}]$ \p{Letter} \P{L} ^a$ \w \d ^\\p\{L\}$ ^(?=a)a$ (?<name>a)\w \/|-`;
    for (const source of sources.split(" ")) {
      const theirs = new RegExp(source, "u");
      assert.deepEqual(check({ pattern: source }).problems, [], source);
      for (const text of texts)
        assert.equal(fits({ pattern: source }, text), theirs.test(text), `${source} ${JSON.stringify(text)}`);
    }
  });

  it("bounds its work: hostile values end soon, as a verdict or as too costly", function () {
    this.timeout(120_000);
    const many = JSON.parse(`[${"1,".repeat(499_999)}1]`) as unknown;
    const circle = { $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" };
    for (const [schema, value] of [
      [{ items: { type: "string" } }, many],
      [{ uniqueItems: true }, many],
      [{ items: { anyOf: [{ type: "string" }, { const: 2 }] } }, many],
      [{ pattern: "^(a+)+$" }, `${"a".repeat(900_000)}!`],
      [{ patternProperties: { "(x+x+)+y": true } }, { ["x".repeat(500_000)]: 1 }],
      [circle, {}],
    ] as const) {
      const started = performance.now();
      const result = found(schema, value);
      assert.ok(result === undefined || result.length <= 20);
      assert.ok(performance.now() - started < 15_000, JSON.stringify(schema));
    }
  });

  it("agrees with @cfworker/json-schema wherever that follows the specification", () => {
    for (const [schema, good, bad] of CASES) {
      const text = JSON.stringify(schema);
      if (typeof schema !== "object" || [...LIBRARY_DIFFERS].some((one) => text.includes(one))) continue;
      for (const value of [...good, ...bad]) {
        let theirs: boolean;
        try {
          theirs = new Validator(JSON.parse(text) as object, "2020-12").validate(value).valid;
        } catch {
          continue;
        }
        const right = good.includes(value);
        if (theirs === right) assert.equal(fits(schema, value), theirs, `${text} ${JSON.stringify(value)}`);
      }
    }
  });

  it("agrees with it over generated schemas and values", () => {
    const leaf = fc.oneof(
      fc.record({ type: fc.constantFrom("integer", "string", "object", "array", "null", "boolean") }),
      fc.record({ minimum: fc.integer({ min: -3, max: 3 }) }),
      fc.record({ maxLength: fc.nat(3) }),
      fc.record({ required: fc.subarray(["a", "b"]) }),
      fc.record({ enum: fc.array(fc.constantFrom<unknown>(1, "a", null, [1], { a: 1 }), { minLength: 1 }) }),
      fc.record({ uniqueItems: fc.constant(true), maxItems: fc.nat(3) }),
      fc.constantFrom<object>({ pattern: "^a" }, { multipleOf: 2 }, { minProperties: 1 }, { const: 1 }),
    );
    const { schema } = fc.letrec<{ schema: object }>((tie) => ({
      schema: fc.oneof(
        { depthSize: "small", maxDepth: 4 },
        leaf,
        fc.record({ properties: fc.record({ a: tie("schema"), b: tie("schema") }, { requiredKeys: [] }) }),
        fc.record({ additionalProperties: tie("schema"), properties: fc.record({ a: tie("schema") }) }),
        fc.record({ items: tie("schema"), prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }) }),
        fc.record({ allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }) }),
        fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
        fc.record({ oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
        fc.record({ not: tie("schema") }),
        fc.record({ if: tie("schema"), then: tie("schema"), else: tie("schema") }),
        fc.record({ dependentSchemas: fc.record({ a: tie("schema") }), propertyNames: tie("schema") }),
      ),
    }));
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small", maxDepth: 3 },
        fc.constantFrom<unknown>(0, 1, 2, -5, 1.5, "", "a", "abcd", true, null),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.record({ a: tie("value"), b: tie("value") }, { requiredKeys: [] }),
      ),
    }));
    fc.assert(
      fc.property(schema, value, (one, given) => {
        const theirs = new Validator(structuredClone(one), "2020-12").validate(given).valid;
        assert.equal(fits(one, given), theirs);
      }),
      { numRuns: 1500 },
    );
  });
});
