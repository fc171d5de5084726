/**
 * How the gateway understood a filter text, and what it would write on. The language is the gateway's (record/filter):
 * the page sends texts and shows what comes back. Must not import anything.
 */

/** How a filter text was understood. */
export interface FilterVerdict {
  readonly ok: boolean;
  /** In words: "rejected, on route orders". */
  readonly description: string;
  readonly problem?: { readonly message: string; readonly start: number; readonly end: number };
}

export interface Suggestion {
  /** Replaces [start, end) of the filter text. */
  readonly insert: string;
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** Rows that it would leave; -1 = not counted. */
  readonly count: number;
}
