/**
 * Every call between gateway, extension and page, the events they are told, and the version they must agree on.
 * One RPC (birpc) carries them over three roads: the child-process channel (extension and gateway), the webview's
 * postMessage (page and extension, which relays), and a loopback WebSocket (browser page and gateway).
 * What the calls carry stands in the files imported here, one per area; guards.ts judges the arguments before the
 * gateway acts on them. All values are plain JSON.
 */
import type { AnalyticsView, AnalyticsWindow } from "./analytics.ts";
import type { CachesView } from "./caches.ts";
import type { Detail } from "./detail.ts";
import type { ExplainRequest } from "./explaining.ts";
import type { FilterVerdict, Suggestion } from "./filter.ts";
import type { BucketChange, BucketUndo, LimitsView } from "./limits.ts";
import type { MintResult, MintWish } from "./minting.ts";
import type { ProposeResult } from "./policy.ts";
import type { DraftResult, SendResult } from "./sending.ts";
import type { AdminState, ServicesView, Simulation } from "./services.ts";
import type { GatewayStatus, Hello } from "./status.ts";
import type {
  ClearedRequests,
  HarExport,
  ImportResult,
  PinResult,
  TrafficDelta,
  TrafficQuery,
  TrafficWindow,
} from "./traffic.ts";
import type { PassingFix, WhatIfResult, WhatIfView } from "./what-if.ts";

export const CONTRACT_VERSION = 1;

/** What the watcher wants to be told. Absent = nothing of that kind. Replaces what was asked for before. */
export interface Topics {
  readonly traffic?: { readonly filter: string };
  readonly services?: boolean;
  readonly limits?: { readonly search?: string; readonly count?: number };
  readonly status?: boolean;
  readonly whatIf?: boolean;
}

/** What the gateway answers. Each call is answered, fails as a rejection with an Error, or times out. */
export interface GatewayFunctions {
  hello(version: number): Hello | Promise<Hello>;
  watch(topics: Topics): void | Promise<void>;
  parseFilter(filter: string): FilterVerdict | Promise<FilterVerdict>;
  suggest(filter: string, caret: number): Suggestion[] | Promise<Suggestion[]>;
  rows(query: TrafficQuery): TrafficWindow | Promise<TrafficWindow>;
  /** `reveal` shows secrets: only after the person asked for it. undefined = evicted. */
  detail(id: number, reveal: boolean): Detail | undefined | Promise<Detail | undefined>;
  lastRejection(): Detail | undefined | Promise<Detail | undefined>;
  /** The newest requests that match, as an HTTP Archive with their decisions. Secrets stay masked. */
  exportHar(filter: string): HarExport | Promise<HarExport>;
  /**
   * Entries of an HTTP Archive as they stand in it, at most 200, shown beside what is recorded and never counted as traffic.
   * @param archive name of the file. @param first number of the first of them within it, from 0.
   */
  importRequests(archive: string, first: number, entries: readonly unknown[]): ImportResult | Promise<ImportResult>;
  /** Keeps a request, or lets go of it. */
  pin(id: number, on: boolean): PinResult | Promise<PinResult>;
  /** Really sends a recorded request again, through the listener that it came to; the new row is tagged "replay". */
  replayRequest(id: number): SendResult | Promise<SendResult>;
  /** A recorded request as HTTP text: comments after "#", request line, fields, an empty line, the body. */
  requestDraft(id: number): DraftResult | Promise<DraftResult>;
  /** Sends the edited text through the listener that request `id` came to. Masks left as they were mean the recorded values. */
  sendDraft(id: number, text: string): SendResult | Promise<SendResult>;
  /** A token that lets a refused request pass, signed with the development key. Only after the person asked for it. */
  mintToken(wish: MintWish): MintResult | Promise<MintResult>;
  services(): ServicesView | Promise<ServicesView>;
  limits(search: string, count: number): LimitsView | Promise<LimitsView>;
  /** @param search part of a URL. @param count entries for each cache. */
  caches(search: string, count: number): CachesView | Promise<CachesView>;
  /** @param identity of one cache, "" = all. @param prefix "host/path" that URLs begin with, "" = all. @returns how many answers went. */
  purgeCache(identity: string, prefix: string): number | Promise<number>;
  analytics(window: AnalyticsWindow): AnalyticsView | Promise<AnalyticsView>;
  changeBucket(identity: string, key: string, change: BucketChange): BucketUndo | Promise<BucketUndo>;
  /** Puts a bucket back as it was before the change. */
  undoBucket(token: number): void | Promise<void>;
  /** What a person decides about one replica. `Up` readmits: an ejection ends too. */
  setAdmin(service: string, url: string, admin: AdminState): void | Promise<void>;
  /** null ends the simulation. */
  simulate(service: string, url: string, simulation: Simulation | null): void | Promise<void>;
  clearSimulations(): void | Promise<void>;
  /** 1 to 32. Resolves once the plan has them; new ones get requests when healthy, leaving ones drain. */
  scale(service: string, replicas: number): void | Promise<void>;
  /** The latest output of a replica that the gateway runs, its own remarks between. undefined = there is none. */
  replicaLog(service: string, url: string): string | undefined | Promise<string | undefined>;
  status(): GatewayStatus | Promise<GatewayStatus>;
  policyText(): { text: string; revision: number } | Promise<{ text: string; revision: number }>;
  /** `basedOn` = the revision the edit started from; -1 = whatever runs. */
  propose(text: string, basedOn: number): ProposeResult | Promise<ProposeResult>;
  explain(request: ExplainRequest): Detail | Promise<Detail>;
  /** Decides the recorded requests again under `text`. `show`: every watcher sees what would change, until `endWhatIf`. */
  whatIf(text: string, show: boolean): WhatIfResult | Promise<WhatIfResult>;
  endWhatIf(): void | Promise<void>;
  /** A policy is about to be edited: what answers `whatIf` is started, so that the first question need not wait for it. */
  prepareWhatIf(): void | Promise<void>;
  /** The least edits of `text` (null = of the policy that serves) under which a refused request would pass. */
  passingFixes(id: number, text: string | null): PassingFix[] | Promise<PassingFix[]>;
  /** Everything: pinned and imported requests too. */
  clearTraffic(): void | Promise<void>;
  /** Requests that match leave the list, but for pinned ones and those that have not ended. */
  clearFiltered(filter: string): ClearedRequests | Promise<ClearedRequests>;
  setRecording(on: boolean): void | Promise<void>;
  stop(): void | Promise<void>;
}

/** What a watcher (extension or page) may be told. All are events: nobody waits for an answer. */
export interface WatcherFunctions {
  traffic(delta: TrafficDelta): void;
  servicesChanged(view: ServicesView): void;
  limitsChanged(view: LimitsView): void;
  statusChanged(status: GatewayStatus): void;
  /** null = nothing is previewed. */
  whatIfChanged(view: WhatIfView | null): void;
}

/** The names of WatcherFunctions. */
export const WATCHER_EVENTS = [
  "traffic",
  "servicesChanged",
  "limitsChanged",
  "statusChanged",
  "whatIfChanged",
] as const satisfies readonly (keyof WatcherFunctions)[];
