/**
 * The gateway at a glance: what status bar, panel and the greeting show. Must hold plain JSON only.
 */
import type { FrozenBucket } from "./limits.ts";
import type { PolicyStatus } from "./policy.ts";
import type { SimulationView } from "./services.ts";
import type { Stamp } from "./stamp.ts";

export interface ListenerStatus {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly problem?: string;
}

export interface GatewayStatus {
  readonly stamp: Stamp;
  readonly state: "running" | "draining";
  readonly listeners: readonly ListenerStatus[];
  readonly policy: PolicyStatus;
  readonly perSecond: number;
  /** Refused in the last ten seconds. */
  readonly rejected: number;
  /** Services with fewer healthy endpoints than they have: "orders 2/3". */
  readonly unhealthy: readonly string[];
  /** What people pretend at the moment; absent = nothing. */
  readonly simulations?: readonly SimulationView[];
  /** Buckets that a person froze; absent = none. */
  readonly frozen?: readonly FrozenBucket[];
  readonly processId: number;
}

export interface Hello {
  readonly version: number;
  readonly generation: string;
  readonly status: GatewayStatus;
}
