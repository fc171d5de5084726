/**
 * The seam between the engine and whoever writes down what touches State, in order: one call before each of the core's.
 * It exists so that a journal can be packed without an object per request; `EventJournal` is the plain form for tests.
 * Must not keep the recording or the passage: both are reused for the next request.
 */
import type { Arrival, Passage } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Decision } from "../../model/decision.ts";
import type { JournalEvent, Sent } from "../../model/journal.ts";
import type { Outcome } from "../../model/state.ts";
import type { Recording } from "./recording.ts";
import { fieldOf } from "./heads.ts";

/** What happens beside requests. */
export type BesideEvent = Extract<JournalEvent, { kind: "probe" | "admin" | "life" | "reset" | "limit" | "swap" }>;

/** What happens to a request beyond the four steps that nearly all of them take. */
export type AsideEvent = Exclude<
  JournalEvent,
  BesideEvent | { readonly kind: "enter" | "decide" | "again" | "settle" | "resume" }
>;

/** Each is called right before the core is asked, with the moment that the core is told. */
export interface Journal {
  enter(recording: Recording, passage: Passage, at: Millis): void;
  decide(recording: Recording, passage: Passage, at: Millis): void;
  again(recording: Recording, passage: Passage, at: Millis, failed: Outcome): void;
  settle(recording: Recording, passage: Passage, at: Millis, outcome: Outcome): void;
  aside(recording: Recording, passage: Passage, event: AsideEvent): void;
  beside(event: BesideEvent): void;
}

/** An Arrival to be kept: the head beneath the live one is reused. @param head as text; "" at layer 4. */
export function keptArrival(arrival: Arrival, head: string): Arrival {
  const { layer, listener, clientIp, clientPort, protocol, localIp, localPort } = arrival;
  const { sni, clientCertificate, method, host, path, query } = arrival;
  const plain = { layer, listener, clientIp, clientPort, sni, clientCertificate, method, host, path, query };
  const header = (name: string) => fieldOf(head, name);
  return layer === 4 ? { ...plain, protocol, localIp, localPort, header } : { ...plain, header };
}

/** Where the attempt of a request stands. */
export function sentOf({ holds, service, endpoint }: Decision): Sent {
  return holds ? { service, endpoint } : null;
}

/** It was given up between `enter` and `decide`. */
export function isUndecided({ over, decidedAt }: Decision): boolean {
  return !over && decidedAt === 0;
}

/** Tells every event as an object. */
export class EventJournal implements Journal {
  readonly beside: (event: JournalEvent) => void;

  constructor(tell: (event: JournalEvent) => void) {
    this.beside = tell;
  }

  enter({ id, seed, arrival, requestHead }: Recording, { wallClock }: Passage, at: Millis): void {
    this.beside({ kind: "enter", id, at, wallClock, seed, arrival: keptArrival(arrival, requestHead) });
  }

  decide({ id }: Recording, { facts, wallClock }: Passage, at: Millis): void {
    this.beside({ kind: "decide", id, at, facts, wallClock });
  }

  again({ id, decision }: Recording, _passage: Passage, at: Millis, failed: Outcome): void {
    this.beside({ kind: "again", id, at, outcome: { ...failed }, sent: sentOf(decision) });
  }

  settle({ id, decision }: Recording, _passage: Passage, at: Millis, outcome: Outcome): void {
    const undecided = isUndecided(decision);
    this.beside({ kind: "settle", id, at, outcome: { ...outcome }, sent: sentOf(decision), undecided });
  }

  aside(_recording: Recording, _passage: Passage, event: AsideEvent): void {
    this.beside(event);
  }
}

/** Tells both. */
export class BothJournals implements Journal {
  readonly #one: Journal;
  readonly #other: Journal;

  constructor(one: Journal, other: Journal) {
    this.#one = one;
    this.#other = other;
  }

  enter(recording: Recording, passage: Passage, at: Millis): void {
    this.#one.enter(recording, passage, at);
    this.#other.enter(recording, passage, at);
  }

  decide(recording: Recording, passage: Passage, at: Millis): void {
    this.#one.decide(recording, passage, at);
    this.#other.decide(recording, passage, at);
  }

  again(recording: Recording, passage: Passage, at: Millis, failed: Outcome): void {
    this.#one.again(recording, passage, at, failed);
    this.#other.again(recording, passage, at, failed);
  }

  settle(recording: Recording, passage: Passage, at: Millis, outcome: Outcome): void {
    this.#one.settle(recording, passage, at, outcome);
    this.#other.settle(recording, passage, at, outcome);
  }

  aside(recording: Recording, passage: Passage, event: AsideEvent): void {
    this.#one.aside(recording, passage, event);
    this.#other.aside(recording, passage, event);
  }

  beside(event: BesideEvent): void {
    this.#one.beside(event);
    this.#other.beside(event);
  }
}
