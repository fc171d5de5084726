/**
 * The text of a `*.switchyard-test.yaml` -> its tests with their places, and everything that is wrong with it at once.
 * Exists so that the command line and the editor read the same. Reading never throws; what the names in it stand for
 * (routes, policies, reasons) is checked against the plan by policy-test-names.ts. Must not decide anything.
 */
import * as z from "zod/mini";
import { normalisePath, pathProblem } from "../decide/path.ts";
import type { Millis, SourceRange } from "../model/basics.ts";
import { duration, fieldValue, headerName, name } from "../model/scalars.ts";
import { Failure } from "../model/state.ts";
import type { Diagnostic } from "../policyfile/diagnostic.ts";
import { Problems, readBy } from "../policyfile/problems.ts";
import { Tree, type Path } from "../policyfile/tree.ts";

/** How an attempt may fail, by the word for it, and what the caller gets then. */
export const FAILURES = {
  connectionRefused: { failure: Failure.ConnectRefused, status: 502 },
  connectionTimeout: { failure: Failure.ConnectTimeout, status: 504 },
  reset: { failure: Failure.ResetBeforeResponse, status: 502 },
  malformed: { failure: Failure.MalformedResponse, status: 502 },
  timeout: { failure: Failure.BackendTimeout, status: 504 },
} as const;

const text = z.string();
const status = z.int().check(z.minimum(100), z.maximum(599));
const claims = z.record(text, z.unknown(), { error: "must be a map of claims, as in { sub: anna, scope: read }" });

const requestFields = {
  method: z.prefault(
    z
      .string()
      .check(z.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/, { error: "is no method: write GET, POST or another" })),
    "GET",
  ),
  path: z
    .string()
    .check(z.regex(/^\/[\x21-\x7e]*$/, { error: "starts with / and holds no blanks, as in /orders?page=2" })),
  host: z.prefault(z.string().check(z.minLength(1)), "localhost"),
  headers: z.prefault(z.record(headerName(), fieldValue()), {}),
  body: z.optional(z.unknown()),
  /** Address that it comes from. */
  client: z.prefault(z.string().check(z.minLength(1)), "127.0.0.1"),
  /** Name of the listener that it comes through; default: the first for HTTP. */
  listener: z.optional(name()),
};

const answerFields = {
  status: z.optional(status),
  failure: z.optional(z.enum(Object.keys(FAILURES) as [keyof typeof FAILURES])),
  after: z.prefault(duration(), "0ms"),
};

const expectFields = {
  status: z.optional(status),
  decision: z.optional(z.enum(["admitted", "refused", "answered"])),
  route: z.optional(text),
  policy: z.optional(text),
  reason: z.optional(text),
  service: z.optional(text),
  endpoint: z.optional(text),
  consumer: z.optional(text),
  detail: z.optional(text),
};

const stepFields = {
  request: z.strictObject(requestFields),
  after: z.prefault(duration(), "0ms"),
  repeat: z.prefault(z.int().check(z.minimum(1), z.maximum(10_000)), 1),
  every: z.prefault(duration(), "0ms"),
  jwt: z.optional(claims),
  facts: z.prefault(z.record(text, z.unknown()), {}),
  answer: z.prefault(z.strictObject(answerFields), {}),
  expect: z.strictObject(expectFields),
};

const testFields = {
  name: z.string().check(z.minLength(1, { error: "a test needs a name" }), z.maxLength(200)),
  /** Epoch seconds at which it begins: for `exp` and `nbf` of tokens and for quotas. */
  clock: z.prefault(z.int().check(z.minimum(0), z.maximum(253_402_300_799)), 1_767_225_600),
  steps: z.array(z.strictObject(stepFields), { error: "must be a list of steps" }).check(z.minLength(1)),
};

const fileFields = {
  policy: z.prefault(z.string().check(z.minLength(1)), "./switchyard.yaml"),
  tests: z
    .array(z.strictObject(testFields), { error: "must be a list of tests: [{ name, steps }]" })
    .check(z.minLength(1)),
};

const file = z.strictObject(fileFields);

/** Keys by the names on the way to them. */
const KEYS: Readonly<Record<string, object>> = {
  "": fileFields,
  tests: testFields,
  "tests.steps": stepFields,
  "tests.steps.request": requestFields,
  "tests.steps.answer": answerFields,
  "tests.steps.expect": expectFields,
};

type FileValue = z.output<typeof file>;
export type TestStep = FileValue["tests"][number]["steps"][number];
export type ExpectKey = keyof typeof expectFields;

export interface PolicyTest {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly clock: Millis;
  readonly steps: readonly TestStep[];
  /** From its name to the end of its steps. */
  readonly range: SourceRange;
  /** Where it stands in the file. */
  readonly path: Path;
}

export interface TestFile {
  /** In the order of the file; all are errors. */
  readonly diagnostics: readonly Diagnostic[];
  /** As written, relative to the test file. */
  readonly policy: string;
  readonly tests: readonly PolicyTest[];
  readonly tree: Tree;
}

export const DEFAULT_POLICY = "./switchyard.yaml";

/** @param shown path to show to people. Never throws. Tests are there only when nothing is wrong. */
export function readTestFile(source: string, shown: string): TestFile {
  const tree = new Tree(source, shown);
  const problems = new Problems(tree);
  const written = tree.value as Partial<FileValue> | null | undefined;
  const policy = typeof written?.policy === "string" ? written.policy : DEFAULT_POLICY;
  if (written === undefined || written === null) {
    if (!problems.hasErrors) problems.add("SY103", tree.range(0, 0), "The file is empty: it needs `tests`.");
    return { diagnostics: problems.list, policy, tests: [], tree };
  }
  // Behind a syntax error everything is guesswork.
  const value = problems.hasErrors ? undefined : readBy(file, written, [], problems, keysAt);
  for (const [index, test] of (value?.tests ?? []).entries()) checkTest(test, index, value?.tests ?? [], problems);
  const diagnostics = problems.list.map(withoutGuess).toSorted((a, b) => a.range.offset - b.range.offset);
  const tests = value === undefined || problems.hasErrors ? [] : value.tests.map((test, i) => placed(test, i, tree));
  return { diagnostics, policy, tests, tree };
}

/** The reader knows the units of the policy file's fields only: as text alone a duration would stay wrong. */
function withoutGuess(diagnostic: Diagnostic): Diagnostic {
  return diagnostic.message.includes("write a duration") ? { ...diagnostic, fixes: [] } : diagnostic;
}

/** Tests by name and place, however wrong the rest is: for lists. */
export function outlineOf({ tree }: Pick<TestFile, "tree">): { name: string; range: SourceRange }[] {
  const { tests } = (tree.value ?? {}) as { readonly tests?: unknown };
  if (!Array.isArray(tests)) return [];
  return tests.flatMap((test: unknown, index) => {
    const { name: called } = (test ?? {}) as { readonly name?: unknown };
    return typeof called === "string" ? [{ name: called, range: tree.blockRange(["tests", index]) }] : [];
  });
}

function keysAt(path: Path): readonly string[] {
  return Object.keys(KEYS[path.filter((part) => typeof part === "string").join(".")] ?? {});
}

function placed(test: FileValue["tests"][number], index: number, tree: Tree): PolicyTest {
  const path = ["tests", index];
  return { name: test.name, clock: test.clock * 1000, steps: test.steps, range: tree.blockRange(path), path };
}

/** What one field cannot say alone. */
function checkTest(
  test: FileValue["tests"][number],
  index: number,
  all: readonly { readonly name: string }[],
  problems: Problems,
): void {
  if (all.findIndex((other) => other.name === test.name) < index)
    problems.value("SY206", ["tests", index, "name"], `Two tests are called "${test.name}": the name fixes the seeds.`);
  for (const [number, { request, answer, expect }] of test.steps.entries()) {
    const at = ["tests", index, "steps", number];
    const target = request.path.split("?", 1)[0];
    if (normalisePath(target) === undefined)
      problems.value("SY102", [...at, "request", "path"], `The gateway would answer 400: ${pathProblem(target)}.`);
    if (answer.status !== undefined && answer.failure !== undefined)
      problems.key(
        "SY102",
        [...at, "answer", "failure"],
        "A backend either answers with a status or fails: remove one.",
      );
    if (Object.keys(expect).length === 0)
      problems.key("SY103", [...at, "expect"], "Nothing is expected here: a step that cannot fail tests nothing.");
  }
}
