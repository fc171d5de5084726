/** Edits change what they name and nothing else. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Document, parse, visit } from "yaml";
import { appendItem, applyEdits, policyFix, removeKey, setValue } from "./edit.ts";
import { sources, whole } from "./policy-file.fixture.ts";
import { read } from "./read.ts";
import { Tree, type Path } from "./tree.ts";
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

/** Every `flowEvery`-th map or list in braces, the rest on lines; a comment above each key and behind each line. */
function styledText(value: unknown, flowEvery: number): string {
  const document = new Document(value);
  let count = 0;
  visit(document, {
    Collection: (_, node) => void (node.flow = flowEvery > 0 && ++count % flowEvery === 0),
    Pair: (_, pair) => void ((pair.key as { commentBefore?: string }).commentBefore ??= ` above ${++count}`),
  });
  return document
    .toString({ lineWidth: 0 })
    .split("\n")
    .map((line, index) => (/[\w\]}"]$/.test(line) && !line.includes("#") ? `${line} # at ${index}` : line))
    .join("\n");
}

function leavesOf(value: unknown, path: Path): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, item]) =>
    leavesOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

function changed(value: unknown, [first, ...rest]: Path, next: unknown): unknown {
  if (first === undefined) return next;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[first] = changed(copy[first], rest, next);
  return copy;
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

  it("changes one value of a text in any style - lines, braces, comments, either line end - and nothing else", () => {
    const leaf = fc.oneof(fc.integer({ min: 0, max: 99 }), fc.constantFrom("x", "a b", "5m", "a: b"), fc.boolean());
    const { node } = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.dictionary(fc.constantFrom("k", "m", "n", "p"), tie("node"), { minKeys: 1, maxKeys: 3 }),
        fc.array(tie("node"), { minLength: 1, maxLength: 3 }),
      ),
    }));
    const documents = fc.record({ one: node, two: node, three: fc.record({ last: leaf }) });
    fc.assert(
      fc.property(documents, fc.nat(), fc.nat(7), fc.boolean(), leaf, (value, which, flowEvery, windows, next) => {
        const styled = styledText(value, flowEvery);
        const before = windows ? styled.replaceAll("\n", "\r\n") : styled;
        const paths = leavesOf(value, []);
        const path = paths[which % paths.length];
        const edits = setValue(before, path, next);
        assert.equal(edits?.length, 1, before);
        const after = applyEdits(before, edits);
        assert.deepEqual(parse(after), changed(value, path, next), after);
        const [{ offset, endOffset, newText }] = edits;
        assert.equal(before.slice(offset, endOffset).includes("#"), false, before);
        assert.equal(after, before.slice(0, offset) + newText + before.slice(endOffset));
        assert.equal(newText.includes("\n"), false);
      }),
      { numRuns: 150 },
    );
  });

  it("does not reach through an alias, where another place would change too, and leaves broken indentation alone", () => {
    const shared = "base: &b { limit: 5 }\nother: *b\n";
    assert.equal(setValue(shared, ["other", "limit"], 6), undefined);
    assert.equal(set(["other"], 6, shared), "base: &b { limit: 5 }\nother: 6\n");
    assert.equal(set(["base", "limit"], 6, shared), "base: &b { limit: 6 }\nother: *b\n");
    assert.ok(new Tree("a:\n\tb: 1\n", "").problems.some(({ message }) => /tabs/.test(message)));
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
