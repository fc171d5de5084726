/**
 * The smallest shared words: time, seed, reason, phase.
 * They exist so that every room counts in the same units.
 * Must not hold behaviour that reads a clock or randomness.
 */

/** Monotonic milliseconds, fractional. Read by the gateway once before `decide` and once before `settle`. */
export type Millis = number;

/** One recorded unsigned 32-bit integer per request; every draw is `draw(seed, k)`, never a shared stream. */
export type Seed = number;

/** 0 admits; otherwise 1 + index into the policy's `reasons`. */
export type Reason = number;

export const ADMIT: Reason = 0;

/** The fixed order of the phases in which a policy may stand (see policy-file.md, "Phases"). */
export const PHASES = ["screen", "identify", "authorize", "validate", "limit", "answer", "shape", "reply"] as const;

export type Phase = (typeof PHASES)[number];

/** What a listener with `trusted: true` bypasses for internal calls. */
export const BYPASSABLE: ReadonlySet<Phase> = new Set<Phase>(["identify", "authorize", "limit"]);

/** A place in a policy file. Lines and columns count from 1, `offset`s from 0; `endOffset` is exclusive. */
export interface SourceRange {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly offset: number;
  readonly endOffset: number;
}
