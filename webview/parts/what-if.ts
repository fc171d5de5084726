/**
 * What an unsaved policy would change: one line above the table, with what was assumed, and the ways on; and the edits
 * that would let a refused request pass. Must not decide anything: every number is the gateway's.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Row } from "../../src/contract/traffic.ts";
import type { PassingFix, WhatIfView } from "../../src/contract/what-if.ts";
import type { Host } from "../channel/host.ts";
import { icon } from "./icon.ts";
import { whole } from "./words.ts";

type Shown = TemplateResult | typeof nothing;

/** @param filtered only the changed ones are shown. */
export function whatIfBanner(view: WhatIfView | null, host: Host, filtered: boolean, show: () => void): Shown {
  if (view === null) return nothing;
  const changed = view.total - view.same;
  return html`<div class="banner what-if" role="status" aria-label="Unsaved policy">
    ${icon("beaker")}
    <span
      ><b>Δ ${whole(changed)} of ${whole(view.total)}</b> · +${whole(view.rejected)} rejected ·
      −${whole(view.admitted)}${
        view.elsewhere > 0 ? html` · ${whole(view.elsewhere)} otherwise` : nothing
      }${view.unknown > 0 ? html` · ${whole(view.unknown)} not known` : nothing}
      · ${whole(view.same)} same <span class="assumed dim">Assumed: ${view.assumptions.join("; ")}.</span></span
    >
    ${changed === 0 || filtered ? nothing : html`<button @click=${show}>Show</button>`}
    ${
      host.editsPolicy
        ? html`<button class="primary" @click=${() => host.savePolicy()}>Save to Apply</button>
            <button @click=${() => host.revertPolicy()}>Revert</button>`
        : nothing
    }
  </div>`;
}

/** "200 → 429", with a word for who does not see the arrow. */
export function shiftedStatus({ whatIf, status }: Row): Shown {
  if (whatIf === undefined) return nothing;
  const before = whatIf.before || status;
  const after = whatIf.after > 0 ? String(whatIf.after) : whatIf.change === "rejected" ? "closed" : "sent";
  const tone = whatIf.change === "rejected" ? "stop" : whatIf.change === "admitted" ? "ok" : "warn";
  return html`<span class="status shifted tone-${tone}" title="The unsaved policy would change it: ${whatIf.why}"
    ><span aria-hidden="true">Δ${before || "–"}→${after}</span
    ><span class="unseen"
      >would change from ${before || "no status"} to ${after}${whatIf.assumed ? ", partly assumed" : ""}</span
    ></span
  >`;
}

/** Edits that were seen to let the request pass. */
export function passingFixes(
  fixes: readonly PassingFix[] | undefined,
  host: Host,
  apply: (title: string) => void,
): Shown {
  if (fixes === undefined || fixes.length === 0) return nothing;
  return html`${fixes.map(
    (fix) =>
      html`<button
        class="passing"
        title="${host.editsPolicy ? "Edits the policy; nothing is saved yet." : "Copies the edit."} Of ${whole(fix.view.total)} recorded requests ${whole(fix.view.admitted)} more would pass and ${whole(fix.view.rejected)} fewer."
        @click=${() => (host.editsPolicy ? apply(fix.title) : host.copyText(fix.edits.map(({ newText }) => newText).join("\n")))}
      >
        ${icon("lightbulb")} ${fix.title} <span class="dim num">+${whole(fix.view.admitted)}</span>
      </button>`,
  )}`;
}
