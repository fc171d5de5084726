/**
 * Pools and passages for the balancers' tests.
 * Must not be imported by anything but tests.
 */
import type { Passage } from "../model/arrival.ts";
import type { Pool } from "../model/balancer.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import { freshEndpoint } from "../model/fresh.ts";
import type { SourceRange } from "../model/basics.ts";

export const nowhere: SourceRange = {
  file: "test.yaml",
  line: 1,
  column: 1,
  endLine: 1,
  endColumn: 1,
  offset: 0,
  endOffset: 0,
};

export function endpointsOf(weights: readonly number[], port = 4001): PlanEndpoint[] {
  return weights.map((weight, index) => ({
    index,
    url: `http://127.0.0.1:${port + index}`,
    host: "127.0.0.1",
    port: port + index,
    label: `:${port + index}`,
    weight,
    priority: 0,
    admin: 0,
    source: nowhere,
  }));
}

/** All endpoints with weight are eligible, but for those left out. */
export function poolOf(endpoints: readonly PlanEndpoint[], without: readonly number[] = []): Pool {
  const eligible = new Int32Array(32);
  let count = 0;
  for (const { index, weight } of endpoints) if (weight > 0 && !without.includes(index)) eligible[count++] = index;
  const weights = new Float64Array(32);
  for (const { index, weight } of endpoints) weights[index] = weight;
  return { endpoints, states: endpoints.map(freshEndpoint), eligible, weights, count };
}

export function passageOf(seed: number, headers: Record<string, string> = {}, clientIp = "127.0.0.1"): Passage {
  return {
    arrival: { layer: 7, listener: 0, clientIp, clientPort: 50000, path: "/", header: (name) => headers[name] },
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed,
    tried: 0,
    wallClock: 0,
    requestId: () => "test",
  };
}

/** What a balancer noted. */
export class Notes {
  readonly all: { reason: number; x: number; y: number }[] = [];
  put(reason: number, x: number, y: number): void {
    this.all.push({ reason, x, y });
  }
}
