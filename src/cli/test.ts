/**
 * `switchyard test`: decides the requests of policy tests without sending them, and says what came out otherwise.
 * Must not open a port; exits with 0 when all pass, 1 when one fails, 2 when something could not be run.
 */
import type { TestsReport } from "../contract/test-report.ts";
import { paintFor } from "./paint.ts";
import { NoPolicy } from "./policy-text.ts";
import { asJunit, asTap, asText, countsOf, coverageText } from "./test-reporters.ts";
import { runFiles, testFilesBelow } from "./test-run.ts";
import { readWords, Usage } from "./usage.ts";

const REPORTERS: Readonly<Record<string, (report: TestsReport) => string>> = {
  text: (report) => asText(report, paintFor(process.stdout)),
  tap: asTap,
  junit: asJunit,
  json: (report) => `${JSON.stringify(report)}\n`,
};

export function test(words: string[]): Promise<number> {
  const { values, positionals } = readWords(words, {
    reporter: { type: "string", default: "text" },
    coverage: { type: "boolean" },
  });
  const reporter = REPORTERS[values.reporter];
  if (reporter === undefined || !Object.hasOwn(REPORTERS, values.reporter))
    throw new Usage(`There is no reporter "${values.reporter}". Known are ${Object.keys(REPORTERS).join(", ")}.`);
  const files = positionals.length > 0 ? positionals : testFilesBelow(".");
  if (files.length === 0) throw new Usage("There is no *.switchyard-test.yaml here. Name a test file.");
  let report: TestsReport;
  try {
    report = runFiles(files);
  } catch (error) {
    if (!(error instanceof NoPolicy)) throw error;
    process.stderr.write(`${error.message}\n`);
    return Promise.resolve(2);
  }
  process.stdout.write(reporter(report));
  // Beside a report for machines, so that it stays one.
  const coverage = values.reporter === "text" ? process.stdout : process.stderr;
  if (values.coverage === true && values.reporter !== "json")
    coverage.write(coverageText(report.coverage, paintFor(coverage)));
  const { failed, unrun } = countsOf(report.files);
  return Promise.resolve(unrun > 0 ? 2 : failed > 0 ? 1 : 0);
}
