/**
 * A copy of one request on its way to the route's mirror. Its answer is thrown away; the body is copied as it passes and
 * waits in a bounded queue.
 * Must not delay, change or fail the request that it copies: nothing here is awaited, and what goes wrong stays here.
 */
import type { refusalOf } from "../../decide/refusals.ts";
import type { Millis } from "../../model/basics.ts";
import { Failure } from "../../model/state.ts";
import type { Head } from "../http1/head.ts";
import { MessageReader } from "../http1/reader.ts";
import type { HeadArrival } from "../listen/arrival.ts";
import type { Recording } from "../record/recording.ts";
import { Companion } from "./companion.ts";
import type { Exchange } from "./exchange.ts";
import type { Relay } from "./relay.ts";
import type { HeldBody, Run } from "./run.ts";
import { seconds } from "./sentences.ts";

/** Bytes of a body that wait for the mirror: one that takes them more slowly is given up. */
const MOST_QUEUED = 262_144;

export class Mirror extends Companion<MirrorExchange> {
  private requestDue: Millis = Infinity;
  /** Set where the body that comes by itself has another length than the head that was copied says. */
  override body: HeldBody | undefined = undefined;

  /** `of` is decided, and its policy wants a copy. */
  static begin(of: Run, now: Millis): Mirror | undefined {
    const head = copyOf(of.exchange.head);
    // An upgraded connection is a conversation: a copy of one side of it says nothing.
    if (head === undefined || head.upgrade !== "") return undefined;
    // A call that is translated on its way has a body that only its own backend understands.
    if (of.passage.translation !== undefined) return undefined;
    const mirror = new Mirror(of, head);
    // What was collected of the body for a policy has passed already.
    const { body } = of;
    if (body?.held !== undefined) {
      // As the backend gets it: a copy of what the policies took out would show it to the mirror's service.
      const size = body.rewrite();
      if (size >= 0) mirror.body = { held: undefined, trailers: "", rewrite: () => size };
      mirror.exchange.give(body.held, of.exchange.complete ? body.trailers : undefined);
    }
    const { requestHead, protocol } = of.recording as Recording;
    // What the mirror's own service asks for may never have been looked up.
    if (mirror.enter(of, { requestHead, protocol }, now)) mirror.lookUp(of.passage.facts, now);
    return mirror;
  }

  private constructor(of: Run, head: Head) {
    super(of, head, of.arrival.path, (arrival) => new MirrorExchange(head, of.exchange, arrival));
    this.exchange.feed(this.relay);
  }

  // ---- What the request tells ----------------------------------------------------------------------------------

  bytes(buffer: Buffer, start: number, end: number): void {
    if (this.recording === undefined || start === end) return;
    if (this.exchange.take(buffer, start, end) > MOST_QUEUED) this.giveUp(Failure.Behind);
  }

  ended(trailers: string): void {
    if (this.recording !== undefined) this.exchange.finish(trailers);
  }

  /** The request is over. @param complete all of its body has arrived. */
  left(complete: boolean): undefined {
    if (!complete) this.giveUp(Failure.ClientGone);
  }

  // ---- Its own way ---------------------------------------------------------------------------------------------

  protected override judged(refusal: ReturnType<typeof refusalOf>, now: Millis): void {
    if (refusal !== undefined || this.decision.answer >= 0) return this.finish(refusal?.status ?? 0, Failure.None);
    this.requestDue = this.dueAfter(now);
    this.relay.start(now);
  }

  override tick(now: Millis): boolean {
    if (this.recording === undefined) return false;
    if (this.decision.service < 0) return true;
    if (now < this.requestDue) this.relay.tick(now);
    else {
      const limit = seconds(this.active.plan.routes[this.decision.route].timeouts.request);
      const sentence = `The copy was not answered within ${limit} (timeouts.request).`;
      this.relay.expired(Failure.RequestTimeout, sentence, now);
    }
    return true;
  }

  override refuseLate(): void {
    this.relay.abandon();
    this.finish(0, Failure.None);
  }

  /** Nobody hears of it. */
  protected override failed(): void {}
}

/** Who takes the copied body. */
type BodyTaker = Pick<Relay, "requestBytes" | "requestEnded" | "requestRead">;

/** The copy's side of the exchange: a body out of a queue, and nobody who would hear the answer. */
class MirrorExchange implements Exchange {
  readonly arrival: HeadArrival;
  readonly head: Head;
  readonly local: boolean;
  readonly version: "1.1" | "2";
  readonly requestHead: string;
  readonly secure: boolean;
  complete: boolean;
  readonly committed = false;
  readonly pending = false;
  private taker: BodyTaker | undefined;
  private queue: Buffer[] = [];
  private queued = 0;
  private trailers: string | undefined;
  private held = true;

  constructor(head: Head, original: Exchange, arrival: HeadArrival) {
    this.head = head;
    this.arrival = arrival;
    this.local = original.local;
    this.version = original.version;
    this.requestHead = original.requestHead;
    this.secure = original.secure;
    this.complete = original.complete;
    head.framing = original.head.framing;
    head.contentLength = original.head.contentLength;
  }

  /** Once, before it is asked for anything. */
  feed(taker: BodyTaker): void {
    this.taker = taker;
  }

  /** @returns bytes that wait now. */
  take(buffer: Buffer, start: number, end: number): number {
    this.queue.push(Buffer.from(buffer.subarray(start, end)));
    this.queued += end - start;
    this.drain();
    return this.queued;
  }

  finish(trailers: string): void {
    this.trailers = trailers;
    this.drain();
  }

  /** @param trailers when these bytes are the whole body. */
  give(bytes: Buffer, trailers: string | undefined): void {
    this.queue.push(bytes);
    this.queued += bytes.length;
    this.complete = false;
    this.trailers = trailers;
  }

  wantBody(): void {
    this.held = false;
    this.drain();
  }

  holdBody(): void {
    this.held = true;
  }

  private drain(): void {
    while (!this.held) {
      const piece = this.queue.shift();
      if (piece === undefined) break;
      this.queued -= piece.length;
      this.taker?.requestBytes(piece, 0, piece.length);
      this.taker?.requestRead();
    }
    if (this.held || this.trailers === undefined || this.complete) return;
    this.complete = true;
    this.taker?.requestEnded(this.trailers);
    this.taker?.requestRead();
  }

  inform(): void {}
  respond(): string {
    return "";
  }
  body(): void {}
  flush(): void {}
  end(): void {}
  upgrade(): string {
    return "";
  }
  endTunnel(): void {}
  refuse(): string {
    return "";
  }
  cut(): void {}
  done(): void {}
}

/** The request's head is used again for the next request of its connection. */
function copyOf({ text }: Head): Head | undefined {
  const reader = new MessageReader("request");
  const bytes = Buffer.from(text, "latin1");
  reader.next(bytes, 0, bytes.length);
  return reader.error === undefined ? reader.head : undefined;
}
