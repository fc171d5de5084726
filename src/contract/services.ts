/**
 * Services, their replicas and the routes that lead to them, as they stand now, and what a person may do to a replica.
 * Must hold plain JSON only.
 */
import type { Location } from "./location.ts";
import type { Stamp } from "./stamp.ts";

export interface EndpointView {
  readonly index: number;
  readonly label: string;
  readonly url: string;
  readonly health:
    | "up"
    | "down"
    | "ejected"
    | "drain"
    | "maintenance"
    | "unknown"
    // Of replicas that the gateway runs, and of those that leave.
    | "starting"
    | "restarting"
    | "leaving"
    | "forbidden";
  /** "up", "ejected, back in 18 s after 5 failures", ... */
  readonly sentence: string;
  readonly inFlight: number;
  readonly weight: number;
  /** Milliseconds; -1 = none yet. */
  readonly latency: number;
  readonly perSecond: number;
  /** 0..1 of the service's traffic. */
  readonly share: number;
  /** Of the time to the first byte over the last ten seconds, milliseconds; -1 = no answer in that time. */
  readonly p50?: number;
  readonly p95?: number;
  /** Share of attempts that failed, 0 to 1, in steps of ten seconds, oldest first; -1 = none in that time. */
  readonly history?: readonly number[];
  /** What a person, or the file, decided about it. */
  readonly admin?: AdminState;
  /** Set while something is simulated on it: "down", "300 ms latency", "503 for 20% of requests". */
  readonly simulation?: string;
  /** Its process is the gateway's: `replicaLog` has its output. */
  readonly managed?: boolean;
  readonly location?: Location;
}

export type AdminState = "Up" | "Drain" | "Maintenance";

/** What a person may pretend of one replica, to see what the policy makes of it. Ends with the gateway. */
export type Simulation =
  /** Connections are refused; active checks fail. */
  | { readonly kind: "down" }
  /** Added before each attempt, 1 to 600000 ms. */
  | { readonly kind: "latency"; readonly milliseconds: number }
  /** Answered in its place with a 4xx or 5xx, for 1 to 100 per cent of the attempts. */
  | { readonly kind: "errors"; readonly status: number; readonly percent: number };

export interface SimulationView {
  readonly service: string;
  readonly url: string;
  /** ":4001" */
  readonly label: string;
  readonly simulation: Simulation;
  /** "down", "300 ms latency", "503 for 20% of requests" */
  readonly words: string;
}

export interface ServiceView {
  readonly name: string;
  /** What stands in the way of its requests, or may soon: "circuit breaker open: 14 of 20 attempts failed, a trial in 12 s". */
  readonly sentence?: string;
  readonly algorithm: string;
  readonly healthy: number;
  readonly total: number;
  readonly perSecond: number;
  /** Set when the gateway runs the replicas: how many there are to be; 1 to 32. */
  readonly scale?: number;
  readonly endpoints: readonly EndpointView[];
  readonly location?: Location;
}

export interface RouteView {
  readonly name: string;
  /** "GET POST /orders" */
  readonly summary: string;
  readonly perSecond: number;
  /** 0..1 over the last minute. */
  readonly rejectedShare: number;
  /** 95th percentile of the duration over the last ten seconds, milliseconds; absent = no request in that time. */
  readonly p95?: number;
  readonly total: number;
  readonly location?: Location;
}

export interface ServicesView {
  readonly stamp: Stamp;
  readonly at: number;
  readonly services: readonly ServiceView[];
  readonly routes: readonly RouteView[];
}
