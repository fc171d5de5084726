/**
 * Further attempts of one request: after a failed one, and beside one that has not answered yet. The balancer alone
 * chooses; policies are neither asked nor charged a second time.
 * Must not decide whether a request may be repeated: that is the forwarder's, which knows what was already sent.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { BuiltIn, Mark, SendNote, type Decision } from "../model/decision.ts";
import { draw, DrawOf } from "../model/draw.ts";
import type { Plan, PlanRetry } from "../model/plan.ts";
import { Failure, type Outcome, type State } from "../model/state.ts";
import { countExtra, spent } from "./budget.ts";
import { release } from "./health.ts";
import { hasUntried, pick } from "./pick.ts";

/** Attempts after the first where a route says nothing of `retry`. They follow at once. */
export const DEFAULT_RETRIES = 2;
/** No wait is longer than this many times `backoff` (Envoy's default bound, too). */
export const LONGEST_BACKOFF = 10;

/** What the loser of a race leaves. */
const OUTRUN: Outcome = { status: 0, failure: Failure.Outrun, firstByte: -1 };

/**
 * May the failed attempt be followed by another, and when? Releases its endpoint when it may, and counts the retry.
 * @returns milliseconds to wait before `again`; -1 when the route's number of attempts or its budget is used up. Then
 * nothing has changed but the trace.
 */
export function retry(x: Passage, plan: Plan, state: State, now: Millis, failed: Outcome, out: Decision): Millis {
  const settings = plan.routes[out.route].retry;
  const sent = state.sent[out.route];
  const most = settings?.attempts ?? DEFAULT_RETRIES;
  const cause = failed.failure === Failure.None ? failed.status : -failed.failure;
  if (out.retries >= most) {
    out.trace.mark(Mark.Send, 0, SendNote.Exhausted, cause, most);
    return -1;
  }
  // Where no connection came about nobody was burdened: somebody else is asked at once, outside the budget.
  const free = isUnsent(failed) && hasUntried(x, plan, state, out.service, now);
  if (settings === undefined || sent === undefined || free) {
    release(plan, state, out, failed, now);
    out.waiting = true;
    out.trace.mark(Mark.Send, ++out.retries, SendNote.Retry, 0, cause);
    return 0;
  }
  const { made, requests, allows } = spent(sent, "retries", settings.budget, now);
  if (!allows) {
    out.trace.mark(Mark.Send, 0, SendNote.BudgetSpent, made, requests);
    return -1;
  }
  release(plan, state, out, failed, now);
  out.waiting = true;
  countExtra(sent, "retries", now);
  const wait = backoff(settings, x, ++out.retries);
  out.trace.mark(Mark.Send, out.retries, SendNote.Retry, wait, cause);
  out.trace.mark(Mark.Send, out.retries, SendNote.Budget, made + 1, requests);
  return wait;
}

/** No backend has seen anything of the attempt. */
function isUnsent({ failure }: Outcome): boolean {
  return (
    failure === Failure.ConnectRefused ||
    failure === Failure.ConnectTimeout ||
    failure === Failure.ConnectFailed ||
    failure === Failure.TlsFailed
  );
}

/** Exponential with full jitter: uniform between nothing and the bound, which doubles (Brooker, "Exponential Backoff And Jitter"). */
function backoff({ backoff: base }: PlanRetry, x: Passage, number: number): Millis {
  const bound = base * Math.min(LONGEST_BACKOFF, 2 ** (number - 1));
  return draw(x.seed, DrawOf.Backoff + number) * bound;
}

/**
 * Releases the endpoint of the failed attempt, which may eject it, and picks one that this request has not tried; on a
 * route with `retry` one that it has, when there is no other.
 * @returns false when none is left: `out.endpoint` still names the last one, and `settle` is still to be called.
 */
export function again(x: Passage, plan: Plan, state: State, now: Millis, failed: Outcome, out: Decision): boolean {
  out.waiting = false;
  if (out.service < 0) return false;
  release(plan, state, out, failed, now);
  const { retry: settings } = plan.routes[out.route];
  if (settings !== undefined && !hasUntried(x, plan, state, out.service, now)) {
    // Everybody was asked: anybody but the last one first, then that one too.
    const last = out.endpoint;
    x.tried = 1 << last;
    if (!hasUntried(x, plan, state, out.service, now)) x.tried = 0;
  }
  return pick(x, plan, state, now, out) === BuiltIn.None;
}

/**
 * One more attempt beside those that have not answered yet. `out.endpoint` is the new one then.
 * @returns false when the route's number of hedges or its budget is used up, or no endpoint is left.
 */
export function hedge(x: Passage, plan: Plan, state: State, now: Millis, out: Decision): boolean {
  const settings = plan.routes[out.route].hedge;
  const sent = state.sent[out.route];
  if (settings === undefined || sent === undefined || !out.holds || out.hedges >= settings.max) return false;
  const { made, requests, allows } = spent(sent, "hedges", settings.budget, now);
  if (!allows) {
    out.trace.mark(Mark.Send, 0, SendNote.HedgeBudgetSpent, made, requests);
    return false;
  }
  const { endpoint, trial } = out;
  const number = out.hedges + 1;
  out.trace.mark(Mark.Send, number, SendNote.Hedge, settings.after * number, 0);
  if (!hasUntried(x, plan, state, out.service, now) || pick(x, plan, state, now, out) !== BuiltIn.None) {
    out.trace.mark(Mark.Send, number, SendNote.NoRival, 0, 0);
    return false;
  }
  out.beside.push(endpoint, trial);
  out.hedges = number;
  countExtra(sent, "hedges", now);
  return true;
}

/** The attempt at `endpoint`, one of several on their way, has ended. What remains of them goes on. */
export function drop(plan: Plan, state: State, now: Millis, endpoint: number, outcome: Outcome, out: Decision): void {
  const { beside } = out;
  let at = beside.length - 2;
  const current = out.endpoint;
  if (current !== endpoint) while (at >= 0 && beside[at] !== endpoint) at -= 2;
  if (at < 0) return;
  out.trace.mark(Mark.Send, endpoint, SendNote.Dropped, outcome.status, outcome.failure);
  if (current === endpoint) {
    release(plan, state, out, outcome, now);
    out.endpoint = beside[at];
    out.trial = beside[at + 1];
  } else {
    const { trial } = out;
    out.endpoint = endpoint;
    out.trial = beside[at + 1];
    release(plan, state, out, outcome, now);
    out.endpoint = current;
    out.trial = trial;
  }
  out.holds = true;
  beside.splice(at, 2);
}

/** The request is over: whatever is still on its way beside the one that ended it was outrun. */
export function dropOthers(plan: Plan, state: State, now: Millis, out: Decision): void {
  while (out.beside.length > 0) drop(plan, state, now, out.beside[0], OUTRUN, out);
}
