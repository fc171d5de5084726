/**
 * Attempts and time spans of one request, as the page shows them.
 * Must not measure: it reads what the engine wrote down.
 */
import type { AttemptView, TimingSpan } from "../../contract/messages.ts";
import { failureWords } from "../../decide/failures.ts";
import { millisWords } from "../../decide/words.ts";
import type { PlanService } from "../../model/plan.ts";
import type { AttemptRecord } from "./recording.ts";

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
    push("wait", number, Math.max(connected, attempt.sentAt), attempt.firstByteAt);
    push("receive", number, attempt.firstByteAt, attempt.endedAt);
    free = attempt.endedAt;
  });
  return spans;
}

/** @param layer4 connections, not requests: an attempt without a failure needs no answer to have gone well. */
export function attemptsOf(
  attempts: readonly AttemptRecord[],
  service: PlanService | undefined,
  layer4 = false,
): AttemptView[] {
  const label = (attempt: AttemptRecord | undefined): string =>
    service?.endpoints[attempt?.endpoint ?? -1]?.label ?? "another replica";
  return attempts.map((attempt, k) => ({
    number: k + 1,
    endpoint: label(attempt),
    outcome: layer4 && attempt.failure === 0 ? connectedIn(attempt) : outcomeOf(attempt),
    failed: attempt.failure !== 0 || attempt.status >= 500,
    // A word of the contract; a string, so nothing will await it.
    // oxlint-disable-next-line unicorn/no-thenable
    then: thenOf(attempt, attempts[k + 1], label),
    reusedConnection: attempt.reused,
  }));
}

function connectedIn({ startedAt, connectedAt }: AttemptRecord): string {
  return connectedAt < 0 ? "connecting" : `connected in ${millisWords(connectedAt - startedAt)}`;
}

function outcomeOf(attempt: AttemptRecord): string {
  const took = attempt.endedAt < 0 ? "" : ` in ${millisWords(attempt.endedAt - attempt.startedAt)}`;
  const simulated = attempt.simulated === true ? " (simulated)" : "";
  if (attempt.failure !== 0) return `${failureWords(attempt.failure)}${took}${simulated}`;
  return `${attempt.status === 0 ? "no answer yet" : `${attempt.status}${took}`}${simulated}`;
}

function thenOf(
  attempt: AttemptRecord,
  next: AttemptRecord | undefined,
  label: (attempt: AttemptRecord | undefined) => string,
): string {
  if (next !== undefined)
    return next.endpoint === attempt.endpoint ? "tried again on a fresh connection" : `tried again on ${label(next)}`;
  return attempt.failure === 0 ? "" : "not tried again";
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
