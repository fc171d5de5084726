/**
 * Series and tallies -> what the page shows. Must not count anything.
 */
import type { AnalyticsView, AnalyticsWindow, PolicyCostView, SeriesView } from "../../contract/analytics.ts";
import type { Stamp } from "../../contract/stamp.ts";
import type { Millis } from "../../model/basics.ts";
import type { Plan } from "../../model/plan.ts";
import { locationOf } from "../record/location.ts";
import type { Analytics } from "./analytics.ts";
import { ONE_IN, type PolicyCosts } from "./costs.ts";
import { secondsOf, type Series } from "./series.ts";
import { quantile } from "./sketch.ts";

export interface AnalyticsInput {
  readonly analytics: Analytics;
  readonly costs: PolicyCosts;
  readonly plan: Plan;
  /** Monotonic. */
  readonly now: Millis;
  /** Epoch. */
  readonly at: number;
}

export function analyticsView(input: AnalyticsInput, stamp: Stamp, window: AnalyticsWindow): AnalyticsView {
  const { analytics, now, at, plan, costs } = input;
  const seconds = secondsOf(now, window, analytics.since);
  const view = (kind: SeriesView["kind"], name: string, series: Series): SeriesView =>
    seriesView(kind, name, series, now, window, seconds);
  const all = (kind: SeriesView["kind"], from: ReadonlyMap<string, Series>): SeriesView[] =>
    [...from].map(([name, series]) => view(kind, name, series));
  const busy = all("consumer", analytics.consumers).filter(({ requests }) => requests > 0);
  return {
    stamp,
    at,
    window,
    seconds: Math.round(seconds),
    oneIn: ONE_IN,
    series: [
      view("gateway", "everything", analytics.gateway),
      ...all("route", analytics.routes),
      ...all("service", analytics.services),
      ...busy.toSorted((a, b) => b.requests - a.requests),
    ],
    policies: plan.steps.map((step): PolicyCostView => {
      const { judged, refused, shadowed } = analytics.tallies.get(step.identity) ?? {
        judged: 0,
        refused: 0,
        shadowed: 0,
      };
      const cost = costs.of(step.identity);
      return {
        identity: step.identity,
        name: step.name,
        kind: step.kind,
        owner: step.identity.split("/").slice(0, 2).join("/"),
        judged,
        refused,
        shadowed,
        samples: cost?.samples ?? 0,
        micros: rounded(cost?.mean ?? -1, 100),
        microsP95: rounded(cost?.p95 ?? -1, 100),
        location: locationOf(step.source),
      };
    }),
  };
}

function seriesView(
  kind: SeriesView["kind"],
  name: string,
  series: Series,
  now: Millis,
  window: AnalyticsWindow,
  seconds: number,
): SeriesView {
  const slice = series.over(now, window);
  const share = (count: number): number => (slice.requests === 0 ? 0 : rounded(count / slice.requests, 10_000));
  const at = (part: number): number => (slice.bins === undefined ? -1 : rounded(quantile(slice.bins, part), 1000));
  return {
    kind,
    name,
    requests: slice.requests,
    perSecond: rounded(slice.requests / seconds, 100),
    errorShare: share(slice.failed),
    rejectedShare: share(slice.rejected),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    bytesIn: slice.bytesIn,
    bytesOut: slice.bytesOut,
    history: series.history(now, window),
  };
}

function rounded(value: number, by: number): number {
  return Math.round(value * by) / by;
}
