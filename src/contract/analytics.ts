/**
 * Counts and times by route, service and consumer, and what each policy costs: the numbers behind the Analytics area.
 * Counted by the gateway whether somebody watches or not. Must not name a client.
 */
import type { Location } from "./location.ts";
import type { Stamp } from "./stamp.ts";

/** The last minute, the last fifteen, or everything since the gateway started. */
export type AnalyticsWindow = "1m" | "15m" | "all";

/** What happened to the whole gateway, a route, a service or a consumer. */
export interface SeriesView {
  readonly kind: "gateway" | "route" | "service" | "consumer";
  readonly name: string;
  readonly requests: number;
  readonly perSecond: number;
  /** 0..1: answered 5xx, or not at all, by fault of the backend. */
  readonly errorShare: number;
  /** 0..1: refused by the gateway. */
  readonly rejectedShare: number;
  /** Milliseconds, off by at most a thirty-second of themselves; -1 = nothing was timed. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Of bodies. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Requests, oldest first: by ten seconds of the last minute, else by minute of the last fifteen. */
  readonly history: readonly number[];
}

/** Counts since the start. */
export interface PolicyCostView {
  readonly identity: string;
  readonly name: string;
  readonly kind: string;
  /** "route/orders" */
  readonly owner: string;
  /** Requests that it gave a verdict on. */
  readonly judged: number;
  readonly refused: number;
  /** Would have refused, had it not been in shadow. */
  readonly shadowed: number;
  /** Requests whose time in it was measured. */
  readonly samples: number;
  /** Microseconds for one request on average; -1 = none was measured. */
  readonly micros: number;
  /** Its first call took no longer for 95 in 100. */
  readonly microsP95: number;
  readonly location: Location;
}

export interface AnalyticsView {
  readonly stamp: Stamp;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly window: AnalyticsWindow;
  /** That the window looks back. */
  readonly seconds: number;
  /** One request in that many has its policies timed. */
  readonly oneIn: number;
  readonly series: readonly SeriesView[];
  readonly policies: readonly PolicyCostView[];
}
