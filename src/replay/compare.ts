/**
 * Two runs of the same requests, side by side: which decisions differ, and in what.
 * Compares by name (route, policy, service, url), since two plans number their parts differently.
 * Must not judge which is better: more refusals may be the intention.
 */
import { answerOf } from "../decide/answers.ts";
import { explainBriefly } from "../decide/explain.ts";
import { builtInRefusals } from "../decide/refusals.ts";
import type { Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import { Assumed, type Replayed } from "./replay.ts";

/** What became of one request, by names that outlive an edit. */
export interface Outline {
  readonly id: number;
  readonly refused: boolean;
  /** A policy answered in the backend's place. */
  readonly answered: boolean;
  /** urn:switchyard:... of the refusal. */
  readonly type?: string;
  /** Of the refusal or the policy's answer; else of the backend, 0 when that is not known. */
  readonly status: number;
  readonly policy?: string;
  readonly route?: string;
  readonly service?: string;
  /** Url of the endpoint that the request was last sent to. */
  readonly endpoint?: string;
  readonly attempts: number;
  /** Bits of Assumed. */
  readonly assumed: number;
}

/** With words. */
export interface Verdict extends Outline {
  /** Of the refusal. */
  readonly sentence?: string;
  /** In few words, as a row of the traffic table says it. */
  readonly why: string;
}

export type Change =
  | "newly refused"
  | "newly admitted"
  | "refusal"
  | "answer"
  | "route"
  | "service"
  | "endpoint"
  | "missing"
  /** It cannot be decided from what was recorded. */
  | "unknown";

export interface Difference {
  readonly id: number;
  readonly before: Outline | undefined;
  readonly after: Verdict | undefined;
  /** The most that changed: admitted or refused, else why refused, else the answer, the route, the service, the endpoint. */
  readonly change: Change;
}

export interface Comparison {
  readonly total: number;
  readonly same: number;
  readonly newlyRefused: number;
  readonly newlyAdmitted: number;
  readonly unknown: number;
  readonly differences: readonly Difference[];
}

/** Of a request that came by a listener which is gone: clients would find nobody there. */
const CLOSED = { type: "urn:switchyard:listener:closed", sentence: "No listener takes it any more." } as const;

/** Cheap: makes no sentence. */
export function outlineOf({ id, decision, plan, passage, outcome, assumed }: Replayed): Outline {
  const service = decision.service >= 0 ? plan.services[decision.service] : undefined;
  const closed = (assumed & Assumed.Listener) !== 0;
  const answered = decision.answer >= 0 && !decision.refused;
  return {
    id,
    refused: decision.refused || closed,
    answered,
    type: closed ? CLOSED.type : typeOf(decision, plan),
    status: answered
      ? answerOf(plan, decision.answer, decision, passage).status
      : statusOf(decision, plan, outcome.status),
    policy: decision.step >= 0 ? plan.steps[decision.step].name : undefined,
    route: decision.route >= 0 ? plan.routes[decision.route].name : undefined,
    service: service?.name,
    endpoint: service?.endpoints[decision.endpoint]?.url,
    attempts: decision.attempts,
    assumed,
  };
}

export function verdictOf(request: Replayed): Verdict {
  const outline = outlineOf(request);
  const { decision, plan, passage, assumed } = request;
  if (assumed & Assumed.Listener) return { ...outline, sentence: CLOSED.sentence, why: "nobody listens there" };
  const { refusal, why } = explainBriefly(decision, plan, passage);
  return refusal === undefined ? { ...outline, why } : { ...outline, sentence: refusal.sentence, why };
}

function typeOf({ step, reason, builtIn }: Decision, plan: Plan): string | undefined {
  if (step < 0) return builtInRefusals[builtIn]?.type;
  const { kind, policy } = plan.steps[step];
  return `urn:switchyard:${kind}:${Object.keys(policy.reasons)[reason - 1]}`;
}

function statusOf({ step, reason, builtIn }: Decision, plan: Plan, otherwise: number): number {
  if (step < 0) return builtInRefusals[builtIn]?.status ?? otherwise;
  return Object.values(plan.steps[step].policy.reasons)[reason - 1].status;
}

export function compareRuns(before: readonly Verdict[], after: readonly Verdict[]): Comparison {
  const later = new Map(after.map((verdict) => [verdict.id, verdict]));
  const differences: Difference[] = [];
  for (const verdict of before) {
    const other = later.get(verdict.id);
    later.delete(verdict.id);
    const change = other === undefined ? "missing" : changeOf(verdict, other);
    if (change !== undefined) differences.push({ id: verdict.id, before: verdict, after: other, change });
  }
  for (const verdict of later.values()) {
    differences.push({ id: verdict.id, before: undefined, after: verdict, change: "missing" });
  }
  return comparison(before.length + later.size, differences);
}

export function comparison(total: number, differences: readonly Difference[]): Comparison {
  const count = (wanted: Change) => differences.filter(({ change }) => change === wanted).length;
  return {
    total,
    same: total - differences.length,
    newlyRefused: count("newly refused"),
    newlyAdmitted: count("newly admitted"),
    unknown: count("unknown"),
    differences,
  };
}

/** @returns undefined when nothing changed. */
export function changeOf(before: Outline, after: Outline): Change | undefined {
  const undecided = (outline: Outline) => (outline.assumed & Assumed.Fact) !== 0;
  if (undecided(after) !== undecided(before)) return "unknown";
  if (before.refused !== after.refused) return after.refused ? "newly refused" : "newly admitted";
  if (before.type !== after.type || before.policy !== after.policy) return "refusal";
  const statusChanged = before.status !== after.status && (before.refused || before.answered);
  if (before.answered !== after.answered || statusChanged) return "answer";
  if (before.route !== after.route) return "route";
  if (before.service !== after.service) return "service";
  if (before.endpoint !== after.endpoint) return "endpoint";
  return undefined;
}
