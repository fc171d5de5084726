/**
 * What may be written at a place in a policy file, also while the text around it is broken: a marker is put where the
 * cursor is, the text is read as far as it can be, and the declarations say what may stand where the marker came to lie.
 * Must not know VS Code: the extension adapts the answers.
 */
import { isMap, isScalar, isSeq } from "yaml";
import type { Node, YAMLMap, YAMLSeq } from "yaml";
import { fieldMarkdown, typeWords } from "./field-docs.ts";
import { fields, get } from "./names.ts";
import { resolveRef, schemasAt, type Schema } from "./schema.ts";
import { Tree, type Path } from "./tree.ts";
import { POLICY, type Language, type Spot as WordSpot } from "./words.ts";
import { write } from "./write.ts";

export interface Completion {
  /** Shown in the list. */
  readonly label: string;
  readonly kind: "key" | "value" | "policy" | "reference" | "snippet";
  /** Replaces [offset, endOffset) of the text. With `snippet`, `$1`, `${1:word}` and `$0` are tab stops. */
  readonly insert: string;
  readonly snippet: boolean;
  readonly offset: number;
  readonly endOffset: number;
  /** Right of the label: type, phase or place of declaration. */
  readonly detail?: string;
  /** Markdown. */
  readonly documentation?: string;
  /** Lists sort by it. */
  readonly sort: string;
}

const MARKER = "zqCURSORqz";
const WORD = /[\w.%-]/;

/** Where the cursor is, in terms of the tree. */
interface Spot {
  /** Of the map that gets a key, or of the value itself. */
  readonly path: Path;
  readonly role: "key" | "value";
  readonly flow: boolean;
}

/** What is being written over, and how. */
interface Word {
  readonly start: number;
  readonly end: number;
  /** A colon follows: the key is there already, only its name changes. */
  readonly hasColon: boolean;
}

/** Never throws; [] where nothing is known. @param language of another file than the policy. */
export function complete(text: string, offset: number, language: Language = POLICY): Completion[] {
  const at = Math.min(Math.max(offset, 0), text.length);
  const word = wordAt(text, at);
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, word.start);
  if (/(^|\s)#/.test(line)) return [];
  const found: Completion[] = [];
  for (const { tree, spot } of readings(text, word, line)) {
    const adder = new Adder(tree, spot, word, language);
    for (const one of spot.role === "key" ? adder.keys() : adder.values()) {
      if (!found.some((other) => other.label === one.label)) found.push(one);
    }
  }
  return found.toSorted((a, b) => (a.sort < b.sort ? -1 : 1));
}

function wordAt(text: string, offset: number): Word {
  let start = offset;
  let end = offset;
  while (start > 0 && WORD.test(text[start - 1])) start--;
  while (end < text.length && WORD.test(text[end])) end++;
  // The dash of a list item is no part of the word.
  if (text[start] === "-" && start < offset && !/[\w.]/.test(text[start - 1] ?? " ")) start++;
  return { start, end, hasColon: /^\s*:/.test(text.slice(end)) };
}

/** The text read with the marker as a key, as a value, or both where both could be meant. */
function* readings(text: string, word: Word, line: string): Iterable<{ tree: Tree; spot: Spot }> {
  const before = text.slice(0, word.start);
  const after = text.slice(word.end);
  const startsLine = /^[ \t]*(?:-[ \t]+)*$/.test(line);
  const inList = /-[ \t]+$/.test(line);
  const asKey = word.hasColon ? MARKER : `${MARKER}: 0`;
  const attempts = startsLine ? (inList ? [asKey, MARKER] : [asKey]) : [MARKER];
  for (const marker of attempts) {
    const tree = new Tree(before + marker + after, "");
    const spot = findMarker(tree.root, [], false);
    if (spot) yield { tree, spot };
  }
}

function findMarker(node: Node | null | undefined, path: Path, inFlow: boolean): Spot | undefined {
  if (isScalar(node)) {
    const isIt = typeof node.value === "string" && node.value.includes(MARKER);
    return isIt ? { path, role: "value", flow: inFlow } : undefined;
  }
  if (isMap(node)) {
    const map = node as YAMLMap<Node, Node | null>;
    const flow = inFlow || map.flow === true;
    for (const { key, value } of map.items) {
      if (isScalar(key) && key.value === MARKER) return { path, role: "key", flow };
      const found = findMarker(value, [...path, isScalar(key) ? String(key.value) : ""], flow);
      if (found) return found;
    }
  }
  if (isSeq(node)) {
    const list = node as YAMLSeq<Node>;
    for (const [index, item] of list.items.entries()) {
      const found = findMarker(item, [...path, index], inFlow || list.flow === true);
      if (found) return found;
    }
  }
  return undefined;
}

class Adder {
  readonly #tree: Tree;
  readonly #spot: Spot;
  readonly #word: Word;
  readonly #language: Language;
  readonly #schemas: readonly Schema[];

  constructor(tree: Tree, spot: Spot, word: Word, language: Language) {
    this.#tree = tree;
    this.#spot = spot;
    this.#word = word;
    this.#language = language;
    this.#schemas = schemasAt(spot.path, tree.value, language.schema());
  }

  *keys(): Iterable<Completion> {
    const present = fields(get(this.#tree.value, this.#spot.path));
    for (const schema of this.#schemas) {
      const required = schema.required ?? [];
      for (const [key, given] of Object.entries(schema.properties ?? {})) {
        if (key in present) continue;
        const field = resolveRef(given);
        if (field.phase !== undefined) yield this.#policy(key, field, "");
        else yield this.#key(key, given, required.includes(key));
      }
      if (typeof schema.additionalProperties === "object")
        yield* this.#chosenKeys(schema.additionalProperties, present);
    }
  }

  /** Of a map whose keys people choose. */
  *#chosenKeys(value: Schema, present: Readonly<Record<string, unknown>>): Iterable<Completion> {
    for (const { label, detail } of this.#language.keys(this.#wordSpot)) {
      if (label in present || label.includes(MARKER)) continue;
      const insert = write(label);
      yield this.#make({
        label,
        kind: "reference",
        insert: this.#word.hasColon ? insert : `${inText(insert)}: ${this.#placeholder(resolveRef(value), 1)}`,
        snippet: !this.#word.hasColon,
        detail,
        sort: `1${label}`,
      });
    }
  }

  *values(): Iterable<Completion> {
    for (const [rank, { label, detail }] of this.#language.values(this.#wordSpot).entries())
      if (!label.includes(MARKER))
        yield this.#make({
          label,
          kind: "reference",
          insert: label,
          detail,
          sort: `0${String(rank).padStart(3, "0")}`,
        });
    for (const schema of this.#schemas) yield* this.#valuesOf(schema);
  }

  get #wordSpot(): WordSpot {
    const { text } = this.#tree;
    return { tree: this.#tree, path: this.#spot.path, before: text.slice(0, text.indexOf(MARKER)) };
  }

  #make(part: Pick<Completion, "label" | "kind" | "insert" | "sort"> & Partial<Completion>): Completion {
    return { snippet: false, offset: this.#word.start, endOffset: this.#word.end, ...part };
  }

  #key(key: string, given: Schema, required: boolean): Completion {
    const field = resolveRef(given);
    return this.#make({
      label: key,
      kind: "key",
      insert: this.#word.hasColon ? key : `${key}: ${this.#placeholder(field, 1)}`.replace(/: \n/, ":\n"),
      snippet: !this.#word.hasColon,
      detail: typeWords(field).replaceAll("`", ""),
      documentation: fieldMarkdown(key, field),
      sort: `${required ? 1 : 2}${key}`,
    });
  }

  /** `opening` goes before the kind, e.g. a brace inside a flow list. */
  #policy(kind: string, schema: Schema, opening: string): Completion {
    const body = (schema.example ?? `${kind}: { }`).trimEnd();
    const insert = this.#word.hasColon ? kind : opening === "" ? inText(body) : `{ ${inText(body)} }`;
    return this.#make({
      label: kind,
      kind: "policy",
      insert,
      snippet: !this.#word.hasColon,
      detail: schema.phase,
      documentation: fieldMarkdown(kind, schema),
      sort: `3${kind}`,
    });
  }

  /** What a new field starts with. */
  #placeholder(field: Schema, stop: number): string {
    const { flow } = this.#spot;
    if (field.const !== undefined) return String(field.const);
    const choice = field.enum?.map(String) ?? (field.type === "boolean" ? ["true", "false"] : undefined);
    if (field.default !== undefined && (typeof field.default !== "object" || field.default === null)) {
      return `\${${stop}:${inStop(write(field.default))}}`;
    }
    if (choice) return `\${${stop}:${choice[0]}}`;
    if (field.type === "object") return flow ? "{ $0 }" : "\n  $0";
    if (field.type === "array") return flow || field.items?.type !== "object" ? "[$0]" : "\n  - $0";
    const example = field.examples?.[0];
    return example === undefined ? `$${stop}` : `\${${stop}:${inStop(write(example))}}`;
  }

  *#valuesOf(schema: Schema): Iterable<Completion> {
    const { description } = schema;
    const values =
      schema.enum ?? (schema.const !== undefined ? [schema.const] : schema.type === "boolean" ? [true, false] : []);
    for (const [rank, value] of values.entries()) {
      yield this.#value(write(value), value === schema.default ? "default" : undefined, description, `1${rank}`);
    }
    if (values.length === 0 && schema.default !== undefined && typeof schema.default !== "object") {
      yield this.#value(write(schema.default), "default", description, "10");
    }
    for (const [rank, example] of (schema.examples ?? []).entries()) {
      yield this.#value(write(example), "example", description, `2${String(rank).padStart(2, "0")}`);
    }
    if (schema.type === "object") yield* this.#itemSnippets(schema);
    if (schema.type === "array") yield this.#bracket("[ ]", "[$0]", schema);
  }

  /** An empty list or map, with the cursor inside. */
  #bracket(label: string, insert: string, { description }: Schema): Completion {
    return this.#make({ label, kind: "snippet", insert, snippet: true, documentation: description, sort: `5${label}` });
  }

  #value(label: string, detail: string | undefined, documentation: string | undefined, sort: string): Completion {
    return this.#make({ label, kind: "value", insert: label, detail, documentation, sort });
  }

  /** A map is wanted: its required fields at once, or the kinds of policies. */
  *#itemSnippets(schema: Schema): Iterable<Completion> {
    const properties = Object.entries(schema.properties ?? {});
    const kinds = properties.filter(([, field]) => field.phase !== undefined);
    for (const [kind, field] of kinds) yield this.#policy(kind, field, "{");
    const required = schema.required ?? [];
    if (kinds.length > 0) return;
    if (required.length === 0) {
      yield this.#bracket("{ }", "{ $0 }", schema);
      return;
    }
    const body = required.map((key, i) => {
      const field = resolveRef(schema.properties?.[key] ?? {});
      const value = field.const === undefined ? this.#placeholder(field, i + 1) : String(field.const);
      return `${key}: ${value.includes("\n") ? "[$0]" : value}`;
    });
    const label =
      schema.properties?.type?.const === undefined
        ? `{ ${required.join(", ")} }`
        : `{ type: ${String(schema.properties.type.const)} }`;
    yield this.#make({
      label,
      kind: "snippet",
      insert: `{ ${body.join(", ")} }`,
      snippet: true,
      documentation: schema.description,
      sort: `4${label}`,
    });
  }
}

/** Marks that a snippet would take for its own: everywhere, and inside a tab stop. */
function inText(text: string): string {
  return text.replace(/[\\$]/g, "\\$&");
}

function inStop(text: string): string {
  return text.replace(/[\\$}]/g, "\\$&");
}
