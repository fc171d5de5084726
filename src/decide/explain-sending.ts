/**
 * Further attempts and copies in words: why one followed and when, what the budget held, who was called off, what was
 * copied. The numbers are the trace's (model SendNote).
 * Must not look at today's budget: the trace holds what it was at that moment.
 */
import { Mark, SendNote, type TraceEntry } from "../model/decision.ts";
import type { Plan, PlanRoute, PlanService } from "../model/plan.ts";
import { Failure } from "../model/state.ts";
import { DEFAULT_RETRIES, LONGEST_BACKOFF } from "./again.ts";
import { allowance, BUDGET_WINDOW } from "./budget.ts";
import { failureWords } from "./failures.ts";
import type { StoryStep } from "./story.ts";
import { millisWords } from "./words.ts";

/** What is known of one retry. */
interface RetryNote {
  readonly number: number;
  readonly wait: number;
  /** A status, or a Failure below zero. */
  readonly cause: number;
  /** Retries and requests of the window, this one included; absent where there is no budget. */
  readonly budget?: { readonly made: number; readonly requests: number };
}

/** The retries of one request, in order. */
export function retriesIn(entries: readonly TraceEntry[]): RetryNote[] {
  const notes: RetryNote[] = [];
  for (const { mark, index, reason, x, y } of entries) {
    if (mark !== Mark.Send) continue;
    if (reason === SendNote.Retry) notes.push({ number: index, wait: x, cause: y });
    const last = notes.at(-1);
    if (reason === SendNote.Budget && last !== undefined) {
      notes[notes.length - 1] = { ...last, budget: { made: x, requests: y } };
    }
  }
  return notes;
}

/** "retry 1 of 2 after 18 ms (drawn from 0 to 25 ms); 3 of 10 retries in 10 s (20% of 50 requests)" */
export function retrySentence(route: PlanRoute | undefined, { number, wait, budget }: RetryNote): string {
  const settings = route?.retry;
  const most = settings?.attempts ?? DEFAULT_RETRIES;
  const bound = (settings?.backoff ?? 0) * Math.min(LONGEST_BACKOFF, 2 ** (number - 1));
  const when =
    bound === 0 || budget === undefined
      ? "at once"
      : `after ${millisWords(wait)} (drawn from 0 to ${millisWords(bound)})`;
  const share = settings?.budget ?? 0;
  const held =
    budget === undefined
      ? ""
      : `; ${budget.made} of ${allowance(share, budget.requests)} retries in ${WINDOW} (${share}% of ${requestsWords(budget.requests)})`;
  return `retry ${number} of ${most} ${when}${held}`;
}

function requestsWords(count: number): string {
  return count === 1 ? "1 request" : `${count} requests`;
}

const WINDOW = millisWords(BUDGET_WINDOW);

/** Why no further attempt followed, without a dot; "" when the entry says nothing of that. */
export function refusalOfRetry(route: PlanRoute | undefined, entry: TraceEntry): string {
  if (entry.mark !== Mark.Send) return "";
  if (entry.reason === SendNote.Exhausted) return `${entry.y} of ${entry.y} retries were made`;
  if (entry.reason !== SendNote.BudgetSpent) return "";
  const share = route?.retry?.budget ?? 0;
  return `retry budget spent: ${share}% of ${requestsWords(entry.y)} in ${WINDOW} allow ${allowance(share, entry.y)} retries, and ${entry.x} were made`;
}

/** "503", "connection refused" */
export function causeWords(cause: number): string {
  return cause > 0 ? String(cause) : failureWords(-cause);
}

const SHORT: Readonly<Record<number, string>> = {
  [Failure.ConnectRefused]: "refused",
  [Failure.ConnectTimeout]: "no connection",
  [Failure.ConnectFailed]: "no connection",
  [Failure.ResetBeforeResponse]: "reset",
  [Failure.TlsFailed]: "TLS",
  [Failure.BackendTimeout]: "timeout",
  [Failure.TryTimeout]: "timeout",
};

/** For the table: "retry 2/2 ←502"; "" when there was none. */
export function sendingInBrief(
  route: PlanRoute | undefined,
  service: PlanService | undefined,
  entries: readonly TraceEntry[],
): string {
  const parts: string[] = [];
  const last = retriesIn(entries).at(-1);
  if (last !== undefined) {
    const most = route?.retry?.attempts ?? DEFAULT_RETRIES;
    const cause = last.cause > 0 ? String(last.cause) : (SHORT[-last.cause] ?? failureWords(-last.cause));
    parts.push(`retry ${last.number}/${most} ←${cause}`);
  }
  for (const entry of entries) {
    if (entry.mark !== Mark.Send) continue;
    if (entry.reason === SendNote.BudgetSpent) parts.push("retry budget spent");
    if (entry.reason === SendNote.Copy) parts.push(`copy of #${entry.x}`);
    if (entry.reason === SendNote.Child) parts.push(`sent for #${entry.x}`);
    if (entry.reason === SendNote.Dropped) {
      const label = service?.endpoints[entry.index]?.label ?? "?";
      parts.push(entry.y === Failure.Outrun ? `hedged: ${label} called off` : `hedged: ${label} failed`);
    }
  }
  return parts.join("; ");
}

/** What the trace tells between two picks, as steps of the timeline. @param before label of the endpoint asked before. */
export function sendingSteps(
  plan: Plan,
  route: PlanRoute | undefined,
  service: PlanService | undefined,
  entries: readonly TraceEntry[],
  before: string,
): StoryStep[] {
  return entries.flatMap((entry, i) => {
    const told = stepOf(plan, route, service, entry, entries[i + 1], before);
    return told === undefined ? [] : [{ phase: "balance" as const, facts: [], ...told }];
  });
}

function stepOf(
  plan: Plan,
  route: PlanRoute | undefined,
  service: PlanService | undefined,
  entry: TraceEntry,
  next: TraceEntry | undefined,
  before: string,
): Pick<StoryStep, "label" | "sentence" | "state" | "source"> | undefined {
  const { index, reason, x, y } = entry;
  const retry = { label: "retry", state: "ok", source: route?.retry?.source ?? route?.source } as const;
  const hedge = { label: "hedge", state: "ok", source: route?.hedge?.source } as const;
  const mirror = { label: "mirror", state: "ok", source: route?.mirror?.source } as const;
  const share = route?.hedge?.budget ?? 0;
  switch (reason) {
    case SendNote.Retry: {
      const [note] = retriesIn(next === undefined ? [entry] : [entry, next]);
      const of = before === "" ? "" : `${before} `;
      return { ...retry, sentence: `${of}${y > 0 ? "answered " : ""}${causeWords(y)}: ${retrySentence(route, note)}` };
    }
    case SendNote.Exhausted:
    case SendNote.BudgetSpent:
      return { ...retry, state: "stop", sentence: `not tried again: ${refusalOfRetry(route, entry)}` };
    case SendNote.Hedge: {
      const of = route?.hedge?.max ?? 1;
      return { ...hedge, sentence: `no answer after ${millisWords(x)}: sent once more, ${index} of ${of}` };
    }
    case SendNote.HedgeBudgetSpent:
      return {
        ...hedge,
        state: "stop",
        sentence: `not sent twice: hedge budget spent, ${share}% of ${requestsWords(y)} in ${WINDOW} allow ${allowance(share, y)}, and ${x} were sent`,
      };
    case SendNote.NoRival:
      return { ...hedge, sentence: "not sent twice: no other endpoint was left", state: "stop" };
    case SendNote.Dropped: {
      const label = service?.endpoints[index]?.label ?? "?";
      const how = x > 0 ? `answered ${x}` : failureWords(y);
      return {
        ...hedge,
        sentence: y === Failure.Outrun ? `${label} ${how}` : `${label} ${how}: the other attempt counts`,
      };
    }
    case SendNote.Mirrored:
    case SendNote.NotMirrored: {
      const to = plan.services[plan.routes[route?.mirror?.route ?? -1]?.backends[0].service]?.name ?? "the mirror";
      const drawn = y >= 100 ? "every request is" : `drew ${x.toFixed(2)} of 100, and ${y}% are`;
      const copied = reason === SendNote.Mirrored ? `a copy went to ${to}` : `no copy went to ${to}`;
      return { ...mirror, sentence: `${copied}: ${drawn} copied` };
    }
    case SendNote.Copy:
      return { ...mirror, source: route?.source, sentence: `a copy of request ${x}: its answer is thrown away` };
    case SendNote.Child:
      return {
        ...mirror,
        label: "policy",
        source: route?.source,
        sentence: `sent by a policy on behalf of request ${x}`,
      };
    default:
      return undefined;
  }
}
