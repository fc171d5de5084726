/**
 * Diagnostics as lines that editors and terminals can jump to: file:line:column: code message.
 */
import type { DiagnosticView } from "../contract/policy.ts";
import { printable, type Paint } from "./paint.ts";

/** A diagnostic with the titles of its fixes. */
export interface Fixable extends DiagnosticView {
  readonly fixes?: readonly string[];
}

export function diagnosticLines(diagnostics: readonly Fixable[], paint: Paint): string {
  return diagnostics
    .map(({ code, severity, message, location, fixes }) => {
      const ink = severity === "error" ? paint.bad : severity === "warning" ? paint.warn : paint.faint;
      const place = `${location.file}:${location.line}:${location.column}`;
      const first = `${paint.strong(place)}: ${ink(`${severity} ${code}`)} ${printable(message)}\n`;
      return first + (fixes ?? []).map((fix) => `    fix: ${printable(fix)}\n`).join("");
    })
    .join("");
}

/** "2 errors, 1 warning" */
export function tally(diagnostics: readonly DiagnosticView[]): string {
  const words = (["error", "warning", "hint"] as const).flatMap((severity) => {
    const count = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? "" : "s"}`];
  });
  return words.length === 0 ? "no problems" : words.join(", ");
}
