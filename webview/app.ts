/**
 * The page: one layout for the sidebar (300 px), the panel and the browser; it grows by width, not by host.
 * Holds the person's choices and passes data down and wishes up (wishes.ts). Must not talk to the gateway itself.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Location } from "../src/contract/location.ts";
import type { PageIntent } from "../src/contract/page.ts";
import type { Host, ViewSettings } from "./channel/host.ts";
import type { RequestDetail, Tab } from "./detail/request-detail.ts";
import { areaTabs, topBar } from "./parts/area-tabs.ts";
import { columnsMenu, keyHelp } from "./parts/dialogs.ts";
import { PageElement } from "./parts/element.ts";
import { icon } from "./parts/icon.ts";
import { sortedLine } from "./parts/sorted-line.ts";
import { splitter } from "./parts/splitter.ts";
import { banner, emptyState, footer, frozenBanner, simulationBanner } from "./parts/states.ts";
import { whatIfBanner } from "./parts/what-if.ts";
import type { BucketAct } from "./areas/limits-view.ts";
import type { ReplicaAct } from "./areas/replica-menu.ts";
import { clock, whole } from "./parts/words.ts";
import type { Session } from "./session.ts";
import type { FilterBox } from "./traffic/filter-box.ts";
import type { TableEvents, TrafficTable } from "./traffic/traffic-table.ts";
import { Wishes } from "./wishes.ts";

/** From this width on (pixels, as all widths here) the detail stands beside the table. */
const SPLIT = 820;
/** From this width on a panel has room for the other areas. */
const AREAS = 700;
/** What they take of it. */
const TABS = 430;
/** Width of a detail that nobody has drawn wider or narrower. */
const DETAIL = 460;
/** Milliseconds that a word on what happened stays. */
const TOAST = 2500;
/** Filter for the requests that an unsaved policy would treat otherwise. */
const CHANGED = "is:changed";

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
  wishes!: Wishes;
  declare version: number;
  declare width: number;
  declare detailOpen: boolean;
  declare tab: Tab;
  declare settings: ViewSettings;
  declare toast: string;
  #toastTimer = 0;
  #undo: (() => void) | undefined;
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
    this.wishes = new Wishes(session, host, {
      parent: this,
      say: (text, undo) => this.say(text, undo),
      open: (id) => this.#obey({ kind: "detail", id }),
      filter: (text) => this.#showTraffic(text),
    });
    this.settings = host.recall();
    session.traffic.setSort(this.settings.sort);
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

  /** @param undo offered beside the words, for as long as it can be done; without an act the words only stay longer. */
  say(text: string, undo?: { readonly act?: () => void; readonly within: number }): void {
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
    this.session.traffic.setSort(settings.sort);
  }

  #applyFilter(filter: string): void {
    this.#remember({ ...this.settings, filter });
    void this.session.setFilter(filter);
  }

  #select(event: CustomEvent<TableEvents["select"]>): void {
    this.session.select(event.detail.id, this.session.traffic.rowAt(event.detail.position));
  }

  /** Beside the table the keys stay with the table; in its place they go where the detail begins. */
  #openDetail(): void {
    this.detailOpen = true;
    if (this.#split) return;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>("request-detail .back")?.focus());
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
    else if (name === "policy") void this.wishes.openPolicy();
    else if (name === "curl") void this.wishes.copyCurl();
    else if (name === "replay") this.wishes.replay();
    else if (name === "edit") this.wishes.edit();
    else if (name === "pin") void this.wishes.pin();
    else if (name === "nextTab") detail?.stepTab(1);
    else if (name === "previousTab") detail?.stepTab(-1);
    else if (name === "help") void keyHelp(this);
    else if (name === "close" && this.detailOpen) this.#closeDetail();
  }

  /** What was just done is taken back as anywhere else; a text that is being typed has its own undo. */
  #onKey(event: KeyboardEvent): void {
    const wanted = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    if (!wanted || this.#undo === undefined || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    this.#undo();
  }

  // ---- Drawing ------------------------------------------------------------------------------------------------

  protected override render(): TemplateResult {
    const { state } = this.session.connection;
    const stale = state === "lost" || state === "mismatch";
    return html`<main
      class="app place-${this.host.place} ${stale ? "stale" : ""} ${this.width < 420 ? "tight" : ""}"
      @reset=${({ detail }: CustomEvent<{ identity: string; key: string }>) =>
        void this.wishes.change(detail.identity, detail.key, { kind: "reset" })}
      @bucket=${(event: CustomEvent<BucketAct>) => void this.wishes.adjust(event.detail)}
      @act=${(event: CustomEvent<ReplicaAct>) => void this.wishes.act(event.detail)}
      @show-traffic=${(event: CustomEvent<string>) => this.#showTraffic(event.detail)}
      @keydown=${this.#onKey}
    >
      <h1 class="unseen">Switchyard</h1>
      ${this.host.place === "browser" ? topBar(this.session) : nothing}
      ${banner(this.session, this.host, clock(this.session.heardAt), {
        retry: () => this.session.connection.retry(),
        showServices: () => this.session.setArea("services"),
      })}
      ${frozenBanner(this.session, () => void this.wishes.thawAll())}
      ${simulationBanner(this.session, () => void this.wishes.act({ kind: "clearSimulations" }))}
      ${whatIfBanner(this.session.whatIf, this.host, this.session.traffic.filter === CHANGED, () =>
        this.#showTraffic(CHANGED),
      )}
      ${this.session.area === "traffic" ? this.#traffic() : this.#area()}
      <div class="toast ${this.toast === "" ? "" : "on"}" role="status">
        ${this.toast}${
          this.#undo === undefined
            ? nothing
            : html` <button class="bare" title="Ctrl+Z" @click=${this.#undo}>Undo</button>`
        }
      </div>
    </main>`;
  }

  #area(): TemplateResult {
    const { area, services, limits, limitsAt, limitSearch } = this.session;
    const open = (location: Location): void => this.host.openLocation(location);
    return html`<div class="area">
      ${this.host.place === "browser" ? nothing : html`<div class="bar">${areaTabs(this.session)}</div>`}
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
              ? html`<analytics-area .ask=${this.wishes.analytics} .open=${open}></analytics-area>`
              : html`<services-area .services=${services} .shown=${area} .open=${open}></services-area>`
      }
    </div>`;
  }

  #traffic(): TemplateResult {
    const split = this.#split && this.detailOpen;
    const covered = !this.#split && this.detailOpen;
    const width = this.settings.detailWidth ?? DETAIL;
    return html`<div class="traffic ${split ? "split" : ""}" .style=${`--detail: ${width}px`}>
      <section class="list" aria-label="Traffic" ?hidden=${covered}>
        ${this.#bar()}
        ${sortedLine(this.session.traffic, { again: () => this.#showNew(), byTime: () => this.#byTime() })}
        ${this.#rows()} ${footer(this.session, this.host)}
      </section>
      ${split ? splitter(width, this.width, (detailWidth) => this.#remember({ ...this.settings, detailWidth })) : nothing}
      ${this.detailOpen ? this.#detail() : nothing}
    </div>`;
  }

  /** What a detail beside the list leaves of the page. */
  get #listWidth(): number {
    return this.#split && this.detailOpen ? this.width - (this.settings.detailWidth ?? DETAIL) : this.width;
  }

  #bar(): TemplateResult {
    const { traffic } = this.session;
    const { counts, frozen } = traffic;
    const recording = counts?.recording !== false;
    const tabs = this.host.place === "panel" && this.width >= AREAS;
    const room = this.#listWidth - (tabs ? TABS : 0);
    return html`<div class="bar">
      ${tabs ? areaTabs(this.session) : nothing}
      <filter-box
        .connection=${this.session.connection}
        .value=${traffic.filter}
        @filter=${(event: CustomEvent<string>) => this.#applyFilter(event.detail)}
        @leave=${() => this.#table?.focus()}
      ></filter-box>
      ${
        room >= 520 && counts !== undefined
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
        @click=${() => void this.wishes.setRecording(!recording)}
      >
        <span class="rec" aria-hidden="true"></span>${room >= 520 ? "Recording" : nothing}
      </button>
      <button
        class="freeze"
        aria-pressed=${frozen}
        aria-label="Freeze"
        title="${frozen ? "Let the view run on" : "Stop the view; recording goes on"} (f)"
        @click=${() => this.#freeze()}
      >
        ${icon(frozen ? "play" : "pause")}${room >= 420 ? "Freeze" : nothing}
      </button>
      ${columnsMenu(this.settings, this.width, traffic.filter, {
        remember: (settings) => this.#remember(settings),
        exportHar: () => void this.wishes.exportHar(),
        importHar: () => this.wishes.importHar(),
        clearFiltered: () => void this.wishes.clearFiltered(),
        clear: () => void this.wishes.clear(),
        help: () => void keyHelp(this),
      })}
    </div>`;
  }

  #rows(): TemplateResult {
    const { traffic } = this.session;
    const empty = emptyState(this.session, this.host, {
      clearFilter: () => this.#filterBox?.set(""),
      record: () => void this.wishes.setRecording(true),
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
        @open=${() => this.#openDetail()}
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

  #byTime(): void {
    const { sort: _sort, ...settings } = this.settings;
    this.#remember(settings);
    this.#table?.focus();
  }

  #showNew(): void {
    const { traffic } = this.session;
    if (traffic.sort !== undefined) traffic.setSort(traffic.sort, true);
    else {
      traffic.setFrozen(false);
      this.#table?.goToNewest();
    }
    this.#table?.focus();
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
      @reveal=${() => void this.wishes.reveal()}
      @retry=${() => void session.loadDetail(false)}
      @replay=${() => this.wishes.replay()}
      @pin=${() => void this.wishes.pin()}
      @edit=${() => this.wishes.edit()}
      @mint=${() => this.wishes.mint()}
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
