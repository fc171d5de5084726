/**
 * One request at every listener that it passed, side by side, outermost first: what each knew, what it could not know,
 * what it asked, where it sent it. Shows what the gateway worded. Must not fetch: a click on a layer asks for its row.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { LayerView } from "../../src/contract/detail.ts";
import { icon } from "../parts/icon.ts";
import { duration, STATES } from "../parts/words.ts";

/** @param show opens another row. */
export function layersTab(layers: readonly LayerView[], show: (id: number) => void): TemplateResult {
  return html`<div class="layers" role="group" aria-label="Layers, outermost first">
    ${layers.map((layer) => column(layer, show))}
  </div>`;
}

function column(layer: LayerView, show: (id: number) => void): TemplateResult {
  const { tone, word, icon: glyph } = STATES[layer.state] ?? STATES.aborted;
  const outcome = layer.status > 0 ? String(layer.status) : (layer.termination ?? "");
  return html`<section
    class="layer ${layer.current ? "current" : ""}"
    aria-label="${layer.listener}, layer ${layer.layer}${layer.current ? ", shown above" : ""}"
  >
    <h2>${layer.listener} <span class="dim">layer ${layer.layer} · ${layer.speaks}</span></h2>
    ${layer.link === "" ? nothing : html`<p class="dim link">${layer.link}</p>`}
    <p>
      <b class="tone-${tone}" title=${word}>${icon(glyph)}${outcome}<span class="unseen"> ${word}</span></b>
      ${layer.what} ${layer.duration < 0 ? nothing : html`<span class="dim num">${duration(layer.duration)}</span>`}
    </p>
    <h3>Knew</h3>
    <dl class="facts">
      ${layer.knows.map(
        ({ name, value }) =>
          html`<div>
            <dt>${name}</dt>
            <dd class="num">${value}</dd>
          </div>`,
      )}
    </dl>
    ${lines("Could not know", layer.hidden)}
    ${lines(
      "Asked",
      layer.steps.map(({ label, sentence }) => `${label}: ${sentence}`),
    )}
    <h3>Sent it to</h3>
    <p>
      ${layer.target === "" ? html`<span class="dim">nobody</span>` : html`<b class="num">${layer.target}</b>`}
      ${layer.balance}
    </p>
    ${layer.more === 0 ? nothing : html`<p class="dim">${layer.more} earlier on this connection are not listed.</p>`}
    ${layer.current ? nothing : html`<button @click=${() => show(layer.id)}>Show This Layer</button>`}
  </section>`;
}

function lines(title: string, all: readonly string[]): TemplateResult | typeof nothing {
  if (all.length === 0) return nothing;
  return html`<h3>${title}</h3>
    <ul class="plain-list">
      ${all.map((line) => html`<li>${line}</li>`)}
    </ul>`;
}
