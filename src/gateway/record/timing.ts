/**
 * Attempts and time spans of one request, as the page shows them.
 * Must not measure: it reads what the engine wrote down.
 */
import type { AttemptView, TimingSpan } from "../../contract/detail.ts";
import { refusalOfRetry, retriesIn, retrySentence } from "../../decide/explain-sending.ts";
import { failureWords } from "../../decide/failures.ts";
import { millisWords } from "../../decide/words.ts";
import type { TraceEntry } from "../../model/decision.ts";
import type { PlanRoute, PlanService } from "../../model/plan.ts";
import { Failure } from "../../model/state.ts";
import { hindranceWords, Next, type AttemptRecord } from "./recording.ts";

/** Shorter than this is not shown as a span of its own. */
const SHORTEST = 0.005;

/** @param start when the request arrived; @param decidedAt when it was decided; monotonic milliseconds. */
export function timingOf(
  start: number,
  decidedAt: number,
  end: number,
  attempts: readonly AttemptRecord[],
): TimingSpan[] {
  const spans: TimingSpan[] = [];
  const push = (name: TimingSpan["name"], attempt: number, from: number, to: number): void => {
    if (from < 0 || to < 0 || to - from < SHORTEST) return;
    spans.push({ name, attempt, start: round(from - start), duration: round(to - from) });
  };
  const decided = decidedAt > start ? decidedAt : (attempts[0]?.startedAt ?? end);
  push("decide", 0, start, decided);
  let free = decided;
  attempts.forEach((attempt, k) => {
    const number = k + 1;
    push("queue", number, free, attempt.startedAt);
    const connected = attempt.reused || attempt.connectedAt < 0 ? attempt.startedAt : attempt.connectedAt;
    push("connect", number, attempt.startedAt, attempt.connectedAt < 0 ? attempt.endedAt : connected);
    push("send", number, connected, attempt.sentAt);
    // One that was called off, or lost, waited until then.
    const answered = attempt.firstByteAt < 0 && attempt.sentAt >= 0 ? attempt.endedAt : attempt.firstByteAt;
    push("wait", number, Math.max(connected, attempt.sentAt), answered);
    push("receive", number, attempt.firstByteAt, attempt.endedAt);
    free = attempt.endedAt;
  });
  return spans;
}

/** What else is known of the request whose attempts these are. */
export interface AttemptContext {
  readonly service: PlanService | undefined;
  readonly route: PlanRoute | undefined;
  readonly method: string;
  /** The trace of its decision. */
  readonly entries: readonly TraceEntry[];
  /** Connections, not requests: an attempt without a failure needs no answer to have gone well. */
  readonly layer4: boolean;
}

export function attemptsOf(attempts: readonly AttemptRecord[], context: AttemptContext): AttemptView[] {
  const { service, layer4 } = context;
  const label = (attempt: AttemptRecord | undefined): string =>
    service?.endpoints[attempt?.endpoint ?? -1]?.label ?? "another replica";
  const retries = retriesIn(context.entries);
  return attempts.map((attempt, k) => {
    const note = attempt.next === Next.Retried ? retries.shift() : undefined;
    return {
      number: k + 1,
      endpoint: label(attempt),
      outcome: layer4 && attempt.failure === 0 ? connectedIn(attempt) : outcomeOf(attempt),
      failed: (attempt.failure !== 0 && attempt.failure !== Failure.Outrun) || attempt.status >= 500,
      // A word of the contract; a string, so nothing will await it.
      // oxlint-disable-next-line unicorn/no-thenable
      then: thenOf(attempt, label(attempts[k + 1]), note, context),
      reusedConnection: attempt.reused,
    };
  });
}

function connectedIn({ startedAt, connectedAt }: AttemptRecord): string {
  return connectedAt < 0 ? "connecting" : `connected in ${millisWords(connectedAt - startedAt)}`;
}

function outcomeOf(attempt: AttemptRecord): string {
  const took = attempt.endedAt < 0 ? "" : ` in ${millisWords(attempt.endedAt - attempt.startedAt)}`;
  const simulated = (attempt.hedge === true ? " (hedge)" : "") + (attempt.simulated === true ? " (simulated)" : "");
  if (attempt.failure !== 0) return `${failureWords(attempt.failure)}${took}${simulated}`;
  return `${attempt.status === 0 ? "no answer yet" : `${attempt.status}${took}`}${simulated}`;
}

function thenOf(
  attempt: AttemptRecord,
  following: string,
  note: ReturnType<typeof retriesIn>[number] | undefined,
  { route, method, entries }: AttemptContext,
): string {
  switch (attempt.next) {
    case Next.Retried:
      return note === undefined ? `tried again on ${following}` : `${retrySentence(route, note)}, on ${following}`;
    case Next.Repeated:
      return "the kept connection had died unseen: tried again at once on a fresh connection";
    case Next.Exhausted:
    case Next.OverBudget: {
      const refused = entries.findLast((entry) => refusalOfRetry(route, entry) !== "");
      return refused === undefined ? "not tried again" : `not tried again: ${refusalOfRetry(route, refused)}`;
    }
    default: {
      if (attempt.failure === 0 && attempt.status < 500) return "";
      if (attempt.failure === Failure.Outrun) return "";
      const why = hindranceWords(attempt.next, method);
      return why === "" ? "not tried again" : `not tried again: ${why}`;
    }
  }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
