/**
 * What a request sent on its behalf - the parts of an aggregate, the renewal of a stored answer, a mirrored copy - and the
 * request that it was sent for. Must not fetch: a click asks for the row.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Detail } from "../../src/contract/detail.ts";
import type { Row } from "../../src/contract/traffic.ts";
import { icon } from "../parts/icon.ts";
import { duration, STATES } from "../parts/words.ts";

/** @param show opens another row. */
export function family({ row, children }: Detail, show: (id: number) => void): TemplateResult | typeof nothing {
  const { parent } = row;
  if (parent === undefined && children === undefined) return nothing;
  return html`<section aria-label="Requests that belong together">
    ${
      parent === undefined
        ? nothing
        : html`<p>Sent on behalf of <button class="bare" @click=${() => show(parent)}>request ${parent}</button></p>`
    }
    ${
      children === undefined
        ? nothing
        : html`<h2 class="lane">Sent on its behalf</h2>
            <ul class="gauges">
              ${children.map((child) => line(child, show))}
            </ul>`
    }
  </section>`;
}

function line(child: Row, show: (id: number) => void): TemplateResult {
  const { tone, word, icon: glyph } = STATES[child.state] ?? STATES.aborted;
  const where = [child.service, child.endpoint].filter((part) => part !== undefined).join(" ");
  return html`<li>
    <button class="bare" aria-label="Show request ${child.id}" @click=${() => show(child.id)}>
      <b class="tone-${tone}" title=${word}>${icon(glyph)}${child.status || ""}<span class="unseen"> ${word}</span></b>
      ${child.method} ${child.path}
      <span class="dim">${where} ${child.duration < 0 ? "" : duration(child.duration)}</span>
    </button>
  </li>`;
}
