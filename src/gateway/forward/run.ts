/**
 * One request on its way, as the relay sees it: what it may read, and the two ways in which it ends.
 * It exists so that the relay need not know who walks the request through its steps.
 */
import type { Arrival } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Decision } from "../../model/decision.ts";
import type { AttemptRecord, Recording } from "../record/recording.ts";
import type { Exchange } from "./exchange.ts";
import type { Hop } from "./hop.ts";
import type { LivePassage } from "./passage.ts";
import type { Active, EngineServices } from "./services.ts";

export interface Run {
  readonly services: EngineServices;
  readonly exchange: Exchange;
  readonly arrival: Arrival & { readonly path: string };
  readonly passage: LivePassage;
  readonly hop: Hop;
  /** The pair that this request entered with. */
  readonly active: Active;
  readonly recording: Recording | undefined;
  readonly decision: Decision;
  readonly routeName: string;
  /** The request's body, where a policy of the route works on it. */
  readonly body: HeldBody | undefined;
  /** Set while the request may be sent to several endpoints at once. */
  readonly race: Rivals | undefined;
  /** The body is collected, as far as it will be. */
  bodyThere(): void;
  /** The policies' work on the answer's body, where they do any; set by `takesAnswer`. */
  reply: AnswerTaker | undefined;
  /** A verdict that came after the decision refuses the request. */
  refuseLate(): void;
  /** No answer could be had: the client is told, or cut off when it has part of one. */
  fail(failure: number, detail: string): void;
  /** The exchange is over. @param now when that was found; by default the clock is read. */
  finish(status: number, failure: number, now?: Millis): void;
}

/** Takes the body of an answer on its way to the client, and finishes the run with it. */
export interface AnswerTaker {
  /** The bytes are copied before it returns. */
  write(buffer: Buffer, start: number, end: number): void;
  /** All of one read is written. @returns true when no more shall come for the moment. */
  read(): boolean;
  end(trailers: string): void;
  /** The client's socket has room again. */
  drained(): void;
  /** Nobody is interested any more. */
  abandon(): void;
}

/** What was collected of a request's body and is still to be sent. */
export interface HeldBody {
  /** undefined = it passes as it comes, or there is none. */
  readonly held: Buffer | undefined;
  /** Trailers that came behind it. */
  readonly trailers: string;
  /** Lets the policies rewrite it. @returns the bytes it has then; -1 = it is sent as it came. */
  rewrite(): number;
}

/** One attempt among several. */
export interface Racer {
  /** The attempt that is on its way, or the last one. */
  readonly current: AttemptRecord | undefined;
  /** It is on its way and has not been answered. */
  readonly unanswered: boolean;
  start(now: Millis): void;
  tick(now: Millis): void;
  /** Forgets the backend. Must not call back. */
  abandon(): void;
  /** The attempt is over. @param failure one of Failure. */
  conclude(failure: number, now: Millis): void;
}

/** Several attempts at once, as each of them sees the others. */
export interface Rivals {
  /** More than one attempt is on its way. */
  readonly undecided: boolean;
  /**
   * The head of an answer has come. @returns true when it is the client's; false when another attempt may still do better,
   * and this one was let go.
   */
  takes(racer: Racer, status: number, now: Millis): boolean;
  /** An attempt has failed. @returns true when others go on, so that nothing is lost. */
  yields(racer: Racer, failure: number, now: Millis): boolean;
}
