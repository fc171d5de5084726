/**
 * The bound on what a route sends more than once: retries and hedges may be a share of its requests, so that a backend
 * in trouble is not drowned by those who mean well (as linkerd's retry budget and Envoy's `retry_budget` do).
 * A few are always allowed, or a route without traffic could retry nothing. Must not decide whether a retry is safe.
 */
import type { Millis } from "../model/basics.ts";
import type { SentState } from "../model/state.ts";
import { placeNow, recent } from "./window.ts";

/** How far back requests and retries are counted. */
export const BUDGET_WINDOW: Millis = 10_000;
/** Always allowed within the window. linkerd allows 10 a second, which a developer's machine never comes to. */
export const LEAST_ALLOWED = 10;

export interface Spent {
  readonly made: number;
  readonly requests: number;
  /** One more is within the budget. */
  readonly allows: boolean;
}

/** The route has got a request. */
export function countRequest(sent: SentState, now: Millis): void {
  sent.requests[place(sent, now)]++;
}

export function countExtra(sent: SentState, which: "retries" | "hedges", now: Millis): void {
  sent[which][place(sent, now)]++;
}

/** @param percent 0..100 of the requests in the window. */
export function spent(sent: SentState, which: "retries" | "hedges", percent: number, now: Millis): Spent {
  const made = recent(sent.slices, sent[which], BUDGET_WINDOW, now);
  const requests = recent(sent.slices, sent.requests, BUDGET_WINDOW, now);
  return { made, requests, allows: made + 1 <= allowance(percent, requests) };
}

/** So many retries (or hedges) the window may hold. */
export function allowance(percent: number, requests: number): number {
  // 0% means none at all: that is how somebody switches them off.
  return percent === 0 ? 0 : Math.max(LEAST_ALLOWED, Math.floor((percent * requests) / 100));
}

function place(sent: SentState, now: Millis): number {
  return placeNow(sent.slices, BUDGET_WINDOW, now, (stale) => {
    sent.requests[stale] = sent.retries[stale] = sent.hedges[stale] = 0;
  });
}
