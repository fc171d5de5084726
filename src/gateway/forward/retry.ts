/**
 * What the relay asks before it sends a request once more: may it be done twice, is its body still in hand, does the core
 * allow it, and when. Nothing here is made for a request without a body, and nothing is asked before an attempt failed.
 * Must not send anything: the relay does.
 */
import { retry } from "../../decide/again.ts";
import { refusalOfRetry } from "../../decide/explain-sending.ts";
import { boundSentence } from "../../decide/explain-service.ts";
import { entriesOf } from "../../decide/refusals.ts";
import type { Millis } from "../../model/basics.ts";
import { Mark, type Decision } from "../../model/decision.ts";
import { mayRepeat } from "../../model/methods.ts";
import type { PlanRoute } from "../../model/plan.ts";
import { Failure, type Outcome } from "../../model/state.ts";
import { Framing } from "../http1/head.ts";
import { sentOf } from "../record/journal.ts";
import { hindranceWords, Next, type AttemptRecord, type Recording } from "../record/recording.ts";
import type { RequestWriter } from "./backend.ts";
import type { Run } from "./run.ts";
import type { Active } from "./services.ts";
import { seconds } from "./sentences.ts";

/** So much of a body is kept for another attempt; a longer one cannot be sent twice. */
const MOST_KEPT = 65_536;

/** The bytes of one body that were given to a backend, as long as all of them can be given to another. */
export class KeptBody {
  trailers = "";
  private pieces: Buffer[] = [];
  private bytes = 0;
  private complete = true;

  /** Some of the body is here. */
  get begun(): boolean {
    return this.bytes > 0;
  }

  /** @returns false once there were too many. */
  add(buffer: Buffer, start: number, end: number): boolean {
    this.bytes += end - start;
    if (this.bytes > MOST_KEPT) {
      this.complete = false;
      this.pieces = [];
    }
    if (this.complete) this.pieces.push(Buffer.from(buffer.subarray(start, end)));
    return this.complete;
  }

  send(out: RequestWriter, chunked: boolean): void {
    for (const piece of this.pieces) out.bytes(piece, 0, piece.length, chunked);
  }
}

/** @returns undefined for a request without a body, or one that must not be done twice anyway. */
export function keptBodyOf(run: Run): KeptBody | undefined {
  const { head } = run.exchange;
  if (head.framing === Framing.None || head.contentLength === 0) return undefined;
  return mayBeDoneTwice(run) ? new KeptBody() : undefined;
}

/** As far as its method, and what the route says of methods, go. */
export function mayBeDoneTwice({ exchange, active, decision }: Run): boolean {
  const { method } = exchange.head;
  const { retry: settings } = active.plan.routes[decision.route];
  return settings?.methods?.has(method) ?? mayRepeat(method);
}

/** What the relay knows of an attempt that has failed. */
export interface Sent {
  /** Not even the head has left, or the backend says that it did nothing with it. */
  readonly untouched: boolean;
  /** Bytes of the body were given away and are not in hand any more. */
  readonly bodyGone: boolean;
}

/** @returns one of Next: why it must not be sent again, or 0. */
export function hindrance(run: Run, { untouched, bodyGone }: Sent): number {
  if (!untouched && !mayBeDoneTwice(run)) return Next.Unsafe;
  return bodyGone ? Next.BodyGone : Next.Nothing;
}

/**
 * The core's word on another attempt, written into the journal.
 * @returns milliseconds to wait, or -1; then `attempt` says why.
 */
export function askRetry(run: Run, failed: Outcome, attempt: AttemptRecord, now: Millis): Millis {
  const { passage, active, decision, services } = run;
  const { service } = decision;
  const recording = run.recording as Recording;
  const event = { kind: "retry" as const, id: recording.id, at: now, outcome: { ...failed }, sent: sentOf(decision) };
  services.journal?.aside(recording, passage, event);
  const before = decision.retries;
  const wait = retry(passage, active.plan, active.state, now, failed, decision);
  if (wait < 0) {
    const most = active.plan.routes[decision.route].retry?.attempts;
    attempt.next = most === undefined || before >= most ? Next.Exhausted : Next.OverBudget;
    return -1;
  }
  services.attemptFailed(active, service, attempt.endpoint, failed.failure, now);
  return wait;
}

/** Why no other attempt followed, as a sentence behind another; "" where there is nothing to add. */
export function whyNoOther({ exchange, active, decision }: Run, attempt: AttemptRecord | undefined): string {
  if (attempt === undefined) return "";
  const why = spentWords(active, decision, attempt.next) || hindranceWords(attempt.next, exchange.head.method);
  return why === "" || attempt.next === Next.Committed ? "" : ` No other attempt followed: ${why}.`;
}

/** What was used up, or what bounds the service: "" for other reasons. */
function spentWords({ plan }: Active, decision: Decision, next: number): string {
  const entries = entriesOf(decision);
  const route = plan.routes[decision.route];
  if (next === Next.NobodyLeft) {
    const last = entries.findLastIndex(({ mark }) => mark === Mark.Send);
    return boundSentence(plan.services[decision.service], entries.slice(last + 1));
  }
  if (next !== Next.OverBudget && next !== Next.Exhausted) return "";
  const entry = entries.findLast((one) => refusalOfRetry(route, one) !== "");
  return entry === undefined ? "" : refusalOfRetry(route, entry);
}

/** When an attempt that starts now is given up, monotonic; Infinity = never. */
export function attemptDue({ timeouts, retry: settings }: PlanRoute, now: Millis): Millis {
  const limit = settings === undefined ? 0 : settings.perTry;
  const whole = timeouts.backendRequest;
  if (limit === 0 && whole === 0) return Infinity;
  return now + (limit === 0 || (whole > 0 && whole <= limit) ? whole : limit);
}

/** The attempt took longer than that: which limit it was, in words. @param place "orders at :4001" */
export function overdue(route: PlanRoute, place: string): { readonly failure: number; readonly sentence: string } {
  const perTry = route.retry?.perTry ?? 0;
  const { backendRequest } = route.timeouts;
  const byTry = perTry > 0 && (backendRequest === 0 || perTry < backendRequest);
  const limit = seconds(byTry ? perTry : backendRequest);
  const name = byTry ? "retry.perTry" : "timeouts.backendRequest";
  return {
    failure: byTry ? Failure.TryTimeout : Failure.BackendTimeout,
    sentence: `${place} sent no response head within ${limit} (${name} of route ${route.name}).`,
  };
}
