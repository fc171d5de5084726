/**
 * A field's declaration in words: type, range, default, examples, as hover, completion and media/policies.md show it.
 * Must not know a single field by name: everything comes from the schema.
 */
import type { ScalarName } from "../model/scalars.ts";
import { resolveRef, type Schema } from "./schema.ts";
import { write } from "./write.ts";

const SCALARS: Readonly<Record<ScalarName, string>> = {
  duration: "duration (`250ms`, `10s`, `5m`, `1h`)",
  size: "size (`64KiB`, `1MiB`)",
  percentage: "percentage (`20%`)",
  secret: "secret (text, `{ env: NAME }` or `{ file: ./path }`)",
  CEL: "CEL expression",
  "header name": "header name",
  "field value": "header value",
  name: "name",
};

const PLAIN: Readonly<Record<string, string>> = {
  string: "text",
  number: "number",
  integer: "whole number",
  boolean: "true or false",
  object: "map",
  null: "nothing",
};

/** The type, with its range: "whole number from 1 to 65535". */
export function typeWords(given: Schema): string {
  const schema = resolveRef(given);
  if (schema.scalar !== undefined) return SCALARS[schema.scalar];
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(" · ");
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return [...new Set(alternatives.map(typeWords))].join(" or ");
  if (schema.type === "array") return schema.items ? `list of ${pluralised(typeWords(schema.items))}` : "list";
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return `map of names to ${pluralised(typeWords(schema.additionalProperties))}`;
  }
  return `${PLAIN[schema.type ?? ""] ?? "anything"}${rangeWords(schema)}`;
}

/** "text" -> "texts" only where it reads well; type words with marks or brackets stay as they are. */
function pluralised(words: string): string {
  return /^[a-z ]*(?:map|name|number)$/.test(words) ? `${words}s` : words;
}

function rangeWords({ minimum, maximum }: Schema): string {
  const lowest = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const highest = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (lowest !== undefined && highest !== undefined) return ` from ${lowest} to ${highest}`;
  if (lowest !== undefined) return ` of at least ${lowest}`;
  return highest === undefined ? "" : ` of at most ${highest}`;
}

/** The default as it would be written; undefined when there is none worth showing. */
export function defaultWords(schema: Schema): string | undefined {
  const value = schema.default;
  if (value === undefined) return undefined;
  const empty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return empty ? undefined : write(value);
}

/** Markdown for hover and completion. */
export function fieldMarkdown(key: string, given: Schema): string {
  const schema = resolveRef(given);
  const facts = [typeWords(schema)];
  const standard = defaultWords(schema);
  if (standard !== undefined) facts.push(`default \`${standard}\``);
  if (schema.phase !== undefined) facts.splice(0, 1, `policy · phase *${schema.phase}*`);
  const parts = [`**${key}** — ${facts.join(" · ")}`];
  if (schema.description !== undefined) parts.push(schema.description);
  if (schema.example !== undefined) parts.push(`\`\`\`yaml\n${schema.example.trimEnd()}\n\`\`\``);
  else if (schema.examples && schema.examples.length > 0 && schema.scalar === undefined) {
    parts.push(`For example ${schema.examples.map((one) => `\`${write(one)}\``).join(", ")}.`);
  }
  return parts.join("\n\n");
}
