/**
 * Another name for a service, policy, listener, consumer or route: at its declaration and wherever it is used, inside
 * expressions too. Must not touch anything but the names, and must not make two things share one.
 */
import type { TextEdit } from "./diagnostic.ts";
import { names, placeAt, references, type NamePlace } from "./names.ts";
import { isExpression } from "./expressions.ts";
import type { Path } from "./tree.ts";
import { write } from "./write.ts";

/** The name under the cursor; undefined = none that can be renamed. */
export function renamed(text: string, file: string, offset: number): NamePlace | undefined {
  return placeAt(names(text, file), offset);
}

/** @returns the edits, or why there are none. */
export function rename(text: string, file: string, offset: number, to: string): readonly TextEdit[] | string {
  const place = renamed(text, file, offset);
  if (place === undefined) return "There is no name here.";
  const { kind, name } = place;
  const wanted = to.trim();
  if (wanted === "" || /[\r\n"'\\]/.test(wanted))
    return "A name has no quotes, backslashes or line breaks, and is not empty.";
  if (wanted === name) return [];
  if (names(text, file).some((one) => one.role === "declaration" && one.kind === kind && one.name === wanted))
    return `There is another ${kind} called ${wanted}.`;
  return references(text, file, offset).map(({ range, path }) => {
    const inside = insideExpression(text, range.offset, path);
    return { offset: range.offset, endOffset: range.endOffset, newText: inside ? wanted : write(wanted) };
  });
}

/** There the quotes stand around the range, and stay. */
function insideExpression(text: string, offset: number, path: Path): boolean {
  return isExpression(path) && /["']/.test(text[offset - 1] ?? "");
}
