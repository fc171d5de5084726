/**
 * A range of the policy file as the contract's Location.
 */
import type { Location } from "../../contract/location.ts";
import type { SourceRange } from "../../model/basics.ts";

export function locationOf(source: SourceRange): Location {
  return { file: source.file, line: source.line, column: source.column };
}
