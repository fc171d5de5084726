/**
 * The mark that each request draws: a dot per phase that ran, a square where it stopped, a fork over the replicas.
 * Carries its own words, since nothing may be said by shape or colour alone.
 */
import type { Ended, StoryTrack } from "./story.ts";
import { Failure } from "../model/state.ts";
import type { Attempt } from "./explain-balance.ts";
import { labelOf } from "./explain-balance.ts";
import { countOf, ranPhases, type Told } from "./explain-policies.ts";
import { failureWords } from "./failures.ts";

const PHASE_WORDS: Readonly<Record<string, string>> = {
  screen: "the screening",
  identify: "identification",
  authorize: "authorization",
  validate: "validation",
  limit: "the rate limit",
  route: "routing",
  balance: "balancing",
};

export function trackOf(told: Told, attempts: readonly Attempt[], ended?: Ended): StoryTrack {
  const { decision, plan, refusal } = told;
  const ran = ranPhases(told);
  const phases: string[] = ran.map(({ phase }) => phase);
  const stoppedAtBalance = refusal !== undefined && decision.step < 0 && decision.route >= 0;
  if (stoppedAtBalance) phases.push("balance");
  const service = decision.service >= 0 ? plan.services[decision.service] : undefined;
  const last = attempts.findLast(({ picked }) => picked !== undefined) ?? attempts.at(-1);
  const failed = ended !== undefined && isFailure(ended);
  return {
    phases,
    stopped: refusal !== undefined,
    warned: ran.findIndex(({ warned }) => warned),
    replicas: service?.endpoints.length ?? 0,
    chosen: refusal === undefined ? decision.endpoint : -1,
    excluded: last?.excluded.map(({ index }) => index) ?? [],
    failed,
    say: sayTrack(told, phases, last, ended),
  };
}

function isFailure({ status, failure }: Ended): boolean {
  return status >= 500 || (failure !== Failure.None && failure !== Failure.ClientGone);
}

function sayTrack(
  { decision, plan, refusal, answer }: Told,
  phases: readonly string[],
  last: Attempt | undefined,
  ended?: Ended,
): string {
  if (refusal !== undefined) {
    const phase = phases.at(-1) ?? "";
    const at = `stopped at ${PHASE_WORDS[phase] ?? phase}`;
    return refusal.policy === undefined ? at : `${at} by ${refusal.policy}`;
  }
  if (answer !== undefined) return `answered by ${answer.policy}`;
  if (decision.service < 0) return "on its way";
  const service = plan.services[decision.service];
  const one = service.endpoints.length === 1;
  const out = last?.excluded.map(({ index }) => labelOf(service, index)) ?? [];
  const left = out.length > 0 ? `, without ${out.join(", ")}` : "";
  const of = one ? "" : ` of ${countOf(service.endpoints.length, "replica")}`;
  const failed =
    ended && isFailure(ended) ? `, which ${failureWords(ended.failure) || `answered ${ended.status}`}` : "";
  return `went to ${service.name} ${labelOf(service, decision.endpoint)}${of}${left}${failed}`;
}
