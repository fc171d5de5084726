/**
 * A policy's own answer as data, from the trace and the recorded passage: what the story says when no backend was asked.
 * Must not make HTTP of it: gateway/refuse does.
 */
import type { Passage } from "../model/arrival.ts";
import { Mark, type TraceEntry } from "../model/decision.ts";
import type { PathMatch } from "../model/path-match.ts";
import type { Plan } from "../model/plan.ts";
import type { Answer, Step } from "../model/policy.ts";
import type { Judged, StoryAnswer } from "./story.ts";

const EVERY_PATH: PathMatch = { kind: "prefix", value: "/" };

/** What `plan.steps[step]` answers. On a listener no route is chosen yet, and its path counts as matched by "/". */
export function answerOf(
  plan: Plan,
  step: number,
  { route, match }: Pick<Judged, "route" | "match">,
  x: Passage,
): Answer {
  const matched = route < 0 ? EVERY_PATH : plan.routes[route].matches[match].path;
  const act = plan.steps[step].act as Step<unknown>;
  return act.answer?.(x, matched) ?? { status: 204, fields: [], body: "" };
}

/** @returns undefined when no policy answered. */
export function storyAnswer(
  decision: Judged,
  plan: Plan,
  entries: readonly TraceEntry[],
  seen: Passage,
): StoryAnswer | undefined {
  const answered = entries.find(({ mark }) => mark === Mark.Answered);
  const step = plan.steps[answered?.index ?? -1];
  if (answered === undefined || step === undefined) return undefined;
  const verdict = entries.find(({ mark, index }) => mark === Mark.Step && index === step.index);
  const { status, reset } = answerOf(plan, step.index, decision, seen);
  return {
    policy: step.name,
    status: reset === true ? 0 : status,
    sentence: step.policy.admits(step.config, verdict?.x ?? 0, verdict?.y ?? 0, seen),
    source: step.source,
  };
}
