/**
 * What the filter field offers at the caret: keys, then values that occur in the ring, with how many rows each has.
 * Must not suggest values of fields that may be secret: header fields are offered by name only, never by value.
 */
import type { Suggestion } from "../../../contract/filter.ts";
import { RowStateCode, Tag } from "../chunk.ts";
import { compileFilter, type FilterContext } from "./compile.ts";
import { ALL_KEYS, findKey, PROTOCOLS, STATES } from "./keys.ts";
import { parseFilter } from "./syntax.ts";

const MAX_SUGGESTIONS = 20;
/** Counting stops here, so that a full ring never makes typing wait. */
const MAX_COUNTED = 8;

export function suggestFilter(text: string, caret: number, context: FilterContext): Suggestion[] {
  const at = Math.max(0, Math.min(text.length, Math.floor(caret)));
  const start = text.slice(0, at).search(/\S*$/);
  const end = at + /^\S*/.exec(text.slice(at))![0].length;
  const typed = text.slice(start, at);
  const sign = typed.startsWith("-") ? "-" : "";
  const word = typed.slice(sign.length).toLowerCase();
  const operator = /^([\w.-]+)(:|=|!=)(.*)$/.exec(word);
  const labels = operator === null ? keyLabels(word) : valueLabels(operator[1], operator[2], operator[3], context);
  const rest = `${text.slice(0, start)}${text.slice(end)}`.trim();
  return labels.slice(0, MAX_SUGGESTIONS).map(({ insert, label }, index) => ({
    insert: sign + insert,
    start,
    end,
    label,
    count: operator === null || index >= MAX_COUNTED ? -1 : countRows(`${rest} ${sign}${insert}`, context),
  }));
}

interface Label {
  readonly insert: string;
  readonly label: string;
}

function keyLabels(word: string): Label[] {
  return ALL_KEYS.filter((key) => key.name !== "" && key.name.startsWith(word)).map((key) => ({
    insert: key.name.endsWith(".") || key.operators[0] !== ":" ? key.name : `${key.name}:`,
    label: `${key.example}  ${key.summary}`,
  }));
}

function valueLabels(key: string, operator: string, typed: string, context: FilterContext): Label[] {
  const before = typed.slice(0, typed.lastIndexOf("|") + 1);
  const start = typed.slice(before.length);
  return valuesOf(key, context)
    .filter((value) => value.toLowerCase().includes(start))
    .map((value) => ({ insert: `${key}${operator}${before}${/\s/.test(value) ? `"${value}"` : value}`, label: value }));
}

/** Values as they stand in the plan or in the ring, most frequent first. */
function valuesOf(key: string, context: FilterContext): string[] {
  const plan = context.recorder.plans.latest?.plan;
  switch (findKey(key)?.name) {
    case "is":
      return Object.keys(STATES);
    case "proto":
      return [...PROTOCOLS];
    case "since":
      return ["save", "1m", "5m", "1h"];
    case "route":
      return plan?.routes.map((route) => route.name) ?? [];
    case "service":
      return plan?.services.map((service) => service.name) ?? [];
    case "replica":
      return plan?.services.flatMap((service) => service.endpoints.map((e) => `${service.name}-${e.index + 1}`)) ?? [];
    case "policy":
      return [...new Set(plan?.steps.filter((step) => Object.keys(step.policy.reasons).length > 0).map((s) => s.name))];
    case "status":
      return frequent(context, (chunk, i) => (chunk.status[i] === 0 ? "" : String(chunk.status[i])));
    case "method":
      return frequent(context, (chunk, i) => chunk.words[chunk.method[i]]);
    case "host":
      return frequent(context, (chunk, i) => chunk.words[chunk.host[i]]);
    case "client":
      return frequent(context, (chunk, i) => chunk.words[chunk.client[i]]);
    case "key":
    case "caller":
      return frequent(context, (chunk, i) => chunk.words[chunk.caller[i]]);
    case "path":
      return frequent(context, (chunk, i) => chunk.words[chunk.path[i]].split("?", 1)[0]);
    default:
      return [];
  }
}

type Chunks = FilterContext["recorder"]["all"];

/** Over the latest chunks only: a suggestion is a help, not a report. */
function frequent(context: FilterContext, read: (chunk: Chunks[number], index: number) => string): string[] {
  const counts = new Map<string, number>();
  for (const chunk of context.recorder.all.slice(-3))
    for (let i = 0; i < chunk.count; i++) {
      if (chunk.state[i] === RowStateCode.Pending || (chunk.tags[i] & Tag.Cleared) !== 0) continue;
      const value = read(chunk, i);
      if (value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  return [...counts].toSorted((a, b) => b[1] - a[1]).map(([value]) => value);
}

function countRows(text: string, context: FilterContext): number {
  const parsed = parseFilter(text);
  if ("problem" in parsed) return -1;
  const { test } = compileFilter(parsed.filter, context);
  let count = 0;
  const { recorder } = context;
  for (const chunk of recorder.all) for (let i = 0; i < chunk.count; i++) if (test(chunk, i)) count++;
  for (const id of recorder.beside.ids) {
    const place = recorder.place(id);
    if (place !== undefined && test(place.chunk, place.index)) count++;
  }
  return count;
}
