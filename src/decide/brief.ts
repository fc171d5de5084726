/**
 * Why, in the width of a table's column: the fact first, in words that fit. The detail has the whole sentences.
 * Must not say anything that the detail does not say too, and must not decide anything.
 */
import { BuiltIn, Exclusion, Mark, type TraceEntry } from "../model/decision.ts";
import type { PlanService } from "../model/plan.ts";
import { exclusionSentence } from "./exclusions.ts";
import { labelOf, noteWords, type Attempt } from "./explain-balance.ts";
import type { Told } from "./explain-policies.ts";
import { isKept, sessionInBrief, zoneInBrief } from "./explain-service.ts";
import { sendingInBrief } from "./explain-sending.ts";
import { failureWords } from "./failures.ts";
import type { Ended } from "./story.ts";

/** Sentences left out beyond this many. */
const MOST_LEFT_OUT = 2;

export function whyInBrief(told: Told, attempts: readonly Attempt[], ended?: Ended): string {
  if (told.refusal !== undefined) return refusalInBrief(told);
  if (told.answer !== undefined) return `answered by ${told.answer.policy}: ${told.answer.sentence}`;
  const { decision, plan } = told;
  const parts = outcomeInBrief(ended);
  const sending = sendingInBrief(plan.routes[decision.route], plan.services[decision.service], told.entries);
  if (sending !== "") parts.push(sending);
  else if (decision.attempts > 1) parts.push(...attemptInBrief(told, ended));
  const shadow = told.entries.find(({ mark, reason }) => mark === Mark.Shadow && reason !== 0);
  if (shadow !== undefined) parts.push(`${plan.steps[shadow.index].name} would have refused (shadow)`);
  if (decision.service >= 0) parts.push(...endpointInBrief(told, attempts));
  if (parts.length === 0 && decision.route >= 0) {
    parts.push(`matched ${plan.routes[decision.route].name}, not judged further`);
  }
  return parts.length === 0 ? "not judged" : parts.join("; ");
}

/** "per-user 0 of 20, next in 1.3 s": the policy, then its numbers. */
function refusalInBrief({ decision, plan, entries, refusal, seen }: Told): string {
  const step = plan.steps[decision.step];
  if (step === undefined) {
    const { method = "", path = "" } = seen.arrival;
    const asksHttp = decision.builtIn === BuiltIn.NoRoute && seen.arrival.layer === 7;
    return asksHttp ? `no route for ${method} ${path}` : (refusal?.sentence ?? "refused");
  }
  const reason = Object.values(step.policy.reasons)[decision.reason - 1];
  const entry = entries.findLast(({ mark, index }) => mark === Mark.Step && index === decision.step);
  const { x, y } = entry ?? { x: 0, y: 0 };
  const brief = reason?.brief?.(step.config, x, y, seen);
  return brief === undefined ? `${step.name}: ${refusal?.sentence ?? "refused"}` : `${step.name} ${brief}`;
}

/** An answer that nobody hoped for comes first. */
function outcomeInBrief(ended: Ended | undefined): string[] {
  if (ended === undefined) return [];
  const failure = failureWords(ended.failure);
  if (failure !== "") return [failure];
  return ended.status >= 400 ? [`backend answered ${ended.status}`] : [];
}

/** Where no retry was asked for by a route: a connection of layer 4. */
function attemptInBrief({ decision, plan }: Told, ended: Ended | undefined): string[] {
  const { attempts } = decision;
  if (decision.service < 0) return [];
  const failed = ended?.tries?.[attempts - 2];
  if (failed === undefined) return [`attempt ${attempts}`];
  const label = labelOf(plan.services[decision.service], failed.endpoint);
  const why = failed.status > 0 ? `${failed.status} from ${label}` : `${label} ${failureWords(failed.failure)}`;
  return [`attempt ${attempts} after ${why.trim()}`];
}

function endpointInBrief({ decision, plan, seen }: Told, attempts: readonly Attempt[]): string[] {
  const service = plan.services[decision.service];
  const last = attempts.findLast(({ picked }) => picked !== undefined);
  if (last === undefined) return [];
  const parts: string[] = [];
  if (last.panic !== undefined) parts.push(`panic: ${last.panic.x} of ${last.panic.y} healthy`);
  for (const words of [zoneInBrief(service, last), sessionInBrief(service, last)]) if (words !== "") parts.push(words);
  if (isKept(last)) return parts;
  parts.push(choiceInBrief(service, last, seen));
  const unwell = last.excluded.filter(isWorthSaying);
  for (const entry of unwell.slice(0, MOST_LEFT_OUT)) {
    parts.push(`${labelOf(service, entry.index)} ${exclusionSentence(entry)}`);
  }
  if (unwell.length > MOST_LEFT_OUT) parts.push(`${unwell.length - MOST_LEFT_OUT} more left out`);
  return parts;
}

function choiceInBrief(service: PlanService, attempt: Attempt, seen: Told["seen"]): string {
  if (service.endpoints.length === 1) return "only endpoint";
  if (attempt.candidates.length === 1) return "only endpoint left";
  const { type, reasons, brief } = service.balancerKind;
  const note = attempt.draws[0];
  if (note === undefined) return `${type} chose it`;
  const name = Object.keys(reasons)[note.reason - 1];
  return brief?.(name, note.x, note.y, seen, service.balancerConfig) ?? noteWords(service, note);
}

function isWorthSaying({ reason }: TraceEntry): boolean {
  return reason !== Exclusion.Weightless && reason !== Exclusion.Tried && reason !== Exclusion.OtherZone;
}
