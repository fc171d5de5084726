/**
 * Every refusal of the core as data: what a policy's reason, the router or the balancer says, with status, sentence,
 * place in the file and fixes. The names are stable for ever.
 * Must not make HTTP of it: that is gateway/refuse, and it alone.
 */
import type { Passage } from "../model/arrival.ts";
import type { SourceRange } from "../model/basics.ts";
import { BuiltIn, CircuitNote, Mark, unpackEntry, type TraceEntry } from "../model/decision.ts";
import type { Plan, PlanService } from "../model/plan.ts";
import { nearestRoutes } from "./candidates.ts";
import { exclusionSentence } from "./exclusions.ts";
import { boundSentence } from "./explain-service.ts";
import type { Judged, Refusal } from "./story.ts";

interface BuiltInRefusal {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  say(decision: Judged, plan: Plan, seen: Passage): string;
  /** Where it is asked for, when that is not the route. */
  source?(service: PlanService): SourceRange | undefined;
  /** Seconds. */
  retryAfter?(decision: Judged): number;
}

/** By BuiltIn number. */
export const builtInRefusals: Readonly<Record<number, BuiltInRefusal>> = {
  [BuiltIn.NoRoute]: {
    type: "urn:switchyard:route:no-match",
    status: 404,
    title: "No route matches",
    say: (_decision, plan, seen) => sayNoRoute(plan, seen),
  },
  [BuiltIn.NoEndpoint]: {
    type: "urn:switchyard:balance:no-endpoint",
    status: 503,
    title: "No endpoint available",
    say: sayNoEndpoint,
  },
  [BuiltIn.NoService]: {
    type: "urn:switchyard:balance:no-service",
    status: 500,
    title: "Route has no backend",
    say: (decision, plan) =>
      `Route ${plan.routes[decision.route].name} has no backendRef with a weight above 0, so there is nowhere to send it.`,
  },
  [BuiltIn.CircuitOpen]: {
    type: "urn:switchyard:balance:circuit-open",
    status: 503,
    title: "Circuit breaker is open",
    say: (decision, plan) => sayBound(decision, plan, Mark.Circuit),
    source: (service) => service.circuitBreaker?.source,
    retryAfter: (decision) => {
      const entry = entriesOf(decision).findLast(({ mark }) => mark === Mark.Circuit);
      const open = entriesOf(decision).findLast(
        ({ mark, reason }) => mark === Mark.Circuit && reason === CircuitNote.Open,
      );
      return entry?.reason === CircuitNote.Busy || open === undefined ? 1 : Math.max(1, Math.ceil(open.x / 1000));
    },
  },
  [BuiltIn.TooManyInFlight]: {
    type: "urn:switchyard:balance:too-many-requests-in-flight",
    status: 503,
    title: "Too many requests in flight",
    say: (decision, plan) => sayBound(decision, plan, Mark.Full),
    retryAfter: () => 1,
  },
};

/** @returns undefined when the decision refused nothing. @param seen the passage, live or as it was recorded. */
export function refusalOf(decision: Judged, plan: Plan, seen: Passage): Refusal | undefined {
  if (decision.step >= 0) return refusalOfStep(decision, plan, seen);
  const builtIn = builtInRefusals[decision.builtIn];
  if (builtIn === undefined) return undefined;
  const { type, status, title } = builtIn;
  const ofRoute = decision.route >= 0 ? plan.routes[decision.route].source : undefined;
  const ofService = decision.service >= 0 ? builtIn.source?.(plan.services[decision.service]) : undefined;
  const retryAfter = builtIn.retryAfter?.(decision);
  return {
    type,
    status,
    title,
    sentence: builtIn.say(decision, plan, seen),
    step: -1,
    source: ofService ?? ofRoute,
    fixes: [],
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

function refusalOfStep(decision: Judged, plan: Plan, seen: Passage): Refusal {
  const step = plan.steps[decision.step];
  const names = Object.keys(step.policy.reasons);
  const name = names[decision.reason - 1];
  const reason = step.policy.reasons[name];
  const { x, y } = entryOfStep(decision);
  return {
    type: `urn:switchyard:${step.kind}:${name}`,
    status: reason.status,
    title: reason.title,
    sentence: reason.say(step.config, x, y, seen),
    ...(reason.errors && { errors: reason.errors(step.config, x, y, seen) }),
    step: step.index,
    policy: step.name,
    source: step.source,
    fixes: (reason.fix?.(step.config, x, y, seen) ?? []).map((fix) => ({ ...fix, step: step.index })),
  };
}

/** Every entry of the trace, unpacked. */
export function entriesOf(decision: Judged): TraceEntry[] {
  const { numbers, length } = decision.trace;
  const entries: TraceEntry[] = [];
  for (let i = 0; i < length; i++) entries.push(unpackEntry(numbers[i * 3], numbers[i * 3 + 1], numbers[i * 3 + 2]));
  return entries;
}

/** The numbers with which the refusing step spoke: zeros when the trace was too full to hold them. */
function entryOfStep(decision: Judged): { x: number; y: number } {
  const entry = entriesOf(decision).findLast(({ mark, index }) => mark === Mark.Step && index === decision.step);
  return entry ?? { x: 0, y: 0 };
}

function sayNoRoute(plan: Plan, seen: Passage): string {
  const { arrival } = seen;
  if (arrival.layer === 4) return sayNoName(plan, seen);
  const asked = `${arrival.method ?? ""} ${arrival.host ?? ""}${arrival.path ?? ""}`.trim();
  const nearest = nearestRoutes(plan, arrival, 3);
  if (nearest.length === 0)
    return `No route of listener ${plan.listeners[arrival.listener].name} takes ${asked}: it has none.`;
  return `No route takes ${asked}. Nearest: ${nearest.map(({ route, why }) => `${route} (${why})`).join("; ")}.`;
}

function sayNoName(plan: Plan, { arrival }: Passage): string {
  const listener = plan.listeners[arrival.listener].name;
  const asked = arrival.host === undefined ? "a connection that names no server" : `the server name ${arrival.host}`;
  const nearest = nearestRoutes(plan, arrival, 3);
  const others = nearest.map(({ route, why }) => `${route} (${why})`).join("; ");
  return `No route of listener ${listener} takes ${asked}${others === "" ? ": it has none" : `. Nearest: ${others}`}.`;
}

function sayBound(decision: Judged, plan: Plan, mark: number): string {
  const bounds = entriesOf(decision).filter((entry) => entry.mark === mark);
  return `${upperFirst(boundSentence(plan.services[decision.service], bounds))}.`;
}

function upperFirst(sentence: string): string {
  return sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
}

function sayNoEndpoint(decision: Judged, plan: Plan): string {
  const service = plan.services[decision.service];
  if (service.endpoints.length === 0) return `Service ${service.name} has no endpoints.`;
  const excluded = entriesOf(decision).filter(({ mark }) => mark === Mark.Excluded);
  const reasons = excluded.map((entry) => `${service.endpoints[entry.index].label} ${exclusionSentence(entry)}`);
  const all = service.endpoints.length === 1 ? "its one endpoint" : `all ${service.endpoints.length} endpoints`;
  return `Service ${service.name} cannot take the request: ${all} left out (${reasons.join("; ")}).`;
}
