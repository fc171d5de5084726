/**
 * The answer's body where a policy works on it: collected to be judged or rewritten, encoded, slowed down - or several.
 * Made for an answer of a route with such a policy, and only then; everything else passes without it.
 * Must not hold more than the policies' own bounds, and must not let out a body that a policy should have rewritten.
 */
import { BodyState } from "../../model/body.ts";
import type { JsonWork, Verdict } from "../../model/body-work.ts";
import type { Shape } from "../../model/policy.ts";
import { Failure } from "../../model/state.ts";
import { onlyTells, unseen, type Worked } from "../facts/answer-work.ts";
import { Collected, collectedOf } from "../facts/collected.ts";
import { HeadEdit } from "../http1/edit.ts";
import { Framing, type Head } from "../http1/head.ts";
import type { Recording } from "../record/recording.ts";
import { heldOfAnswers } from "./held-bytes.ts";
import { lateVerdict } from "./late-verdict.ts";
import type { AnswerTaker, Run } from "./run.ts";
import { appliesTo } from "./shapes.ts";
import { ClientSink, EncodingSink, NarrowSink, type Sink } from "./sinks.ts";

interface Work {
  readonly step: number;
  readonly work: JsonWork;
}

/** What becomes of an answer once its head is known. */
const Taken = {
  /** Nothing: it goes straight to the client. */
  No: 0,
  /** The head has been sent, changed; there is no body. */
  Head: 1,
  /** Head and body go through here. */
  All: 2,
} as const;

/**
 * Lets the policies of the route work on an answer's body. @param head of the answer; it stays as it is until the end.
 * @param resume whoever brings the body may bring more.
 * @returns true when the head is dealt with; then `run.reply`, when it is set, takes the body and finishes the run.
 */
export function takesAnswer(
  run: Run,
  head: Head,
  lines: string,
  edit: HeadEdit | undefined,
  resume: () => void,
): boolean {
  run.reply?.abandon();
  const reply = new ReplyBody(run, resume);
  const taken = reply.begin(head, lines, edit);
  if (taken === Taken.All) run.reply = reply;
  return taken !== Taken.No;
}

class ReplyBody implements AnswerTaker {
  private readonly run: Run;
  private readonly resume: () => void;
  private works: readonly Work[] = [];
  private most = 0;
  private readonly pieces: Buffer[] = [];
  private size = 0;
  /** Of the account of all answers. */
  private reserved = 0;
  /** Counts what was asked about bodies: an answer to an earlier question is nobody's. */
  private asked = 0;
  private collecting = false;
  private sink: Sink | undefined;
  private head: Head | undefined;
  private lines = "";
  private edit: HeadEdit | undefined;
  private bandwidth = 0;

  constructor(run: Run, resume: () => void) {
    this.run = run;
    this.resume = resume;
  }

  /** @param edit by the shapes. @returns one of Taken. */
  begin(head: Head, lines: string, edit: HeadEdit | undefined): number {
    this.head = head;
    this.lines = lines;
    this.edit = edit;
    this.pieces.length = this.size = 0;
    if (!this.findWork(head, edit)) return Taken.Head;
    const coded = edit?.coding !== undefined;
    const { works } = this;
    if (head.framing === Framing.None) {
      // HEAD announces what GET would send, and its length is not known here.
      if (!coded && works.every(({ work }) => work.edit === undefined)) return Taken.No;
      this.respond(-1);
      return Taken.Head;
    }
    if (works.length === 0 && !coded && this.bandwidth === 0) return Taken.No;
    this.collecting = works.length > 0;
    if (!this.collecting) this.open(coded ? -1 : undefined);
    return Taken.All;
  }

  write(buffer: Buffer, start: number, end: number): void {
    const bytes = Buffer.from(buffer.subarray(start, end));
    if (!this.collecting) return this.sink?.write(bytes);
    this.pieces.push(bytes);
    this.size += bytes.length;
    if (this.size > this.most) return this.overflow(BodyState.TooLarge);
    if (!heldOfAnswers.take(bytes.length)) return this.overflow(BodyState.Busy);
    this.reserved += bytes.length;
  }

  /** All of one read is written. @returns true when the backend shall wait. */
  read(): boolean {
    this.sink?.flush();
    return this.sink?.full === true;
  }

  /** The backend's answer is complete. */
  end(trailers: string): void {
    if (this.collecting) this.collected(trailers);
    else this.sink?.end(trailers);
  }

  drained(): void {
    const { sink } = this;
    sink?.drained();
    if (sink?.full !== true) this.resume();
  }

  abandon(): void {
    this.sink?.abandon();
    this.sink = undefined;
    this.collecting = false;
    this.asked++;
    this.pieces.length = this.size = 0;
    this.release();
  }

  /** @returns false when a policy has refused the answer by its head. */
  private findWork(head: Head, edit: HeadEdit | undefined): boolean {
    const { decision, passage, active } = this.run;
    const { plan } = active;
    const works: Work[] = [];
    this.most = this.bandwidth = 0;
    const type = (edit === undefined ? head.get("content-type") : edit.get("content-type")) ?? "";
    for (const step of plan.routes[decision.route].bodies ?? []) {
      const { body } = plan.steps[step].act as Shape;
      if (body === undefined || !appliesTo(plan.steps[step], passage, decision)) continue;
      if (body.bandwidth !== undefined)
        this.bandwidth = this.bandwidth === 0 ? body.bandwidth : Math.min(this.bandwidth, body.bandwidth);
      const work = body.response;
      const found = work?.judgeHead?.(passage, head.status, (name) => head.get(name), head.framing !== Framing.None);
      if (found !== undefined && this.refuses(step, found)) return false;
      if (work === undefined || !work.wants(passage, head.status, type)) continue;
      works.push({ step, work });
      this.most = Math.max(this.most, work.most);
    }
    this.works = works;
    return true;
  }

  private respond(size: number | undefined): void {
    const { exchange, recording } = this.run;
    (recording as Recording).replyHead = exchange.respond(this.head as Head, this.lines, this.edit, size);
  }

  /** Says the head and opens the way for the body. @param size of it, -1 = unknown, undefined = as the backend said. */
  private open(size: number | undefined): void {
    const { run } = this;
    const { status, framing } = this.head as Head;
    this.respond(size);
    let sink: Sink = new ClientSink(run.exchange, () => {
      this.sink = undefined;
      run.finish(status, Failure.None);
    });
    if (this.bandwidth > 0) sink = new NarrowSink(this.bandwidth, sink, this.resume);
    const coding = this.edit?.coding;
    if (coding !== undefined) {
      const failed = (why: Error) =>
        run.fail(Failure.MalformedResponse, `The answer could not be encoded: ${why.message}.`);
      sink = new EncodingSink(coding, framing !== Framing.Length && !this.collecting, sink, this.resume, failed);
    }
    this.sink = sink;
  }

  private collected(trailers: string): void {
    const { run } = this;
    const head = this.head as Head;
    const came = this.take();
    const encoding = head.get("content-encoding") ?? "";
    const body = collectedOf(came, head.get("content-type") ?? "", encoding, this.most);
    const steps = this.works.map(({ step }) => step);
    const worked = run.services.facts.bodies.work(run.active.plan, steps, run.passage, head.status, body);
    if (!(worked instanceof Promise)) return this.worked(worked, came, trailers);
    const turn = ++this.asked;
    void worked.then((late) => {
      if (turn === this.asked) this.worked(late, came, trailers);
    });
  }

  /** The policies have done their work on what came. */
  private worked({ found, bytes }: Worked, came: Buffer, trailers: string): void {
    this.release();
    for (const { step, verdict } of found) if (this.refuses(step, verdict)) return;
    const head = this.head as Head;
    if (bytes !== undefined && (head.get("content-encoding") ?? "") !== "") this.removeEncoding(head);
    const coded = this.edit?.coding !== undefined;
    this.open(coded ? -1 : bytes?.length);
    this.sink?.write(bytes === undefined ? came : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.sink?.end(bytes === undefined ? trailers : "");
  }

  /** More has come than anybody takes, or than all answers may hold. @param state one of BodyState. */
  private overflow(state: number): void {
    const announced = Math.max((this.head as Head).contentLength, this.size);
    const came = this.take();
    const body = new Collected(state, announced, "");
    for (const { step, work } of this.works) {
      const verdict = unseen(work, body);
      if (verdict !== undefined && this.refuses(step, verdict)) return;
    }
    this.release();
    this.open(this.edit?.coding === undefined ? undefined : -1);
    this.sink?.write(came);
  }

  private refuses(step: number, verdict: Verdict): boolean {
    if (verdict.reason === 0) return false;
    const { run } = this;
    if (!lateVerdict(run, step, verdict, onlyTells(run.active.plan, step))) return false;
    this.abandon();
    run.refuseLate();
    return true;
  }

  private release(): void {
    heldOfAnswers.give(this.reserved);
    this.reserved = 0;
  }

  private take(): Buffer {
    this.collecting = false;
    const came = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces);
    this.pieces.length = this.size = 0;
    return came;
  }

  private removeEncoding(head: Head): void {
    if (this.edit === undefined) {
      this.edit = new HeadEdit();
      this.edit.begin(head);
    }
    this.edit.remove("Content-Encoding");
  }
}
