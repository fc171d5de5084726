/**
 * Smooth weighted round robin, as nginx does it: every turn each endpoint gains its weight, the richest is picked and
 * pays the sum of all. Weights 5, 1, 1 give a a b a c a a: no bursts. An endpoint left out of a turn gains nothing,
 * so its return does not bring a burst either.
 * Source: nginx, ngx_http_upstream_get_peer. Must not draw: its only memory is the credit.
 */
import * as z from "zod/mini";
import type { Balancer, BalancerKind, Pool } from "../model/balancer.ts";
import type { Note } from "../model/decision.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";

export type RoundRobinConfig = Record<string, never>;

export interface RoundRobinState {
  /** Per endpoint: what it has saved up. Sums to zero between turns while the endpoints stay the same. */
  readonly credit: number[];
}

const TURN = 1;

/**
 * One turn among the eligible endpoints whose priority is `priority`, or among all when it is undefined.
 * @returns the endpoint, or -1; what it had saved up is noted as `reason`.
 */
export function takeTurn(pool: Pool, credit: number[], note: Note, reason: number, priority?: number): number {
  let total = 0;
  let best = -1;
  for (let i = 0; i < pool.count; i++) {
    const endpoint = pool.eligible[i];
    if (priority !== undefined && pool.endpoints[endpoint].priority !== priority) continue;
    const weight = pool.weights[endpoint];
    total += weight;
    credit[endpoint] += weight;
    if (best < 0 || credit[endpoint] > credit[best]) best = endpoint;
  }
  if (best < 0) return -1;
  note.put(reason, best, credit[best]);
  credit[best] -= total;
  return best;
}

/** Endpoints keep their credit over an edit, by url. */
export function carryCredit(
  old: RoundRobinState,
  from: readonly PlanEndpoint[],
  to: readonly PlanEndpoint[],
): RoundRobinState {
  const kept = (endpoint: PlanEndpoint) => {
    const at = from.findIndex((before) => before.url === endpoint.url);
    return at < 0 ? 0 : old.credit[at];
  };
  return { credit: to.map(kept) };
}

const balancer: Balancer<RoundRobinState> = {
  pick: (_x, pool, state, _now, note) => takeTurn(pool, state.credit, note, TURN),
};

export const roundRobin: BalancerKind<RoundRobinConfig, RoundRobinState> = {
  type: "RoundRobin",
  summary: "Endpoints take turns, in proportion to their weights and without bursts (smooth weighted round robin).",
  example: "type: RoundRobin",
  config: z.strictObject({}),
  reasons: {
    turn: (x, y, label) => `its turn: ${label(x)} had the most credit, ${Number(y.toFixed(3))}`,
  },
  brief: () => "round robin, its turn",
  state: (_config, endpoints) => ({ credit: endpoints.map(() => 0) }),
  carry: carryCredit,
  compile: () => balancer,
};
