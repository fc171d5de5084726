/**
 * The text of a `*.switchyard-test.yaml` -> its tests with their places, and everything that is wrong with it at once.
 * Exists so that the command line and the editor read the same. Reading never throws; what the names in it stand for
 * (routes, policies, reasons) is checked against the plan by policy-test-names.ts. Must not decide anything.
 */
import * as z from "zod/mini";
import { normalisePath, pathProblem } from "../decide/path.ts";
import type { Millis, SourceRange } from "../model/basics.ts";
import { described, duration, fieldValue, headerName } from "../model/scalars.ts";
import { Failure } from "../model/state.ts";
import type { Diagnostic } from "../policyfile/diagnostic.ts";
import { Problems, readBy } from "../policyfile/problems.ts";
import { fromZod, keysAt, type Schema } from "../policyfile/schema.ts";
import { Tree, type Path } from "../policyfile/tree.ts";

const DEFAULT_POLICY = "./switchyard.yaml";

/** How an attempt may fail, by the word for it, and what the caller gets then. */
export const FAILURES = {
  connectionRefused: { failure: Failure.ConnectRefused, status: 502 },
  connectionTimeout: { failure: Failure.ConnectTimeout, status: 504 },
  reset: { failure: Failure.ResetBeforeResponse, status: 502 },
  malformed: { failure: Failure.MalformedResponse, status: 502 },
  timeout: { failure: Failure.BackendTimeout, status: 504 },
} as const;

/** What a value names in the policy: completion, hover, definition and checks go by it. */
export type Named = "listener" | "route" | "policy" | "reason" | "service" | "endpoint" | "consumer" | "fact";

const named = (kind: Named, description: string, examples: readonly string[] = []) =>
  z.optional(described(z.string(), description, { names: kind, ...(examples.length > 0 && { examples }) }));

const status = z.int().check(z.minimum(100), z.maximum(599));

const request = z.strictObject({
  method: described(
    z.prefault(
      z
        .string()
        .check(z.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/, { error: "is no method: write GET, POST or another" })),
      "GET",
    ),
    "Its method.",
    { examples: ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] },
  ),
  path: described(
    z.string().check(z.regex(/^\/[\x21-\x7e]*$/, { error: "starts with / and holds no blanks, as in /orders?page=2" })),
    "Its path, with the query.",
    { examples: ["/orders?page=2"] },
  ),
  host: described(
    z.prefault(z.string().check(z.minLength(1)), "localhost"),
    "The Host field, with or without a port.",
    {
      examples: ["shop.localhost"],
    },
  ),
  headers: described(z.prefault(z.record(headerName(), fieldValue()), {}), "Its header fields.", {
    examples: [{ "x-api-key": "demo-web-key" }],
  }),
  body: z.optional(
    described(z.unknown(), "Text as it is sent; a map or list is sent as JSON, with its Content-Type.", {
      examples: [{ id: 7 }],
    }),
  ),
  client: described(z.prefault(z.string().check(z.minLength(1)), "127.0.0.1"), "The address that it comes from.", {
    examples: ["203.0.113.7"],
  }),
  listener: named("listener", "The listener that it comes through. Default: the first one for HTTP."),
});

const answer = z.strictObject({
  status: z.optional(described(status, "What the backend answers. Default: 200.", { examples: [200, 404, 503] })),
  failure: z.optional(
    described(
      z.enum(Object.keys(FAILURES) as [keyof typeof FAILURES]),
      "How the attempt fails, in place of an answer. What follows of it is seen by health checks and circuit breakers.",
    ),
  ),
  after: described(z.prefault(duration(), "0ms"), "How long the backend takes: so long is the request on its way."),
});

const expectFields = {
  status: z.optional(
    described(status, "The status that the caller gets.", { examples: [200, 401, 403, 404, 429, 503] }),
  ),
  decision: z.optional(
    described(
      z.enum(["admitted", "refused", "answered"]),
      "`admitted`: it goes to a backend. `refused`: a policy stops it. `answered`: a policy answers by itself.",
    ),
  ),
  route: named("route", "The route that takes it; `none` when no route does.", ["none"]),
  policy: named("policy", "The policy that refuses or answers it, by its name or kind; `none` when none does.", [
    "none",
  ]),
  reason: named("reason", "Why it is refused, `kind/reason` or the reason alone; `none` when it is not.", ["none"]),
  service: named("service", "The service that gets it; `none` when none does.", ["none"]),
  endpoint: named("endpoint", "The replica that gets it, by its url or its label; `none` when none does.", ["none"]),
  consumer: named("consumer", "Who the caller is found to be; `none` when nobody says.", ["none"]),
  detail: z.optional(
    described(z.string(), "A part of the sentence that explains the decision.", { examples: ["of 20 requests"] }),
  ),
};

const step = z.strictObject({
  request: described(request, "What is asked."),
  after: described(z.prefault(duration(), "0ms"), "How much time passes before it, since the step before."),
  repeat: described(
    z.prefault(z.int().check(z.minimum(1), z.maximum(10_000)), 1),
    "How often it is asked. Every time must meet what is expected.",
    { examples: [20] },
  ),
  every: described(z.prefault(duration(), "0ms"), "How much time passes between two of the repeated requests."),
  jwt: z.optional(
    described(
      z.record(z.string(), z.unknown(), { error: "must be a map of claims, as in { sub: anna, scope: read }" }),
      "Claims of a token that counts as verified: no key and no signature are needed.",
      { examples: [{ sub: "anna", scope: "orders:read" }] },
    ),
  ),
  facts: described(
    z.prefault(z.record(z.string().check(z.meta({ names: "fact" satisfies Named })), z.unknown()), {}),
    "What a lookup finds, by the name of the lookup: a test asks no server and opens no file.",
    { examples: [{ password: { state: "verified", user: "anna" } }] },
  ),
  answer: described(z.prefault(answer, {}), "What the backend does with it. Default: 200 at once."),
  expect: described(z.strictObject(expectFields), "What must come of it."),
});

const test = z.strictObject({
  name: described(
    z.string().check(z.minLength(1, { error: "a test needs a name" }), z.maxLength(200)),
    "What is promised. It also fixes the seeds, so that a choice by chance is always the same.",
  ),
  clock: described(
    z.prefault(z.int().check(z.minimum(0), z.maximum(253_402_300_799)), 1_767_225_600),
    "Epoch seconds at which it begins: for `exp` and `nbf` of tokens and for quotas.",
  ),
  steps: described(
    z.array(step, { error: "must be a list of steps" }).check(z.minLength(1)),
    "Its requests, one after the other, over one state.",
  ),
});

const file = z.strictObject({
  policy: described(
    z.prefault(z.string().check(z.minLength(1)), DEFAULT_POLICY),
    "The policy that is tested, relative to this file.",
  ),
  tests: described(
    z.array(test, { error: "must be a list of tests: [{ name, steps }]" }).check(z.minLength(1)),
    "The tests. Each begins with a state of its own.",
  ),
});

let derived: Schema | undefined;

/** The declaration in the form that completion, hover and the JSON Schema read. Made on first use. */
export function testSchema(): Schema {
  derived ??= { ...fromZod(file), title: "Switchyard policy tests" };
  return derived;
}

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
  const value = problems.hasErrors ? undefined : readBy(file, written, [], problems, keysIn(tree), testSchema());
  for (const [index, one] of (value?.tests ?? []).entries()) checkTest(one, index, value?.tests ?? [], problems);
  const diagnostics = problems.list.toSorted((a, b) => a.range.offset - b.range.offset);
  const tests = value === undefined || problems.hasErrors ? [] : value.tests.map((one, i) => placed(one, i, tree));
  return { diagnostics, policy, tests, tree };
}

/** Tests by name and place, however wrong the rest is: for lists. */
export function outlineOf({ tree }: Pick<TestFile, "tree">): { name: string; range: SourceRange }[] {
  const { tests } = (tree.value ?? {}) as { readonly tests?: unknown };
  if (!Array.isArray(tests)) return [];
  return tests.flatMap((one: unknown, index) => {
    const { name: called } = (one ?? {}) as { readonly name?: unknown };
    return typeof called === "string" ? [{ name: called, range: tree.blockRange(["tests", index]) }] : [];
  });
}

function keysIn(tree: Tree): (path: Path) => readonly string[] {
  return (path) => keysAt(path, tree.value, testSchema());
}

function placed(one: FileValue["tests"][number], index: number, tree: Tree): PolicyTest {
  const path = ["tests", index];
  return { name: one.name, clock: one.clock * 1000, steps: one.steps, range: tree.blockRange(path), path };
}

/** What one field cannot say alone. */
function checkTest(
  one: FileValue["tests"][number],
  index: number,
  all: readonly { readonly name: string }[],
  problems: Problems,
): void {
  if (all.findIndex((other) => other.name === one.name) < index)
    problems.value("SY206", ["tests", index, "name"], `Two tests are called "${one.name}": the name fixes the seeds.`);
  for (const [number, { request: asked, answer: given, expect }] of one.steps.entries()) {
    const at = ["tests", index, "steps", number];
    const target = asked.path.split("?", 1)[0];
    if (normalisePath(target) === undefined)
      problems.value("SY102", [...at, "request", "path"], `The gateway would answer 400: ${pathProblem(target)}.`);
    if (given.status !== undefined && given.failure !== undefined)
      problems.key(
        "SY102",
        [...at, "answer", "failure"],
        "A backend either answers with a status or fails: remove one.",
      );
    if (Object.keys(expect).length === 0)
      problems.key("SY103", [...at, "expect"], "Nothing is expected here: a step that cannot fail tests nothing.");
  }
}
