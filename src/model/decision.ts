/**
 * The Decision and its Trace: the numbers each step leaves behind, from which `explain` words the whole story later.
 * Must not hold strings and must not allocate per request: both are reused by their connection.
 */
import type { Millis, Reason } from "./basics.ts";

/** A step leaves numbers in a ring, no strings; `say` makes the sentence when somebody looks. */
export interface Note {
  put(reason: Reason, x: number, y: number): void;
}

/** What kind of thing one trace entry tells; see `Trace.mark` for the meaning of its other numbers. */
export const Mark = {
  /** What was decided about further attempts and copies: reason = one of SendNote. */
  Send: 0,
  /** index = route, reason = match within the route, x = routes that were candidates on this listener. */
  Route: 1,
  /** index = step, reason = its verdict, x and y = its numbers. */
  Step: 2,
  /** As Step, for a step with `shadow: true`: recorded, never refuses. */
  Shadow: 3,
  /** A step that was not asked: index = step, reason = one of SkipNote. */
  Skipped: 4,
  /** index = backendRef within the route, x = draw in [0, total), y = total weight; reason 1 = a policy chose it. */
  Split: 5,
  /** index = endpoint, reason = Exclusion, x and y depend on it. */
  Excluded: 6,
  /** index = endpoint, x = requests in flight before this one, y = effective weight. */
  Candidate: 7,
  /** What the balancer noted: reason = 1 + index into its `reasons`, x and y = its numbers. */
  Draw: 8,
  /** index = endpoint chosen, reason = attempt number from 1. */
  Picked: 9,
  /** Too few healthy endpoints: all are used. x = healthy, y = total. */
  Panic: 10,
  /** A step answered by itself: index = step. The last number that stays exact in a 32-bit float. */
  Answered: 15,
  /** Which zone: reason = one of ZoneNote. */
  Zone: 11,
  /** The session of the request: reason = one of SessionNote, index = endpoint that it names. */
  Session: 12,
  /** The circuit breaker: reason = one of CircuitNote. */
  Circuit: 13,
  /** As many requests in flight as the service may have. x = in flight, y = the most. */
  Full: 14,
} as const;

export const SkipNote = {
  /** Its `when` was false. */
  When: 0,
  /** The request came through a trusted listener. */
  Bypassed: 1,
} as const;

export const ZoneNote = {
  /** index = rank of the zone chosen (0 = nearest), x = draw in [0, 1), y = share that the nearest keeps. */
  Chosen: 1,
  /** Of the nearest zone: x = healthy weight, y = weight in service. */
  Nearest: 2,
  /** The request says no zone that any endpoint is in or near to. */
  Unknown: 3,
  /** The zone drawn had nobody left: index = rank of the one taken instead. */
  Instead: 4,
} as const;

export const SessionNote = {
  /** It goes where it went before. */
  Kept: 1,
  /** The request brings none. */
  New: 2,
  /** It names nobody of this service: gone from the file, or never there. */
  Stranger: 3,
  /** Its endpoint cannot take it: x = Exclusion. */
  Moved: 4,
} as const;

export const CircuitNote = {
  /** x = milliseconds until trials begin. */
  Open: 1,
  /** What opened it: x = failed attempts, y = attempts within the window. */
  Counted: 2,
  /** Half-open, and as many trials as may be are on their way or done: x = on their way, y = gone well. */
  Busy: 3,
  /** This request is a trial: x = its number. */
  Trial: 4,
} as const;

/** How a request was sent again or twice. A cause is a status, or a Failure below zero. */
export const SendNote = {
  /** index = number of the retry, x = milliseconds to wait before it, y = cause. */
  Retry: 1,
  /** index = number of the retry, x = retries in the window, this one included, y = requests in it. */
  Budget: 2,
  /** No retry: x = cause, y = retries allowed, and all were made. */
  Exhausted: 3,
  /** No retry: x = retries in the window, y = requests in it. */
  BudgetSpent: 4,
  /** index = number of the hedge, x = milliseconds after which it was sent. */
  Hedge: 5,
  /** No hedge: x = hedges in the window, y = requests in it. */
  HedgeBudgetSpent: 6,
  /** No hedge: no endpoint was left for it. */
  NoRival: 7,
  /** One of several attempts ended before the request did: index = its endpoint, x = status, y = Failure. */
  Dropped: 8,
  /** x = draw in [0, 100), y = per cent that are mirrored. */
  Mirrored: 9,
  NotMirrored: 10,
  /** This request is a copy: x = number of the request that it copies. */
  Copy: 11,
  /** A policy sends this request by itself: x = number of the request on whose behalf. */
  Child: 12,
} as const;

/** Why an endpoint was not a candidate. `say` sentences stand in decide/exclusions.ts. */
export const Exclusion = {
  /** x = milliseconds until it is readmitted, y = consecutive failures that ejected it. */
  Ejected: 1,
  /** x = consecutive failed probes. */
  ProbeDown: 2,
  Drain: 3,
  Maintenance: 4,
  /** This request tried it already. */
  Tried: 5,
  /** Weight 0. */
  Weightless: 6,
  /** Its process was started and is not healthy yet. */
  Starting: 7,
  /** Its process ended. x = milliseconds until it is started again, y = its exit code, see EndpointState.exitCode. */
  Restarting: 8,
  /** It leaves the plan. */
  Leaving: 9,
  /** Its command may not be run here. */
  Forbidden: 10,
  /** In another zone than the one chosen. x = rank of its zone, 0 = nearest. */
  OtherZone: 11,
} as const;

/** Entries that a trace begins with: enough for most, and every open WebSocket holds one. */
const USUAL_ENTRIES = 32;

/** Numbers of one decision, three per entry. Bounded; what does not fit is counted in `dropped`. */
export class Trace implements Note {
  static readonly capacity = 128;
  numbers = new Float64Array(USUAL_ENTRIES * 3);
  length = 0;
  dropped = 0;
  /** Set by whoever lets a step or balancer speak through `put`. */
  speakerMark = 0;
  speakerIndex = 0;

  clear(): void {
    this.length = 0;
    this.dropped = 0;
  }

  put(reason: Reason, x: number, y: number): void {
    this.mark(this.speakerMark, this.speakerIndex, reason, x, y);
  }

  /** @param index below 4096. @param reason below 256. */
  mark(mark: number, index: number, reason: number, x: number, y: number): void {
    const at = this.length * 3;
    if (at === this.numbers.length && !this.grow()) {
      this.dropped++;
      return;
    }
    this.length++;
    this.numbers[at] = mark * 1048576 + index * 256 + reason;
    this.numbers[at + 1] = x;
    this.numbers[at + 2] = y;
  }

  /** Takes over entries that were recorded. @param source its numbers from `begin` on, `count` of them. */
  restore(source: ArrayLike<number>, begin: number, count: number): void {
    while (this.numbers.length < count && this.grow());
    for (let k = 0; k < count; k++) this.numbers[k] = source[begin + k];
    this.length = count / 3;
  }

  /** @returns false when it is as long as it may be. */
  private grow(): boolean {
    if (this.numbers.length === Trace.capacity * 3) return false;
    const longer = new Float64Array(Trace.capacity * 3);
    longer.set(this.numbers);
    this.numbers = longer;
    return true;
  }
}

/** One trace entry, unpacked for reading. */
export interface TraceEntry {
  readonly mark: number;
  readonly index: number;
  readonly reason: number;
  readonly x: number;
  readonly y: number;
}

/** @param code the first number of an entry: it stays exact in a 32-bit float, so a record may keep it as one. */
export function unpackEntry(code: number, x: number, y: number): TraceEntry {
  const mark = Math.floor(code / 1048576);
  const rest = code - mark * 1048576;
  const index = Math.floor(rest / 256);
  return { mark, index, reason: rest - index * 256, x, y };
}

/** Refusals that no policy owns. Their names, statuses and sentences stand in decide/refusals.ts. */
export const BuiltIn = {
  None: 0,
  NoRoute: 1,
  NoEndpoint: 2,
  NoService: 3,
  CircuitOpen: 4,
  TooManyInFlight: 5,
} as const;

/** The answer to one request. Reused; `Trace` holds its story. */
export class Decision {
  /** Index into plan.routes, or -1. */
  route = -1;
  /** Index into the route's matches, or -1. */
  match = -1;
  /** Index into plan.steps of the step that refused, or -1. */
  step = -1;
  /** The refusing step's reason, or 0. */
  reason: Reason = 0;
  /** Index into plan.steps of the step that answers instead of a backend, or -1. */
  answer = -1;
  /** Milliseconds to wait before it is answered or sent on. */
  delay: Millis = 0;
  /** One of BuiltIn when no policy but the router or balancer refused. */
  builtIn = 0;
  /** Index into plan.services, or -1. */
  service = -1;
  /** Index into the service's endpoints of the last one picked, or -1. Kept after a failed `again`. */
  endpoint = -1;
  /** True while that endpoint's in-flight count includes this request. */
  holds = false;
  /** Index of the endpoint that the request's session names, or -1. */
  wanted = -1;
  /** CircuitState.period in which the attempt is a trial; 0 = it is none. */
  trial = 0;
  /** Further attempts after failed ones, and beside one that is on its way. */
  retries = 0;
  hedges = 0;
  /** Its attempt has failed, and another is to follow. */
  waiting = false;
  /** A copy of it goes to the route's mirror. */
  mirrored = false;
  /** Attempts on their way beside the one at `endpoint`: endpoint and trial of each, in turns. */
  readonly beside: number[] = [];
  /** Attempts made, counting from 1 once an endpoint is picked. */
  attempts = 0;
  /** True once the listener's and route's steps have taken. */
  tookListener = false;
  tookRoute = false;
  /** Indexes into plan.steps of the steps that took and that `settle` must end: the first `takenCount` entries. */
  readonly taken: number[] = [];
  takenCount = 0;
  enteredAt: Millis = 0;
  decidedAt: Millis = 0;
  readonly trace = new Trace();

  clear(): void {
    this.route = this.match = this.step = this.service = this.endpoint = this.wanted = -1;
    this.reason = this.builtIn = this.attempts = this.trial = this.retries = this.hedges = 0;
    this.tookListener = this.tookRoute = this.holds = this.waiting = this.mirrored = false;
    if (this.beside.length > 0) this.beside.length = 0;
    this.answer = -1;
    this.delay = 0;
    this.takenCount = 0;
    this.enteredAt = this.decidedAt = 0;
    this.trace.clear();
  }

  get refused(): boolean {
    return this.step >= 0 || this.builtIn !== 0;
  }

  /** Nothing is left to decide: refused, or answered by a policy. */
  get over(): boolean {
    return this.refused || this.answer >= 0;
  }
}
