/**
 * The page's data: what is watched, the latest of each kind, the selected request. Asks for what is visible and for
 * nothing while hidden. One listener is told of every change. Must not draw.
 */
import type {
  Detail,
  GatewayStatus,
  LimitsView,
  LimitView,
  PageIntent,
  Row,
  ServicesView,
  Topics,
} from "../src/contract/messages.ts";
import type { ReplicaAct } from "./areas/replica-menu.ts";
import type { Connection } from "./channel/connection.ts";
import { looksLike } from "./channel/guard.ts";
import { TrafficStore } from "./traffic/traffic-store.ts";

export type Area = "traffic" | "services" | "routes" | "limits";

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
  /** The limit that refused the selected request. */
  detailLimit: LimitView | undefined;
  revealing = false;
  /** When the gateway was last heard of, epoch milliseconds. */
  heardAt = 0;
  /** The gateway answers (again). */
  onReady: () => void = () => {};
  onIntent: (intent: PageIntent) => void = () => {};
  readonly #onChange: () => void;
  #detailTimer = 0;

  constructor(connection: Connection, onChange: () => void) {
    this.connection = connection;
    this.#onChange = onChange;
    this.traffic = new TrafficStore(() => (connection.state === "ready" ? connection.gateway : undefined));
    this.traffic.onChange = onChange;
    this.traffic.onRow = (row) => this.#rowChanged(row);
    connection.onChanged(() => this.#connectionChanged());
    connection.on("traffic", (delta) => {
      this.heardAt = Date.now();
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
    connection.on("intent", (intent) => this.onIntent(intent));
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
    this.detailLimit = undefined;
    this.#onChange();
    window.clearTimeout(this.#detailTimer);
    if (id !== -1) this.#detailTimer = window.setTimeout(() => void this.loadDetail(false), QUIET);
  }

  /** `reveal` only after the person asked for it. */
  async loadDetail(reveal: boolean): Promise<Detail | undefined> {
    const id = this.selected;
    try {
      const detail = await this.connection.gateway.detail(id, reveal);
      if (id !== this.selected) return undefined;
      this.detail = looksLike("detail", detail) ? detail : undefined;
      this.detailGone = this.detail === undefined;
      await this.#findLimit();
    } catch {
      if (id === this.selected) this.detailGone = this.detail === undefined;
    }
    this.#onChange();
    return this.detail;
  }

  async resetBucket(identity: string, key: string): Promise<void> {
    await this.connection.gateway.resetBucket(identity, key);
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
      this.status = this.connection.hello?.status;
      this.heardAt = Date.now();
      void this.watch();
      this.onReady();
    }
    this.#onChange();
  }
}
