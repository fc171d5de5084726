/**
 * One endpoint drawn in proportion to weight, with the request's own draw.
 * Keeps nothing between requests: the right choice when many gateways share endpoints and must not move in step.
 */
import * as z from "zod/mini";
import type { Balancer, BalancerKind } from "../model/balancer.ts";
import { drawByWeight, drawOfAttempt } from "./weighted-draw.ts";

export type RandomConfig = Record<string, never>;

const DRAWN = 1;

const balancer: Balancer<null> = {
  pick(x, pool, _state, _now, note) {
    if (pool.count === 0) return -1;
    const at = drawOfAttempt(x, 0);
    note.put(DRAWN, at, pool.count);
    return drawByWeight(pool, at, -1);
  },
};

export const random: BalancerKind<RandomConfig, null> = {
  type: "Random",
  summary: "Each request draws an endpoint in proportion to the weights.",
  example: "type: Random",
  config: z.strictObject({}),
  reasons: {
    drawn: (x, y) => `drew ${x.toFixed(3)} of 1 over the weights of ${y === 1 ? "1 endpoint" : `${y} endpoints`}`,
  },
  state: () => null,
  compile: () => balancer,
};
