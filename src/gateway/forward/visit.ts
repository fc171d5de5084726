/**
 * The seam between a request's way and whoever may stand in for its backend: the cache. Absent for requests of routes
 * without one, and then nothing is asked.
 * Must not name the cache: relay and handling know only these questions.
 */
import type { Arrival, Passage } from "../../model/arrival.ts";
import type { Decision } from "../../model/decision.ts";
import type { Plan } from "../../model/plan.ts";
import type { RequestHeadEdit } from "../http1/edit.ts";
import type { Head } from "../http1/head.ts";
import type { Recording } from "../record/recording.ts";
import type { Exchange } from "./exchange.ts";
import type { Active, EngineServices } from "./services.ts";

/** The request's run, as far as a visit may know it. */
export interface Host {
  readonly services: EngineServices;
  readonly exchange: Exchange;
  readonly arrival: Arrival;
  readonly passage: Passage;
  readonly active: Active;
  readonly recording: Recording | undefined;
  readonly decision: Decision;
  /** Set where policies work on bodies. */
  readonly body: object | undefined;
  finish(status: number, failure: number): void;
}

export interface Visit {
  /** Whether the decision is that this answers. */
  answers(plan: Plan, decision: Decision): boolean;
  /** Answers, and finishes the run. Only after `answers` was true. */
  answer(host: Host): void;
  /**
   * The request is on its way to a backend.
   * @param edit begun with the request's head. @returns true when it was changed: the backend is asked whether what is held still holds.
   */
  sent(host: Host, edit: RequestHeadEdit): boolean;
  /** A final head has come. @returns true when something else is answered: its body is nobody's, and at its end `give` is called. */
  replaces(host: Host, head: Head): boolean;
  /** Answers instead of the backend, and finishes the run. Only after `replaces` was true. */
  give(host: Host): void;
  /** Lines for the answer's head, each with its CRLF. */
  readonly lines: string;
  /** Bytes of the backend's body, on their way to the client. */
  bytes(buffer: Buffer, start: number, end: number): void;
  /** The backend's answer is whole. */
  complete(host: Host): void;
  /** No backend gave an answer. @returns true when one was given all the same, and the run is finished. */
  rescues(host: Host, failure: number): boolean;
  /** True once `rescues` was: the client had a good answer, whatever became of the attempts. */
  readonly rescued: boolean;
  /** The request is over, one way or the other. */
  ended(failure: number): void;
}
