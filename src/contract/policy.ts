/**
 * The policy file as the gateway runs it: which revision serves, what is wrong with the latest text, and how a
 * proposed text was received. Must hold plain JSON only.
 */
import type { Location } from "./location.ts";

export interface DiagnosticView {
  /** SY101 ... */
  readonly code: string;
  readonly severity: "error" | "warning" | "hint";
  readonly message: string;
  readonly location: Location;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface PolicyStatus {
  readonly file: string;
  /** Counts accepted edits from 1. */
  readonly revision: number;
  /** Epoch milliseconds when the running plan was accepted. */
  readonly acceptedAt: number;
  /** The latest text was refused: the plan above keeps serving. */
  readonly invalid: boolean;
  readonly diagnostics: readonly DiagnosticView[];
}

export type ProposeResult =
  | { readonly kind: "accepted"; readonly revision: number; readonly diagnostics: readonly DiagnosticView[] }
  | { readonly kind: "invalid"; readonly diagnostics: readonly DiagnosticView[] }
  | { readonly kind: "conflict"; readonly revision: number }
  /** The plan is good but a listener could not be opened; the old plan serves. */
  | { readonly kind: "failed"; readonly message: string };
