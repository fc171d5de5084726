import assert from "node:assert/strict";
import * as fc from "fast-check";
import { checkJsonEdits, compileJsonEdits, type JsonEdits } from "./json-edit.ts";
import { contextOf, passageOf } from "./trial.fixture.ts";

const x = passageOf({ caller: { jwt: { sub: "alice" } } });

function edited(c: JsonEdits, value: unknown): { readonly value: unknown; readonly said: readonly string[] } {
  const said: string[] = [];
  const before = JSON.stringify(value);
  const after = compileJsonEdits(c, contextOf())(x, value, (change) => said.push(change));
  assert.equal(JSON.stringify(value), before, "what came is left as it is");
  return { value: JSON.parse(JSON.stringify(after)) as unknown, said };
}

describe("JSON edits", () => {
  it("remove places, in each item of a list and each member of an object", () => {
    const value = { a: 1, items: [{ id: 1, cost: 2 }, { id: 2 }, 3], map: { x: { y: 1 }, z: { y: 2 } } };
    const { value: after, said } = edited({ remove: ["/a", "/items/*/cost", "/map/*/y", "/none/here"] }, value);
    assert.deepEqual(after, { items: [{ id: 1 }, { id: 2 }, 3], map: { x: {}, z: {} } });
    assert.deepEqual(said, ["removed /a", "removed /items/*/cost", "removed /map/*/y in 2 places"]);
  });

  it("remove items by their number, and read ~0 and ~1", () => {
    assert.deepEqual(edited({ remove: ["/0", "/0/a~1b~0"] }, [1, { "a/b~": 2, c: 3 }]).value, [{ c: 3 }]);
  });

  it("keep only what is named", () => {
    const value = { id: 1, secret: 2, items: [{ id: 3, secret: 4 }], user: { name: "a", hash: "b" } };
    const { value: after } = edited({ keep: ["/id", "/items/*/id", "/user/name"] }, value);
    assert.deepEqual(after, { id: 1, items: [{ id: 3 }], user: { name: "a" } });
  });

  it("keep gives nothing away where the shape is another", () => {
    assert.equal(edited({ keep: ["/user/name"] }, "the whole answer").value, null);
    assert.deepEqual(edited({ keep: ["/user/name"] }, { user: "secret text" }).value, { user: null });
    assert.deepEqual(edited({ keep: ["/a"] }, [{ a: 1 }]).value, []);
  });

  it("rename members and keep their order", () => {
    const { value: after } = edited({ rename: { "/items/*/qty": "quantity" } }, { items: [{ a: 1, qty: 2, b: 3 }] });
    assert.equal(JSON.stringify(after), '{"items":[{"a":1,"quantity":2,"b":3}]}');
  });

  it("set values with templates, make the objects on the way, and leave what is in the way", () => {
    const c = { set: { "/by/user": "${jwt.sub}", "/n": 5, "/text/x": 1, "/list/-": 9, "/list/0": 7 } };
    assert.deepEqual(edited(c, { text: "t", list: [1] }).value, {
      text: "t",
      list: [7, 9],
      by: { user: "alice" },
      n: 5,
    });
    assert.deepEqual(
      edited({ set: { "/by": "${jwt.nobody}" } }, { by: "mallory" }).value,
      {},
      "a forged value does not stay",
    );
  });

  it("treat __proto__ as any other name", () => {
    const value = JSON.parse('{"__proto__":{"a":1},"b":2}') as unknown;
    assert.equal(JSON.stringify(edited({ remove: ["/b"] }, value).value), '{"__proto__":{"a":1}}');
    edited({ set: { "/__proto__/polluted": true } }, {});
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });

  it("leave nothing at a removed place, whatever the value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { value: after } = edited({ remove: ["/secret", "/*/secret"] }, { list: value, secret: value });
        assert.ok(!("secret" in (after as object)));
        const once = edited({ keep: ["/a", "/*/b"] }, value).value;
        assert.deepEqual(edited({ keep: ["/a", "/*/b"] }, once).value, once, "keeping twice is keeping once");
      }),
    );
  });

  it("say what is wrong with a template, and that something is to be done", () => {
    assert.match(checkJsonEdits({})[0].message, /give `set`/);
    assert.match(checkJsonEdits({ set: { "/a": "${nobody}" } })[0].message, /not known in a template/);
  });
});
