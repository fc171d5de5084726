/**
 * A copy of one request on its way to the route's mirror: decided, sent, settled and recorded like any request, with a row
 * of its own; its answer is thrown away. The body is copied as it passes and waits in a bounded queue.
 * Must not delay, change or fail the request that it copies: nothing here is awaited, and what goes wrong stays here.
 */
import { decide } from "../../decide/decide.ts";
import { refusalOf } from "../../decide/refusals.ts";
import { enterCopy } from "../../decide/sending.ts";
import { settle } from "../../decide/settle.ts";
import type { Facts } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Decision } from "../../model/decision.ts";
import { Failure, type Outcome } from "../../model/state.ts";
import type { Head } from "../http1/head.ts";
import { MessageReader } from "../http1/reader.ts";
import { HeadArrival } from "../listen/arrival.ts";
import type { Timed } from "../listen/clock.ts";
import { keptArrival } from "../record/journal.ts";
import type { Recording } from "../record/recording.ts";
import { forwardProblem } from "../refuse/problems.ts";
import type { Exchange } from "./exchange.ts";
import type { Hop } from "./hop.ts";
import { LivePassage } from "./passage.ts";
import { Relay } from "./relay.ts";
import type { Run } from "./run.ts";
import type { Active, EngineServices } from "./services.ts";
import { seconds } from "./sentences.ts";

/** Bytes of a body that wait for the mirror: one that takes them more slowly is given up. */
const MOST_QUEUED = 262_144;

export class Mirror implements Run, Timed {
  readonly services: EngineServices;
  readonly exchange: MirrorExchange;
  readonly arrival: HeadArrival;
  readonly passage: LivePassage;
  readonly hop: Hop;
  readonly active: Active;
  recording: Recording | undefined;
  readonly body = undefined;
  readonly race = undefined;
  readonly reply = undefined;
  private readonly relay: Relay;
  private readonly outcome: Outcome = { status: 0, failure: Failure.None, firstByte: -1 };
  private requestDue: Millis = Infinity;

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
    if (body?.held !== undefined) mirror.exchange.give(body.held, of.exchange.complete ? body.trailers : undefined);
    mirror.start(of, now);
    return mirror;
  }

  private constructor(of: Run, head: Head) {
    const { services, exchange, arrival, hop, active } = of;
    this.services = services;
    this.active = active;
    // The request's own is used again for the next one, while the copy may still be on its way.
    this.hop = Object.assign(Object.create(Object.getPrototypeOf(hop)) as Hop, hop);
    const { clientIp, clientPort, sni, clientCertificate: client } = arrival;
    this.arrival = new HeadArrival(head, clientIp, clientPort, { protocol: "", version: "", sni, client });
    this.arrival.listener = arrival.listener;
    this.arrival.fill(arrival.path);
    this.passage = new LivePassage(this.arrival);
    this.exchange = new MirrorExchange(head, exchange, this.arrival, {
      bytes: (buffer) => this.relay.requestBytes(buffer, 0, buffer.length),
      ended: (trailers) => this.relay.requestEnded(trailers),
      read: () => this.relay.requestRead(),
    });
    this.relay = new Relay(this);
  }

  get decision(): Decision {
    return (this.recording as Recording).decision;
  }

  get routeName(): string {
    return this.active.plan.routes[this.decision.route].name;
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

  private start(of: Run, now: Millis): void {
    const { services, passage } = this;
    const { recorder, journal } = services;
    const original = of.recording as Recording;
    const recording = recorder.open();
    this.recording = recording;
    recording.at = services.wallClock();
    recording.start = now;
    recording.revision = this.active.revision;
    recording.seed = services.seed();
    recording.arrival = this.arrival;
    recording.requestHead = original.requestHead;
    recording.protocol = original.protocol;
    recording.decision.clear();
    passage.begin(recording.id, recording.seed, recording.at);
    recording.caller = passage.caller;
    recording.facts = passage.facts;
    recorder.began(recording);
    passage.id = recording.id;
    journal?.aside(recording, passage, {
      kind: "copy",
      id: recording.id,
      at: now,
      wallClock: recording.at,
      seed: recording.seed,
      arrival: keptArrival(this.arrival, recording.requestHead),
      of: original.id,
    });
    const known = { passage: of.passage, decision: of.decision, id: original.id };
    if (!enterCopy(passage, this.active.plan, now, known, recording.decision)) return this.finish(0, Failure.None);
    services.mirrors.add(this);
    services.clock.watch(this);
    services.clock.wake();
    this.lookUp(of.passage.facts, now);
  }

  /** What the mirror's own service asks for may never have been looked up. */
  private lookUp(known: Facts, now: Millis): void {
    const { needs } = this.active.plan.routes[this.decision.route];
    const missing = needs.filter(({ name }) => !(name in known));
    if (missing.length === 0) return this.judge(known, now);
    const found = this.services.facts.gather(missing, this.passage);
    if (!(found instanceof Promise)) return this.judge({ ...known, ...found }, now);
    found.then(
      (facts) => {
        if (this.recording !== undefined) this.judge({ ...known, ...facts }, this.services.now());
      },
      (error: unknown) => this.fail(Failure.ConnectFailed, `What the mirror's policies need is not known: ${error}`),
    );
  }

  private judge(facts: Facts, now: Millis): void {
    const { passage, active, services } = this;
    const recording = this.recording as Recording;
    passage.facts = recording.facts = facts;
    services.journal?.decide(recording, passage, now);
    decide(passage, active.plan, active.state, now, recording.decision);
    const refusal = refusalOf(recording.decision, active.plan, passage);
    if (refusal !== undefined || recording.decision.answer >= 0) {
      return this.finish(refusal?.status ?? 0, Failure.None);
    }
    const { request } = active.plan.routes[recording.decision.route].timeouts;
    this.requestDue = request > 0 ? now + request : Infinity;
    this.relay.start(now);
  }

  tick(now: Millis): boolean {
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

  bodyThere(): void {}

  refuseLate(): void {
    this.relay.abandon();
    this.finish(0, Failure.None);
  }

  fail(failure: number, detail: string): void {
    const { recording } = this;
    if (recording === undefined) return;
    const { type, status } = forwardProblem(failure, detail);
    recording.refusal = type;
    recording.refusalDetail = detail;
    this.finish(status, failure);
  }

  finish(status: number, failure: number): void {
    const { services, recording, outcome, passage, active } = this;
    if (recording === undefined) return;
    const now = services.now();
    const { decision } = recording;
    const last = recording.attempts.at(-1);
    outcome.failure = failure;
    outcome.status = last === undefined ? status : last.status;
    outcome.firstByte = last === undefined || last.firstByteAt < 0 ? -1 : last.firstByteAt - last.startedAt;
    this.relay.conclude(failure, now);
    const { service, endpoint, holds } = decision;
    services.journal?.settle(recording, passage, now, outcome);
    settle(passage, decision, active.plan, active.state, outcome, now);
    if (holds && (failure !== Failure.None || outcome.status >= 500)) {
      services.attemptFailed(active, service, endpoint, failure, now);
    }
    recording.status = status;
    recording.failure = failure;
    recording.end = now;
    this.recording = undefined;
    services.clock.forget(this);
    services.mirrors.delete(this);
    services.recorder.ended(recording);
  }

  /** Nobody waits for it: the gateway stops, its request broke off, or it fell behind. */
  giveUp(failure: number): void {
    if (this.recording === undefined) return;
    this.relay.abandon();
    this.finish(0, failure);
  }
}

/** Who takes the copied body. */
interface BodyTaker {
  bytes(buffer: Buffer): void;
  ended(trailers: string): void;
  read(): void;
}

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
  private readonly taker: BodyTaker;
  private queue: Buffer[] = [];
  private queued = 0;
  private trailers: string | undefined;
  private held = true;

  constructor(head: Head, original: Exchange, arrival: HeadArrival, taker: BodyTaker) {
    this.head = head;
    this.arrival = arrival;
    this.taker = taker;
    this.local = original.local;
    this.version = original.version;
    this.requestHead = original.requestHead;
    this.secure = original.secure;
    this.complete = original.complete;
    head.framing = original.head.framing;
    head.contentLength = original.head.contentLength;
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
      this.taker.bytes(piece);
      this.taker.read();
    }
    if (this.held || this.trailers === undefined || this.complete) return;
    this.complete = true;
    this.taker.ended(this.trailers);
    this.taker.read();
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
