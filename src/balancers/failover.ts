/**
 * The endpoints of the lowest `priority` that has anybody left take turns; the others stand by. What HAProxy and nginx
 * call backup servers, in as many steps as one likes.
 * Must not judge health: whoever may not be picked is not in the pool.
 */
import * as z from "zod/mini";
import type { Balancer, BalancerKind } from "../model/balancer.ts";
import { carryCredit, takeTurn, type RoundRobinState } from "./round-robin.ts";

export type FailoverConfig = Record<string, never>;

const TURN = 1;
const PRIORITY = 2;
const STANDBY = 3;

const balancer: Balancer<RoundRobinState> = {
  pick(_x, pool, state, _now, note) {
    let priority = Infinity;
    let best = Infinity;
    for (const endpoint of pool.endpoints) if (endpoint.weight > 0) best = Math.min(best, endpoint.priority);
    for (let i = 0; i < pool.count; i++) priority = Math.min(priority, pool.endpoints[pool.eligible[i]].priority);
    const chosen = takeTurn(pool, state.credit, note, TURN, priority);
    if (chosen < 0) return -1;
    note.put(PRIORITY, priority, best);
    for (let i = 0; i < pool.count; i++) {
      const endpoint = pool.eligible[i];
      if (pool.endpoints[endpoint].priority !== priority) {
        note.put(STANDBY, endpoint, pool.endpoints[endpoint].priority);
      }
    }
    return chosen;
  },
};

export const failover: BalancerKind<FailoverConfig, RoundRobinState> = {
  type: "Failover",
  summary:
    "The endpoints with the lowest `priority` take turns; those of the next stand by until none of them is left.",
  example: "type: Failover",
  config: z.strictObject({}),
  reasons: {
    turn: (x, y, label) => `its turn: ${label(x)} had the most credit, ${Number(y.toFixed(3))}`,
    priority: (x, y) =>
      x === y ? `priority ${x} comes first` : `priority ${x} stands in: nobody of priority ${y} may be picked`,
    standby: (x, y, label) => `${label(x)} stands by with priority ${y}`,
  },
  concerns: (reason, x) => (reason === "standby" ? x : -1),
  state: (_config, endpoints) => ({ credit: endpoints.map(() => 0) }),
  carry: carryCredit,
  compile: () => balancer,
};
