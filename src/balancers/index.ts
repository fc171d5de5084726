/**
 * Every balancing algorithm. The reader, schema, completion, docs and explanation iterate over this list;
 * adding one is its file, its test and a line here.
 */
import type { AnyBalancerKind } from "../model/balancer.ts";
import { consistentHash } from "./consistent-hash.ts";
import { failover } from "./failover.ts";
import { latencyAware } from "./latency-aware.ts";
import { leastRequest } from "./least-request.ts";
import { random } from "./random.ts";
import { roundRobin } from "./round-robin.ts";
import { sourceHash } from "./source-hash.ts";

/** The first is the default of `loadBalancer.type`. */
export const balancers: readonly AnyBalancerKind[] = [
  roundRobin,
  leastRequest,
  random,
  consistentHash,
  latencyAware,
  failover,
  sourceHash,
];
