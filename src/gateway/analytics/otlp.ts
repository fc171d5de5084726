/**
 * The counts since the start as OTLP/HTTP JSON (opentelemetry-proto, metrics/v1): cumulative sums and histograms.
 * Made only for an address that a person gave. Must not send anything itself.
 */
import type { Analytics } from "./analytics.ts";
import type { PolicyCosts } from "./costs.ts";
import type { Millis } from "../../model/basics.ts";
import type { Series, Slice } from "./series.ts";
import { countBelow, freshBins } from "./sketch.ts";

const CUMULATIVE = 2;
/** Exponents of milliseconds, as in prometheus.ts. */
const EXPONENTS = Array.from({ length: 15 }, (_, i) => i);
const NO_BINS = freshBins();

export interface OtlpInput {
  readonly analytics: Analytics;
  readonly costs: PolicyCosts;
  readonly now: Millis;
  /** Epoch milliseconds now, and when counting began. */
  readonly at: number;
  readonly startedAt: number;
  readonly version: string;
  /** Tells this process from others of the name. */
  readonly instance: string;
}

/** When counting began and until when, as every data point says it. */
interface Times {
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

/** What was counted for one route, service or consumer. */
interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
  readonly slice: Slice;
}

/** @returns an ExportMetricsServiceRequest. */
export function otlpMetrics(input: OtlpInput): object {
  const { analytics, costs, now, version, instance } = input;
  const times = { startTimeUnixNano: nanos(input.startedAt), timeUnixNano: nanos(input.at) };
  const slices = slicesOf(analytics, now);
  const metrics = [
    requests(slices, times),
    durations(slices, times),
    verdicts(analytics, times),
    policyCosts(analytics, costs, times),
  ];
  const resource = { "service.name": "switchyard", "service.version": version, "service.instance.id": instance };
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributes(resource) },
        scopeMetrics: [{ scope: { name: "switchyard", version }, metrics }],
      },
    ],
  };
}

function slicesOf(analytics: Analytics, now: Millis): readonly Labelled[] {
  const groups = [
    ["route", analytics.routes],
    ["service", analytics.services],
    ["consumer", analytics.consumers],
  ] as const;
  return groups.flatMap(([kind, all]) =>
    [...all].map(([name, series]: readonly [string, Series]) => ({
      labels: { [`switchyard.${kind}`]: name },
      slice: series.over(now, "all"),
    })),
  );
}

function requests(slices: readonly Labelled[], times: Times): object {
  const points = slices.flatMap(({ labels, slice }) => {
    const outcomes = {
      ok: slice.requests - slice.failed - slice.rejected,
      failed: slice.failed,
      rejected: slice.rejected,
    };
    return Object.entries(outcomes).map(([outcome, count]) => point({ ...labels, outcome }, times, count));
  });
  return sum("switchyard.requests", "Requests and how they ended.", points);
}

function durations(slices: readonly Labelled[], times: Times): object {
  return {
    name: "switchyard.request.duration",
    description: "From the request head to the last byte of the answer.",
    unit: "s",
    histogram: {
      aggregationTemporality: CUMULATIVE,
      dataPoints: slices.map(({ labels, slice }) => ({
        attributes: attributes(labels),
        ...times,
        ...histogram(slice),
      })),
    },
  };
}

function verdicts(analytics: Analytics, times: Times): object {
  const points = [...analytics.tallies].flatMap(([policy, { judged, refused, shadowed }]) => {
    const counts = { admitted: judged - refused - shadowed, refused, shadow: shadowed };
    return Object.entries(counts).map(([verdict, count]) =>
      point({ "switchyard.policy": policy, verdict }, times, count),
    );
  });
  return sum("switchyard.policy.verdicts", "What each policy said of requests.", points);
}

function policyCosts(analytics: Analytics, costs: PolicyCosts, times: Times): object {
  return {
    name: "switchyard.policy.cost",
    description: "Mean time that a policy takes for one request, of those measured.",
    unit: "us",
    gauge: {
      dataPoints: [...analytics.tallies.keys()].flatMap((policy) => {
        const cost = costs.of(policy);
        if (cost === undefined || cost.samples === 0) return [];
        return [{ attributes: attributes({ "switchyard.policy": policy }), ...times, asDouble: cost.mean }];
      }),
    },
  };
}

/** A count of requests that only grows. */
function sum(name: string, description: string, dataPoints: readonly object[]): object {
  const counted = { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints };
  return { name, description, unit: "{request}", sum: counted };
}

function point(labels: Readonly<Record<string, string>>, times: Times, value: number): object {
  return { attributes: attributes(labels), ...times, asInt: String(value) };
}

function histogram({ bins = NO_BINS, timed, duration }: Slice): object {
  const below = EXPONENTS.map((exponent) => countBelow(bins, exponent));
  const counts = [...below, timed].map((count, i) => count - (i === 0 ? 0 : below[i - 1]));
  return {
    count: String(timed),
    sum: duration / 1000,
    explicitBounds: EXPONENTS.map((exponent) => 2 ** exponent / 1000),
    bucketCounts: counts.map(String),
  };
}

function attributes(labels: Readonly<Record<string, string>>): object[] {
  return Object.entries(labels).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

/** 64 bits go as text in OTLP's JSON. */
function nanos(milliseconds: number): string {
  return `${BigInt(Math.round(milliseconds)) * 1_000_000n}`;
}
