/**
 * What a policy test expects, compared with what was decided; what fails comes with the explanation of the decision.
 * Must not word a decision anew: the sentences are the core's.
 */
import type { Story, StoryStep } from "../decide/story.ts";
import type { Passage } from "../model/arrival.ts";
import type { SourceRange } from "../model/basics.ts";
import type { Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { Path, Tree } from "../policyfile/tree.ts";
import type { ExpectKey, TestStep } from "./policy-test-file.ts";
import { NONE, reasonOf } from "./policy-test-names.ts";

export interface FailedExpectation {
  readonly message: string;
  readonly expected: string;
  readonly actual: string;
  /** Of the expectation, in the test file. */
  readonly range: SourceRange;
  /** The decision in lines: title, sentence with its place in the policy, and each step. */
  readonly explanation: readonly string[];
}

interface Judged {
  readonly decision: Decision;
  readonly passage: Passage;
  readonly story: Story;
  readonly status: number;
}

interface Place {
  readonly plan: Plan;
  readonly tree: Tree;
  /** Of the step. */
  readonly path: Path;
  /** Counted from 1. */
  readonly step: number;
  readonly round: number;
}

type Actual = Readonly<Record<ExpectKey, string>>;

export function failuresOf(expect: TestStep["expect"], judged: Judged, place: Place): FailedExpectation[] {
  const actual = actualOf(judged, place.plan);
  const where = `step ${place.step}${place.round > 1 ? `, request ${place.round}` : ""}`;
  const keys = (Object.keys(expect) as ExpectKey[]).filter((key) => expect[key] !== undefined);
  return keys.flatMap((key) => {
    const expected = String(expect[key]);
    if (meets(key, expected, actual[key], judged, place.plan)) return [];
    return [
      {
        message: `${where}: ${key} was ${actual[key]}, expected ${key === "detail" ? "to hold " : ""}${expected}`,
        expected,
        actual: actual[key],
        range: place.tree.blockRange([...place.path, "expect", key]),
        explanation: explanationOf(judged.story),
      },
    ];
  });
}

function meets(key: ExpectKey, expected: string, actual: string, { decision }: Judged, plan: Plan): boolean {
  if (key === "detail") return actual.includes(expected);
  if (key === "reason" && !expected.includes("/")) return actual.split("/").at(-1) === expected;
  if (key === "endpoint") return actual === expected || endpointOf(decision, plan)?.url === expected;
  return actual === expected;
}

function endpointOf({ service, endpoint }: Decision, plan: Plan) {
  return plan.services[service]?.endpoints[endpoint];
}

function actualOf({ decision, passage, story, status }: Judged, plan: Plan): Actual {
  const { refusal, answer } = story;
  return {
    status: String(status),
    decision: refusal === undefined ? (answer === undefined ? "admitted" : "answered") : "refused",
    route: plan.routes[decision.route]?.name ?? NONE,
    policy: refusal?.policy ?? answer?.policy ?? NONE,
    reason: refusal === undefined ? NONE : reasonOf(refusal.type),
    service: plan.services[decision.service]?.name ?? NONE,
    endpoint: endpointOf(decision, plan)?.label ?? NONE,
    consumer: passage.caller.consumer ?? NONE,
    detail: story.sentence,
  };
}

const GLYPHS: Readonly<Record<StoryStep["state"], string>> = {
  ok: "✓",
  stop: "✕",
  off: "·",
  shadow: "~",
  skipped: "–",
};

function explanationOf({ title, sentence, refusal, gateway, balancer }: Story): string[] {
  const lines = [title, `${sentence}${at(refusal?.source)}`];
  for (const { state, phase, label, sentence: words, source } of [...gateway, ...balancer])
    if (state !== "off") lines.push(`${GLYPHS[state]} ${phase} ${label}: ${words}${at(source)}`);
  return lines;
}

function at(source: SourceRange | undefined): string {
  return source === undefined ? "" : ` (${source.file}:${source.line})`;
}
