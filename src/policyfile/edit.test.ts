/** Edits change what they name and nothing else. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { parse } from "yaml";
import { appendItem, applyEdits, policyFix, removeKey, setValue } from "./edit.ts";
import { sources, whole } from "./policy-file.fixture.ts";
import { read } from "./read.ts";
import type { Path } from "./tree.ts";
import { write } from "./write.ts";

const text = `# top
a: 1 # one
b:
  # inner
  c: [x, y]   # list
  d: { e: 1, f: 2 }
list:
  - name: first # keep
    n: 1
  # before second
  - name: second
empty:
`;

function set(path: Path, value: unknown, from = text): string {
  const edits = setValue(from, path, value);
  assert.ok(edits, `no place for ${path.join(".")}`);
  return applyEdits(from, edits);
}

describe("editing a policy file", () => {
  it("replaces a value and leaves its comment", () => assert.equal(set(["a"], 2), text.replace("a: 1", "a: 2")));

  it("adds a key behind the last one, at its indentation", () =>
    assert.equal(set(["list", 0, "m"], "x: y"), text.replace("    n: 1", '    n: 1\n    m: "x: y"')));

  it("adds a key inside braces", () =>
    assert.equal(set(["b", "d", "g"], [1]), text.replace("f: 2 }", "f: 2, g: [1] }")));

  it("fills a key that has no value", () =>
    assert.equal(set(["empty"], { x: 1 }), text.replace("empty:", "empty: { x: 1 }")));

  it("makes the maps on the way", () =>
    assert.deepEqual(parse(set(["new", "deep", "key"], true)).new, { deep: { key: true } }));

  it("removes a key with its line, and a list item", () => {
    assert.equal(applyEdits(text, removeKey(text, ["a"]) ?? []), text.replace("a: 1 # one\n", ""));
    assert.equal(applyEdits(text, removeKey(text, ["b", "d", "e"]) ?? []), text.replace("e: 1, ", ""));
    assert.equal(applyEdits(text, removeKey(text, ["b", "c", 1]) ?? []), text.replace(", y", ""));
    assert.deepEqual(parse(applyEdits(text, removeKey(text, ["list", 0]) ?? [])).list, [{ name: "second" }]);
    assert.deepEqual(parse(applyEdits(text, removeKey(text, ["list", 0, "name"]) ?? [])).list[0], { n: 1 });
    assert.equal(removeKey(text, ["nothing"]), undefined);
  });

  it("appends to a list, and makes one where there is none", () => {
    assert.deepEqual(parse(applyEdits(text, appendItem(text, ["list"], { name: "third" }) ?? [])).list.at(-1), {
      name: "third",
    });
    assert.deepEqual(parse(applyEdits(text, appendItem(text, ["b", "c"], "z") ?? [])).b.c, ["x", "y", "z"]);
    assert.deepEqual(parse(applyEdits(text, appendItem(text, ["list", 1, "tags"], "z") ?? [])).list[1].tags, ["z"]);
  });

  it("keeps Windows line ends", () => {
    const windows = text.replaceAll("\n", "\r\n");
    assert.doesNotMatch(set(["list", 0, "m"], 1, windows), /[^\r]\n/);
  });

  it("mends the policy that a fix of a step names, by the place of its kind", () => {
    const { plan } = read(whole, "x", sources);
    const step = plan?.steps.find(({ name }) => name === "per-client");
    assert.ok(step);
    const fix = policyFix(whole, step.source.offset, { title: "Raise", path: ["requests"], value: 74 });
    assert.equal(applyEdits(whole, fix?.edits ?? []), whole.replace("requests: 20", "requests: 74"));
  });

  it("puts any JSON value anywhere so that it reads back as the same value, and leaves every comment", () => {
    const paths = fc.constantFrom<Path>(
      ["a"],
      ["b"],
      ["b", "c"],
      ["b", "c", 0],
      ["b", "d", "e"],
      ["b", "new"],
      ["list", 1, "name"],
      ["list", 0],
      ["empty"],
      ["empty", "x"],
      ["fresh", "y"],
    );
    const values = fc
      .jsonValue({ maxDepth: 2, noUnicodeString: false })
      .filter((value) => !JSON.stringify(value).includes("__proto__"));
    fc.assert(
      fc.property(paths, values, (path, value) => {
        const edited = set(path, value);
        const read = path.reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], parse(edited));
        assert.deepEqual(read, JSON.parse(JSON.stringify(value)));
        assert.match(edited, /^# top/);
        assert.match(edited, /# one/);
      }),
      { numRuns: 120 },
    );
  });

  it("writes text so that it stays text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.constantFrom("true", "null", "~", "1", "0x1f", ".inf", "1e3", "-", "a: b", "#x", "*a", ""),
        ),
        (value) => {
          assert.equal(parse(`x: ${write(value)}`).x, value);
          assert.deepEqual(parse(`x: [${write(value)}]`).x, [value]);
        },
      ),
    );
  });
});
