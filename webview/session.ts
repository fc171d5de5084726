/**
 * The page's data: what is watched, the latest of each kind, the selected request. Asks for what is visible and for
 * nothing while hidden. One listener is told of every change. Must not draw.
 */
import type { Topics } from "../src/contract/calls.ts";
import type { Detail } from "../src/contract/detail.ts";
import type { BucketChange, BucketUndo, LimitsView, LimitView } from "../src/contract/limits.ts";
import type { PageIntent } from "../src/contract/page.ts";
import type { ServicesView } from "../src/contract/services.ts";
import type { GatewayStatus } from "../src/contract/status.ts";
import type { Row } from "../src/contract/traffic.ts";
import type { PassingFix, WhatIfView } from "../src/contract/what-if.ts";
import type { ReplicaAct } from "./areas/replica-menu.ts";
import type { Connection } from "./channel/connection.ts";
import { looksLike } from "./channel/guard.ts";
import { TrafficStore } from "./traffic/traffic-store.ts";

export type Area = "traffic" | "services" | "routes" | "limits" | "caches" | "analytics";

/** Buckets asked for per limit. */
const KEYS = 20;
/** Milliseconds of quiet before the selected row's detail is asked for: holding an arrow key asks once. */
const QUIET = 60;

export class Session {
  readonly connection: Connection;
  readonly traffic: TrafficStore;
  area: Area = "traffic";
  status: GatewayStatus | undefined;
  services: ServicesView | undefined;
  limits: LimitsView | undefined;
  /** performance.now() at which `limits` was true. */
  limitsAt = 0;
  limitSearch = "";
  selected = -1;
  row: Row | undefined;
  detail: Detail | undefined;
  detailGone = false;
  /** Why the selected request could not be read, for people; empty while it is being read. */
  detailProblem = "";
  /** What an unsaved policy would change; null = none is previewed. */
  whatIf: WhatIfView | null = null;
  /** Edits that would let the selected request pass; undefined = not known (yet). */
  fixes: readonly PassingFix[] | undefined;
  /** The limit that refused the selected request. */
  detailLimit: LimitView | undefined;
  revealing = false;
  /** When the gateway was last heard of, epoch milliseconds. */
  heardAt = 0;
  /** The gateway answers (again). */
  onReady: () => void = () => {};
  onIntent: (intent: PageIntent) => void = () => {};
  /** Another gateway answers: its requests are numbered from 1 again, so what was selected is none of them. */
  onForgotten: () => void = () => {};
  readonly #onChange: () => void;
  #detailTimer = 0;
  #generation = "";
  /** The last wish of the window that came while no gateway answered. */
  #intent: PageIntent | undefined;

  constructor(connection: Connection, onChange: () => void) {
    this.connection = connection;
    this.#onChange = onChange;
    this.traffic = new TrafficStore(() => (connection.state === "ready" ? connection.gateway : undefined));
    this.traffic.onChange = onChange;
    this.traffic.onRow = (row) => this.#rowChanged(row);
    connection.onChanged(() => this.#connectionChanged());
    connection.on("traffic", (delta) => {
      this.heardAt = Date.now();
      this.#meet(delta.stamp.generation);
      this.traffic.take(delta);
    });
    connection.on("servicesChanged", (view) => {
      this.services = view;
      onChange();
    });
    connection.on("limitsChanged", (view) => this.#takeLimits(view));
    connection.on("statusChanged", (status) => {
      this.status = status;
      this.heardAt = Date.now();
      onChange();
    });
    connection.on("whatIfChanged", (view) => {
      this.whatIf = view;
      onChange();
    });
    connection.on("intent", (intent) => {
      if (this.ready) this.onIntent(intent);
      else this.#intent = intent;
    });
    document.addEventListener("visibilitychange", () => void this.watch());
  }

  get ready(): boolean {
    return this.connection.state === "ready";
  }

  /** Tells the gateway what is visible, then asks for it afresh: nothing was sent while it was not. */
  async watch(): Promise<void> {
    if (!this.ready) return;
    const topics = this.#topics();
    try {
      await this.connection.gateway.watch(topics);
      if (document.hidden) return;
      await Promise.all([
        topics.traffic === undefined ? undefined : this.traffic.recover(),
        topics.services === true ? this.#askServices() : undefined,
        topics.limits === undefined ? undefined : this.#askLimits(),
      ]);
    } catch {
      // The connection's own state tells that the gateway does not answer.
    }
  }

  #topics(): Topics {
    if (document.hidden) return {};
    const wantsLimits = this.area === "limits" || this.detailLimit !== undefined;
    return {
      status: true,
      whatIf: true,
      ...(this.area === "traffic" ? { traffic: { filter: this.traffic.filter } } : {}),
      ...(this.area === "services" || this.area === "routes" ? { services: true } : {}),
      ...(wantsLimits ? { limits: { search: this.area === "limits" ? this.limitSearch : "", count: KEYS } } : {}),
    };
  }

  async setFilter(filter: string): Promise<void> {
    this.traffic.filter = filter;
    this.traffic.pause();
    if (!this.ready) return;
    try {
      await this.connection.gateway.watch(this.#topics());
      if (filter === this.traffic.filter) await this.traffic.snapshot();
    } catch {
      // As above.
    }
  }

  setArea(area: Area): void {
    this.area = area;
    this.#onChange();
    void this.watch();
  }

  setLimitSearch(search: string): void {
    this.limitSearch = search;
    void this.watch();
  }

  select(id: number, row: Row | undefined): void {
    if (id === this.selected) return;
    this.selected = id;
    this.row = row;
    this.detail = undefined;
    this.detailGone = false;
    this.detailProblem = "";
    this.detailLimit = undefined;
    this.fixes = undefined;
    this.#onChange();
    window.clearTimeout(this.#detailTimer);
    if (id !== -1) this.#detailTimer = window.setTimeout(() => void this.loadDetail(false), QUIET);
  }

  /**
   * `reveal` only after the person asked for it. Without a gateway it waits: what is still wanted when one answers is
   * asked for then.
   */
  async loadDetail(reveal: boolean): Promise<Detail | undefined> {
    const id = this.selected;
    const generation = this.#generation;
    const current = (): boolean => id === this.selected && generation === this.#generation;
    if (id === -1 || !this.ready) return undefined;
    this.detailProblem = "";
    this.#onChange();
    try {
      const detail = await this.connection.gateway.detail(id, reveal);
      if (!current()) return undefined;
      this.detail = looksLike("detail", detail) ? detail : undefined;
      this.detailGone = this.detail === undefined;
    } catch (error) {
      // Cut off with the gateway is not a failure of this request: it is asked for again.
      if (current() && this.ready) this.detailProblem = (error as Error).message;
      this.#onChange();
      return undefined;
    }
    // Nothing of this gateway decided what was imported.
    if (this.detail?.imported !== undefined) {
      this.#onChange();
      return this.detail;
    }
    // The limit is a help beside the detail, which is shown without it.
    await this.#findLimit().catch(() => {});
    this.#onChange();
    if (this.detail?.verdict.refused === true) void this.#findFixes(id);
    return this.detail;
  }

  async changeBucket(identity: string, key: string, change: BucketChange): Promise<BucketUndo> {
    const undo = await this.connection.gateway.changeBucket(identity, key, change);
    await this.#askLimits();
    return undo;
  }

  async undoBucket(token: number): Promise<void> {
    await this.connection.gateway.undoBucket(token);
    await this.#askLimits();
  }

  async thawAll(): Promise<void> {
    for (const { identity, key } of this.status?.frozen ?? [])
      await this.connection.gateway.changeBucket(identity, key, { kind: "thaw" });
    await this.#askLimits();
  }

  /** @returns the log that was asked for. */
  async act(act: ReplicaAct): Promise<string | undefined> {
    const { gateway } = this.connection;
    switch (act.kind) {
      case "admin":
        await gateway.setAdmin(act.service, act.url, act.admin);
        break;
      case "simulate":
        await gateway.simulate(act.service, act.url, act.simulation);
        break;
      case "clearSimulations":
        await gateway.clearSimulations();
        break;
      case "scale":
        await gateway.scale(act.service, act.replicas);
        break;
      case "log":
        return gateway.replicaLog(act.service, act.url);
    }
    if (this.area === "services") await this.#askServices();
    return undefined;
  }

  async #findLimit(): Promise<void> {
    const { detail } = this;
    if (detail === undefined || !/^urn:switchyard:(rateLimit|quota|concurrency):/u.test(detail.verdict.type ?? ""))
      return;
    this.#takeLimits(await this.connection.gateway.limits("", KEYS));
    await this.connection.gateway.watch(this.#topics());
  }

  /** A search in the recording: it may take a moment, and nobody waits for it. */
  async #findFixes(id: number): Promise<void> {
    const fixes = await this.connection.gateway.passingFixes(id, null).catch(() => undefined);
    if (id !== this.selected || !looksLike("passingFixes", fixes)) return;
    this.fixes = fixes;
    this.#onChange();
  }

  async #askServices(): Promise<void> {
    const view = await this.connection.gateway.services();
    if (looksLike("servicesChanged", view)) this.services = view;
    this.#onChange();
  }

  async #askLimits(): Promise<void> {
    this.#takeLimits(await this.connection.gateway.limits(this.area === "limits" ? this.limitSearch : "", KEYS));
  }

  #takeLimits(view: LimitsView): void {
    if (!looksLike("limitsChanged", view)) return;
    this.limits = view;
    // Gateway and page run on one machine; a clock that was set meanwhile must not run the gauges away.
    this.limitsAt = performance.now() - Math.min(5000, Math.max(0, Date.now() - view.at));
    const { detail } = this;
    this.detailLimit = view.limits.find(
      (limit) => limit.name === detail?.verdict.policy && detail.verdict.type?.startsWith("urn:switchyard:") === true,
    );
    this.#onChange();
  }

  #rowChanged(row: Row): void {
    if (row.id !== this.selected) return;
    this.row = row;
    if (this.detail !== undefined && this.detail.row.state === "pending") void this.loadDetail(this.detail.revealed);
  }

  #connectionChanged(): void {
    if (this.ready) {
      const { hello } = this.connection;
      if (hello !== undefined) this.#meet(hello.generation);
      this.status = hello?.status;
      this.heardAt = Date.now();
      void this.watch();
      this.onReady();
      this.#resume();
    }
    this.#onChange();
  }

  /** What was wanted while no gateway answered. */
  #resume(): void {
    const intent = this.#intent;
    this.#intent = undefined;
    const unread = this.detail === undefined ? !this.detailGone : this.detail.row.state === "pending";
    if (intent !== undefined) this.onIntent(intent);
    else if (unread) void this.loadDetail(this.detail?.revealed === true);
  }

  #meet(generation: string): void {
    if (generation === this.#generation) return;
    const first = this.#generation === "";
    this.#generation = generation;
    if (first) return;
    this.select(-1, undefined);
    this.onForgotten();
  }
}
