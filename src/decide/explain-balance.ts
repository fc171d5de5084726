/**
 * "Where should it go?": the split between services, then each attempt with its candidates, who was left out and why,
 * the draw and the choice.
 * Must not look at today's health: the trace holds what each endpoint was at that moment.
 */
import { BuiltIn, Mark, type TraceEntry } from "../model/decision.ts";
import type { PlanService } from "../model/plan.ts";
import { exclusionSentence } from "./exclusions.ts";
import { countOf, type Told } from "./explain-policies.ts";
import type { EndpointCandidate, Story, StoryStep } from "./story.ts";

/** What one pick left in the trace. */
export interface Attempt {
  readonly panic?: TraceEntry;
  readonly candidates: readonly TraceEntry[];
  readonly excluded: readonly TraceEntry[];
  readonly draws: readonly TraceEntry[];
  /** Absent when none could be picked. */
  readonly picked?: TraceEntry;
}

export function attemptsOf(entries: readonly TraceEntry[]): Attempt[] {
  const attempts: Attempt[] = [];
  let open = newAttempt();
  const close = () => {
    if (open.picked || open.candidates.length > 0 || open.excluded.length > 0) attempts.push(open);
    open = newAttempt();
  };
  for (const entry of entries) {
    // A pick begins with its panic or its first endpoint; one that failed has no Picked to end it.
    const begins = entry.mark === Mark.Panic || (isEndpoint(entry) && entry.index === 0 && open.panic === undefined);
    if (begins && (open.candidates.length > 0 || open.excluded.length > 0)) close();
    if (entry.mark === Mark.Panic) open.panic = entry;
    else if (entry.mark === Mark.Candidate) open.candidates.push(entry);
    else if (entry.mark === Mark.Excluded) open.excluded.push(entry);
    else if (entry.mark === Mark.Draw) open.draws.push(entry);
    else if (entry.mark === Mark.Picked) {
      open.picked = entry;
      close();
    }
  }
  close();
  return attempts;
}

function newAttempt() {
  return {
    panic: undefined as TraceEntry | undefined,
    candidates: [] as TraceEntry[],
    excluded: [] as TraceEntry[],
    draws: [] as TraceEntry[],
    picked: undefined as TraceEntry | undefined,
  };
}

function isEndpoint({ mark }: TraceEntry): boolean {
  return mark === Mark.Candidate || mark === Mark.Excluded;
}

export function tellBalance(told: Told, attempts: readonly Attempt[]): StoryStep[] {
  const { plan, decision, refusal } = told;
  const steps = tellSplit(told);
  if (decision.service < 0) {
    const stopped = decision.builtIn === BuiltIn.NoService;
    const sentence = stopped ? (refusal?.sentence ?? "no backend") : "not reached";
    steps.push({ phase: "balance", label: "balance", sentence, state: stopped ? "stop" : "off", facts: [] });
    return steps;
  }
  const service = plan.services[decision.service];
  attempts.forEach((attempt, i) => steps.push(...tellAttempt(told, service, attempt, i + 1)));
  if (told.decision.trace.dropped > 0) {
    const sentence = `${countOf(told.decision.trace.dropped, "entry").replace("entrys", "entries")} did not fit into the trace`;
    steps.push({ phase: "balance", label: "trace", sentence, state: "ok", facts: [] });
  }
  return steps;
}

function tellSplit({ plan, decision, entries, seen }: Told): StoryStep[] {
  const split = entries.find(({ mark }) => mark === Mark.Split);
  if (split === undefined || decision.route < 0) return [];
  const { backends } = plan.routes[decision.route];
  const backend = backends[split.index];
  const name = plan.services[backend.service].name;
  const facts = backends.map(({ service, weight }) => ({
    name: plan.services[service].name,
    value: `weight ${weight}`,
  }));
  facts.push({ name: "seed", value: seedWords(seen.seed) });
  const sentence = `${name} with weight ${backend.weight} of ${split.y}: drew ${split.x.toFixed(2)}`;
  const state = decision.step >= 0 ? "off" : "ok";
  return [{ phase: "balance", label: name, sentence, state, source: backend.source, facts }];
}

function tellAttempt(told: Told, service: PlanService, attempt: Attempt, number: number): StoryStep[] {
  const steps: StoryStep[] = [];
  if (attempt.panic !== undefined) {
    const { x, y } = attempt.panic;
    const sentence = `only ${x} of ${y} endpoints are healthy, below the panic threshold of ${service.panicThreshold}%: all are used`;
    steps.push({ phase: "balance", label: "panic", sentence, state: "ok", source: service.source, facts: [] });
  }
  const facts = [
    ...attempt.candidates.map(({ index, x, y }) => ({
      name: labelOf(service, index),
      value: `${x} in flight, weight ${y}`,
    })),
    ...attempt.excluded.map((entry) => ({ name: labelOf(service, entry.index), value: exclusionSentence(entry) })),
  ];
  if (attempt.picked === undefined) {
    const last = number > 1;
    const sentence = last
      ? `no endpoint of ${service.name} is left that was not tried`
      : (told.refusal?.sentence ?? `no endpoint of ${service.name} could be picked`);
    steps.push({ phase: "balance", label: service.name, sentence, state: "stop", source: service.source, facts });
    return steps;
  }
  const endpoint = service.endpoints[attempt.picked.index];
  const again = number > 1 ? `attempt ${number}: ` : "";
  const sentence = `${again}${service.balancerKind.type}: ${drawSentence(service, attempt)}`;
  steps.push({
    phase: "balance",
    label: endpoint?.label ?? "?",
    sentence,
    state: "ok",
    source: endpoint?.source,
    facts,
  });
  return steps;
}

/** All that the balancer noted; the first note is the reason for the choice. */
export function drawSentence(service: PlanService, attempt: Attempt): string {
  const words = attempt.draws.map((entry) => noteWords(service, entry));
  return words.length === 0 ? "chosen" : words.join("; ");
}

export function noteWords(service: PlanService, { reason, x, y }: TraceEntry): string {
  const say = Object.values(service.balancerKind.reasons)[reason - 1];
  return say === undefined ? `note ${reason}` : say(x, y, (endpoint) => labelOf(service, endpoint));
}

export function labelOf(service: PlanService, endpoint: number): string {
  return service.endpoints[endpoint]?.label ?? `endpoint ${endpoint}`;
}

/** The last pick's candidates: what the choice looked like when the request was sent for good. */
export function tellCandidates({ plan, decision, seen }: Told, attempts: readonly Attempt[]): Story["balance"] {
  if (decision.service < 0) return undefined;
  const service = plan.services[decision.service];
  const attempt = attempts.findLast(({ picked }) => picked !== undefined) ?? attempts.at(-1);
  if (attempt === undefined) return undefined;
  const candidates: EndpointCandidate[] = service.endpoints.map((endpoint) => {
    const { label, url, source, index } = endpoint;
    const excluded = attempt.excluded.find((entry) => entry.index === index);
    const candidate = attempt.candidates.find((entry) => entry.index === index);
    const shared = { label, url, source, inFlight: candidate?.x ?? 0, weight: candidate?.y ?? endpoint.weight };
    if (excluded) return { ...shared, verdict: "excluded", why: exclusionSentence(excluded) };
    const chosen = attempt.picked?.index === index;
    return {
      ...shared,
      verdict: chosen ? "chosen" : "lost",
      why: chosen ? drawSentence(service, attempt) : whyLost(service, attempt, index),
    };
  });
  return {
    algorithm: service.balancerKind.type,
    sentence: attempt.picked ? drawSentence(service, attempt) : "no endpoint could be picked",
    seed: seedWords(seen.seed),
    candidates,
  };
}

function whyLost(service: PlanService, attempt: Attempt, endpoint: number): string {
  const { concerns, reasons } = service.balancerKind;
  const names = Object.keys(reasons);
  const note = attempt.draws.find(({ reason, x }) => concerns?.(names[reason - 1], x) === endpoint);
  return note === undefined ? "not picked" : noteWords(service, note);
}

export function seedWords(seed: number): string {
  return (seed >>> 0).toString(16).padStart(8, "0");
}
