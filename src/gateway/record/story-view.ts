/**
 * A Story of the core as the contract's Detail parts: ranges become locations, fixes become text.
 * Must not word anything anew: sentences are the core's.
 */
import type { Detail, EndpointCandidate, RouteCandidate, TimelineStep, Verdict } from "../../contract/detail.ts";
import type { Story, StoryFix, StoryStep } from "../../decide/story.ts";
import type { Plan } from "../../model/plan.ts";
import { locationOf } from "./location.ts";

type StoryParts = Pick<Detail, "gateway" | "balancer" | "routes" | "balance">;

/** @param worded a better sentence for a step, when there is one. */
export function storyParts(
  story: Story | undefined,
  worded: (step: StoryStep) => string | undefined = () => undefined,
): StoryParts {
  if (story === undefined) return { gateway: [], balancer: [], routes: [] };
  return {
    gateway: story.gateway.map((step) => stepView({ ...step, sentence: worded(step) ?? step.sentence })),
    balancer: story.balancer.map(stepView),
    routes: story.routes.map(({ route, match, verdict, why, source }): RouteCandidate => ({
      route,
      match,
      verdict,
      why,
      location: locationOf(source),
    })),
    balance: story.balance && {
      ...story.balance,
      candidates: story.balance.candidates.map(({ source, ...candidate }): EndpointCandidate => ({
        ...candidate,
        location: locationOf(source),
      })),
    },
  };
}

function stepView({ source, ...step }: StoryStep): TimelineStep {
  return { ...step, location: source && locationOf(source) };
}

/** What the engine said when it refused by itself, or what there is to say of an answer. */
export interface PlainVerdict {
  readonly refused: boolean;
  readonly status: number;
  readonly title: string;
  readonly sentence: string;
  readonly type?: string;
}

export function verdictOf(story: Story | undefined, plan: Plan | undefined, plain: PlainVerdict): Verdict {
  const refusal = story?.refusal;
  if (refusal !== undefined && plain.type === undefined)
    return {
      refused: true,
      status: refusal.status,
      title: story!.title,
      sentence: refusal.sentence,
      type: refusal.type,
      policy: refusal.policy,
      location: refusal.source && locationOf(refusal.source),
      fixes: refusal.fixes.flatMap((fix) => fixView(fix, plan)),
    };
  if (plain.type !== undefined || story === undefined) return { ...plain, fixes: [] };
  return { refused: false, status: plain.status, title: story.title, sentence: story.sentence, fixes: [] };
}

function fixView(fix: StoryFix, plan: Plan | undefined): Verdict["fixes"] {
  const source = plan?.steps[fix.step]?.source;
  if (source === undefined) return [];
  const key = fix.path.filter((part) => typeof part === "string").at(-1) ?? "";
  const newText = fix.value === undefined ? `without ${key}` : `${key}: ${JSON.stringify(fix.value)}`;
  return [{ title: fix.title, location: locationOf(source), newText }];
}
