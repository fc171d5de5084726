/**
 * What every request needs of the running engine, in one object made once.
 * Must not hold anything of a single request.
 */
import type { Arrival } from "../../model/arrival.ts";
import type { Millis, Seed } from "../../model/basics.ts";
import type { Plan } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import type { PolicyCosts } from "../analytics/costs.ts";
import type { FactGatherer } from "../facts/gatherer.ts";
import type { CoarseClock } from "../listen/clock.ts";
import type { Journal } from "../record/journal.ts";
import type { Head } from "../http1/head.ts";
import type { RecordKeeper } from "../record/recording.ts";
import type { Simulations } from "../simulate/simulations.ts";
import type { BackendSessions } from "../http2/sessions.ts";
import type { UpstreamSecurities } from "../tls/upstream-security.ts";
import type { UpstreamPool } from "./pool.ts";

/** The pair that serves. Replaced whole; a request keeps the pair it entered with. */
export interface Active {
  readonly plan: Plan;
  readonly state: State;
  readonly revision: number;
}

/** What is stored of earlier answers, as the relay sees it. */
export interface AnswerStore {
  /** There is a cache: answers to unsafe requests matter. */
  readonly watching: boolean;
  /** An answer's head has come. @param authority of the request, with its port. */
  changedBy(arrival: Arrival, authority: string, head: Head): void;
}

export interface EngineServices {
  readonly recorder: RecordKeeper;
  readonly facts: FactGatherer;
  readonly caches: AnswerStore;
  readonly pool: UpstreamPool;
  readonly securities: UpstreamSecurities;
  readonly sessions: BackendSessions;
  readonly clock: CoarseClock;
  /** Times the policies of one request in so many. */
  readonly costs: PolicyCosts;
  /** Name of this gateway in Via and Proxy-Status; unique per process, so that a loop is told from a chain. */
  readonly pseudonym: string;
  /** Its line in Via, with CRLF. */
  readonly viaLine: string;
  /** Monotonic. */
  now(): Millis;
  /** Epoch. */
  wallClock(): number;
  seed(): Seed;
  /** 16 hexadecimal digits, new for each call. */
  randomId(): string;
  readonly journal: Journal | undefined;
  active(): Active;
  /** What people pretend of single replicas. */
  readonly simulations: Simulations;
  /** Copies on their way: whoever stops gives them up. */
  readonly mirrors: Set<{ giveUp(failure: number): void }>;
  /** An attempt at an endpoint failed. */
  attemptFailed(active: Active, service: number, endpoint: number, failure: number, now: Millis): void;
}
