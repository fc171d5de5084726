/**
 * Analytics: what happened per route, service and consumer in a window, drawn and in figures, and what each policy costs.
 * It asks by itself while it is seen, since nobody else needs these figures. Must not compute any: they are given.
 */
import { html, nothing, svg, type TemplateResult } from "lit";
import type { AnalyticsView, AnalyticsWindow, PolicyCostView, SeriesView } from "../../src/contract/analytics.ts";
import { PageElement } from "../parts/element.ts";
import { placeLink, type OpenPlace } from "../parts/place.ts";
import { bytes, duration, percent, rate, whole } from "../parts/words.ts";

const EVERY = 2000;
const BAR = 5;
const HEIGHT = 18;

const WINDOWS: readonly (readonly [AnalyticsWindow, string])[] = [
  ["1m", "1 min"],
  ["15m", "15 min"],
  ["all", "All"],
];

const KINDS: readonly (readonly [SeriesView["kind"], string])[] = [
  ["gateway", "Gateway"],
  ["route", "Routes"],
  ["service", "Services"],
  ["consumer", "Consumers"],
];

export class AnalyticsArea extends PageElement {
  static override properties = {
    ask: { attribute: false },
    open: { attribute: false },
    view: { state: true },
    window: { state: true },
    problem: { state: true },
  };
  /** Rejects when the gateway does not answer. */
  declare ask: (window: AnalyticsWindow) => Promise<AnalyticsView | undefined>;
  declare open: OpenPlace;
  declare view: AnalyticsView | undefined;
  declare window: AnalyticsWindow;
  declare problem: string;
  #timer = 0;

  constructor() {
    super();
    this.window = "1m";
    this.problem = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = window.setInterval(() => void this.#refresh(), EVERY);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.#timer);
  }

  protected override firstUpdated(): void {
    void this.#refresh();
  }

  async #refresh(): Promise<void> {
    if (document.hidden) return;
    const wanted = this.window;
    try {
      const view = await this.ask(wanted);
      // Another window may have been chosen meanwhile.
      if (wanted === this.window && view !== undefined) this.view = view;
      this.problem = "";
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  #choose(chosen: AnalyticsWindow): void {
    this.window = chosen;
    void this.#refresh();
  }

  protected override render(): TemplateResult {
    const { view } = this;
    return html`<div class="area-bar">
        <div class="segments" role="group" aria-label="Window">
          ${WINDOWS.map(
            ([window, words]) =>
              html`<button class="segment" aria-pressed=${this.window === window} @click=${() => this.#choose(window)}>
                ${words}
              </button>`,
          )}
        </div>
      </div>
      <div class="area-body" tabindex="0" role="region" aria-label="Analytics">
        ${this.problem === "" ? nothing : html`<p class="note" role="alert">Not read: ${this.problem}</p>`}
        ${view === undefined ? html`<p class="note">Loading…</p>` : [this.#series(view), this.#policies(view)]}
      </div>`;
  }

  #series(view: AnalyticsView): TemplateResult[] {
    return KINDS.flatMap(([kind, title]) => {
      const of = view.series.filter((each) => each.kind === kind);
      if (of.length === 0) return [];
      return [
        html`<section aria-label=${title}>
          <h2>${title}</h2>
          <div class="scrolled">
            <table class="routes analytics">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col" class="right">Requests</th>
                  <th scope="col">Over time</th>
                  <th scope="col" class="right">Failed</th>
                  <th scope="col" class="right">Rejected</th>
                  <th scope="col" class="right">p50</th>
                  <th scope="col" class="right">p95</th>
                  <th scope="col" class="right">p99</th>
                  <th scope="col" class="right">In</th>
                  <th scope="col" class="right">Out</th>
                </tr>
              </thead>
              <tbody>
                ${of.map((each) => seriesRow(each, view.window))}
              </tbody>
            </table>
          </div>
        </section>`,
      ];
    });
  }

  #policies({ policies, oneIn }: AnalyticsView): TemplateResult {
    if (policies.length === 0)
      return html`<p class="note">The policy file has no policies whose cost could be shown.</p>`;
    return html`<section aria-label="Policies">
      <h2>Policies <span class="dim">since the start; one request in ${oneIn} is timed</span></h2>
      <div class="scrolled">
        <table class="routes analytics">
          <thead>
            <tr>
              <th scope="col">Policy</th>
              <th scope="col">Stands on</th>
              <th scope="col" class="right">Judged</th>
              <th scope="col" class="right">Refused</th>
              <th scope="col" class="right">Cost</th>
              <th scope="col" class="right">p95</th>
            </tr>
          </thead>
          <tbody>
            ${policies.map((each) => this.#policy(each))}
          </tbody>
        </table>
      </div>
    </section>`;
  }

  #policy(policy: PolicyCostView): TemplateResult {
    const { judged, refused, shadowed } = policy;
    const timed = `${whole(policy.samples)} requests timed`;
    return html`<tr>
      <th scope="row">
        ${policy.name} ${policy.name === policy.kind ? nothing : html`<span class="dim">${policy.kind}</span>`}
        ${placeLink(policy.location, this.open)}
      </th>
      <td class="dim">${policy.owner}</td>
      <td class="right num">${whole(judged)}</td>
      <td class="right num ${refused > 0 ? "tone-stop" : ""}">
        ${whole(refused)}${shadowed > 0 ? html` <span class="dim">(${whole(shadowed)} in shadow)</span>` : nothing}
      </td>
      <td class="right num" title=${timed}>${micros(policy.micros)}</td>
      <td class="right num" title=${timed}>${micros(policy.microsP95)}</td>
    </tr>`;
  }
}

function seriesRow(series: SeriesView, window: AnalyticsWindow): TemplateResult {
  return html`<tr>
    <th scope="row">${series.name}</th>
    <td class="right num">${whole(series.requests)} <span class="dim">${rate(series.perSecond)}</span></td>
    <td>${bars(series, window)}</td>
    <td class="right num ${series.errorShare > 0 ? "tone-bad" : ""}">${percent(series.errorShare)}</td>
    <td class="right num ${series.rejectedShare > 0 ? "tone-stop" : ""}">${percent(series.rejectedShare)}</td>
    <td class="right num">${duration(series.p50) || "–"}</td>
    <td class="right num">${duration(series.p95) || "–"}</td>
    <td class="right num">${duration(series.p99) || "–"}</td>
    <td class="right num">${bytes(series.bytesIn)}</td>
    <td class="right num">${bytes(series.bytesOut)}</td>
  </tr>`;
}

/** Requests over time, each bar with its share of the highest; in words for who cannot see it. */
function bars({ name, history }: SeriesView, window: AnalyticsWindow): TemplateResult {
  const most = Math.max(...history, 1);
  const each = window === "1m" ? "10 s" : "minute";
  const words = `${name}, requests by ${each}, oldest first: ${history.map((count) => whole(count)).join(", ")}`;
  return html`<svg role="img" aria-label=${words} width=${history.length * BAR} height=${HEIGHT}>
    <title>${words}</title>
    ${history.map((count, i) => {
      const height = count === 0 ? 1 : Math.max(2, Math.round((count / most) * HEIGHT));
      return svg`<rect x=${i * BAR} y=${HEIGHT - height} width=${BAR - 1} height=${height} fill="currentColor"
        opacity=${count === 0 ? 0.3 : 0.8}></rect>`;
    })}
  </svg>`;
}

/** "0.42 µs", "12 µs", "1.2 ms"; "–" while nothing was measured. */
function micros(value: number): string {
  if (value < 0) return "–";
  if (value < 9.995) return `${value.toFixed(2)} µs`;
  return value < 999.5 ? `${value.toFixed(0)} µs` : `${(value / 1000).toFixed(1)} ms`;
}
