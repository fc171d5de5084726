/**
 * The head of the traffic table: what it is sorted by, how wide each column is, and in which order they stand, by mouse
 * and by keyboard. One stop of the Tab key; arrows go from column to column.
 * Must not sort or draw rows: it changes settings, and the table obeys them.
 */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ViewSettings } from "../channel/host.ts";
import { icon } from "../parts/icon.ts";
import { dragColumn, resizeColumn, widerBy } from "./column-resize.ts";
import { moveColumn, resizedColumn, shownColumns, sortKey, type Column } from "./columns.ts";

/** Pixels for one press of + or -. */
const STEP = 10;

export interface HeadPlace {
  settings(): ViewSettings;
  width(): number;
  remember(settings: ViewSettings): void;
  root(): HTMLElement;
  updated(): Promise<unknown>;
  redraw(): void;
  /** Down into the rows. */
  leave(): void;
}

type Direction = "ascending" | "descending";

export class TableHead {
  readonly #place: HeadPlace;
  /** Name of the column that Tab comes to. */
  #focused = "";
  /** Index of the column before which the dragged one would stand; -1 = none. */
  #dropBefore = -1;
  /** A drag has just ended on a button: its click is none. */
  #dragged = false;

  constructor(place: HeadPlace) {
    this.#place = place;
  }

  draw(columns: readonly Column[]): TemplateResult {
    const stop = columns.some(({ name }) => name === this.#focused) ? this.#focused : columns[0]?.name;
    return html`<div class="row head" role="row" aria-rowindex="1">
      ${repeat(
        columns,
        ({ name }) => name,
        (column, index) => this.#cell(column, index, columns.length, column.name === stop),
      )}
    </div>`;
  }

  #cell(column: Column, index: number, count: number, stop: boolean): TemplateResult {
    const direction = this.#directionOf(column);
    const drop =
      this.#dropBefore === index
        ? "drop-before"
        : this.#dropBefore === count && index === count - 1
          ? "drop-after"
          : "";
    return html`<span
      class="${column.right === true ? "right" : ""} ${drop}"
      role="columnheader"
      data-column=${column.name}
      aria-sort=${direction ?? nothing}
    >
      <button
        class="bare"
        tabindex=${stop ? 0 : -1}
        title=${hint(column, direction)}
        @click=${() => this.#sort(column)}
        @keydown=${(event: KeyboardEvent) => this.#onKey(event, column)}
        @focus=${() => (this.#focused = column.name)}
        @pointerdown=${(event: PointerEvent) => this.#drag(event, column)}
      >
        ${column.title}${direction === undefined ? nothing : icon(direction === "descending" ? "arrow-down" : "arrow-up", "small")}
      </button>
      <span
        class="grip"
        aria-hidden="true"
        @pointerdown=${(event: PointerEvent) => resizeColumn(event, (width) => this.#resize(column, width))}
        @dblclick=${() => this.#resize(column, undefined)}
      ></span>
    </span>`;
  }

  #directionOf({ name }: Column): Direction | undefined {
    const { sort, newestFirst } = this.#place.settings();
    if (sort === undefined) return name === "time" ? (newestFirst === true ? "descending" : "ascending") : undefined;
    return sort.by === name ? (sort.descending ? "descending" : "ascending") : undefined;
  }

  /** By time the list goes on; by anything else the second press turns it round and the third goes back to time. */
  #sort(column: Column): void {
    const { settings, remember } = this.#place;
    const by = sortKey(column);
    if (this.#dragged || by === undefined) {
      this.#dragged = false;
      return;
    }
    const { sort, ...rest } = settings();
    if (by === "time") return remember(sort === undefined ? { ...rest, newestFirst: rest.newestFirst !== true } : rest);
    // What is long, large or late is looked for first; of words the first.
    const begins = column.right === true || by === "status";
    if (sort?.by !== by) remember({ ...rest, sort: { by, descending: begins } });
    else if (sort.descending === begins) remember({ ...rest, sort: { by, descending: !begins } });
    else remember(rest);
  }

  #resize({ name }: Column, width: number | undefined): void {
    const { settings, remember } = this.#place;
    remember(resizedColumn(settings(), name, width));
  }

  #move({ name }: Column, by: number): void {
    const { settings, width, remember } = this.#place;
    remember(moveColumn(settings(), width(), name, by));
    void this.#focus(name);
  }

  /** The head is another element where the columns have changed places. */
  async #focus(name: string): Promise<void> {
    this.#focused = name;
    await this.#place.updated();
    this.#place.root().querySelector<HTMLElement>(`[data-column="${name}"] button`)?.focus();
  }

  #drag(event: PointerEvent, column: Column): void {
    this.#dragged = false;
    const heads = [...this.#place.root().querySelectorAll<HTMLElement>(".head [role=columnheader]")];
    dragColumn(
      event,
      heads,
      (index) => {
        this.#dropBefore = index;
        this.#place.redraw();
      },
      (by) => {
        this.#dragged = true;
        if (by !== 0) this.#move(column, by);
      },
    );
  }

  #onKey(event: KeyboardEvent, column: Column): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { settings, width, leave } = this.#place;
    const names = shownColumns(settings(), width()).map(({ name }) => name);
    const go = (by: number): void => void this.#focus(names[names.indexOf(column.name) + by] ?? column.name);
    const wider = (by: number): void =>
      this.#resize(column, widerBy((event.currentTarget as HTMLElement).parentElement!, by));
    const keys: Record<string, () => void> = {
      ArrowLeft: () => (event.shiftKey ? this.#move(column, -1) : go(-1)),
      ArrowRight: () => (event.shiftKey ? this.#move(column, 1) : go(1)),
      ArrowDown: leave,
      "+": () => wider(STEP),
      "=": () => wider(STEP),
      "-": () => wider(-STEP),
      "0": () => this.#resize(column, undefined),
    };
    // The button is pressed by these; the rows below must not hear them.
    if (event.key === "Enter" || event.key === " ") return event.stopPropagation();
    const action = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (action === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}

function hint(column: Column, direction: Direction | undefined): string {
  const keys = "Shift+← → moves the column, + − 0 sets its width";
  if (column.name === "time") return `Newest ${direction === "descending" ? "last" : "first"}. ${keys}`;
  return sortKey(column) === undefined ? keys : `Sort by ${column.title.toLowerCase()}. ${keys}`;
}
