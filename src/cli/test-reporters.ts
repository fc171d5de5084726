/**
 * The report on policy tests as text for people, as TAP 14 and as JUnit XML for machines.
 * Must not decide what failed; what comes from files and requests is escaped for the form that holds it.
 */
import type { TestCoverageReport, TestFileReport, TestReport, TestsReport } from "../contract/test-report.ts";
import { diagnosticLines } from "./diagnostics.ts";
import { printable, type Paint } from "./paint.ts";

export function asText({ files }: TestsReport, paint: Paint): string {
  const out: string[] = [];
  for (const { file, problems, tests } of files) {
    out.push(paint.strong(file));
    if (problems.length > 0) {
      out.push(diagnosticLines(problems, paint).trimEnd(), paint.bad(`  not run: ${counted(tests.length, "test")}`));
      continue;
    }
    for (const test of tests) out.push(...testLines(file, test, paint));
  }
  return `${out.join("\n")}\n\n${summary(files, paint)}\n`;
}

function testLines(file: string, { name, requests, failures }: TestReport, paint: Paint): string[] {
  if (failures.length === 0)
    return [`  ${paint.good("✓")} ${printable(name)} ${paint.faint(`(${counted(requests, "request")})`)}`];
  const out = [`  ${paint.bad("✕")} ${printable(name)}`];
  for (const { message, line, column } of failures)
    out.push(`      ${paint.bad(printable(message))} ${paint.faint(`${file}:${line}:${column}`)}`);
  out.push(...failures[0].explanation.map((words) => `        ${printable(words)}`));
  return out;
}

function summary(files: readonly TestFileReport[], paint: Paint): string {
  const { passed, failed, unrun } = countsOf(files);
  const parts = [paint.good(`${passed} passed`)];
  if (failed > 0) parts.push(paint.bad(`${failed} failed`));
  if (unrun > 0) parts.push(paint.bad(`${counted(unrun, "file")} could not run`));
  return parts.join(", ");
}

export function countsOf(files: readonly TestFileReport[]): { passed: number; failed: number; unrun: number } {
  const ran = files.filter(({ problems }) => problems.length === 0).flatMap(({ tests }) => tests);
  const failed = ran.filter(({ failures }) => failures.length > 0).length;
  return { passed: ran.length - failed, failed, unrun: files.filter(({ problems }) => problems.length > 0).length };
}

export function coverageText(coverage: readonly TestCoverageReport[], paint: Paint): string {
  const out: string[] = [];
  for (const { policy, items } of coverage) {
    const shares = (["route", "policy", "reason"] as const).map((kind) => {
      const all = items.filter((item) => item.kind === kind);
      const reached = all.filter((item) => item.reached > 0).length;
      return `${reached} of ${counted(all.length, kind)}`;
    });
    out.push("", `${paint.strong(policy)}: ${shares.join(", ")} reached`);
    out.push(...unreached(items, policy, paint));
  }
  return `${out.join("\n")}\n`;
}

/** A line for each route and policy; the reasons of a policy that was asked stand on one line. */
function unreached(items: TestCoverageReport["items"], policy: string, paint: Paint): string[] {
  const lines = new Map<string, string[]>();
  for (const { kind, name, line, reached } of items) {
    const [owner, reason] = kind === "reason" ? name.split(" ") : [name, ""];
    const about = kind === "reason" ? `reasons of ${owner}` : `${kind} ${owner}`;
    const asked =
      kind !== "reason" || items.some((one) => one.kind === "policy" && one.line === line && one.reached > 0);
    if (reached > 0 || !asked) continue;
    const key = `${about}\n${line}`;
    lines.set(key, [...(lines.get(key) ?? []), ...(reason === "" ? [] : [reason])]);
  }
  return [...lines].map(([key, reasons]) => {
    const [about, line] = key.split("\n");
    const list = reasons.length > 0 ? `: ${reasons.join(", ")}` : "";
    return `  ${paint.warn("no test reaches")} ${about}${list} ${paint.faint(`${policy}:${line}`)}`;
  });
}

function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

/** TAP 14 (https://testanything.org/tap-version-14-specification.html): one subtest a file. */
export function asTap({ files }: TestsReport): string {
  const out = ["TAP version 14", `1..${files.length}`];
  for (const [index, { file, problems, tests }] of files.entries()) {
    const ok = problems.length === 0 && tests.every(({ failures }) => failures.length === 0);
    if (problems.length === 0) {
      out.push(`# Subtest: ${tapText(file)}`, `    1..${tests.length}`);
      for (const [number, test] of tests.entries()) out.push(...tapTest(number + 1, file, test));
    }
    out.push(`${ok ? "ok" : "not ok"} ${index + 1} - ${tapText(file)}`);
    if (problems.length > 0) out.push(...yamlBlock("  ", { problems: problems.map(({ message }) => message) }));
  }
  return `${out.join("\n")}\n`;
}

function tapTest(number: number, file: string, { name, failures }: TestReport): string[] {
  const head = `    ${failures.length === 0 ? "ok" : "not ok"} ${number} - ${tapText(name)}`;
  if (failures.length === 0) return [head];
  const [first] = failures;
  const block = {
    message: failures.map(({ message }) => message).join("; "),
    expected: first.expected,
    actual: first.actual,
    at: `${file}:${first.line}:${first.column}`,
    explanation: first.explanation,
  };
  return [head, ...yamlBlock("      ", block)];
}

/** JSON scalars are YAML scalars. */
function yamlBlock(indent: string, fields: Readonly<Record<string, string | readonly string[]>>): string[] {
  const lines = Object.entries(fields).flatMap(([key, value]) =>
    typeof value === "string"
      ? [`${key}: ${JSON.stringify(value)}`]
      : [`${key}:`, ...value.map((one) => `  - ${JSON.stringify(one)}`)],
  );
  return ["---", ...lines, "..."].map((line) => indent + line);
}

/** "#" begins a directive, "\" escapes. */
function tapText(text: string): string {
  return printable(text).replaceAll(/[\\#]/g, "\\$&");
}

/** JUnit XML as its readers take it: a testsuite a file. */
export function asJunit({ files }: TestsReport): string {
  const { passed, failed, unrun } = countsOf(files);
  const out = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="switchyard" tests="${passed + failed}" failures="${failed}" errors="${unrun}">`,
  ];
  for (const { file, problems, tests } of files) {
    const bad = tests.filter(({ failures }) => failures.length > 0).length;
    const errors = problems.length > 0 ? 1 : 0;
    const count = errors > 0 ? 1 : tests.length;
    out.push(`  <testsuite name=${attribute(file)} tests="${count}" failures="${bad}" errors="${errors}" skipped="0">`);
    if (errors > 0) {
      const words = problems.map(({ location, message }) => `${location.file}:${location.line}: ${message}`);
      out.push(
        `    <testcase classname=${attribute(file)} name="could not run">`,
        `      <error message=${attribute(words[0])}>${xml(words.join("\n"))}</error>`,
        "    </testcase>",
      );
    } else for (const test of tests) out.push(...junitTest(file, test));
    out.push("  </testsuite>");
  }
  return `${out.join("\n")}\n</testsuites>\n`;
}

function junitTest(file: string, { name, line, failures }: TestReport): string[] {
  const head = `<testcase classname=${attribute(file)} name=${attribute(name)} file=${attribute(file)} line="${line}"`;
  if (failures.length === 0) return [`    ${head}/>`];
  const words = failures.map((one) => `${file}:${one.line}: ${one.message}`);
  const text = [...words, ...failures[0].explanation].join("\n");
  return [
    `    ${head}>`,
    `      <failure message=${attribute(failures[0].message)}>${xml(text)}</failure>`,
    "    </testcase>",
  ];
}

function attribute(text: string): string {
  return `"${xml(text).replaceAll('"', "&quot;").replaceAll("\n", "&#10;")}"`;
}

/** XML 1.0 has no control characters but three; lone surrogates go when the text becomes UTF-8. */
function xml(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const allowed = text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
  return allowed.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
