/**
 * One watcher of the gateway: answers its calls, and tells it what changed, at most ten times a second and only what
 * it asked to be told. It exists per page or extension, over any channel that carries frames.
 * Must not send anything while nothing changed, and must not act on a message that the guard has not passed.
 */
import { createBirpc, type BirpcReturn } from "birpc";
import { WATCHER_EVENTS } from "../../contract/calls.ts";
import { FRAMING, type Frame } from "../../contract/frames.ts";
import { guardFrame } from "../../contract/guards.ts";
import { CONTRACT_VERSION } from "../../contract/calls.ts";
import type { AnalyticsView, AnalyticsWindow } from "../../contract/analytics.ts";
import type { CachesView } from "../../contract/caches.ts";
import type { GatewayFunctions, Topics, WatcherFunctions } from "../../contract/calls.ts";
import type { ExplainRequest } from "../../contract/explaining.ts";
import type { Detail } from "../../contract/detail.ts";
import type { FilterVerdict, Suggestion } from "../../contract/filter.ts";
import type { BucketChange, BucketUndo, LimitsView } from "../../contract/limits.ts";
import type { MintResult, MintWish } from "../../contract/minting.ts";
import type { ProposeResult } from "../../contract/policy.ts";
import type { DraftResult, SendResult } from "../../contract/sending.ts";
import type { AdminState, ServicesView, Simulation } from "../../contract/services.ts";
import type { Stamp } from "../../contract/stamp.ts";
import type { GatewayStatus, Hello } from "../../contract/status.ts";
import type {
  ClearedRequests,
  HarExport,
  ImportResult,
  PinResult,
  TrafficQuery,
  TrafficWindow,
} from "../../contract/traffic.ts";
import type { PassingFix, WhatIfResult } from "../../contract/what-if.ts";
import type { MintDesk } from "../mint/mint-desk.ts";
import type { Resender } from "../resend/resender.ts";
import type { WhatIfs } from "../what-if/what-ifs.ts";
import type { TrafficLists } from "./traffic-lists.ts";
import { TrafficFeed, type TrafficSource } from "./traffic-feed.ts";

/** Everything a session asks of the gateway. */
export interface SessionGateway extends TrafficSource {
  readonly generation: string;
  /** Grows with everything that status, services or limits could show. */
  readonly activity: number;
  /** Grows when health, listeners or the policy changed: worth telling at once. */
  readonly urgency: number;
  statusView(stamp: Stamp): GatewayStatus;
  servicesView(stamp: Stamp): ServicesView;
  limitsView(stamp: Stamp, search: string, count: number): LimitsView;
  cachesView(search: string, count: number): CachesView;
  purgeCache(identity: string, prefix: string): number;
  analyticsView(stamp: Stamp, window: AnalyticsWindow): AnalyticsView;
  readonly lists: TrafficSource["lists"] &
    Pick<TrafficLists, "parseFilter" | "suggest" | "pin" | "importRequests" | "clearFiltered">;
  detail(id: number, reveal: boolean): Detail | undefined;
  lastRejection(): Detail | undefined;
  exportHar(filter: string): Promise<HarExport>;
  readonly resender: Pick<Resender, "replay" | "draft" | "sendDraft">;
  readonly mintDesk: Pick<MintDesk, "mint">;
  changeBucket(identity: string, key: string, change: BucketChange): BucketUndo;
  undoBucket(token: number): void;
  setAdmin(service: string, url: string, admin: AdminState): void;
  simulate(service: string, url: string, simulation: Simulation | null): Promise<void>;
  clearSimulations(): void;
  scale(service: string, replicas: number): Promise<void>;
  replicaLog(service: string, url: string): string | undefined;
  policyText(masked: boolean): { text: string; revision: number };
  propose(text: string, basedOn: number): Promise<ProposeResult>;
  explain(request: ExplainRequest): Promise<Detail>;
  readonly whatIfs: Pick<WhatIfs, "view" | "whatIf" | "end" | "prepare" | "passingFixes">;
  clearTraffic(): void;
  setRecording(on: boolean): void;
  requestStop(): void;
}

export interface SessionOptions {
  send(frame: Frame): void;
  /** True while the channel has a backlog: nothing is queued on top of it. */
  congested?(): boolean;
  /** The text of the policy holds literal secrets; a browser page gets it masked. */
  readonly maskPolicyText?: boolean;
}

const TICK = 100;
const DEFAULT_KEYS = 20;

export class Session implements GatewayFunctions {
  private readonly gateway: SessionGateway;
  private readonly options: SessionOptions;
  private readonly watcher: BirpcReturn<WatcherFunctions, GatewayFunctions>;
  private readonly feed: TrafficFeed;
  private deliver: (frame: unknown) => void = () => {};
  private topics: Topics = {};
  private timer: NodeJS.Timeout | undefined;
  private ticks = 0;
  private closed = false;
  private readonly sequences = { services: 0, limits: 0, analytics: 0, status: 0 };
  private readonly told = { services: "", limits: -1, status: "", urgency: -1 };

  constructor(gateway: SessionGateway, options: SessionOptions) {
    this.gateway = gateway;
    this.options = options;
    this.feed = new TrafficFeed(gateway);
    this.watcher = createBirpc<WatcherFunctions, GatewayFunctions>(this.functions(), {
      post: (frame: Frame) => {
        if (!this.closed) options.send(frame);
      },
      on: (deliver) => {
        this.deliver = deliver;
      },
      ...FRAMING,
      eventNames: [...WATCHER_EVENTS],
      onGeneralError: () => true,
    });
  }

  /** A frame from the watcher. Never throws. */
  receive(frame: unknown): void {
    if (this.closed) return;
    const verdict = guardFrame(frame);
    if (verdict.kind === "call") this.deliver(frame);
    else if (verdict.kind === "refused")
      this.options.send({ t: "s", i: verdict.id, e: { name: "TypeError", message: verdict.message } });
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.feed.close();
    this.watcher.$close();
  }

  // ---- GatewayFunctions -----------------------------------------------------------------------------------------

  hello(_version: number): Hello {
    return { version: CONTRACT_VERSION, generation: this.gateway.generation, status: this.status() };
  }

  watch(topics: Topics): void {
    this.topics = topics;
    if (topics.traffic === undefined) this.feed.unwatch();
    else this.feed.watch(topics.traffic.filter);
    this.told.services = this.told.status = "";
    this.told.limits = -1;
    const { traffic, limits, services, status, whatIf } = topics;
    if (whatIf === true) this.watcher.whatIfChanged(this.gateway.whatIfs.view);
    const wanted = traffic ?? limits ?? (services || status || undefined);
    if (wanted === undefined) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    this.timer ??= setInterval(() => this.tick(), TICK).unref();
  }

  parseFilter(filter: string): FilterVerdict {
    return this.gateway.lists.parseFilter(filter);
  }

  suggest(filter: string, caret: number): Suggestion[] {
    return this.gateway.lists.suggest(filter, caret);
  }

  rows(query: TrafficQuery): TrafficWindow | Promise<TrafficWindow> {
    return query.sort === undefined ? this.feed.rows(query) : this.feed.sortedRows(query, query.sort);
  }

  detail(id: number, reveal: boolean): Detail | undefined {
    return this.gateway.detail(id, reveal);
  }

  lastRejection(): Detail | undefined {
    return this.gateway.lastRejection();
  }

  exportHar(filter: string): Promise<HarExport> {
    return this.gateway.exportHar(filter);
  }

  importRequests(archive: string, first: number, entries: readonly unknown[]): ImportResult {
    return this.gateway.lists.importRequests(archive, first, entries);
  }

  pin(id: number, on: boolean): PinResult {
    return this.gateway.lists.pin(id, on);
  }

  replayRequest(id: number): Promise<SendResult> {
    return this.gateway.resender.replay(id);
  }

  requestDraft(id: number): DraftResult {
    return this.gateway.resender.draft(id);
  }

  sendDraft(id: number, text: string): Promise<SendResult> {
    return this.gateway.resender.sendDraft(id, text);
  }

  mintToken(wish: MintWish): Promise<MintResult> {
    return this.gateway.mintDesk.mint(wish);
  }

  services(): ServicesView {
    return this.gateway.servicesView(this.stamp(this.sequences.services));
  }

  analytics(window: AnalyticsWindow): AnalyticsView {
    return this.gateway.analyticsView(this.stamp(++this.sequences.analytics), window);
  }

  caches(search: string, count: number): CachesView {
    return this.gateway.cachesView(search, count);
  }

  purgeCache(identity: string, prefix: string): number {
    return this.gateway.purgeCache(identity, prefix);
  }

  limits(search: string, count: number): LimitsView {
    return this.gateway.limitsView(this.stamp(this.sequences.limits), search, count);
  }

  changeBucket(identity: string, key: string, change: BucketChange): BucketUndo {
    return this.gateway.changeBucket(identity, key, change);
  }

  undoBucket(token: number): void {
    this.gateway.undoBucket(token);
  }

  setAdmin(service: string, url: string, admin: AdminState): void {
    this.gateway.setAdmin(service, url, admin);
  }

  simulate(service: string, url: string, simulation: Simulation | null): Promise<void> {
    return this.gateway.simulate(service, url, simulation);
  }

  clearSimulations(): void {
    this.gateway.clearSimulations();
  }

  scale(service: string, replicas: number): Promise<void> {
    return this.gateway.scale(service, replicas);
  }

  replicaLog(service: string, url: string): string | undefined {
    return this.gateway.replicaLog(service, url);
  }

  status(): GatewayStatus {
    return this.gateway.statusView(this.stamp(this.sequences.status));
  }

  policyText(): { text: string; revision: number } {
    return this.gateway.policyText(this.options.maskPolicyText === true);
  }

  propose(text: string, basedOn: number): Promise<ProposeResult> {
    return this.gateway.propose(text, basedOn);
  }

  explain(request: ExplainRequest): Promise<Detail> {
    return this.gateway.explain(request);
  }

  whatIf(text: string, show: boolean): Promise<WhatIfResult> {
    return this.gateway.whatIfs.whatIf(text, show);
  }

  endWhatIf(): void {
    this.gateway.whatIfs.end();
  }

  prepareWhatIf(): void {
    this.gateway.whatIfs.prepare();
  }

  passingFixes(id: number, text: string | null): Promise<PassingFix[]> {
    return this.gateway.whatIfs.passingFixes(id, text);
  }

  clearTraffic(): void {
    this.gateway.clearTraffic();
  }

  clearFiltered(filter: string): ClearedRequests {
    return this.gateway.lists.clearFiltered(filter);
  }

  setRecording(on: boolean): void {
    this.gateway.setRecording(on);
  }

  stop(): void {
    this.gateway.requestStop();
  }

  // ---- Telling --------------------------------------------------------------------------------------------------

  /** Another preview, or none. Told at once: somebody has just typed. */
  previewChanged(ids: readonly number[]): void {
    if (this.closed) return;
    this.feed.refresh(ids);
    if (this.topics.whatIf === true) this.watcher.whatIfChanged(this.gateway.whatIfs.view);
  }

  /** A person has pinned one, or let go of it. */
  rowsMarked(ids: readonly number[]): void {
    if (!this.closed) this.feed.refresh(ids);
  }

  /** birpc calls with its own `this`; these call with ours. */
  private functions(): GatewayFunctions {
    return {
      hello: (version) => this.hello(version),
      watch: (topics) => this.watch(topics),
      parseFilter: (filter) => this.parseFilter(filter),
      suggest: (filter, caret) => this.suggest(filter, caret),
      rows: (query) => this.rows(query),
      detail: (id, reveal) => this.detail(id, reveal),
      lastRejection: () => this.lastRejection(),
      exportHar: (filter) => this.exportHar(filter),
      importRequests: (archive, first, entries) => this.importRequests(archive, first, entries),
      pin: (id, on) => this.pin(id, on),
      replayRequest: (id) => this.replayRequest(id),
      requestDraft: (id) => this.requestDraft(id),
      sendDraft: (id, text) => this.sendDraft(id, text),
      mintToken: (wish) => this.mintToken(wish),
      services: () => this.services(),
      limits: (search, count) => this.limits(search, count),
      caches: (search, count) => this.caches(search, count),
      purgeCache: (identity, prefix) => this.purgeCache(identity, prefix),
      analytics: (window) => this.analytics(window),
      changeBucket: (identity, key, change) => this.changeBucket(identity, key, change),
      undoBucket: (token) => this.undoBucket(token),
      setAdmin: (service, url, admin) => this.setAdmin(service, url, admin),
      simulate: (service, url, simulation) => this.simulate(service, url, simulation),
      clearSimulations: () => this.clearSimulations(),
      scale: (service, replicas) => this.scale(service, replicas),
      replicaLog: (service, url) => this.replicaLog(service, url),
      status: () => this.status(),
      policyText: () => this.policyText(),
      propose: (text, basedOn) => this.propose(text, basedOn),
      explain: (request) => this.explain(request),
      whatIf: (text, show) => this.whatIf(text, show),
      endWhatIf: () => this.endWhatIf(),
      prepareWhatIf: () => this.prepareWhatIf(),
      passingFixes: (id, text) => this.passingFixes(id, text),
      clearTraffic: () => this.clearTraffic(),
      clearFiltered: (filter) => this.clearFiltered(filter),
      setRecording: (on) => this.setRecording(on),
      stop: () => this.stop(),
    };
  }

  private stamp(seq: number): Stamp {
    return { generation: this.gateway.generation, seq };
  }

  private tick(): void {
    if (this.closed || this.options.congested?.() === true) return;
    this.ticks++;
    const urgent = this.gateway.urgency !== this.told.urgency;
    this.told.urgency = this.gateway.urgency;
    const delta = this.feed.delta();
    if (delta !== undefined) this.watcher.traffic(delta);
    if (this.topics.limits !== undefined && (urgent || this.ticks % 3 === 0)) this.tellLimits(this.topics.limits);
    if (!urgent && this.ticks % 10 !== 0) return;
    if (this.topics.services === true) this.tellServices();
    if (this.topics.status === true) this.tellStatus();
  }

  /** Only after something happened: a view counts down by itself. */
  private tellLimits({ search, count }: { readonly search?: string; readonly count?: number }): void {
    if (this.told.limits === this.gateway.activity) return;
    this.told.limits = this.gateway.activity;
    const stamp = this.stamp(++this.sequences.limits);
    this.watcher.limitsChanged(this.gateway.limitsView(stamp, search ?? "", count ?? DEFAULT_KEYS));
  }

  private tellServices(): void {
    const view = this.gateway.servicesView(this.stamp(this.sequences.services + 1));
    const text = JSON.stringify([view.services, view.routes]);
    if (text === this.told.services) return;
    this.told.services = text;
    this.sequences.services++;
    this.watcher.servicesChanged(view);
  }

  private tellStatus(): void {
    const status = this.gateway.statusView(this.stamp(this.sequences.status + 1));
    const text = JSON.stringify({ ...status, stamp: undefined });
    if (text === this.told.status) return;
    this.told.status = text;
    this.sequences.status++;
    this.watcher.statusChanged(status);
  }
}
