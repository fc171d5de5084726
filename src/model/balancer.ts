/**
 * What one balancing algorithm exports. One file each in balancers/, one line in its list.
 * Must not import anything but the model.
 */
import type * as z from "zod/mini";
import type { Passage } from "./arrival.ts";
import type { Millis } from "./basics.ts";
import type { Note } from "./decision.ts";
import type { PlanEndpoint } from "./endpoint.ts";
import type { EndpointState, Outcome } from "./state.ts";

/** The endpoints of one service as one pick sees them. Reused. */
export interface Pool {
  readonly endpoints: readonly PlanEndpoint[];
  readonly states: readonly EndpointState[];
  /** Indexes of the endpoints that may be picked: the first `count` entries, ascending. */
  readonly eligible: Int32Array;
  /** By endpoint index: the weight that counts in this pick. Below the written one while an endpoint starts slowly. */
  readonly weights: Float64Array;
  count: number;
}

export interface Balancer<State> {
  /** Index into pool.endpoints, or -1. May write its own state (round robin's turn). Notes its draw with note.put(1 + reason index, x, y). */
  pick(x: Passage, pool: Pool, state: State, now: Millis, note: Note): number;
  /** An attempt at `endpoint` ended. For the balancer's own state alone; health is not its business. */
  ended?(endpoint: number, state: State, outcome: Outcome, now: Millis): void;
}

export interface BalancerKind<Config, State> {
  /** As in `loadBalancer.type`. */
  readonly type: string;
  readonly summary: string;
  readonly example: string;
  /** The fields beside `type`. */
  readonly config: z.ZodMiniType<Config>;
  /** Sentences for what `pick` noted; `label` names endpoint i. Order is the numbering. */
  readonly reasons: { readonly [name: string]: (x: number, y: number, label: (endpoint: number) => string) => string };
  /** The first note in few words, for a table: "least request 0 < 2". undefined = as its reason says. */
  brief?(reason: string, x: number, y: number, seen: Passage, config: Config): string | undefined;
  /** The endpoint that a note is about, when it is about one; shown beside it among the candidates. */
  concerns?(reason: string, x: number): number;
  state(config: Config, endpoints: readonly PlanEndpoint[]): State;
  /** Keeps what it can over an edit; endpoints are matched by url. */
  carry?(old: State, from: readonly PlanEndpoint[], to: readonly PlanEndpoint[]): State;
  compile(config: Config, endpoints: readonly PlanEndpoint[]): Balancer<State>;
}

// eslint-disable-next-line typescript/no-explicit-any
export type AnyBalancerKind = BalancerKind<any, any>;
