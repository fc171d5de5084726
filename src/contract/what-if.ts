/**
 * What a policy that is not saved would make of the recorded requests, and the least edits that let one pass.
 * Must not say what the recording does not know: such things are counted as unknown or named as assumptions.
 */

export interface RowShift {
  readonly change: "rejected" | "admitted" | "elsewhere";
  /** Status under the saved policy and under the unsaved one; 0 = nobody knows what the backend would answer. */
  readonly before: number;
  readonly after: number;
  /** "per-user 0 of 40, next in 1.3 s" */
  readonly why: string;
  /** Something about it had to be assumed: see WhatIfView.assumptions. */
  readonly assumed: boolean;
}

/** The recorded requests under a policy that is not saved, beside what the saved one makes of them. */
export interface WhatIfView {
  readonly total: number;
  readonly rejected: number;
  readonly admitted: number;
  /** The same verdict, but another reason, answer, route, service or replica. */
  readonly elsewhere: number;
  /** What the recording cannot say: a token that was never checked. */
  readonly unknown: number;
  readonly same: number;
  readonly assumptions: readonly string[];
  /** How long the answer took, milliseconds. */
  readonly milliseconds: number;
}

export type WhatIfResult =
  | {
      readonly kind: "compared";
      readonly view: WhatIfView;
      readonly shifts: readonly (RowShift & { readonly id: number })[];
    }
  | { readonly kind: "invalid"; readonly message: string; readonly line: number }
  /** No request is recorded. */
  | { readonly kind: "nothing" }
  /** Another text was asked about meanwhile. */
  | { readonly kind: "superseded" };

/** An edit of the text that was asked about, under which the request was seen to pass. */
export interface PassingFix {
  readonly title: string;
  readonly edits: readonly { readonly offset: number; readonly endOffset: number; readonly newText: string }[];
  /** From 1. */
  readonly line: number;
  /** What else it changes. */
  readonly view: WhatIfView;
}
