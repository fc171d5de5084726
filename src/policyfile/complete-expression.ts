/**
 * What may be written inside an expression: its variables with their fields, and names of consumers where one is compared.
 * Must not judge the expression: it is half written.
 */
import { VARIABLES } from "../policies/expression-input.ts";
import { namesIn } from "./names.ts";
import type { Tree } from "./tree.ts";

/** Claims that nearly every token has (RFC 7519 section 4.1, RFC 8693 section 4.2). */
const CLAIMS = ["sub", "iss", "aud", "exp", "scope"];

export interface ExpressionWord {
  readonly label: string;
  readonly detail: string;
}

/** @param before the text up to the word that is being written. */
export function expressionWords(tree: Tree, before: string): ExpressionWord[] {
  if (/consumer\.name\s*(?:[=!]=|in\s*\[[^\]]*)\s*['"][^'"]*$/.test(before)) {
    const consumers = namesIn(tree).filter(({ kind, role }) => kind === "consumer" && role === "declaration");
    return consumers.map(({ name, range }) => ({ label: name, detail: `consumer, line ${range.line}` }));
  }
  return Object.entries(VARIABLES).flatMap(([name, fields]) =>
    (fields ?? CLAIMS).map((field) => ({
      label: `${name}.${field}`,
      detail: fields === undefined ? "claim" : "variable",
    })),
  );
}
