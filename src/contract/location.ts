/**
 * A place in the policy file, as every message names it: what a person clicks to get to the line that decided.
 * Must not import anything.
 */

/** A place in the policy file; lines and columns count from 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}
