/**
 * The traffic grid: a virtual list by positions, one height per row, so that 100,000 rows cost what sixty cost.
 * Wide it is a table with columns, narrow (the sidebar) each row is two lines with its track.
 * Must not evaluate filters or keep rows: the store has the window, the gateway has the rest.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Row } from "../../src/contract/traffic.ts";
import type { ViewSettings } from "../channel/host.ts";
import { PageElement } from "../parts/element.ts";
import { icon } from "../parts/icon.ts";
import { drawTrack } from "../parts/track.ts";
import { duration } from "../parts/words.ts";
import {
  gridTemplate,
  methodWord,
  pathWords,
  shownColumns,
  statusWords,
  timeWords,
  whyWords,
  type Column,
} from "./columns.ts";
import { RowSlots } from "./row-slots.ts";
import { TableHead } from "./table-head.ts";
import type { TrafficStore } from "./traffic-store.ts";

/** Below this width rows have two lines and no columns. */
const NARROW = 560;
const WIDE_ROW = 24;
const NARROW_ROW = 46;
const HEAD = 24;
/** Rows drawn above and below what is visible. */
const OVERSCAN = 6;

/** What the table asks of the page around it. */
export interface TableEvents {
  select: { id: number; position: number };
  open: { id: number };
  include: { term: string; exclude: boolean };
  command: {
    name:
      | "filter"
      | "freeze"
      | "policy"
      | "curl"
      | "replay"
      | "edit"
      | "pin"
      | "previousTab"
      | "nextTab"
      | "help"
      | "close";
  };
  settings: ViewSettings;
}

export class TrafficTable extends PageElement {
  static override properties = {
    store: { attribute: false },
    settings: { attribute: false },
    version: { type: Number },
    selected: { type: Number },
    width: { state: true },
  };
  declare store: TrafficStore;
  declare settings: ViewSettings;
  /** Bumped by the page when the store changed. */
  declare version: number;
  /** Id of the selected row; -1 = none. */
  declare selected: number;
  declare width: number;

  #selectedPosition = -1;
  /** Chosen by key, its row not there yet: selected as soon as it comes. */
  #awaited = -1;
  #height = 0;
  #drawn = { first: 0, end: 0 };
  /** scrollTop that we set ourselves: its event must not count as the person's. */
  #ownScroll = -1;
  readonly #slots = new RowSlots();
  readonly #observer = new ResizeObserver((entries) => {
    const box = entries[0]?.contentRect;
    if (box === undefined) return;
    this.#height = box.height;
    this.width = Math.round(box.width);
    this.requestUpdate();
  });

  readonly #head = new TableHead({
    settings: () => this.settings,
    width: () => this.width,
    remember: (settings) => this.#emit("settings", settings),
    root: () => this.#grid,
    updated: () => this.updateComplete,
    redraw: () => this.requestUpdate(),
    leave: () => {
      this.focus();
      if (this.#selectedIndex() === -1) this.#move(0);
    },
  });

  constructor() {
    super();
    this.settings = {};
    this.version = 0;
    this.selected = -1;
    this.width = 0;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer.disconnect();
  }

  protected override firstUpdated(): void {
    this.#observer.observe(this.#grid);
  }

  get #grid(): HTMLElement {
    return this.renderRoot.querySelector<HTMLElement>(".grid")!;
  }

  get #narrow(): boolean {
    return this.width < NARROW;
  }

  get #rowHeight(): number {
    return this.#narrow ? NARROW_ROW : WIDE_ROW;
  }

  get #headHeight(): number {
    return this.#narrow ? 0 : HEAD;
  }

  /** Sorted by anything but time, positions tell the order by themselves. */
  get #newestFirst(): boolean {
    return this.settings.newestFirst === true && this.store.sort === undefined;
  }

  get #count(): number {
    return this.store.span.end - this.store.span.first;
  }

  #positionAt(index: number): number {
    const { first, end } = this.store.span;
    return this.#newestFirst ? end - 1 - index : first + index;
  }

  #indexOf(position: number): number {
    const { first, end } = this.store.span;
    return this.#newestFirst ? end - 1 - position : position - first;
  }

  override focus(): void {
    this.#grid.focus();
  }

  /** Shows the newest row and keeps it in view. */
  goToNewest(): void {
    this.store.setFollow(true);
    this.requestUpdate();
  }

  #emit<Name extends keyof TableEvents>(name: Name, detail: TableEvents[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  // ---- Scrolling ----------------------------------------------------------------------------------------------

  #previous = { first: 0, end: 0, rowHeight: 0 };
  /** Of which sort the top was shown. */
  #topOf: TrafficStore["sorted"];

  protected override updated(_changed: PropertyValues): void {
    this.#tellShown();
    this.#keepPlace();
    this.#askForVisible();
    const row = this.#awaited === -1 ? undefined : this.store.rowAt(this.#awaited);
    if (row === undefined) return;
    const position = this.#awaited;
    this.#awaited = -1;
    this.#emit("select", { id: row.id, position });
  }

  #shown = false;

  /** Once, for who measures how long rows take (bench/window). */
  #tellShown(): void {
    if (this.#shown || this.#drawn.end === 0 || this.store.rowAt(this.#positionAt(this.#drawn.first)) === undefined)
      return;
    this.#shown = true;
    performance.mark("switchyard:rows");
  }

  /** Follows the newest row, or holds what the person looks at still while rows come and go around it. */
  #keepPlace(): void {
    const { first, end } = this.store.span;
    const previous = this.#previous;
    this.#previous = { first, end, rowHeight: this.#rowHeight };
    const grid = this.#grid;
    const { sorted } = this.store;
    const another = sorted !== undefined && sorted !== this.#topOf;
    this.#topOf = sorted;
    // The longest, or the first: what one sorts for stands at the top.
    if (another) return this.#scrollTo(0);
    if (this.#follows) return this.#scrollTo(this.#newest);
    if (previous.rowHeight !== this.#rowHeight) {
      this.#scrollTo((grid.scrollTop / Math.max(1, previous.rowHeight)) * this.#rowHeight);
      return;
    }
    const moved = this.#newestFirst ? end - previous.end : previous.first - first;
    if (moved !== 0) this.#scrollTo(grid.scrollTop + moved * this.#rowHeight);
  }

  #scrollTo(top: number): void {
    const grid = this.#grid;
    const bounded = Math.max(0, Math.min(top, grid.scrollHeight - grid.clientHeight));
    if (Math.abs(bounded - grid.scrollTop) < 1) return;
    grid.scrollTop = bounded;
    this.#ownScroll = grid.scrollTop;
    const { first, end } = this.#range();
    if (first < this.#drawn.first || end > this.#drawn.end) this.requestUpdate();
  }

  #onScroll(): void {
    const grid = this.#grid;
    const own = Math.abs(grid.scrollTop - this.#ownScroll) < 1;
    this.#ownScroll = -1;
    if (!own && !this.store.frozen) {
      const rest = this.#newestFirst ? grid.scrollTop : grid.scrollHeight - grid.clientHeight - grid.scrollTop;
      this.store.setFollow(rest < this.#rowHeight / 2);
    }
    const { first, end } = this.#range();
    if (first !== this.#drawn.first || end !== this.#drawn.end) this.requestUpdate();
  }

  get #follows(): boolean {
    return this.store.follow && !this.store.frozen;
  }

  /** scrollTop at which the newest row is in view. */
  get #newest(): number {
    if (this.#newestFirst) return 0;
    return Math.max(0, this.#count * this.#rowHeight + this.#headHeight - this.#height);
  }

  /** Following, it is known where the view will stand: asking would lay out rows that are about to go. */
  get #top(): number {
    if (this.#follows && this.#height > 0) return this.#newest;
    return this.hasUpdated ? this.#grid.scrollTop : 0;
  }

  /** Indexes that are drawn: what is visible and a little more. */
  #range(): { first: number; end: number } {
    const top = this.#top;
    // Rows beyond the edge are drawn for who scrolls; who follows sees the next ones in their place.
    const overscan = this.#follows ? 1 : OVERSCAN;
    const first = Math.floor(top / this.#rowHeight);
    const visible = Math.ceil(Math.max(this.#height - this.#headHeight, this.#rowHeight) / this.#rowHeight) + 1;
    return {
      first: Math.max(0, Math.min(first, this.#count) - overscan),
      end: Math.min(this.#count, first + visible + overscan),
    };
  }

  #askForVisible(): void {
    const { first, end } = this.#drawn;
    if (this.#height === 0) return;
    const a = this.#positionAt(first);
    const b = this.#positionAt(Math.max(first, end - 1));
    this.store.want(Math.min(a, b), Math.max(a, b) + 1);
  }

  // ---- Selection ----------------------------------------------------------------------------------------------

  #selectIndex(index: number): void {
    const bounded = Math.max(0, Math.min(index, this.#count - 1));
    const position = this.#positionAt(bounded);
    const row = this.store.rowAt(position);
    this.store.setFollow(false);
    this.#reveal(bounded);
    this.#selectedPosition = position;
    this.#awaited = row === undefined ? position : -1;
    if (row !== undefined) this.#emit("select", { id: row.id, position });
  }

  #reveal(index: number): void {
    const grid = this.#grid;
    const top = index * this.#rowHeight;
    const room = grid.clientHeight - this.#headHeight;
    if (top < grid.scrollTop) this.#scrollTo(top);
    else if (top + this.#rowHeight > grid.scrollTop + room) this.#scrollTo(top + this.#rowHeight - room);
  }

  #selectedIndex(): number {
    if (this.#awaited !== -1) return this.#indexOf(this.#awaited);
    const known = this.store.positionOf(this.selected);
    if (known !== undefined) this.#selectedPosition = known;
    return this.selected === -1 || this.#selectedPosition === -1 ? -1 : this.#indexOf(this.#selectedPosition);
  }

  #move(rows: number): void {
    const current = this.#selectedIndex();
    if (current !== -1) this.#selectIndex(current + rows);
    else this.#selectIndex(Math.ceil(this.#grid.scrollTop / this.#rowHeight));
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((this.#height - this.#headHeight) / this.#rowHeight) - 1);
    const keys: Record<string, () => void> = {
      ArrowDown: () => this.#move(1),
      j: () => this.#move(1),
      ArrowUp: () => this.#move(-1),
      k: () => this.#move(-1),
      PageDown: () => this.#move(page),
      PageUp: () => this.#move(-page),
      Home: () => (this.#newestFirst ? this.goToNewest() : this.#selectIndex(0)),
      End: () =>
        this.#newestFirst || this.store.sort !== undefined ? this.#selectIndex(this.#count - 1) : this.goToNewest(),
      Enter: () => this.selected !== -1 && this.#emit("open", { id: this.selected }),
      Escape: () => this.#emit("command", { name: "close" }),
      "/": () => this.#emit("command", { name: "filter" }),
      f: () => this.#emit("command", { name: "freeze" }),
      w: () => this.#emit("command", { name: "policy" }),
      c: () => this.#emit("command", { name: "curl" }),
      r: () => this.#emit("command", { name: "replay" }),
      e: () => this.#emit("command", { name: "edit" }),
      p: () => this.#emit("command", { name: "pin" }),
      "[": () => this.#emit("command", { name: "previousTab" }),
      "]": () => this.#emit("command", { name: "nextTab" }),
      F1: () => this.#emit("command", { name: "help" }),
      "?": () => this.#emit("command", { name: "help" }),
    };
    const action = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (action === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #onClick(event: MouseEvent, row: Row, column: Column | undefined): void {
    if (event.altKey) {
      event.preventDefault();
      const term = column?.term?.(row);
      if (term !== undefined) this.#emit("include", { term, exclude: event.shiftKey });
      return;
    }
    this.store.setFollow(false);
    this.#awaited = -1;
    this.#selectedPosition = this.store.positionOf(row.id) ?? -1;
    this.#emit("select", { id: row.id, position: this.#selectedPosition });
    this.#emit("open", { id: row.id });
  }

  // ---- Drawing ------------------------------------------------------------------------------------------------

  protected override render(): TemplateResult {
    this.#drawn = this.#range();
    const columns = this.#narrow ? [] : shownColumns(this.settings, this.width);
    const selectedRow = this.store.positionOf(this.selected);
    const active = selectedRow !== undefined && this.#isDrawn(this.#indexOf(selectedRow));
    const indexes = Array.from({ length: this.#drawn.end - this.#drawn.first }, (_, k) => this.#drawn.first + k);
    const slots = this.#slots.assign(indexes.map((index) => this.#positionAt(index)));
    return html`<div
      class="grid ${this.#narrow ? "narrow" : "wide"}"
      role="grid"
      tabindex="0"
      aria-label="Requests"
      aria-rowcount=${this.#count + 1}
      aria-colcount=${this.#narrow ? 1 : columns.length}
      aria-activedescendant=${active ? `row-${this.selected}` : nothing}
      @scroll=${this.#onScroll}
      @keydown=${this.#onKey}
      .style=${`--columns: ${gridTemplate(columns, this.settings)}`}
    >
      ${this.#headRow(columns)}
      <div class="space" role="rowgroup" .style=${`height: ${this.#count * this.#rowHeight}px`}>
        ${repeat(
          indexes,
          (index) => slots.get(this.#positionAt(index)),
          (index) => this.#row(index, columns),
        )}
      </div>
    </div>`;
  }

  #isDrawn(index: number): boolean {
    return index >= this.#drawn.first && index < this.#drawn.end;
  }

  #headRow(columns: readonly Column[]): TemplateResult {
    if (this.#narrow)
      return html`<div class="unseen" role="row" aria-rowindex="1"><span role="columnheader">Request</span></div>`;
    return this.#head.draw(columns);
  }

  #row(index: number, columns: readonly Column[]): TemplateResult {
    const position = this.#positionAt(index);
    const row = this.store.rowAt(position);
    const style = `transform: translateY(${index * this.#rowHeight}px)`;
    if (row === undefined)
      return html`<div class="row blank" role="row" aria-rowindex=${index + 2} .style=${style}>
        <span role="gridcell" class="dim"
          >${this.store.isGone(position) ? "left the ring since it was sorted" : "…"}</span
        >
      </div>`;
    const chosen = row.id === this.selected;
    return html`<div
      class="row state-${row.state} ${chosen ? "selected" : ""} ${row.evicted ? "evicted" : ""} ${row.whatIf === undefined ? "" : "changed"} ${row.archive === undefined ? "" : "imported"}"
      id="row-${row.id}"
      role="row"
      aria-rowindex=${index + 2}
      aria-selected=${chosen}
      .style=${style}
      @click=${(event: MouseEvent) => this.#onClick(event, row, undefined)}
    >
      ${kept(row)} ${this.#narrow ? narrowRow(row) : columns.map((column) => this.#cell(row, column))}
    </div>`;
  }

  #cell(row: Row, column: Column): TemplateResult {
    return html`<span
      role="gridcell"
      class="cell ${column.right === true ? "right" : ""}"
      @click=${(event: MouseEvent) => {
        event.stopPropagation();
        this.#onClick(event, row, column);
      }}
      >${column.cell(row)}</span
    >`;
  }
}

/** At the very front: it outlives the ring, or it never was in it. The words stand with the status. */
function kept({ tags, archive }: Row): TemplateResult | typeof nothing {
  if (archive !== undefined)
    return html`<span class="kept" aria-hidden="true" title="Imported from ${archive}; not live"
      >${icon("archive")}</span
    >`;
  if (!tags.includes("pinned")) return nothing;
  return html`<span class="kept" aria-hidden="true" title="Pinned: kept when the ring lets go of it (p)"
    >${icon("pinned")}</span
  >`;
}

/** Two lines: status, request and track above, the reason and the time taken below. */
function narrowRow(row: Row): TemplateResult {
  return html`<div class="two-lines" role="gridcell">
    <span class="n-status">${statusWords(row)}</span>
    <span class="n-path"><span class="dim">${methodWord(row)}</span> ${pathWords(row)}</span>
    ${drawTrack(row.track, true)}
    <span class="n-below dim"
      >${row.archive === undefined ? nothing : html`<span class="num">${timeWords(row)}</span>`}<span
        class="n-why"
        title=${whyWords(row)}
        >${whyWords(row)}</span
      ><span class="num">${duration(row.duration)}</span></span
    >
  </div>`;
}
