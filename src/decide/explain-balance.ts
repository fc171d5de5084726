/**
 * "Where should it go?": the split between services, then each attempt with its candidates, who was left out and why,
 * the draw and the choice.
 * Must not look at today's health: the trace holds what each endpoint was at that moment.
 */
import { BuiltIn, CircuitNote, Mark, SessionNote, type TraceEntry } from "../model/decision.ts";
import type { PlanService } from "../model/plan.ts";
import { exclusionSentence } from "./exclusions.ts";
import { boundSentence, isKept, sessionSentence, weightWords, zoneSentence } from "./explain-service.ts";
import { sendingSteps } from "./explain-sending.ts";
import { countOf, type Told } from "./explain-policies.ts";
import type { EndpointCandidate, Story, StoryStep } from "./story.ts";

/** What one pick left in the trace. */
export interface Attempt {
  readonly panic?: TraceEntry;
  /** What was said of zones, of the session, and of the service's bounds (circuit breaker, requests in flight). */
  readonly zones: readonly TraceEntry[];
  readonly session?: TraceEntry;
  readonly bounds: readonly TraceEntry[];
  readonly candidates: readonly TraceEntry[];
  readonly excluded: readonly TraceEntry[];
  readonly draws: readonly TraceEntry[];
  /** What was said of it before it was picked: why it follows another. */
  readonly sends: readonly TraceEntry[];
  /** Absent when none could be picked. */
  readonly picked?: TraceEntry;
}

export function attemptsOf(entries: readonly TraceEntry[]): Attempt[] {
  const attempts: Attempt[] = [];
  let open = newAttempt();
  const close = () => {
    if (open.picked || open.candidates.length > 0 || open.excluded.length > 0 || open.bounds.length > 0) {
      attempts.push(open);
    }
    open = newAttempt();
  };
  for (const entry of entries) {
    // A pick begins with what holds for the service, or its first endpoint; one that failed has no Picked to end it.
    if (begins(entry) && (open.candidates.length > 0 || open.excluded.length > 0)) close();
    switch (entry.mark) {
      case Mark.Panic:
        open.panic = entry;
        break;
      case Mark.Zone:
        open.zones.push(entry);
        break;
      case Mark.Session:
        open.session = entry;
        break;
      case Mark.Circuit:
      case Mark.Full:
        open.bounds.push(entry);
        break;
      case Mark.Candidate:
        open.candidates.push(entry);
        break;
      case Mark.Excluded:
        open.excluded.push(entry);
        break;
      case Mark.Send:
        open.sends.push(entry);
        break;
      case Mark.Draw:
        open.draws.push(entry);
        break;
      case Mark.Picked:
        open.picked = entry;
        close();
        break;
    }
  }
  close();
  return attempts;
}

function newAttempt() {
  return {
    panic: undefined as TraceEntry | undefined,
    zones: [] as TraceEntry[],
    session: undefined as TraceEntry | undefined,
    bounds: [] as TraceEntry[],
    candidates: [] as TraceEntry[],
    excluded: [] as TraceEntry[],
    draws: [] as TraceEntry[],
    sends: [] as TraceEntry[],
    picked: undefined as TraceEntry | undefined,
  };
}

function begins({ mark, index, reason }: TraceEntry): boolean {
  if (mark === Mark.Circuit) return reason !== CircuitNote.Trial;
  if (mark === Mark.Session) return reason === SessionNote.New || reason === SessionNote.Stranger;
  return mark === Mark.Panic || mark === Mark.Zone || mark === Mark.Full || (isEndpoint({ mark }) && index === 0);
}

function isEndpoint({ mark }: Pick<TraceEntry, "mark">): boolean {
  return mark === Mark.Candidate || mark === Mark.Excluded;
}

export function tellBalance(told: Told, attempts: readonly Attempt[]): StoryStep[] {
  const { plan, decision, refusal } = told;
  const steps = tellSplit(told);
  if (decision.service < 0) {
    const stopped = decision.builtIn === BuiltIn.NoService;
    const unasked = told.answer === undefined ? "not reached" : `not asked: ${told.answer.policy} answered`;
    const sentence = stopped ? (refusal?.sentence ?? "no backend") : unasked;
    steps.push({ phase: "balance", label: "balance", sentence, state: stopped ? "stop" : "off", facts: [] });
    return steps;
  }
  const service = plan.services[decision.service];
  const route = decision.route < 0 ? undefined : plan.routes[decision.route];
  attempts.forEach((attempt, i) => {
    const before = attempts[i - 1]?.picked;
    const asked = before === undefined ? "" : labelOf(service, before.index);
    steps.push(
      ...sendingSteps(plan, route, service, attempt.sends, asked),
      ...tellAttempt(told, service, attempt, i + 1),
    );
  });
  steps.push(...sendingSteps(plan, route, service, lastSends(told.entries), ""));
  if (told.decision.trace.dropped > 0) {
    const sentence = `${countOf(told.decision.trace.dropped, "entry").replace("entrys", "entries")} did not fit into the trace`;
    steps.push({ phase: "balance", label: "trace", sentence, state: "ok", facts: [] });
  }
  return steps;
}

/** What was said of attempts and copies after the last pick. */
function lastSends(entries: readonly TraceEntry[]): readonly TraceEntry[] {
  const last = entries.findLastIndex(({ mark }) => mark === Mark.Picked || isEndpoint({ mark }));
  return entries.slice(last + 1).filter(({ mark }) => mark === Mark.Send);
}

function tellSplit({ plan, decision, entries, seen, answer }: Told): StoryStep[] {
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
  const sentence =
    split.reason === 1
      ? `${name}: chosen by a policy of the route, not by weight`
      : `${name} with weight ${backend.weight} of ${split.y}: drew ${split.x.toFixed(2)}`;
  const state = (decision.step >= 0 && decision.service < 0) || answer !== undefined ? "off" : "ok";
  return [{ phase: "balance", label: name, sentence, state, source: backend.source, facts }];
}

function tellAttempt(told: Told, service: PlanService, attempt: Attempt, number: number): StoryStep[] {
  const steps: StoryStep[] = [];
  if (attempt.panic !== undefined) {
    const { x, y } = attempt.panic;
    const sentence = `only ${x} of ${y} endpoints are healthy, below the panic threshold of ${service.panicThreshold}%: all are used`;
    steps.push({ phase: "balance", label: "panic", sentence, state: "ok", source: service.source, facts: [] });
  }
  const zone = zoneSentence(service, attempt);
  if (zone !== "") {
    const { source } = service.locality ?? service;
    steps.push({ phase: "balance", label: "zone", sentence: zone, state: "ok", source, facts: [] });
  }
  const session = sessionSentence(service, attempt);
  if (session !== "") {
    const { source } = service.persistence ?? service;
    steps.push({ phase: "balance", label: "session", sentence: session, state: "ok", source, facts: [] });
  }
  const trial = attempt.bounds.find(({ mark, reason }) => mark === Mark.Circuit && reason === CircuitNote.Trial);
  if (trial !== undefined) {
    const sentence = `the circuit is half-open: this is trial ${trial.x} of ${trial.y}`;
    const { source } = service.circuitBreaker ?? service;
    steps.push({ phase: "balance", label: "circuit breaker", sentence, state: "ok", source, facts: [] });
  }
  const facts = [
    ...attempt.candidates.map(({ index, x, y }) => ({
      name: labelOf(service, index),
      value: `${x} in flight, weight ${weightWords(y, service.endpoints[index]?.weight)}`,
    })),
    ...attempt.excluded.map((entry) => ({ name: labelOf(service, entry.index), value: exclusionSentence(entry) })),
  ];
  if (attempt.picked === undefined) {
    const last = number > 1;
    const sentence = last
      ? lastRefusal(service, attempt)
      : (told.refusal?.sentence ?? `no endpoint of ${service.name} could be picked`);
    steps.push({ phase: "balance", label: service.name, sentence, state: "stop", source: service.source, facts });
    return steps;
  }
  const endpoint = service.endpoints[attempt.picked.index];
  const again = number > 1 ? `attempt ${number}: ` : "";
  const by = isKept(attempt) ? "session" : service.balancerKind.type;
  const sentence = `${again}${by}: ${drawSentence(service, attempt)}`;
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

/** What the balancer noted of its choice; what it noted of another endpoint is told beside that one. */
export function drawSentence(service: PlanService, attempt: Attempt): string {
  if (isKept(attempt)) return sessionSentence(service, attempt);
  const { concerns, reasons } = service.balancerKind;
  const names = Object.keys(reasons);
  const ofOthers = ({ reason, x }: TraceEntry) => {
    const endpoint = concerns?.(names[reason - 1], x) ?? -1;
    return endpoint >= 0 && endpoint !== attempt.picked?.index;
  };
  const words = attempt.draws.filter((entry) => !ofOthers(entry)).map((entry) => noteWords(service, entry));
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
export function tellCandidates(told: Told, attempts: readonly Attempt[]): Story["balance"] {
  const { plan, decision, seen } = told;
  if (decision.service < 0) return undefined;
  const service = plan.services[decision.service];
  const attempt = attempts.findLast(({ picked }) => picked !== undefined) ?? attempts.at(-1);
  if (attempt === undefined) return undefined;
  const candidates: EndpointCandidate[] = service.endpoints.map((endpoint) => {
    const { label, url, source, index } = endpoint;
    const excluded = attempt.excluded.find((entry) => entry.index === index);
    const candidate = attempt.candidates.find((entry) => entry.index === index);
    const shared = { label, url, source, inFlight: candidate?.x ?? 0, weight: candidate?.y ?? endpoint.weight };
    const chosen = attempt.picked?.index === index;
    if (excluded && !chosen) return { ...shared, verdict: "excluded", why: exclusionSentence(excluded) };
    return {
      ...shared,
      verdict: chosen ? "chosen" : "lost",
      why: chosen ? "" : whyLost(service, attempt, index),
    };
  });
  return {
    algorithm: service.balancerKind.type,
    sentence: attempt.picked
      ? drawSentence(service, attempt)
      : (told.refusal?.sentence ?? lastRefusal(service, attempt)),
    seed: seedWords(seen.seed),
    candidates,
  };
}

/** Why there was no further attempt. */
function lastRefusal(service: PlanService, attempt: Attempt): string {
  const bound = boundSentence(service, attempt.bounds);
  if (bound !== "") return bound;
  return attempt.excluded.length > 0
    ? `no endpoint of ${service.name} is left that was not tried`
    : "no endpoint could be picked";
}

function whyLost(service: PlanService, attempt: Attempt, endpoint: number): string {
  const { concerns, reasons } = service.balancerKind;
  const names = Object.keys(reasons);
  if (isKept(attempt)) return "the session goes elsewhere";
  const note = attempt.draws.find(({ reason, x }) => concerns?.(names[reason - 1], x) === endpoint);
  return note === undefined ? "not picked" : noteWords(service, note);
}

export function seedWords(seed: number): string {
  return (seed >>> 0).toString(16).padStart(8, "0");
}
