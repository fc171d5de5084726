/**
 * State: everything that lives between requests, as plain data that can be cloned whole.
 * Slot i of `steps` belongs to plan.steps[i], slot i of `services` to plan.services[i]; identity, never address, carries it over an edit.
 * Must not hold functions, sockets or anything that a deep copy would lose.
 */
import type { Millis } from "./basics.ts";
import type { Keyed } from "./keyed.ts";

export const Admin = { Up: 0, Drain: 1, Maintenance: 2 } as const;

export const Probe = { Unknown: 0, Up: 1, Down: 2 } as const;

/**
 * Whether there is anybody at an endpoint, as its owner knows. One whose process is not ours is Serving from the start;
 * both kinds are Leaving once the plan has them no more.
 */
export const Life = {
  Serving: 0,
  /** Its process was started and is not healthy yet. */
  Starting: 1,
  /** Its process ended; the next one is started at `lifeUntil`. */
  Restarting: 2,
  /** Gone from the plan, or about to go: requests on their way may end until `lifeUntil`, new ones are not sent. */
  Leaving: 3,
  /** Its command may not be run here: the workspace is not trusted. */
  Forbidden: 4,
} as const;

export interface EndpointState {
  /** One of Admin. */
  admin: number;
  /** One of Life. */
  life: number;
  /** When a Restarting one is started again, or a Leaving one is cut off; 0 = no such time. */
  lifeUntil: Millis;
  /** How its process ended the last time: 0 to 255, a signal as 128 + its number; -1 = it could not be started. */
  exitCode: number;
  /** Last verdict of the active check, one of Probe. */
  probe: number;
  /** Consecutive failed probes; below zero, consecutive successes on the way back from Down. */
  probeStreak: number;
  /** Ejected while now < ejectedUntil. */
  ejectedUntil: Millis;
  /** Times ejected in a row: each doubles the ejection time. */
  ejections: number;
  /** Consecutive 5xx answers, connect failures and resets. */
  failures: number;
  /** When it became able to serve: slow start counts from here. 0 = since ever; in the future while it is ejected. */
  upSince: Millis;
  inFlight: number;
  /** Requests picked since the gateway started. */
  picks: number;
  /** Attempts that ended in a failure or 5xx since the gateway started. */
  failed: number;
  /** Exponentially weighted mean of the time to the first byte in milliseconds; -1 before the first. */
  latency: number;
}

export const Circuit = { Closed: 0, Open: 1, HalfOpen: 2 } as const;

/** Plain numbers: attempts at a whole service, well or failed, in the last `window`. */
export interface CircuitState {
  /** One of Circuit. An Open one whose time is over turns HalfOpen with the next request. */
  phase: number;
  /** Open: when a few may try again. */
  until: Millis;
  /** Counts the half-open times, so that a late answer to an old trial is told from one of this time. */
  period: number;
  /** HalfOpen: trials on their way, and those that went well. */
  trials: number;
  passed: number;
  /** What opened it. */
  failedThen: number;
  totalThen: number;
  /** The window in slices: which slice of time each place counts, and its counts. */
  readonly slices: number[];
  readonly well: number[];
  readonly failed: number[];
}

/** Plain numbers: what one route has sent in the last while, in slices of time (decide/window.ts). */
export interface SentState {
  /** Which slice of time each place counts. */
  readonly slices: number[];
  readonly requests: number[];
  readonly retries: number[];
  readonly hedges: number[];
}

/** Where the session of one source address goes. */
export interface Session {
  /** See PlanEndpoint.token. */
  token: string;
  until: Millis;
}

export interface ServiceState {
  readonly endpoints: EndpointState[];
  balancer: unknown;
  /** Present when the service has a circuit breaker. */
  readonly circuit?: CircuitState;
  /** By source address; present when sessions go by it. */
  readonly sessions?: Keyed<Session>;
}

export interface State {
  readonly steps: unknown[];
  readonly services: ServiceState[];
  /** Slot i belongs to plan.routes[i]; only of those that retry or hedge. */
  readonly sent: (SentState | undefined)[];
}

/** At which stage an attempt failed, and how. 0 = it did not. */
export const Failure = {
  None: 0,
  ConnectRefused: 1,
  ConnectTimeout: 2,
  ConnectFailed: 3,
  /** The peer closed or reset before the first response byte. */
  ResetBeforeResponse: 4,
  /** The peer closed or reset in the middle of a response. */
  ResetDuringResponse: 5,
  /** The response broke HTTP's grammar. */
  MalformedResponse: 6,
  BackendTimeout: 7,
  RequestTimeout: 8,
  IdleTimeout: 9,
  /** The client went away first: says nothing about the endpoint. */
  ClientGone: 10,
  /** The endpoint left the plan and the time for requests on their way (`drain`) was over. */
  Deregistered: 11,
  /** No TLS with the endpoint: its certificate is not believed, or it speaks none. */
  TlsFailed: 12,
  /** Another attempt of the same request answered first: says nothing about the endpoint. */
  Outrun: 13,
  /** `retry.perTry` was over before the response head. */
  TryTimeout: 14,
  /** It answered with a status that is to be tried again, and nobody could be asked. */
  BadAnswer: 15,
  /** Of a mirrored copy: its service took the body too slowly, and the copy was given up. */
  Behind: 16,
} as const;

/** How an attempt or request ended. */
export interface Outcome {
  /** Response status; 0 when there was none. */
  status: number;
  /** One of Failure. */
  failure: number;
  /** Milliseconds from the start of the (last) attempt to its first response byte; -1 when there was none. */
  firstByte: Millis;
}
