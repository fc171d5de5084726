/**
 * The body of one request where a policy looks at it: collected before the decision, as the facts of the route's needs
 * want it; else only counted while it passes. Made once per connection, and only on routes with such a policy.
 * Must not hold more than the plan says (`route.collects`), nor more than its share of what all requests may hold.
 */
import { BodyState } from "../../model/body.ts";
import type { Millis } from "../../model/basics.ts";
import type { PlanRoute } from "../../model/plan.ts";
import type { Shape } from "../../model/policy.ts";
import { collectedOf, Collected, NO_BODY } from "../facts/collected.ts";
import type { BodyFor } from "../facts/gatherer.ts";
import { Framing, Head } from "../http1/head.ts";
import { MessageReader } from "../http1/reader.ts";
import { heldOfRequests } from "./held-bytes.ts";
import { lateVerdict } from "./late-verdict.ts";
import { appliesTo } from "./shapes.ts";
import type { HeldBody, Run } from "./run.ts";

/** The longest that a body may take to arrive when it has to be there before the decision. */
const LONGEST: Millis = 60_000;

const Phase = { Passing: 0, Collecting: 1 } as const;

export class RequestBody implements HeldBody {
  /** Collected, and still to be sent to the backend as it came; undefined = it passes, or there is none. */
  held: Buffer | undefined;
  /** Trailers that came with what is held. */
  trailers = "";
  /** Whether `held` is all of it. */
  whole = false;
  private readonly run: Run;
  private phase: number = Phase.Passing;
  private readonly pieces: Buffer[] = [];
  private counted = 0;
  private reserved = 0;
  private most = 0;
  private collected: Collected = NO_BODY;
  private limit = Infinity;
  private limitStep = -1;
  private due: Millis = Infinity;
  private rewritten = false;

  constructor(run: Run) {
    this.run = run;
  }

  /** A request has matched a route that works on bodies. @returns true when `run.bodyThere` will be called later. */
  begin(route: PlanRoute, now: Millis): boolean {
    this.limit = Infinity;
    this.limitStep = -1;
    this.collected = NO_BODY;
    const { exchange } = this.run;
    const { head } = exchange;
    if (route.collects === undefined || head.framing === Framing.None || head.contentLength === 0) return false;
    this.most = route.collects;
    if (head.contentLength > this.most) return this.stateOnly(BodyState.TooLarge, head.contentLength);
    if (!this.reserve(Math.max(head.contentLength, 0))) return this.stateOnly(BodyState.Busy, head.contentLength);
    this.phase = Phase.Collecting;
    this.due = now + LONGEST;
    if (head.expectContinue) exchange.inform(CONTINUE);
    return true;
  }

  /** What one who takes `most` bytes gets to see. */
  readonly as: BodyFor = (most) => {
    const { length, type, bytes } = this.collected;
    const fits = bytes === undefined || bytes.length <= most;
    return fits ? this.collected : new Collected(BodyState.TooLarge, length, type);
  };

  /** @returns true when the bytes were taken here and must not go on. */
  bytes(buffer: Buffer, start: number, end: number): boolean {
    const { run } = this;
    this.counted += end - start;
    if (this.phase === Phase.Passing) return this.counted > this.limit && this.refuseByLimit();
    if (run.recording !== undefined) run.services.recorder.captureRequest(run.recording, buffer, start, end);
    this.pieces.push(Buffer.from(buffer.subarray(start, end)));
    if (this.counted > this.most) this.give(BodyState.TooLarge);
    else if (!this.reserve(Math.max(0, this.counted - this.reserved))) this.give(BodyState.Busy);
    return true;
  }

  /** @returns true when the end was taken here. */
  ended(trailers: string): boolean {
    if (this.phase === Phase.Passing) return false;
    this.trailers = trailers;
    this.whole = true;
    this.give(BodyState.Whole);
    return true;
  }

  /** All bytes so far are here and no step refused: from now on the limit of those that admitted counts. */
  admitted(): boolean {
    const { plan } = this.run.active;
    const { decision, passage } = this.run;
    for (const index of plan.routes[decision.route].bodies ?? []) {
      const step = plan.steps[index];
      const limit = (step.act as Shape).body?.limit;
      if (limit === undefined || limit.bytes >= this.limit || !appliesTo(step, passage, decision)) continue;
      this.limit = limit.bytes;
      this.limitStep = index;
    }
    return !(this.counted > this.limit && this.refuseByLimit());
  }

  rewrite(): number {
    const { collected, run } = this;
    if (this.rewritten || collected.bytes === undefined) return this.rewritten ? (this.held?.length ?? -1) : -1;
    const { plan } = run.active;
    const { decision, passage } = run;
    const read = collected.exactJson();
    let value = read.value;
    for (const index of plan.routes[decision.route].bodies ?? []) {
      const step = plan.steps[index];
      const work = (step.act as Shape).body?.request;
      if (work?.edit === undefined || read.problem !== undefined || !appliesTo(step, passage, decision)) continue;
      if (work.wants(passage, 0, collected.type)) value = work.edit(passage, value);
    }
    if (value === read.value) return -1;
    this.held = Buffer.from(JSON.stringify(value) ?? "null", "utf8");
    this.trailers = "";
    this.rewritten = true;
    return this.held.length;
  }

  /** Nothing more may be held: the request is over. */
  end(): void {
    heldOfRequests.give(this.reserved);
    this.reserved = this.counted = 0;
    this.pieces.length = 0;
    this.held = undefined;
    this.trailers = "";
    this.whole = this.rewritten = false;
    this.collected = NO_BODY;
    this.phase = Phase.Passing;
    this.due = Infinity;
  }

  /** @returns true when the client takes too long. */
  overdue(now: Millis): boolean {
    return now >= this.due;
  }

  private stateOnly(state: number, length: number): boolean {
    this.collected = new Collected(state, length, this.run.exchange.head.get("content-type") ?? "");
    return false;
  }

  private give(state: number): void {
    const { run } = this;
    const { head } = run.exchange;
    this.phase = Phase.Passing;
    this.due = Infinity;
    this.held = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces);
    this.pieces.length = 0;
    if (state === BodyState.Whole) {
      const type = head.get("content-type") ?? "";
      this.collected = collectedOf(this.held, type, head.get("content-encoding") ?? "", this.most);
    } else {
      // The rest stays where it is until somebody wants it.
      run.exchange.holdBody();
      this.stateOnly(state, Math.max(head.contentLength, this.counted));
    }
    run.bodyThere();
  }

  private refuseByLimit(): boolean {
    const { run, limitStep, limit, counted } = this;
    const step = run.active.plan.steps[limitStep];
    const reason = (step.act as Shape).body?.limit?.reason ?? 0;
    this.limit = Infinity;
    if (!lateVerdict(run, limitStep, { reason, x: counted, y: limit })) return false;
    run.refuseLate();
    return true;
  }

  private reserve(bytes: number): boolean {
    if (!heldOfRequests.take(bytes)) return false;
    this.reserved += bytes;
    return true;
  }
}

/** What the gateway says itself to a client that waits before it sends (RFC 9110 section 10.1.1). */
const CONTINUE: Head = continueHead();

function continueHead(): Head {
  const reader = new MessageReader("response");
  const bytes = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n", "latin1");
  reader.next(bytes, 0, bytes.length);
  return reader.head;
}
