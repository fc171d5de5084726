/**
 * From numbers to words: the whole Story of one decision, when somebody looks.
 * Reads only what was recorded, so that an old request is explained by the plan that judged it and not by today's.
 * Must not decide anything, and must not throw on a decision that was cut short.
 */
import type { Passage } from "../model/arrival.ts";
import { Exclusion, Mark, type TraceEntry } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import { storyAnswer } from "./answers.ts";
import { whyInBrief } from "./brief.ts";
import { routeCandidates } from "./candidates.ts";
import { exclusionSentence } from "./exclusions.ts";
import { attemptsOf, labelOf, noteWords, tellBalance, tellCandidates, type Attempt } from "./explain-balance.ts";
import { countOf, tellPolicies, type Told } from "./explain-policies.ts";
import { isKept, sessionInBrief, zoneInBrief } from "./explain-service.ts";
import { failureWords } from "./failures.ts";
import { entriesOf, refusalOf } from "./refusals.ts";
import type { Ended, Judged, RouteCandidate, Story, StoryAnswer } from "./story.ts";
import { trackOf } from "./track.ts";

/** @param seen the recorded passage. @param ended absent while the request is on its way, or when only judged. */
export function explain(decision: Judged, plan: Plan, seen: Passage, ended?: Ended): Story {
  const listenerRefused = decision.step >= 0 && decision.route < 0;
  // No listener leads to the route of a copy: nothing competed for it.
  const led = decision.route < 0 || plan.routes[decision.route].listeners.length > 0;
  const told = tellOf(
    decision,
    plan,
    seen,
    listenerRefused || !led ? [] : routeCandidates(plan, seen.arrival, decision),
  );
  const attempts = attemptsOf(told.entries);
  return {
    refusal: told.refusal,
    ...(told.answer === undefined ? {} : { answer: told.answer }),
    title: told.answer === undefined ? titleOf(told, ended) : titleOfAnswer(told.answer),
    sentence: told.refusal?.sentence ?? told.answer?.sentence ?? whyOf(told, attempts, ended),
    gateway: tellPolicies(told),
    balancer: tellBalance(told, attempts),
    routes: told.routes,
    balance: tellCandidates(told, attempts),
    why: whyInBrief(told, attempts, ended),
    track: trackOf(told, attempts, ended),
  };
}

/** What one line of the table shows of the Story, at a fraction of its cost: nothing is worded that is not shown. */
export function explainBriefly(
  decision: Judged,
  plan: Plan,
  seen: Passage,
  ended?: Ended,
): Pick<Story, "refusal" | "why" | "track"> {
  const told = tellOf(decision, plan, seen, []);
  const attempts = attemptsOf(told.entries);
  return { refusal: told.refusal, why: whyInBrief(told, attempts, ended), track: trackOf(told, attempts, ended) };
}

function tellOf(decision: Judged, plan: Plan, seen: Passage, routes: readonly RouteCandidate[]): Told {
  const entries = entriesOf(decision);
  const answer = storyAnswer(decision, plan, entries, seen);
  return { decision, plan, seen, entries, refusal: refusalOf(decision, plan, seen), answer, routes };
}

function titleOf({ decision, plan, refusal, seen }: Told, ended?: Ended): string {
  if (refusal !== undefined) {
    const by = refusal.policy === undefined ? "" : ` by ${refusal.policy}`;
    // At layer 4 nobody is told a status.
    const status = seen.arrival.layer === 4 ? "" : ` with ${refusal.status}`;
    return `Refused${status}${by}: ${refusal.title}`;
  }
  if (decision.service < 0) return "On its way";
  const service = plan.services[decision.service];
  const where = `${service.name} ${labelOf(service, decision.endpoint)}`;
  const tries = decision.attempts > 1 ? `, attempt ${decision.attempts}` : "";
  const answer = ended && ended.status > 0 ? `: ${ended.status}` : "";
  return `Forwarded to ${where}${tries}${answer}`;
}

function titleOfAnswer({ status, policy }: StoryAnswer): string {
  return status === 0 ? `Cut off by ${policy}` : `Answered with ${status} by ${policy}`;
}

/** The first failing fact, else the reason for the endpoint; what went unusually stands before it. */
function whyOf(told: Told, attempts: readonly Attempt[], ended?: Ended): string {
  const { refusal, decision, plan } = told;
  if (refusal !== undefined) {
    return refusal.policy === undefined ? refusal.sentence : `${refusal.policy}: ${refusal.sentence}`;
  }
  if (told.answer !== undefined) return `answered by ${told.answer.policy}: ${told.answer.sentence}`;
  const parts: string[] = [];
  const failure = ended === undefined ? "" : failureWords(ended.failure);
  if (failure !== "") parts.push(failure);
  else if (ended !== undefined && ended.status >= 400) parts.push(`the backend answered ${ended.status}`);
  const shadow = told.entries.find(({ mark, reason }) => mark === Mark.Shadow && reason !== 0);
  if (shadow !== undefined) parts.push(`${plan.steps[shadow.index].name} would have refused (shadow)`);
  if (decision.service >= 0) parts.push(...whyEndpoint(told, attempts));
  if (parts.length === 0 && decision.route >= 0)
    parts.push(`matched ${plan.routes[decision.route].name}, not judged further`);
  return parts.length === 0 ? "not judged" : parts.join("; ");
}

function whyEndpoint({ decision, plan }: Told, attempts: readonly Attempt[]): string[] {
  const service = plan.services[decision.service];
  const last = attempts.findLast(({ picked }) => picked !== undefined);
  if (last === undefined) return [];
  const parts: string[] = [];
  if (decision.attempts > 1) parts.push(`${countOf(decision.attempts, "attempt")}`);
  if (last.panic !== undefined) parts.push(`panic: ${last.panic.x} of ${last.panic.y} healthy`);
  const zone = zoneInBrief(service, last);
  if (zone !== "") parts.push(zone);
  const session = sessionInBrief(service, last);
  if (session !== "") parts.push(session);
  if (isKept(last)) return parts;
  if (last.draws.length > 0) parts.push(noteWords(service, last.draws[0]));
  else parts.push(`${service.balancerKind.type} chose ${labelOf(service, decision.endpoint)}`);
  const unwell = last.excluded.filter(isWorthSaying);
  for (const entry of unwell.slice(0, 2)) parts.push(`${labelOf(service, entry.index)} ${exclusionSentence(entry)}`);
  if (unwell.length > 2) parts.push(`${unwell.length - 2} more left out`);
  return parts;
}

function isWorthSaying({ reason }: TraceEntry): boolean {
  return reason !== Exclusion.Weightless && reason !== Exclusion.Tried && reason !== Exclusion.OtherZone;
}
