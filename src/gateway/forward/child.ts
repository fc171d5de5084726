/**
 * A request that a policy sends by itself on behalf of another one: a part of an aggregate, the renewal of a stored answer.
 * It has no body, and its answer goes to whoever asked for it.
 * Must not read its parent once it has begun: that one may be over first.
 */
import type { refusalOf } from "../../decide/refusals.ts";
import type { Millis } from "../../model/basics.ts";
import { Failure } from "../../model/state.ts";
import { Framing, type Head } from "../http1/head.ts";
import { Event, MessageReader } from "../http1/reader.ts";
import type { HeadArrival } from "../listen/arrival.ts";
import { Companion } from "./companion.ts";
import type { Exchange } from "./exchange.ts";
import type { Run } from "./run.ts";
import { seconds } from "./sentences.ts";
import type { Visit } from "./visit.ts";

/** Nothing is known of it before it is looked up. */
const NO_FACTS = Object.freeze({});

/** Who takes the answer. Every child ends with one call of `ended` or `failed`, unless it is given up. */
export interface ChildOwner {
  head(head: Head): void;
  /** To be copied before it returns. */
  bytes(buffer: Buffer, start: number, end: number): void;
  ended(): void;
  /** No whole answer. @param status that a client would have got. */
  failed(status: number, detail: string): void;
}

/** What is asked. */
export interface ChildRequest {
  /** Of PlanRoute.children. */
  readonly name: string;
  /** A whole head without a body, as text in latin1. */
  readonly head: string;
  readonly visit?: Visit;
}

export class Child extends Companion<ChildExchange> {
  private readonly owner: ChildOwner;
  private requestDue: Millis = Infinity;

  /** @returns undefined when it cannot be asked: its head is none, or the route has no request of that name; the owner hears nothing then. */
  static begin(of: Run, request: ChildRequest, owner: ChildOwner, now: Millis): Child | undefined {
    const head = readHead(request.head);
    if (head === undefined) return undefined;
    const child = new Child(of, head, request, owner);
    const { head: requestHead, name, visit } = request;
    if (!child.enter(of, { requestHead, protocol: "http/1.1", child: name, visit }, now)) return undefined;
    child.requestDue = child.dueAfter(now);
    child.lookUp(NO_FACTS, now);
    return child;
  }

  private constructor(of: Run, head: Head, request: ChildRequest, owner: ChildOwner) {
    super(of, head, head.path, (arrival) => new ChildExchange(head, request.head, of.exchange, arrival, owner));
    this.owner = owner;
  }

  protected override judged(refusal: ReturnType<typeof refusalOf>, now: Millis): void {
    const { passage, active, decision } = this;
    if (refusal !== undefined) {
      this.finish(refusal.status, Failure.None);
      return this.failed(refusal.status, refusal.sentence);
    }
    if (decision.answer < 0) return this.relay.start(now);
    if (passage.visit?.answers(active.plan, decision) === true) return passage.visit.answer(this);
    // A service's own policy answers: it has nothing that could be taken for this service's answer.
    this.finish(0, Failure.None);
    this.failed(502, "a policy of the service answers by itself");
  }

  override tick(now: Millis): boolean {
    if (this.recording === undefined) return false;
    if (now < this.requestDue) {
      if (this.decision.service >= 0) this.relay.tick(now);
      return true;
    }
    const limit = seconds(this.active.plan.routes[this.decision.route].timeouts.request);
    this.relay.abandon();
    this.fail(Failure.RequestTimeout, `no whole answer within ${limit}`);
    return true;
  }

  override refuseLate(): void {
    this.relay.abandon();
    this.finish(502, Failure.None);
    this.failed(502, "a policy refused its answer");
  }

  protected override failed(status: number, detail: string): void {
    this.owner.failed(status, detail);
  }
}

/** The child's side of the exchange: no body, and an answer that goes to its owner. */
class ChildExchange implements Exchange {
  readonly arrival: HeadArrival;
  readonly head: Head;
  readonly local: boolean;
  readonly version = "1.1";
  readonly requestHead: string;
  readonly secure: boolean;
  readonly complete = true;
  readonly committed = false;
  readonly pending = false;
  private readonly owner: ChildOwner;

  constructor(head: Head, text: string, parent: Exchange, arrival: HeadArrival, owner: ChildOwner) {
    this.head = head;
    this.requestHead = text;
    this.arrival = arrival;
    this.owner = owner;
    this.local = parent.local;
    this.secure = parent.secure;
    head.framing = Framing.None;
  }

  respond(head: Head): string {
    this.owner.head(head);
    return "";
  }

  body(buffer: Buffer, start: number, end: number): void {
    this.owner.bytes(buffer, start, end);
  }

  end(): void {
    this.owner.ended();
  }

  wantBody(): void {}
  holdBody(): void {}
  inform(): void {}
  flush(): void {}
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

function readHead(text: string): Head | undefined {
  const reader = new MessageReader("request");
  const bytes = Buffer.from(text, "latin1");
  return reader.next(bytes, 0, bytes.length) === Event.Head ? reader.head : undefined;
}
