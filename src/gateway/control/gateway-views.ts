/**
 * What the gateway shows of itself: status, services, limits, caches, counts and archives, each made anew when somebody
 * asks. It exists apart from the gateway, which changes things, so that whatever leaves for a watcher passes one place.
 * Must not change anything, and everything that may hold a secret leaves through the mask.
 */
import type { AnalyticsView, AnalyticsWindow } from "../../contract/analytics.ts";
import type { CachesView } from "../../contract/caches.ts";
import type { Detail } from "../../contract/detail.ts";
import type { LimitsView } from "../../contract/limits.ts";
import type { DiagnosticView } from "../../contract/policy.ts";
import type { ServicesView } from "../../contract/services.ts";
import type { Stamp } from "../../contract/stamp.ts";
import type { GatewayStatus } from "../../contract/status.ts";
import type { HarExport } from "../../contract/traffic.ts";
import { otlpMetrics } from "../analytics/otlp.ts";
import { prometheusText } from "../analytics/prometheus.ts";
import { analyticsView } from "../analytics/view.ts";
import type { Active, Engine } from "../listen/engine.ts";
import { now, wallClock } from "../readings.ts";
import type { Mask } from "../record/mask.ts";
import type { PlanPage } from "../record/plan-book.ts";
import { RATE_SECONDS } from "../record/rates.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Fleet } from "../run/fleet.ts";
import type { Simulations } from "../simulate/simulations.ts";
import { cacheViews } from "./caches-view.ts";
import type { DurableStates } from "./durable-state.ts";
import { exportHar } from "./har-export.ts";
import type { LimitHands } from "./limit-hands.ts";
import { limitViews } from "./limits-view.ts";
import { listenerStatuses } from "./listener-view.ts";
import { routeViews, serviceViews, unhealthyServices, type Beside } from "./services-view.ts";
import type { TrafficFeed } from "./traffic-feed.ts";
import type { TrafficLists } from "./traffic-lists.ts";

/** The policy file as it stands now. */
export interface PolicyStanding {
  readonly acceptedAt: number;
  readonly invalid: boolean;
  readonly diagnostics: readonly DiagnosticView[];
}

export interface Shown {
  readonly recorder: Recorder;
  readonly engine: Engine;
  readonly fleet: Fleet;
  readonly simulations: Simulations;
  readonly limitHands: LimitHands;
  readonly durable: DurableStates;
  readonly lists: TrafficLists;
  /** Path of the policy file as shown to people. */
  readonly file: string;
  readonly version: string;
  /** Differs between two runs of the gateway. */
  readonly instance: string;
  /** The pair that decides. @throws Error before the start. */
  active(): Active;
  mask(): Mask;
  policy(): PolicyStanding;
  draining(): boolean;
  detail(id: number): Detail | undefined;
}

export class GatewayViews {
  private readonly shown: Shown;
  private readonly beside: Beside;

  constructor(shown: Shown) {
    this.shown = shown;
    this.beside = {
      simulation: (service, url) => shown.simulations.words(service, url),
      scale: (service) => shown.fleet.wanted(service),
    };
  }

  counts(): ReturnType<ConstructorParameters<typeof TrafficFeed>[0]["counts"]> {
    const { recorder, lists } = this.shown;
    const at = now();
    return {
      ...lists.counts,
      recording: recorder.recording,
      perSecond: tenth(recorder.rate.perSecond(at)),
      rejectedShare: Math.round(recorder.rate.refusedShare(at, RATE_SECONDS) * 1000) / 1000,
      p95: tenth(recorder.durations.percentile(at, 0.95)),
    };
  }

  /** @throws Error when the filter cannot be read. */
  har(filter: string): Promise<HarExport> {
    const { lists, engine, version, detail } = this.shown;
    const view = lists.openView(filter);
    view.catchUp();
    const ids = view.idsBetween(view.first, view.first + view.matched);
    view.close();
    const listeners = listenerStatuses(engine.listeners);
    const origin = (name: string): string =>
      listeners.find((each) => each.name === name)?.url.replace(/\/$/, "") ?? "http://localhost";
    return exportHar({ ids, detail, origin, version });
  }

  services(stamp: Stamp): ServicesView {
    const page = this.servingPage();
    const at = now();
    const { recorder } = this.shown;
    return { stamp, at: wallClock(), services: this.serviceViews(at), routes: routeViews(page, at, recorder) };
  }

  analytics(stamp: Stamp, window: AnalyticsWindow): AnalyticsView {
    return this.shown.mask().deep(analyticsView({ ...this.counted, at: wallClock() }, stamp, window));
  }

  /** The counts since the start, for Prometheus. */
  metricsText(): string {
    const { analytics, costs, plan, now: at } = this.counted;
    return this.shown.mask().text(prometheusText(analytics, costs, plan, at));
  }

  /** The same for a collector of OpenTelemetry. */
  otlpMetrics(): object {
    const { mask, version, instance } = this.shown;
    const { counted } = this;
    const startedAt = wallClock() - (counted.now - counted.analytics.since);
    return mask().deep(otlpMetrics({ ...counted, at: wallClock(), startedAt, version, instance }));
  }

  caches(search: string, count: number): CachesView {
    const mask = this.shown.mask();
    const { plan } = this.shown.active();
    const show = (url: string) => mask.target(url);
    const asked = { plan, now: now(), wallClock: wallClock(), search, count, show };
    return mask.deep({ at: wallClock(), caches: cacheViews(this.shown.engine.caches, asked) });
  }

  limits(stamp: Stamp, search: string, count: number): LimitsView {
    const { plan, state } = this.shown.active();
    const { problem } = this.shown.durable;
    const limits = limitViews(plan, state, now(), search, count);
    return this.shown.mask().deep({ stamp, at: wallClock(), ...(problem === "" ? {} : { problem }), limits });
  }

  status(stamp: Stamp): GatewayStatus {
    const { recorder, engine, simulations, limitHands, file } = this.shown;
    const at = now();
    const mask = this.shown.mask();
    const { acceptedAt, invalid, diagnostics } = this.shown.policy();
    return {
      stamp,
      state: this.shown.draining() ? "draining" : "running",
      listeners: listenerStatuses(engine.listeners),
      policy: {
        file,
        revision: this.shown.active().revision,
        acceptedAt,
        invalid,
        diagnostics: mask.deep(diagnostics),
      },
      perSecond: tenth(recorder.rate.perSecond(at)),
      rejected: recorder.rate.recent(at, RATE_SECONDS).refused,
      unhealthy: unhealthyServices(this.serviceViews(at)),
      simulations: simulations.list,
      frozen: mask.deep(limitHands.frozen),
      processId: process.pid,
    };
  }

  private serviceViews(at: number): ReturnType<typeof serviceViews> {
    return serviceViews(this.servingPage(), this.shown.active().state, at, this.beside);
  }

  private get counted() {
    const { recorder, engine } = this.shown;
    return { analytics: recorder.analytics, costs: engine.costs, plan: this.shown.active().plan, now: now() };
  }

  private servingPage(): PlanPage {
    const page = this.shown.recorder.plans.get(this.shown.active().revision);
    if (page === undefined) throw new Error("The gateway has not started yet.");
    return page;
  }
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
