/**
 * "Who is calling, and what may they do?": one timeline step per policy and one for the route, in the order in which
 * they ran. Steps that were not reached stay visible, switched off.
 * Must not run a policy: it words the numbers that the policy left.
 */
import type { Passage } from "../model/arrival.ts";
import { BuiltIn, Mark, SkipNote, type TraceEntry } from "../model/decision.ts";
import type { Plan, PlanStep } from "../model/plan.ts";
import type { Shape } from "../model/policy.ts";
import type { Refusal, Judged, RouteCandidate, StoryAnswer, StoryPhase, StoryStep } from "./story.ts";

export interface Told {
  readonly decision: Judged;
  readonly plan: Plan;
  readonly seen: Passage;
  readonly entries: readonly TraceEntry[];
  readonly refusal: Refusal | undefined;
  readonly answer: StoryAnswer | undefined;
  readonly routes: readonly RouteCandidate[];
}

export function tellPolicies(told: Told): StoryStep[] {
  const { plan, seen, decision } = told;
  const listener = plan.listeners[seen.arrival.listener];
  const steps = listener.steps.map((index) => tellStep(told, index));
  steps.push(tellRoute(told));
  if (decision.route < 0) return steps;
  const route = plan.routes[decision.route];
  const service = drawnService(told);
  const belongs = (index: number) => plan.steps[index].service === undefined || plan.steps[index].service === service;
  for (const index of route.steps) if (belongs(index)) steps.push(tellStep(told, index));
  for (const index of route.shapes) {
    // A listener's step that also shapes was told with its verdict, above.
    const already = route.steps.includes(index) || plan.steps[index].listener !== undefined;
    if (belongs(index) && !already) steps.push(tellShape(told, index));
  }
  return steps;
}

/** One phase of the track; neighbours of one phase are one. */
export interface RanPhase {
  readonly phase: StoryPhase;
  warned: boolean;
}

/** The phases that ran, in the order in which they ran, without a word: the table needs no more. */
export function ranPhases({ plan, seen, decision, entries }: Told): RanPhase[] {
  const phases: RanPhase[] = [];
  const add = (phase: StoryPhase, warned: boolean) => {
    const last = phases.at(-1);
    if (last?.phase === phase) last.warned ||= warned;
    else phases.push({ phase, warned });
  };
  const verdicts = entries.filter(({ mark }) => mark === Mark.Step || mark === Mark.Shadow);
  const ofListener = new Set(plan.listeners[seen.arrival.listener].steps);
  const tell = (listener: boolean) => {
    for (const { index, mark, reason } of verdicts) {
      if (ofListener.has(index) === listener) add(plan.steps[index].phase, mark === Mark.Shadow && reason !== 0);
    }
  };
  tell(true);
  if (decision.route >= 0 || decision.builtIn === BuiltIn.NoRoute) add("route", false);
  tell(false);
  return phases;
}

/** The service that the split drew, reached or not; -1 = none. */
export function drawnService({ plan, decision, entries }: Told): number {
  if (decision.route < 0) return -1;
  const { backends, totalWeight } = plan.routes[decision.route];
  const split = entries.find(({ mark }) => mark === Mark.Split);
  if (split === undefined && !(totalWeight > 0)) return -1;
  return backends[split?.index ?? 0]?.service ?? -1;
}

function tellStep(told: Told, index: number): StoryStep {
  const step = told.plan.steps[index];
  const shared = { phase: step.phase, label: step.name, source: step.source };
  // The last one: a verdict on what came later (a body, an answer) stands behind the one on the head.
  const entry = told.entries.findLast((one) => one.index === index && isVerdict(one.mark));
  if (entry === undefined) {
    const lost = told.decision.trace.dropped > 0 && told.decision.step < 0 && told.decision.route >= 0;
    const sentence = lost ? "admitted; its numbers did not fit into the trace" : "not reached";
    return { ...shared, sentence, state: lost ? "ok" : "off", facts: [] };
  }
  if (entry.mark === Mark.Skipped) {
    const sentence =
      entry.reason === SkipNote.Bypassed
        ? bypassed(told.plan.listeners[told.seen.arrival.listener].name)
        : "skipped: its `when` is false for this request";
    return { ...shared, sentence, state: "skipped", facts: [] };
  }
  const sentence = sentenceOf(step, entry, told.seen);
  const state = entry.reason === 0 ? "ok" : entry.mark === Mark.Shadow ? "shadow" : "stop";
  const worded = state === "shadow" ? `would have refused (shadow): ${sentence}` : sentence;
  return { ...shared, sentence: worded, state, facts: factsOf(step, entry, told.seen) };
}

function bypassed(listener: string): string {
  return `bypassed: listener ${listener} is trusted (internal calls)`;
}

function isVerdict(mark: number): boolean {
  return mark === Mark.Step || mark === Mark.Shadow || mark === Mark.Skipped;
}

function sentenceOf(step: PlanStep, { reason, x, y }: TraceEntry, seen: Passage): string {
  if (reason === 0) return step.policy.admits(step.config, x, y, seen);
  return reasonOf(step, reason)?.say(step.config, x, y, seen) ?? `refused (${reason})`;
}

function reasonOf(step: PlanStep, reason: number) {
  return Object.values(step.policy.reasons)[reason - 1];
}

function factsOf(step: PlanStep, { reason, x, y }: TraceEntry, seen: Passage): StoryStep["facts"] {
  const facts = [{ name: "policy", value: step.kind }];
  if (reason !== 0) facts.push({ name: "answers", value: String(reasonOf(step, reason)?.status ?? "") });
  for (const [name, value] of step.policy.replyFields?.(step.config, reason, x, y, seen, step.twin) ?? []) {
    facts.push({ name, value });
  }
  for (const { pointer, detail } of (reason === 0 ? undefined : reasonOf(step, reason)?.errors)?.(
    step.config,
    x,
    y,
    seen,
  ) ?? [])
    facts.push({ name: pointer === "" ? "the whole body" : pointer, value: detail });
  return facts;
}

function tellShape(told: Told, index: number): StoryStep {
  const step = told.plan.steps[index];
  const shared = {
    phase: step.phase,
    label: step.name,
    source: step.source,
    facts: [{ name: "policy", value: step.kind }],
  };
  const answered = told.answer !== undefined && (step.act as Shape).response === undefined;
  const stopped = told.refusal !== undefined && (told.decision.step < 0 || told.decision.service < 0);
  if (stopped || answered) return { ...shared, sentence: "not reached", state: "off" };
  const { listener } = told.seen.arrival;
  if (step.bypassedBy?.has(listener) === true) {
    return { ...shared, sentence: bypassed(told.plan.listeners[listener].name), state: "skipped" };
  }
  if (step.when !== undefined && !step.when(told.seen)) {
    const sentence = "skipped: its `when` is false for this request";
    return { ...shared, sentence, state: "skipped" };
  }
  return { ...shared, sentence: step.policy.admits(step.config, 0, 0, told.seen), state: "ok" };
}

function tellRoute({ plan, decision, refusal, routes }: Told): StoryStep {
  if (decision.route < 0) {
    const off = decision.builtIn !== BuiltIn.NoRoute;
    const sentence = off ? "not reached" : (refusal?.sentence ?? "no route matches");
    return { phase: "route", label: "route", sentence, state: off ? "off" : "stop", facts: [] };
  }
  const route = plan.routes[decision.route];
  const chosen = routes.find(({ verdict }) => verdict === "chosen");
  const losers = routes.filter(({ verdict }) => verdict === "lost");
  const facts = losers.slice(0, 8).map((one) => ({ name: `${one.route} lost`, value: one.why }));
  if (losers.length > facts.length) facts.push({ name: "and", value: `${losers.length - facts.length} more lost` });
  if (route.listeners.length === 0) {
    const of = route.mirrors === undefined ? "a request" : plan.routes[route.mirrors].name;
    const sentence = `${route.name}: no listener leads here, the gateway sends it for ${of}`;
    return { phase: "route", label: route.name, sentence, state: "ok", source: route.source, facts: [] };
  }
  const sentence = `${route.name} ${chosen?.why ?? "matches"}, of ${countOf(routes.length, "candidate")}`;
  return { phase: "route", label: route.name, sentence, state: "ok", source: route.source, facts };
}

export function countOf(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
