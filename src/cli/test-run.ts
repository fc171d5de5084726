/**
 * Runs policy test files and reports on them as plain data, the form of `--reporter json`: the editor reads it too.
 * Must not send anything anywhere: policies and tests are files, and the rest is the pure core.
 */
import { readdirSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import type { TestCoverageReport, TestFileReport, TestReport, TestsReport } from "../contract/test-report.ts";
import { PolicyReader } from "../gateway/control/policy-reader.ts";
import { diagnosticView } from "../gateway/control/policy-problem.ts";
import { collectedOf } from "../gateway/facts/collected.ts";
import type { Plan } from "../model/plan.ts";
import { Tree } from "../policyfile/tree.ts";
import { PolicyCoverage } from "../replay/policy-test-coverage.ts";
import { outlineOf, readTestFile, type TestFile } from "../replay/policy-test-file.ts";
import { checkNames } from "../replay/policy-test-names.ts";
import { runTest } from "../replay/policy-test.ts";
import type { Fixable } from "./diagnostics.ts";
import { NoPolicy, policyText, writtenText } from "./policy-text.ts";

interface Policy {
  readonly plan: Plan | undefined;
  readonly problems: readonly Fixable[];
  readonly tree: Tree;
  readonly coverage: PolicyCoverage | undefined;
}

const TEST_FILE = /\.switchyard-test\.ya?ml$/;
const NOT_LOOKED_AT = new Set(["node_modules", ".git", "dist", "out"]);
/** Folders below the one that is searched. */
const DEEPEST = 12;

/** Every test file below a folder, in the order of their paths; symbolic links are not followed. */
export function testFilesBelow(folder: string, depth = 0): string[] {
  if (depth > DEEPEST) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_LOOKED_AT.has(entry.name) ? [] : testFilesBelow(path, depth + 1);
    return entry.isFile() && TEST_FILE.test(entry.name) ? [path] : [];
  });
}

/** @throws NoPolicy when a test file cannot be read. */
export function runFiles(files: readonly string[]): TestsReport {
  const policies = new Map<string, Policy>();
  const reports = files.map((file) => runFile(file, policies));
  const coverage = [...policies].flatMap(([policy, { coverage: reached }]): TestCoverageReport[] => {
    if (reached === undefined) return [];
    const items = reached.items().map(({ kind, name, range, reached: count }) => {
      return { kind, name, line: range.line, endLine: range.endLine, reached: count };
    });
    return [{ policy, items }];
  });
  return { files: reports, coverage };
}

function runFile(file: string, policies: Map<string, Policy>): TestFileReport {
  const test = readTestFile(writtenText(file, `There is no ${file} here.`), file);
  const named = isAbsolute(test.policy) ? test.policy : join(dirname(file), test.policy);
  const path = isAbsolute(file) ? resolve(named) : relative(process.cwd(), resolve(named));
  const unable = (problems: readonly Fixable[]): TestFileReport => ({
    file,
    policy: path,
    problems,
    tests: outlineOf(test).map(({ name, range }) => {
      return { name, line: range.line, endLine: range.endLine, requests: 0, failures: [] };
    }),
  });
  if (test.diagnostics.length > 0) return unable(test.diagnostics.map(diagnosticView));
  const policy = policyAt(path, policies, test);
  if (policy.plan === undefined || policy.coverage === undefined) return unable(policy.problems);
  const wrongNames = checkNames(test, policy.plan, policy.tree);
  if (wrongNames.length > 0) return unable(wrongNames.map(diagnosticView));
  const world = { plan: policy.plan, tree: test.tree, coverage: policy.coverage, collect };
  const tests = test.tests.map((one): TestReport => {
    const { name, range, failures, requests } = runTest(one, world);
    return {
      name,
      line: range.line,
      endLine: range.endLine,
      requests,
      failures: failures.map(({ range: place, ...failure }) => ({
        ...failure,
        line: place.line,
        column: place.column,
      })),
    };
  });
  return { file, policy: path, problems: [], tests };
}

function collect(text: string, type: string, most: number) {
  return collectedOf(Buffer.from(text), type, "", most);
}

function policyAt(path: string, policies: Map<string, Policy>, test: TestFile): Policy {
  const known = policies.get(path);
  if (known !== undefined) return known;
  let text: string;
  try {
    text = policyText(path);
  } catch (error) {
    if (!(error instanceof NoPolicy)) throw error;
    const { line, column } = test.tree.valueRange(["policy"]);
    const location = { file: test.tree.file, line, column };
    const missing: Fixable = {
      code: "SY221",
      severity: "error",
      message: `The policy ${path} cannot be read: \`policy\` is relative to the test file.`,
      location,
      endLine: line,
      endColumn: column,
    };
    return { plan: undefined, problems: [missing], tree: new Tree("", path), coverage: undefined };
  }
  const { plan, diagnostics } = new PolicyReader(path).read(text);
  const coverage = plan === undefined ? undefined : new PolicyCoverage(plan);
  const problems = diagnostics.filter(({ severity }) => severity === "error");
  const policy: Policy = { plan, problems, tree: new Tree(text, path), coverage };
  policies.set(path, policy);
  return policy;
}
