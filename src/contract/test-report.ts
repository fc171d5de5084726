/**
 * What `switchyard test --reporter json` prints: read by the editor's Test Explorer, and by whoever wants to.
 * Lines and columns count from 1. Must not change a field's meaning.
 */
import type { DiagnosticView } from "./policy.ts";

export interface FailureReport {
  readonly message: string;
  readonly expected: string;
  readonly actual: string;
  /** Of the expectation, in the test file. */
  readonly line: number;
  readonly column: number;
  /** The decision in lines, with places in the policy. */
  readonly explanation: readonly string[];
}

export interface TestReport {
  readonly name: string;
  readonly line: number;
  readonly endLine: number;
  /** Requests that were decided; 0 when it could not run. */
  readonly requests: number;
  readonly failures: readonly FailureReport[];
}

export interface TestFileReport {
  readonly file: string;
  /** Of the policy. */
  readonly policy: string;
  /** Errors of the test file, or of its policy: then nothing ran. */
  readonly problems: readonly (DiagnosticView & { readonly fixes?: readonly string[] })[];
  readonly tests: readonly TestReport[];
}

export interface TestCoverageReport {
  readonly policy: string;
  /** In the order of the policy file. */
  readonly items: readonly {
    readonly kind: "route" | "policy" | "reason";
    readonly name: string;
    readonly line: number;
    readonly endLine: number;
    /** Requests. */
    readonly reached: number;
  }[];
}

export interface TestsReport {
  readonly files: readonly TestFileReport[];
  readonly coverage: readonly TestCoverageReport[];
}
