/**
 * The least changes of a policy text under which one refused request would have passed: candidate edits, each judged by
 * replaying the whole recording under the edited text. A number is raised to the smallest value that passes.
 * Must not offer what was not seen to work, and must not touch more of the text than one value.
 */
import { methodMatches, failingHeader, failingQuery, hostnameRank, pathMatches } from "../decide/conditions.ts";
import { refusalOf } from "../decide/refusals.ts";
import type { Arrival } from "../model/arrival.ts";
import { BuiltIn } from "../model/decision.ts";
import type { Plan, PlanStep } from "../model/plan.ts";
import type { Fix } from "../model/policy.ts";
import type { TextEdit } from "../policyfile/diagnostic.ts";
import { appendItem, applyEdits, policyField, policyFix, removeKey, setValue } from "../policyfile/edit.ts";
import { Tree, type Path } from "../policyfile/tree.ts";
import type { Replayed } from "./replay.ts";
import { runUnder, type Recorded } from "./what-if.ts";

export interface Search {
  readonly recorded: Recorded;
  readonly text: string;
  /** Of `text`. */
  readonly plan: Plan;
  /** Id of the refused request. */
  readonly request: number;
  /** undefined = an edited text that is not valid. */
  read(text: string): Plan | undefined;
}

export interface SmallestChange {
  readonly title: string;
  readonly edits: readonly TextEdit[];
  /** Line that the edit is about, from 1. */
  readonly line: number;
  /** Of the edited text. */
  readonly plan: Plan;
}

interface Candidate {
  readonly title: string;
  readonly line: number;
  readonly edits: readonly TextEdit[] | undefined;
}

/** A number in the text that is too small. */
interface Bound {
  title(plan: Plan): string;
  readonly line: number;
  readonly now: number;
  edits(value: number): readonly TextEdit[] | undefined;
}

const MOST_CHANGES = 4;
/** A bound is raised to at most this many times its value. */
const MOST_RAISED = 4096;

/** @returns none when the request is not refused under `plan`, or nothing small helps. */
export function smallestChanges(whole: Search): SmallestChange[] {
  const search = { ...whole, recorded: upTo(whole.recorded, whole.request) };
  const refused = verdictUnder(search, search.plan);
  if (refused === undefined || !refused.decision.refused) return [];
  const found = boundsOf(search, refused).map((bound) => raise(search, bound));
  for (const candidate of candidatesOf(search, refused)) {
    if (found.length >= MOST_CHANGES) break;
    found.push(tried(search, candidate));
  }
  const seen = new Set<string>();
  return found.filter((change): change is SmallestChange => {
    if (change === undefined) return false;
    const key = JSON.stringify(change.edits);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function verdictUnder({ recorded, request }: Search, plan: Plan): Replayed | undefined {
  let found: Replayed | undefined;
  runUnder(recorded, plan, (ended) => {
    if (ended.id === request) found = ended;
  });
  return found;
}

/** What comes after the request has ended cannot change what became of it. */
function upTo({ journal, ...rest }: Recorded, request: number): Recorded {
  const end = journal.findIndex((event) => event.kind === "settle" && event.id === request);
  return { ...rest, journal: journal.slice(0, end + 1) };
}

/** Refusals before the request: to admit them all is more than enough for it. */
function refusalsOf(recorded: Recorded, plan: Plan): number {
  let count = 0;
  runUnder(recorded, plan, ({ decision }) => void (count += decision.refused ? 1 : 0), true);
  return count;
}

/** The change, when it makes the request pass. */
function tried(search: Search, { title, line, edits }: Candidate): SmallestChange | undefined {
  if (edits === undefined) return undefined;
  const plan = search.read(applyEdits(search.text, edits));
  if (plan === undefined) return undefined;
  const verdict = verdictUnder(search, plan);
  const passes = verdict !== undefined && !verdict.decision.refused && verdict.decision.route >= 0;
  return passes ? { title, line, edits, plan } : undefined;
}

/** Finds a value that passes, then halves the gap: what one less would do was seen as well. */
function raise(search: Search, bound: Bound): SmallestChange | undefined {
  const at = (value: number) => tried(search, { title: "", line: bound.line, edits: bound.edits(value) });
  let failing = bound.now;
  let passing = bound.now + refusalsOf(search.recorded, search.plan) + 1;
  let best = at(passing);
  for (let step = 4; best === undefined && step <= MOST_RAISED * Math.max(1, bound.now); step *= 8) {
    if (bound.now + step <= passing) continue;
    failing = passing;
    passing = bound.now + step;
    best = at(passing);
  }
  if (best === undefined) return undefined;
  while (passing - failing > 1) {
    const middle = (failing + passing) >> 1;
    const change = at(middle);
    if (change === undefined) failing = middle;
    else [passing, best] = [middle, change];
  }
  return { ...best, title: bound.title(best.plan) };
}

// ---- Numbers ---------------------------------------------------------------------------------------------------

function boundsOf({ text, plan }: Search, { decision }: Replayed): Bound[] {
  const step = plan.steps[decision.step];
  if (step !== undefined) return boundsOfStep(text, step);
  const service = plan.services[decision.service];
  if (decision.builtIn !== BuiltIn.TooManyInFlight || service === undefined) return [];
  const now = service.maxParallelRequests ?? 0;
  return [
    {
      title: (fixed) => `Smallest passing maxParallelRequests: ${fixed.services[decision.service].maxParallelRequests}`,
      line: plan.routes[decision.route]?.source.line ?? 1,
      now,
      edits: (value) => setValue(text, ["services", service.name, "maxParallelRequests"], value),
    },
  ];
}

function boundsOfStep(text: string, step: PlanStep): Bound[] {
  const { gauge } = step.policy;
  if (gauge === undefined) return [];
  const config = step.config as Readonly<Record<string, unknown>>;
  return ["requests", "max"].flatMap((field): Bound[] => {
    const now = config[field];
    if (typeof now !== "number" || !Number.isInteger(now)) return [];
    return [
      {
        title: (fixed) => {
          const same = fixed.steps.find(({ identity }) => identity === step.identity) ?? step;
          return `Smallest passing limit: ${gauge.describe(same.config).text.split(",")[0]}`;
        },
        line: step.source.line,
        now,
        edits: (value) => fixEdits(text, step, { title: "", path: [field], value }),
      },
    ];
  });
}

// ---- Words -----------------------------------------------------------------------------------------------------

function candidatesOf(search: Search, request: Replayed): Candidate[] {
  const { text, plan } = search;
  const { decision, passage } = request;
  const step = plan.steps[decision.step];
  if (step === undefined) {
    return decision.builtIn === BuiltIn.NoRoute ? matchCandidates(text, plan, passage.arrival) : [];
  }
  const refusal = refusalOf(decision, plan, passage);
  const own = [...(refusal?.fixes ?? []), ...ruleFixes(step, request), ...exemptions(text, step, passage.arrival)];
  return own.map((fix) => ({ title: fix.title, line: step.source.line, edits: fixEdits(text, step, fix) }));
}

function fixEdits(text: string, step: PlanStep, fix: Fix): readonly TextEdit[] | undefined {
  return policyFix(text, step.source.offset, fix)?.edits;
}

/** The policy has no part in this very path. What then refuses instead is seen: it is not offered. */
function exemptions(text: string, step: PlanStep, { layer, path }: Arrival): Fix[] {
  const written = policyField(text, step.source.offset, "when");
  if (layer === 4 || path === undefined || (written !== undefined && typeof written !== "string")) return [];
  const other = `request.path != ${JSON.stringify(path)}`;
  const value = written === undefined ? other : `(${written}) && ${other}`;
  return [{ title: `Exempt ${path} from ${step.name}`, path: ["when"], value }];
}

/** Nothing allows it: a rule for exactly this method and path. */
function ruleFixes(step: PlanStep, { passage: { arrival } }: Replayed): Fix[] {
  if (step.kind !== "authorization" || arrival.layer === 4) return [];
  const { rules } = step.config as { readonly rules: readonly { readonly name?: string }[] };
  const { method = "", path = "" } = arrival;
  const name = `allow-${method.toLowerCase()}`;
  const free = rules.some((rule) => rule.name === name) ? `${name}-${rules.length + 1}` : name;
  const allow = `request.method == ${JSON.stringify(method)} && request.path == ${JSON.stringify(path)}`;
  return [{ title: `Add a rule for ${method} ${path}`, path: ["rules", rules.length], value: { name: free, allow } }];
}

// ---- Conditions of a match -------------------------------------------------------------------------------------

function matchCandidates(text: string, plan: Plan, arrival: Arrival): Candidate[] {
  const routes = plan.routes.filter(({ layer4, listeners }) => layer4 !== true && listeners.includes(arrival.listener));
  return routes.flatMap((route) =>
    route.matches.flatMap((match, index): Candidate[] => {
      const path = ["routes", route.index, "matches", index];
      const missed: Candidate[] = [];
      const miss = (title: string, edits: readonly TextEdit[] | undefined) =>
        void missed.push({ title: `${title} on route ${route.name}`, line: match.source.line, edits });
      const { method = "", host = "" } = arrival;
      if (!pathMatches(match.path, arrival.path ?? "")) return [];
      if (!methodMatches(match, arrival)) miss(`Take ${method}`, appendItem(text, [...path, "methods"], method));
      if (hostnameRank(route.hostnames, host) < 0)
        miss(`Take host ${host}`, appendItem(text, ["routes", route.index, "hostnames"], host));
      const header = match.headers[failingHeader(match, arrival)];
      if (header !== undefined)
        miss(`Do not ask for header ${header.name}`, removeKey(text, headerPath(text, path, header.name)));
      const query = match.query[failingQuery(match, arrival)];
      if (query !== undefined)
        miss(`Do not ask for query ${query.name}`, removeKey(text, [...path, "query", query.name]));
      // Two conditions at once are no least change.
      return missed.length === 1 ? missed : [];
    }),
  );
}

/** Header names are compared in lower case, but written as the person likes. */
function headerPath(text: string, path: Path, name: string): Path {
  const conditions = [...path, "headers"];
  let written: unknown = new Tree(text, "").value;
  for (const part of conditions) written = (written as Record<string | number, unknown> | undefined)?.[part];
  const key = Object.keys(written ?? {}).find((one) => one.toLowerCase() === name);
  return [...conditions, key ?? name];
}
