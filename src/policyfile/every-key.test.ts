/**
 * Every key of the declaration, at its place in a file: it is offered where it may stand, whole and half written, in
 * lines and in braces; something is offered for its value and for the items of its list; and a hover explains it.
 * A field that is added later is walked too, and fails here when nobody gave it words.
 */
import assert from "node:assert/strict";
import { complete } from "./complete.ts";
import { hover } from "./hover.ts";
import { resolveRef, schema, type Schema } from "./schema.ts";
import type { Path } from "./tree.ts";

type Beside = Readonly<Record<string, string>>;

interface Place {
  readonly path: Path;
  readonly field: Schema;
  /** For each part of the path: what must stand before it so that it may. */
  readonly beside: readonly Beside[];
}

/** Policies may stand in four places: below named ones all fields are walked, elsewhere the kinds alone. */
function* places(node: Schema, path: Path, beside: readonly Beside[]): Iterable<Place> {
  const whole = resolveRef(node);
  for (const one of whole.anyOf ?? whole.oneOf ?? []) yield* places(one, path, beside);
  const type = whole.properties?.type?.const;
  for (const [key, given] of Object.entries(whole.properties ?? {})) {
    const field = resolveRef(given);
    const own = typeof type === "string" && key !== "type" ? [...beside.slice(0, -1), { type }] : beside;
    const here = [...path, key];
    yield { path: here, field, beside: own };
    if (field.phase === undefined || path[0] === "policies") yield* places(given, here, [...own, {}]);
  }
  if (typeof whole.additionalProperties === "object")
    yield* places(whole.additionalProperties, [...path, "made-up"], [...beside, {}]);
  if (whole.items) yield* places(whole.items, [...path, 0], [...beside, {}]);
}

const DECLARED: Readonly<Record<string, string>> = {
  listeners: "[{ name: edge, port: 8080 }]",
  consumers: "[{ name: mobile, groups: [partner] }]",
  services: "{ orders: {} }",
};

/** Text in block style that ends with `tail` where the last key of the path stands. */
function textOf({ path, beside }: Pick<Place, "path" | "beside">, tail: string): string {
  let text = Object.entries(DECLARED)
    .filter(([key]) => key !== path[0])
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
  let indent = 0;
  let afterDash = false;
  for (const [depth, part] of path.entries()) {
    const pad = () => (afterDash ? "" : " ".repeat(indent));
    if (typeof part === "number") {
      text += `${pad()}- `;
      afterDash = true;
    } else {
      for (const [key, value] of Object.entries(beside[depth] ?? {})) {
        text += `${pad()}${key}: ${value}\n`;
        afterDash = false;
      }
      text += `${pad()}${depth === path.length - 1 ? tail : `${part}:\n`}`;
      afterDash = false;
    }
    indent += 2;
  }
  return text;
}

function labels(before: string, after = ""): string[] {
  return complete(before + after, before.length).map(({ label }) => label);
}

const all = [
  ...new Map(
    [...places(schema(), [], [{}])].map((place) => [JSON.stringify([place.path, place.beside]), place]),
  ).values(),
];
const keyOf = ({ path }: Place) => String(path.at(-1));
const show = ({ path, beside }: Place) => `${path.join("/")} ${JSON.stringify(beside.at(path.length - 1) ?? {})}`;
const failing = (holds: (place: Place) => boolean) => all.filter((place) => !holds(place)).map(show);

/** What a person thinks up: nobody can offer it. */
const FREE = /(?:^|\/)(?:name|link|template)$/;
const isFree = ({ path }: Place) => FREE.test(path.join("/"));

describe("every key of a policy file", () => {
  it("is walked", () => assert.ok(all.length > 300, String(all.length)));

  it("is offered on an empty line of its map", () => {
    assert.deepEqual(
      failing((place) => labels(textOf(place, "")).includes(keyOf(place))),
      [],
    );
  });

  it("is offered when half of it is written", () => {
    assert.deepEqual(
      failing((place) => labels(textOf(place, keyOf(place).slice(0, 2))).includes(keyOf(place))),
      [],
    );
  });

  it("is offered within braces, open and closed", () => {
    const wrong = failing((place) => {
      const { path, beside } = place;
      if (path.length < 2 || typeof path.at(-2) === "number") return true;
      const besides = Object.entries(beside[path.length - 1] ?? {}).map(([key, value]) => `${key}: ${value}, `);
      const before = textOf({ path: path.slice(0, -1), beside }, `${String(path.at(-2))}: { ${besides.join("")}`);
      return [" }\n", "\n"].every((after) => labels(before, after).includes(keyOf(place)));
    });
    assert.deepEqual(wrong, []);
  });

  it("is offered something as its value, unless people think it up", () => {
    const wrong = failing((place) => isFree(place) || labels(textOf(place, `${keyOf(place)}: `)).length > 0);
    assert.deepEqual(wrong, []);
  });

  it("is offered something inside its list, in lines and in brackets", () => {
    const wrong = failing((place) => {
      const items = [place.field, ...(place.field.anyOf ?? [])].find((one) => one.items)?.items;
      if (items === undefined) return true;
      const key = keyOf(place);
      const indent = " ".repeat(2 * place.path.length);
      const inLines = labels(textOf(place, `${key}:\n${indent}- `));
      const inBrackets = labels(textOf(place, `${key}: [`), "]\n");
      return inLines.length > 0 && inBrackets.length > 0;
    });
    assert.deepEqual(wrong, []);
  });

  it("is explained on hover, in its own words", () => {
    const wrong = failing((place) => {
      const text = textOf(place, `${keyOf(place)}: 1\n`);
      const found = hover(text, text.length - 3 - keyOf(place).length);
      const { description } = place.field;
      return found !== undefined && description !== undefined && found.markdown.includes("\n\n");
    });
    assert.deepEqual(wrong, []);
  });
});
