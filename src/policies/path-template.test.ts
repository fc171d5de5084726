/** Path templates against the cases of grpc-httpjson-transcoding, and what those cases do not ask. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { TemplateTable } from "./path-template.ts";
import { queryParameters } from "./query-parameters.ts";

interface Case {
  readonly name: string;
  readonly routes: Readonly<Record<string, { readonly method: string; readonly template: string }>>;
  readonly lookups: readonly {
    readonly method: string;
    readonly path: string;
    readonly query?: string;
    readonly expect: string | null;
    readonly bindings?: readonly (readonly [string, string])[];
    readonly body?: string;
  }[];
  readonly options: readonly string[];
}

const { tests } = JSON.parse(
  readFileSync(new URL("../../test/cases/transcoding-path-cases.json", import.meta.url), "utf8"),
) as { tests: readonly Case[] };

/** Tests whose templates the extract lacks, since their source adds them by other calls; taken over from there. */
const elsewhere: Readonly<Record<string, Case["routes"]>> = {
  LookupReturnsNullForOverspecifiedPath: { ab: { method: "GET", template: "/a/b/c" } },
  ReturnNullvoidSharedPtrForUnderspecifiedPath: { ab: { method: "GET", template: "/a/b/c/d" } },
  DifferentHttpMethod: { ab: { method: "GET", template: "/a/b" } },
  BodyFieldPathTest: { a: { method: "GET", template: "/a" }, cd: { method: "GET", template: "/c/d" } },
  VariableBindingsWithQueryParamsAndSystemParams: { a_b: { method: "GET", template: "/a/{x}/b" } },
};
const SYSTEM = ["key", "api_key"];

function table(routes: Case["routes"], options: readonly string[] = []): TemplateTable<string> {
  const made = new TemplateTable<string>({ anyVerb: options.includes("SetMatchUnregisteredCustomVerb(true)") });
  for (const [name, binding] of Object.entries(routes)) assert.equal(made.add(binding, name), undefined);
  return made;
}

const found = (made: TemplateTable<string>, path: string, method = "GET"): string | undefined => {
  const result = made.find(method, path);
  return result.kind === "found" ? result.target : undefined;
};

describe("path templates", () => {
  describe("the cases of grpc-httpjson-transcoding", () => {
    for (const { name, routes, lookups, options } of tests) {
      it(name, () => {
        const given = Object.keys(routes).length > 0 ? routes : (elsewhere[name] ?? {});
        const made = table(given, options);
        for (const { method, path, query, expect, bindings } of lookups) {
          const result = made.find(method, path);
          assert.equal(result.kind === "found" ? result.target : null, expect, `${method} ${path}`);
          if (result.kind !== "found" || bindings === undefined) continue;
          const parameters = queryParameters(query, {
            plusIsBlank: options.includes("SetQueryParamUnescapePlus(true)"),
          }).filter((each) => !(name.endsWith("SystemParams") && SYSTEM.includes(each.name)));
          const bound = [
            ...result.variables.map(({ field, value }) => [field.join("."), value]),
            ...parameters.map((each) => [each.name, each.value]),
          ];
          assert.deepEqual(bound, bindings, `${method} ${path}`);
        }
      });
    }
  });

  it("says which methods a path has when the method is another", () => {
    const made = table({ a: { method: "GET", template: "/a/{x}" }, b: { method: "POST", template: "/a/{x}" } });
    assert.deepEqual(made.find("DELETE", "/a/1"), { kind: "method", methods: ["GET", "POST"] });
  });

  it("takes any method where the template says so", () => {
    assert.equal(found(table({ a: { method: "*", template: "/a" } }), "/a", "LOCK"), "a");
  });

  it("names every binding that claims a path", () => {
    const made = table({ a: { method: "GET", template: "/a/{x}" }, b: { method: "GET", template: "/a/{y}" } });
    assert.deepEqual(made.find("GET", "/a/1"), { kind: "ambiguous", targets: ["a", "b"] });
  });

  it("binds fields within fields", () => {
    const made = table({ a: { method: "GET", template: "/v1/{order.id=orders/*}/lines/{line}" } });
    const result = made.find("GET", "/v1/orders/7/lines/2");
    assert.deepEqual(result.kind === "found" && result.variables, [
      { field: ["order", "id"], value: "orders/7" },
      { field: ["line"], value: "2" },
    ]);
  });

  it("binds no variable to an empty segment", () => {
    assert.equal(found(table({ a: { method: "GET", template: "/a/{x}" } }), "/a/"), undefined);
  });

  it("leaves bytes that are no UTF-8 encoded", () => {
    const result = table({ a: { method: "GET", template: "/a/{x}" } }).find("GET", "/a/%ff");
    assert.deepEqual(result.kind === "found" && result.variables[0].value, "%ff");
  });

  for (const [template, part] of [
    ["a/b", "start with /"],
    ["/a//b", "a segment is empty"],
    ["/a/{x", "no variable"],
    ["/a/{x={y}}", "no variable"],
    ["/a/{1x}", "no path of a field"],
    ["/{x=**}/{y=**}", "more than one **"],
    ["/{x}/{x}", "binds x twice"],
    ["/a/b*", "no segment"],
    [`/${"a/".repeat(64)}a`, "more than 64 segments"],
  ]) {
    it(`refuses ${template.slice(0, 20)}`, () => {
      const refused = new TemplateTable<string>().add({ method: "GET", template }, "a");
      assert.ok(refused?.message.includes(part), refused?.message);
    });
  }

  it("finds what a template was filled with, whatever the values", () => {
    const value = fc
      .string({ minLength: 1, maxLength: 12, unit: "grapheme" })
      .filter((text) => !/^\.{1,2}$/.test(text));
    const made = table({ a: { method: "GET", template: "/v1/{a}/of/{b=x/*}/{c=**}" } });
    fc.assert(
      fc.property(value, value, fc.array(value, { minLength: 1, maxLength: 4 }), (a, b, c) => {
        const rest = c.map((each) => each.replaceAll("/", ""));
        fc.pre(rest.every((each) => each !== "" && !each.includes("%")) && !/%2f|\//i.test(b) && !b.includes("%"));
        const path = `/v1/${encodeURIComponent(a)}/of/x/${encodeURIComponent(b)}/${rest.map(encodeURIComponent).join("/")}`;
        const result = made.find("GET", path);
        assert.ok(result.kind === "found", path);
        assert.deepEqual(
          result.variables.map((each) => each.value),
          [a, `x/${b}`, rest.join("/")],
        );
      }),
    );
  });

  it("answers a long path of many slashes at once", () => {
    const made = table({
      a: { method: "GET", template: "/{x=**}/a/b/c/d" },
      b: { method: "GET", template: "/*/*/*/*/{x=**}/e/f" },
      c: { method: "GET", template: "/a/*/{x=**}/a/a/a/a/b" },
    });
    const before = performance.now();
    for (let i = 0; i < 20; i++) made.find("GET", "/a".repeat(4000));
    assert.ok(performance.now() - before < 10_000);
  });
});
