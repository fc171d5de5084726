/**
 * Which fields of a policy file hold expressions. Must not know what one may say: policies/expression does.
 */
import type { Path } from "./tree.ts";

/** Keys whose value is an expression. */
export const EXPRESSIONS: ReadonlySet<string> = new Set(["when", "allow", "deny", "cost"]);

export function isExpression(path: Path): boolean {
  const key = path.at(-1);
  return typeof key === "string" && EXPRESSIONS.has(key);
}
