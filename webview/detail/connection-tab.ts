/**
 * A connection of layer 4 in place of header fields: its two ends, how it ended in HAProxy's letters and in words, and
 * what this layer sees and cannot see. Shows what the gateway worded. Must not show bytes.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { ConnectionView } from "../../src/contract/detail.ts";
import { bytes } from "../parts/words.ts";

interface Moved {
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export function connectionTab(view: ConnectionView, row: Moved): TemplateResult {
  return html`<div class="connection">
    <h2 class="lane">Both ends</h2>
    <dl class="facts">
      ${fact("client", view.client)} ${fact("connected to", view.destination)} ${fact("server", view.server)}
      ${fact("server name (SNI)", view.serverName)} ${fact("PROXY header received", view.proxyReceived)}
      ${fact("PROXY header sent", view.proxySent)} ${fact("from the client", bytes(row.requestBytes))}
      ${fact("from the server", bytes(row.responseBytes))}
    </dl>
    <h2 class="lane">How it ended</h2>
    <p class="note">
      ${
        view.termination === ""
          ? "The connection is open."
          : html`<b class="num" title="HAProxy's termination state">${view.termination}</b> ${view.ended}`
      }
    </p>
    ${list("What layer 4 sees", view.sees)} ${list("What it cannot see", view.hidden)}
  </div>`;
}

function fact(name: string, value: string | undefined): TemplateResult | typeof nothing {
  if (value === undefined || value === "") return nothing;
  return html`<div>
    <dt>${name}</dt>
    <dd class="num">${value}</dd>
  </div>`;
}

function list(title: string, lines: readonly string[]): TemplateResult {
  return html`<h2 class="lane">${title}</h2>
    <ul class="plain-list">
      ${lines.map((line) => html`<li>${line}</li>`)}
    </ul>`;
}
