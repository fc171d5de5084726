/**
 * A policy text that cannot be used, with everything that is wrong about it; and its diagnostics as the contract's.
 */
import type { DiagnosticView } from "../../contract/policy.ts";
import type { Diagnostic } from "../../policyfile/diagnostic.ts";
import { locationOf } from "../record/location.ts";

export class PolicyProblem extends Error {
  readonly diagnostics: readonly DiagnosticView[];

  constructor(file: string, diagnostics: readonly DiagnosticView[]) {
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error");
    const first = errors[0];
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
    super(
      first === undefined
        ? `${file} cannot be used.`
        : `${file}:${first.location.line}:${first.location.column}: ${first.code} ${first.message}${more}`,
    );
    this.name = "PolicyProblem";
    this.diagnostics = diagnostics;
  }
}

/** With the titles of its fixes: an editor can apply them, a terminal can only name them. */
export interface PolicyDiagnostic extends DiagnosticView {
  readonly fixes: readonly string[];
}

export function diagnosticView({ code, severity, message, range, fixes }: Diagnostic): PolicyDiagnostic {
  return {
    code,
    severity,
    message,
    location: locationOf(range),
    endLine: range.endLine,
    endColumn: range.endColumn,
    fixes: fixes.map((fix) => fix.title),
  };
}
