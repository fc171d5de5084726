/**
 * A filter in words, shown beneath the field: "rejected, on route orders, taking over 250ms".
 * Must not look at rows.
 */
import { normalState, STATES } from "./keys.ts";
import type { Filter, Term } from "./syntax.ts";

export function describeFilter(filter: Filter): string {
  if (filter.alternatives.length === 0) return "all requests";
  return filter.alternatives.map((terms) => terms.map(describeTerm).join(", ")).join("; or ");
}

function describeTerm(term: Term): string {
  const text = describePlain(term);
  return term.negated ? `not ${text}` : text;
}

function describePlain(term: Term): string {
  const { kind, operator } = term;
  const values = term.values.map(quoted);
  const list = values.length === 1 ? values[0] : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
  if (kind.type === "state") return term.values.map((value) => STATES[normalState(value)]).join(" or ");
  if (kind.type === "since")
    return term.values[0].toLowerCase() === "save" ? "since the last save" : `in the last ${list}`;
  if (operator === "~") return kind.name === "" ? `something matching ${list}` : `${words(term)} matching ${list}`;
  if (kind.name === "") return `${list} anywhere`;
  if (operator === "!=") return `${words(term)} not ${list}`;
  const comparison = COMPARISONS[operator];
  return comparison === undefined ? `${words(term)} ${list}` : `${words(term)} ${comparison} ${list}`;
}

const COMPARISONS: Readonly<Record<string, string>> = { ">": "over", ">=": "at least", "<": "under", "<=": "at most" };

function words(term: Term): string {
  return term.kind.type === "field" ? `${term.kind.words} ${term.key.slice(term.kind.name.length)}` : term.kind.words;
}

function quoted(value: string): string {
  return /\s/.test(value) ? `"${value}"` : value;
}
