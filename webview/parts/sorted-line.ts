/**
 * Says what a sorted table is: which order, of how many requests, as of when, and the way back.
 * Must not sort: the gateway does, and the store knows what came of it.
 */
import { html, nothing, type TemplateResult } from "lit";
import { COLUMNS } from "../traffic/columns.ts";
import type { TrafficStore } from "../traffic/traffic-store.ts";
import { icon } from "./icon.ts";
import { clock, whole } from "./words.ts";

export interface SortedActs {
  again(): void;
  byTime(): void;
}

export function sortedLine({ sort, sorted, unseen }: TrafficStore, acts: SortedActs): TemplateResult | typeof nothing {
  if (sort === undefined) return nothing;
  const column = COLUMNS.find(({ name }) => name === sort.by);
  const numbers = column?.right === true || sort.by === "status";
  const [up, down] = numbers ? ["smallest first", "largest first"] : ["A to Z", "Z to A"];
  const words = `${column?.title ?? sort.by}, ${sort.descending ? down : up}`;
  return html`<div class="sorted-line" role="status" aria-label="Order">
    ${icon(sort.descending ? "arrow-down" : "arrow-up", "small")}
    <span
      ><b>${words}</b>${
        sorted === undefined
          ? html`<span class="dim">: sorting …</span>`
          : html`<span class="dim">: ${whole(sorted.count)} requests as of ${clock(sorted.at)}</span>`
      }</span
    >
    ${unseen > 0 ? html`<button class="bare" @click=${acts.again}>${icon("refresh")} Sort Again</button>` : nothing}
    <button class="bare" @click=${acts.byTime}>${icon("close")} By Time</button>
  </div>`;
}
