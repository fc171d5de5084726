/**
 * The endpoint that will probably answer first: of two drawn by weight, the one with the lower cost, which is its peak
 * EWMA latency times the requests it would then have in flight. Peak: a slow answer counts at once and in full, a fast
 * one only little by little, so a replica that stalls is left alone before its mean has moved; while nothing is heard of
 * it the cost decays, and it is asked again.
 * Source: Finagle, PeakEwma.scala (Twitter). Must not learn from a failure that it is fast: an error that comes in a
 * millisecond would draw everything (that is why a failed attempt counts as a second).
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import type { Balancer, BalancerKind, Pool } from "../model/balancer.ts";
import type { Millis } from "../model/basics.ts";
import type { Note } from "../model/decision.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import { duration } from "../model/scalars.ts";
import { Failure, type Outcome } from "../model/state.ts";
import { drawByWeight, drawOfAttempt } from "./weighted-draw.ts";

const config = z.strictObject({
  decay: z.prefault(duration({ least: 10 }), "10s").check(
    z.meta({
      description: "How fast old latencies are forgotten: after this time they count a bit more than a third.",
      examples: ["10s"],
    }),
  ),
});

export type LatencyAwareConfig = z.output<typeof config>;

export interface PeakEwma {
  /** Milliseconds as of `at`; -1 = not measured yet. */
  cost: number;
  at: Millis;
}

export interface LatencyAwareState {
  readonly endpoints: PeakEwma[];
}

const FASTER = 1;
const SLOWER = 2;
const ONLY = 3;
const UNMEASURED = 4;
const SLOWER_UNMEASURED = 5;

/** What a failed attempt counts as, at least. */
const FAILURE_COST: Millis = 1000;
/** One that was never measured is tried by one request at a time. */
const UNMEASURED_COST: Millis = 1e9;

/** Ends that say nothing about how fast the endpoint is. */
const SILENT: ReadonlySet<number> = new Set([Failure.ClientGone, Failure.Deregistered, Failure.Outrun, Failure.Behind]);

class LatencyAware implements Balancer<LatencyAwareState> {
  readonly #decay: Millis;

  constructor(decay: Millis) {
    this.#decay = decay;
  }

  pick(x: Passage, pool: Pool, state: LatencyAwareState, now: Millis, note: Note): number {
    if (pool.count === 0) return -1;
    const first = drawByWeight(pool, drawOfAttempt(x, 0), -1);
    if (pool.count === 1) {
      note.put(ONLY, first, this.#latency(state.endpoints[first], now));
      return first;
    }
    const second = drawByWeight(pool, drawOfAttempt(x, 1), first);
    const ofFirst = this.#load(pool, state, first, now);
    const ofSecond = this.#load(pool, state, second, now);
    const chosen = ofSecond < ofFirst ? second : first;
    const other = chosen === first ? second : first;
    const measured = state.endpoints[chosen].cost >= 0;
    note.put(measured ? FASTER : UNMEASURED, chosen, measured ? Math.min(ofFirst, ofSecond) : 0);
    if (state.endpoints[other].cost >= 0) note.put(SLOWER, other, Math.max(ofFirst, ofSecond));
    else note.put(SLOWER_UNMEASURED, other, pool.states[other].inFlight);
    return chosen;
  }

  ended(endpoint: number, state: LatencyAwareState, outcome: Outcome, now: Millis): void {
    const peak = state.endpoints[endpoint];
    const failed = outcome.failure !== Failure.None || outcome.status >= 500;
    if (SILENT.has(outcome.failure)) return;
    if (!failed && outcome.firstByte < 0) return;
    const sample = failed ? Math.max(FAILURE_COST, outcome.firstByte) : outcome.firstByte;
    const cost = this.#latency(peak, now);
    const weight = Math.exp(-Math.max(0, now - peak.at) / this.#decay);
    // `cost` has decayed already: what is left of the old mean, and the rest from the sample.
    peak.cost = sample > cost ? sample : cost + sample * (1 - weight);
    peak.at = now;
  }

  /** 0 when it was never measured. */
  #latency({ cost, at }: PeakEwma, now: Millis): Millis {
    return cost < 0 ? 0 : cost * Math.exp(-Math.max(0, now - at) / this.#decay);
  }

  #load(pool: Pool, state: LatencyAwareState, endpoint: number, now: Millis): number {
    const { inFlight } = pool.states[endpoint];
    const peak = state.endpoints[endpoint];
    if (peak.cost < 0) return inFlight === 0 ? 0 : (UNMEASURED_COST * inFlight) / pool.weights[endpoint];
    return (this.#latency(peak, now) * (inFlight + 1)) / pool.weights[endpoint];
  }
}

export const latencyAware: BalancerKind<LatencyAwareConfig, LatencyAwareState> = {
  type: "LatencyAware",
  summary: "The endpoint that will probably answer first: recent peak latency times requests in flight, of two drawn.",
  example: "type: LatencyAware",
  config: config as unknown as z.ZodMiniType<LatencyAwareConfig>,
  reasons: {
    faster: (x, y, label) => `${label(x)} is expected to answer first: ${millis(y)} with what it has in flight`,
    slower: (x, y, label) => `${label(x)} was the other of the two, expected in ${millis(y)}`,
    only: (x, y, label) => `${label(x)} was the only endpoint left${y > 0 ? `, at ${millis(y)}` : ""}`,
    unmeasured: (x, _y, label) => `${label(x)} was not measured yet, and is tried`,
    slowerUnmeasured: (x, y, label) =>
      `${label(x)} was the other of the two: not measured yet, and ${y === 1 ? "1 request is" : `${y} requests are`} trying it`,
  },
  concerns: (reason, x) => (reason === "slower" || reason === "slowerUnmeasured" ? x : -1),
  state: (_config, endpoints) => ({ endpoints: endpoints.map(newPeak) }),
  // The very objects: requests that were decided before the edit go on teaching both.
  carry(old, from, to) {
    const kept = (endpoint: PlanEndpoint) => {
      const at = from.findIndex((before) => before.url === endpoint.url);
      return at < 0 ? newPeak() : old.endpoints[at];
    };
    return { endpoints: to.map(kept) };
  },
  compile: (settings) => new LatencyAware(settings.decay),
};

function newPeak(): PeakEwma {
  return { cost: -1, at: 0 };
}

function millis(value: number): string {
  return value < 10 ? `${Number(value.toFixed(1))} ms` : `${Math.round(value)} ms`;
}
