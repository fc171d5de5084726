/**
 * The live Passage of one connection's requests, reused from one to the next.
 * Must not be kept by anybody: the recorder copies what it needs when the request ends.
 */
import type { Arrival, Caller, Facts, Passage } from "../../model/arrival.ts";
import type { Visit } from "./visit.ts";
import type { Translation } from "../transcode/call.ts";

const NO_FACTS: Facts = Object.freeze({});

export class LivePassage implements Passage {
  arrival: Arrival;
  facts: Facts = NO_FACTS;
  caller: Caller = { consumer: undefined, groups: [], jwt: undefined, label: undefined };
  seed = 0;
  tried = 0;
  wallClock = 0;
  /** Number of the recording; below 0 while recording is off. */
  id = 0;
  /** At its cache; absent where the route has none. */
  visit: Visit | undefined = undefined;
  /** It is a call of a gRPC service; absent where the route translates nothing. */
  translation: Translation | undefined = undefined;

  constructor(arrival: Arrival) {
    this.arrival = arrival;
  }

  begin(id: number, seed: number, wallClock: number): void {
    this.id = id;
    this.seed = seed;
    this.wallClock = wallClock;
    this.tried = 0;
    this.facts = NO_FACTS;
    this.visit = this.translation = undefined;
    this.caller.consumer = this.caller.jwt = this.caller.label = undefined;
    this.caller.groups = [];
  }

  requestId(): string {
    return requestId(Math.max(0, this.id), this.seed);
  }
}

/** The public name of a recorded request: its number, and its seed so that two runs of the gateway do not repeat it. */
export function requestId(id: number, seed: number): string {
  return `${id}-${(seed >>> 0).toString(16).padStart(8, "0")}`;
}
