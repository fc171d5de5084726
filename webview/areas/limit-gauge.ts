/**
 * One bucket of a limit: a gauge that refills and a wait that runs down, both from (left, rate, time) of the last
 * message; the gateway sends nothing per tick. With reduced motion it steps once a second and does not glide.
 * Must not keep a timer while it is not in the document or the page is hidden.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { LimitKeyView } from "../../src/contract/limits.ts";
import { PageElement } from "../parts/element.ts";
import { countdown, tokens, whole } from "../parts/words.ts";

const STILL = window.matchMedia("(prefers-reduced-motion: reduce)");
/** Milliseconds between steps. */
const STEP = 100;

/** One timer for all gauges of the page. */
const running = new Set<LimitGauge>();
let timer = 0;

function tick(): void {
  timer = 0;
  if (!document.hidden) for (const gauge of running) gauge.requestUpdate();
  schedule();
}

function schedule(): void {
  if (running.size > 0 && timer === 0) timer = window.setTimeout(tick, STILL.matches ? 1000 : STEP);
}

export class LimitGauge extends PageElement {
  static override properties = { bucket: { attribute: false }, perSecond: { type: Number }, at: { type: Number } };
  declare bucket: LimitKeyView;
  /** Tokens per second. */
  declare perSecond: number;
  /** Page time (performance.now) at which `bucket` was true. */
  declare at: number;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    running.delete(this);
  }

  protected override render(): TemplateResult {
    const { key, capacity, left, nextIn, fullIn, rejected, frozen } = this.bucket;
    const passed = Math.max(0, performance.now() - this.at);
    const still = frozen === true;
    const now = still ? left : Math.min(capacity, left + (this.perSecond * passed) / 1000);
    const full = still ? left >= capacity : fullIn <= passed;
    const shown = full ? capacity : now;
    const next = Math.max(0, nextIn - passed);
    this.#keepRunning(!full && !still);
    const share = capacity > 0 ? (shown / capacity) * 100 : 0;
    const tone = next > 0 ? "empty" : share < 25 ? "low" : "fine";
    return html`<span class="key num" title=${key}>${key}</span>
      <span
        class="meter ${tone}"
        role="meter"
        aria-label="${key} tokens left"
        aria-valuemin="0"
        aria-valuemax=${capacity}
        aria-valuenow=${Math.floor(shown)}
        ><i .style=${`width: ${share.toFixed(1)}%`}></i
      ></span>
      <span class="num left">${tokens(shown)}<span class="dim">/${whole(capacity)}</span></span>
      <span class="waits dim"
        >${still ? html`<span class="tone-stop">frozen</span>` : this.#waits(next, full ? 0 : fullIn - passed, rejected)}</span
      >`;
  }

  #waits(next: number, full: number, rejected: number): TemplateResult {
    return html`${next > 0 ? html`<span class="tone-stop">next in ${countdown(next)}</span>` : nothing}
      <span class="full">${full > 0 ? `full in ${countdown(full)}` : "full"}</span>
      ${rejected > 0 ? html`<span class="refused">${whole(rejected)} refused</span>` : nothing}`;
  }

  #keepRunning(on: boolean): void {
    if (on && this.isConnected) running.add(this);
    else running.delete(this);
    schedule();
  }
}
