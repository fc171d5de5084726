/**
 * The page: one layout for the sidebar (300 px), the panel and the browser; it grows by width, not by host.
 * Holds the person's choices and passes data down and wishes up. Must not talk to the gateway except through Session.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { AnalyticsView, AnalyticsWindow } from "../src/contract/analytics.ts";
import type { BucketChange } from "../src/contract/limits.ts";
import type { Location } from "../src/contract/location.ts";
import type { PageIntent } from "../src/contract/page.ts";
import { looksLike } from "./channel/guard.ts";
import type { Host, ViewSettings } from "./channel/host.ts";
import type { RequestDetail, Tab } from "./detail/request-detail.ts";
import { Resend } from "./detail/resend.ts";
import { askLeft, askReveal, columnsMenu, keyHelp } from "./parts/dialogs.ts";
import { PageElement } from "./parts/element.ts";
import { icon } from "./parts/icon.ts";
import { banner, emptyState, footer, frozenBanner, simulationBanner } from "./parts/states.ts";
import { whatIfBanner } from "./parts/what-if.ts";
import type { BucketAct } from "./areas/limits-view.ts";
import type { ReplicaAct } from "./areas/replica-menu.ts";
import { clock, whole } from "./parts/words.ts";
import type { Area, Session } from "./session.ts";
import type { FilterBox } from "./traffic/filter-box.ts";
import type { TableEvents, TrafficTable } from "./traffic/traffic-table.ts";

/** From this width on the detail stands beside the table. */
const SPLIT = 820;
/** From this width on a panel has room for the other areas. */
const AREAS = 700;
const TOAST = 2500;
/** Filter for the requests that an unsaved policy would treat otherwise. */
const CHANGED = "is:changed";

const AREA_WORDS: Readonly<Record<Area, string>> = {
  traffic: "Traffic",
  services: "Services",
  routes: "Routes",
  limits: "Limits",
  caches: "Caches",
  analytics: "Analytics",
};

export class SwitchyardApp extends PageElement {
  static override properties = {
    version: { state: true },
    width: { state: true },
    detailOpen: { state: true },
    tab: { state: true },
    settings: { state: true },
    toast: { state: true },
  };
  session!: Session;
  host!: Host;
  declare version: number;
  declare width: number;
  declare detailOpen: boolean;
  declare tab: Tab;
  declare settings: ViewSettings;
  declare toast: string;
  #toastTimer = 0;
  #undo: (() => void) | undefined;
  #mayReveal = false;
  readonly #resend = new Resend({
    parent: this,
    say: (text) => this.say(text),
    open: (id) => this.#obey({ kind: "detail", id }),
  });
  readonly #observer = new ResizeObserver((entries) => {
    this.width = Math.round(entries[0]?.contentRect.width ?? 0);
  });

  constructor() {
    super();
    this.version = 0;
    this.width = window.innerWidth;
    this.detailOpen = false;
    this.tab = "Decision";
    this.settings = {};
    this.toast = "";
  }

  /** Called once, before it is put into the document. */
  begin(session: Session, host: Host): void {
    this.session = session;
    this.host = host;
    this.settings = host.recall();
    session.onIntent = (intent) => this.#obey(intent);
    session.onForgotten = () => {
      this.detailOpen = false;
    };
    // The text of last time is asked about like typed text: another gateway may not understand it.
    session.onReady = () => this.#filterBox?.refresh();
  }

  /** Something of the session changed. */
  changed(): void {
    this.version += 1;
  }

  /** @param undo offered beside the words, for as long as it can be done. */
  say(text: string, undo?: { readonly act: () => void; readonly within: number }): void {
    this.toast = text;
    this.#undo = undo?.act;
    window.clearTimeout(this.#toastTimer);
    this.#toastTimer = window.setTimeout(() => {
      this.#undo = undefined;
      this.toast = "";
    }, undo?.within ?? TOAST);
  }

  protected override firstUpdated(): void {
    this.#observer.observe(this);
    this.#filterBox?.set(this.settings.filter ?? "");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer.disconnect();
  }

  get #filterBox(): FilterBox | null {
    return this.renderRoot.querySelector<FilterBox>("filter-box");
  }

  get #table(): TrafficTable | null {
    return this.renderRoot.querySelector<TrafficTable>("traffic-table");
  }

  get #split(): boolean {
    return this.width >= SPLIT;
  }

  // ---- Wishes -------------------------------------------------------------------------------------------------

  #obey(intent: PageIntent): void {
    if (intent.kind === "filter") this.#showTraffic(intent.filter);
    else if (intent.kind === "detail") {
      this.session.setArea("traffic");
      this.session.select(intent.id, undefined);
      this.detailOpen = true;
    } else if (intent.kind === "focusFilter") this.#filterBox?.focus();
    else if (intent.kind === "freeze") this.#freeze();
  }

  #showTraffic(filter: string): void {
    this.detailOpen = false;
    if (this.session.area !== "traffic") this.session.setArea("traffic");
    void this.updateComplete.then(() => this.#filterBox?.set(filter));
  }

  #freeze(): void {
    this.session.traffic.setFrozen(!this.session.traffic.frozen);
  }

  #remember(settings: ViewSettings): void {
    this.settings = settings;
    this.host.remember(settings);
  }

  #applyFilter(filter: string): void {
    this.#remember({ ...this.settings, filter });
    void this.session.setFilter(filter);
  }

  #select(event: CustomEvent<TableEvents["select"]>): void {
    this.session.select(event.detail.id, this.session.traffic.rowAt(event.detail.position));
  }

  #closeDetail(): void {
    this.detailOpen = false;
    if (this.#split) this.session.select(-1, undefined);
    void this.updateComplete.then(() => this.#table?.focus());
  }

  #command(event: CustomEvent<TableEvents["command"]>): void {
    const { name } = event.detail;
    const detail = this.renderRoot.querySelector<RequestDetail>("request-detail");
    if (name === "filter") this.#filterBox?.focus();
    else if (name === "freeze") this.#freeze();
    else if (name === "policy")
      void this.#withDetail(
        (open) => open.verdict.location,
        (place) => this.#open(place),
      );
    else if (name === "curl")
      void this.#withDetail(
        (open) => open.curl,
        (text) => {
          if (text === "") this.say("A connection of layer 4 has no request that could be sent again.");
          else this.host.copyText(text);
        },
      );
    else if (name === "replay") this.#replay();
    else if (name === "edit") this.#edit();
    else if (name === "nextTab") detail?.stepTab(1);
    else if (name === "previousTab") detail?.stepTab(-1);
    else if (name === "help") void keyHelp(this);
    else if (name === "close" && this.detailOpen) this.#closeDetail();
  }

  #replay(): void {
    const row = this.session.detail?.row ?? this.session.row;
    if (row === undefined) return this.say("Select a request first.");
    void this.#resend.replay(row, (id) => Promise.resolve(this.session.connection.gateway.replayRequest(id)));
  }

  #edit(): void {
    const { selected, connection } = this.session;
    if (selected === -1) return this.say("Select a request first.");
    if (!this.host.editRequest(selected)) void this.#resend.edit(selected, connection.gateway);
  }

  /** Runs with a part of the selected request's detail, which is asked for if it is not there yet. */
  async #withDetail<Part>(
    part: (detail: NonNullable<Session["detail"]>) => Part | undefined,
    use: (part: Part) => void,
  ): Promise<void> {
    if (this.session.selected === -1) return this.say("Select a request first.");
    const detail = this.session.detail ?? (await this.session.loadDetail(false));
    if (detail === undefined && this.session.detailProblem !== "")
      return this.say(`The request could not be read: ${this.session.detailProblem}`);
    const found = detail === undefined ? undefined : part(detail);
    if (found === undefined) this.say("No line of the policy decided this request.");
    else use(found);
  }

  readonly #askAnalytics = async (window: AnalyticsWindow): Promise<AnalyticsView | undefined> => {
    const view = await this.session.connection.gateway.analytics(window);
    return looksLike("analytics", view) ? view : undefined;
  };

  #open(location: Location): void {
    this.host.openLocation(location);
  }

  async #reveal(): Promise<void> {
    this.#mayReveal ||= await askReveal(this);
    if (!this.#mayReveal) return;
    await this.session.loadDetail(true);
    if (this.session.detailProblem !== "") this.say(`Nothing was revealed: ${this.session.detailProblem}`);
  }

  async #adjust({ identity, bucket, change: wanted }: BucketAct): Promise<void> {
    const { key, left, capacity } = bucket;
    const given = wanted === "ask" ? await askLeft(this, key, left, capacity) : undefined;
    if (wanted === "ask" && given === undefined) return;
    await this.#change(identity, key, wanted === "ask" ? { kind: "set", left: given ?? 0 } : wanted);
  }

  async #change(identity: string, key: string, change: BucketChange): Promise<void> {
    try {
      const { token, until, undoable } = await this.session.changeBucket(identity, key, change);
      const act = (): void => void this.#undoChange(token, key);
      const words = { reset: "reset", freeze: "frozen", thaw: "thawed", set: "set" }[change.kind];
      this.say(`Bucket ${key} ${words}`, undoable ? { act, within: Math.max(1000, until - Date.now()) } : undefined);
    } catch (error) {
      this.say(`The bucket was left as it is: ${(error as Error).message}`);
    }
  }

  async #undoChange(token: number, key: string): Promise<void> {
    try {
      await this.session.undoBucket(token);
      this.say(`Bucket ${key} is as it was before`);
    } catch (error) {
      this.say((error as Error).message);
    }
  }

  async #setRecording(on: boolean): Promise<void> {
    try {
      await this.session.connection.gateway.setRecording(on);
      await this.session.watch();
    } catch (error) {
      this.say((error as Error).message);
    }
  }

  async #exportHar(): Promise<void> {
    try {
      const { text, count, matched } = await this.session.connection.gateway.exportHar(this.session.traffic.filter);
      if (count === 0) return this.say("There is no ended HTTP request to export.");
      this.host.openText("switchyard.har", "json", text);
      const part = count < matched ? `the newest ${whole(count)} of ${whole(matched)}` : whole(count);
      this.say(`Exported ${part} requests, secrets masked`);
    } catch (error) {
      this.say(`Nothing was exported: ${(error as Error).message}`);
    }
  }

  async #clear(): Promise<void> {
    try {
      await this.session.connection.gateway.clearTraffic();
      this.session.select(-1, undefined);
      await this.session.traffic.snapshot();
    } catch (error) {
      this.say((error as Error).message);
    }
  }

  async #act(act: ReplicaAct): Promise<void> {
    try {
      const log = await this.session.act(act);
      if (act.kind === "log") {
        if (log === undefined) this.say("Its log is gone.");
        else this.host.openText(`${act.service} ${act.label}.log`, "log", log);
      }
    } catch (error) {
      this.say((error as Error).message);
    }
  }

  // ---- Drawing ------------------------------------------------------------------------------------------------

  protected override render(): TemplateResult {
    const { state } = this.session.connection;
    const stale = state === "lost" || state === "mismatch";
    return html`<main
      class="app place-${this.host.place} ${stale ? "stale" : ""} ${this.width < 420 ? "tight" : ""}"
      @reset=${({ detail }: CustomEvent<{ identity: string; key: string }>) =>
        void this.#change(detail.identity, detail.key, { kind: "reset" })}
      @bucket=${(event: CustomEvent<BucketAct>) => void this.#adjust(event.detail)}
      @act=${(event: CustomEvent<ReplicaAct>) => void this.#act(event.detail)}
      @show-traffic=${(event: CustomEvent<string>) => this.#showTraffic(event.detail)}
    >
      <h1 class="unseen">Switchyard</h1>
      ${this.host.place === "browser" ? this.#top() : nothing}
      ${banner(this.session, this.host, clock(this.session.heardAt), () => this.session.connection.retry())}
      ${frozenBanner(this.session, () => void this.session.thawAll().catch((error: Error) => this.say(error.message)))}
      ${simulationBanner(this.session, () => void this.#act({ kind: "clearSimulations" }))}
      ${whatIfBanner(this.session.whatIf, this.host, this.session.traffic.filter === CHANGED, () =>
        this.#showTraffic(CHANGED),
      )}
      ${this.session.area === "traffic" ? this.#traffic() : this.#area()}
      <div class="toast ${this.toast === "" ? "" : "on"}" role="status">
        ${this.toast}${
          this.#undo === undefined ? nothing : html` <button class="bare" @click=${this.#undo}>Undo</button>`
        }
      </div>
    </main>`;
  }

  #top(): TemplateResult {
    const { status } = this.session;
    return html`<header class="top">
      <span class="brand"
        ><svg width="20" height="16" viewBox="0 0 20 16" aria-hidden="true">
          <path class="t-rail" d="M2 8h5"></path>
          <path class="t-other" d="M7 8c4 0 4-5 10-5"></path>
          <path class="t-chosen" d="M7 8c4 0 4 5 8 5"></path>
          <circle class="t-pass" cx="3" cy="8" r="2.6"></circle>
          <circle class="t-end" cx="16.5" cy="13" r="2.4"></circle></svg
        >Switchyard</span
      >
      ${this.#areaTabs()}
      <span class="spring"></span>
      ${status?.listeners.map((listener) => html`<span class="num listener">${listener.url}</span>`)}
    </header>`;
  }

  #areaTabs(): TemplateResult {
    return html`<nav class="area-tabs" aria-label="Areas">
      ${(Object.keys(AREA_WORDS) as Area[]).map(
        (area) =>
          html`<button
            aria-current=${this.session.area === area ? "page" : nothing}
            @click=${() => this.session.setArea(area)}
          >
            ${AREA_WORDS[area]}
          </button>`,
      )}
    </nav>`;
  }

  #area(): TemplateResult {
    const { area, services, limits, limitsAt, limitSearch } = this.session;
    const open = (location: Location): void => this.#open(location);
    return html`<div class="area">
      ${this.host.place === "browser" ? nothing : html`<div class="bar">${this.#areaTabs()}</div>`}
      ${
        area === "limits"
          ? html`<limits-area
              .limits=${limits}
              .at=${limitsAt}
              .search=${limitSearch}
              .open=${open}
              @search=${(event: CustomEvent<string>) => this.session.setLimitSearch(event.detail)}
            ></limits-area>`
          : area === "caches"
            ? html`<cache-area .connection=${this.session.connection} .open=${open}></cache-area>`
            : area === "analytics"
              ? html`<analytics-area .ask=${this.#askAnalytics} .open=${open}></analytics-area>`
              : html`<services-area .services=${services} .shown=${area} .open=${open}></services-area>`
      }
    </div>`;
  }

  #traffic(): TemplateResult {
    const split = this.#split && this.detailOpen;
    const covered = !this.#split && this.detailOpen;
    const width = this.settings.detailWidth ?? 460;
    return html`<div class="traffic ${split ? "split" : ""}" .style=${`--detail: ${width}px`}>
      <section class="list" aria-label="Traffic" ?hidden=${covered}>
        ${this.#bar()} ${this.#rows()} ${footer(this.session, this.host)}
      </section>
      ${split ? this.#splitter(width) : nothing} ${this.detailOpen ? this.#detail() : nothing}
    </div>`;
  }

  #bar(): TemplateResult {
    const { traffic } = this.session;
    const { counts, frozen } = traffic;
    const recording = counts?.recording !== false;
    return html`<div class="bar">
      ${this.host.place === "panel" && this.width >= AREAS ? this.#areaTabs() : nothing}
      <filter-box
        .connection=${this.session.connection}
        .value=${traffic.filter}
        @filter=${(event: CustomEvent<string>) => this.#applyFilter(event.detail)}
        @leave=${() => this.#table?.focus()}
      ></filter-box>
      ${
        this.width >= 520 && counts !== undefined
          ? html`<span class="dim num count" title="Requests that match, of all recorded"
              >${traffic.filter === "" ? whole(counts.total) : `${whole(counts.matched)} of ${whole(counts.total)}`}</span
            >`
          : nothing
      }
      <button
        class="bare record ${recording ? "on" : ""}"
        aria-pressed=${recording}
        aria-label="Recording"
        title=${recording ? "Recording. Click to stop: requests pass, but are not kept." : "Not recording. Click to record."}
        @click=${() => void this.#setRecording(!recording)}
      >
        <span class="rec" aria-hidden="true"></span>${this.width >= 520 ? "Recording" : nothing}
      </button>
      <button
        class="freeze"
        aria-pressed=${frozen}
        aria-label="Freeze"
        title="${frozen ? "Let the view run on" : "Stop the view; recording goes on"} (f)"
        @click=${() => this.#freeze()}
      >
        ${icon(frozen ? "play" : "pause")}${this.width >= 420 ? "Freeze" : nothing}
      </button>
      ${columnsMenu(this.settings, this.width, {
        remember: (settings) => this.#remember(settings),
        exportHar: () => void this.#exportHar(),
        clear: () => void this.#clear(),
        help: () => void keyHelp(this),
      })}
    </div>`;
  }

  #rows(): TemplateResult {
    const { traffic } = this.session;
    const empty = emptyState(this.session, this.host, {
      clearFilter: () => this.#filterBox?.set(""),
      record: () => void this.#setRecording(true),
    });
    const pill = traffic.unseen > 0 && empty === nothing;
    return html`<div class="rows">
      <traffic-table
        ?hidden=${empty !== nothing}
        .store=${traffic}
        .settings=${this.settings}
        .version=${this.version}
        .selected=${this.session.selected}
        @select=${this.#select}
        @open=${() => {
          this.detailOpen = true;
        }}
        @include=${(event: CustomEvent<TableEvents["include"]>) =>
          this.#filterBox?.include(event.detail.term, event.detail.exclude)}
        @command=${this.#command}
        @settings=${(event: CustomEvent<ViewSettings>) => this.#remember(event.detail)}
      ></traffic-table>
      ${empty}
      ${
        pill
          ? html`<button class="pill" @click=${() => this.#showNew()}>
              ${icon(this.settings.newestFirst === true ? "arrow-up" : "arrow-down")}${whole(traffic.unseen)} new
            </button>`
          : nothing
      }
    </div>`;
  }

  #showNew(): void {
    this.session.traffic.setFrozen(false);
    this.#table?.goToNewest();
    this.#table?.focus();
  }

  #splitter(width: number): TemplateResult {
    const set = (wanted: number): void =>
      this.#remember({ ...this.settings, detailWidth: Math.max(300, Math.min(wanted, this.width - 380)) });
    return html`<div
      class="splitter"
      role="separator"
      tabindex="0"
      aria-orientation="vertical"
      aria-label="Width of the detail"
      aria-valuenow=${width}
      aria-valuemin="300"
      aria-valuemax=${Math.max(300, this.width - 380)}
      @keydown=${(event: KeyboardEvent) => {
        if (event.key === "ArrowLeft") set(width + 20);
        else if (event.key === "ArrowRight") set(width - 20);
      }}
      @pointerdown=${(event: PointerEvent) => {
        const bar = event.currentTarget as HTMLElement;
        bar.setPointerCapture(event.pointerId);
        const move = (moved: PointerEvent): void => set(this.width - moved.clientX);
        bar.addEventListener("pointermove", move);
        bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", move), { once: true });
      }}
    ></div>`;
  }

  #detail(): TemplateResult {
    const { session } = this;
    return html`<request-detail
      .row=${session.row}
      .detail=${session.detail}
      .limit=${session.detailLimit}
      .fixes=${session.fixes}
      .limitAt=${session.limitsAt}
      .host=${this.host}
      .tab=${this.tab}
      .wanted=${session.selected}
      .problem=${session.detailProblem}
      .gone=${session.detailGone}
      .inPlace=${!this.#split}
      @close=${() => this.#closeDetail()}
      @reveal=${() => void this.#reveal()}
      @retry=${() => void session.loadDetail(false)}
      @replay=${() => this.#replay()}
      @edit=${() => this.#edit()}
      @show-row=${(event: CustomEvent<number>) => session.select(event.detail, undefined)}
      @tab=${(event: CustomEvent<Tab>) => {
        this.tab = event.detail;
      }}
      @keydown=${(event: KeyboardEvent) => {
        if (event.key === "Escape") this.#closeDetail();
      }}
    ></request-detail>`;
  }
}
