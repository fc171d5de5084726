/**
 * The limits: each with its buckets, emptiest first, gauges that refill before one's eyes, a search; reset, freeze and set.
 * At most the keys that were asked for are drawn; how many there are is said. Must not talk to the gateway.
 */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { BucketChange, LimitKeyView, LimitsView as Limits, LimitView } from "../../src/contract/limits.ts";
import { PageElement } from "../parts/element.ts";
import { icon } from "../parts/icon.ts";
import { placeLink, type OpenPlace } from "../parts/place.ts";
import { whole } from "../parts/words.ts";

/** What is to be done to one bucket; "ask" = set it to a number that the person is asked for. */
export interface BucketAct {
  readonly identity: string;
  readonly bucket: LimitKeyView;
  readonly change: BucketChange | "ask";
}

/** Buckets as gauges. `at` is the page time at which they were true. */
export function gauges(
  limit: LimitView,
  at: number,
  keys: readonly LimitKeyView[],
  act?: (bucket: LimitKeyView, change: BucketAct["change"]) => void,
): TemplateResult {
  return html`<ul class="gauges">
    ${repeat(
      keys,
      (bucket) => bucket.key,
      (bucket) =>
        html`<li class="gauge-line ${bucket.frozen === true ? "frozen" : ""}">
          <limit-gauge .bucket=${bucket} .perSecond=${limit.perSecond} .at=${at}></limit-gauge>
          ${
            act === undefined
              ? nothing
              : html`<button
                    class="bare"
                    aria-label="Reset bucket ${bucket.key}"
                    @click=${() => act(bucket, { kind: "reset" })}
                  >
                    Reset
                  </button>
                  ${limit.adjustable === true ? adjusting(bucket, act) : nothing}`
          }
        </li>`,
    )}
  </ul>`;
}

function adjusting(
  bucket: LimitKeyView,
  act: (bucket: LimitKeyView, change: BucketAct["change"]) => void,
): TemplateResult {
  const frozen = bucket.frozen === true;
  return html`<button
      class="bare"
      aria-pressed=${frozen}
      aria-label="${frozen ? "Thaw" : "Freeze"} bucket ${bucket.key}"
      title=${frozen ? "Let it refill and empty again" : "It neither refills nor empties; ends with the gateway"}
      @click=${() => act(bucket, { kind: frozen ? "thaw" : "freeze" })}
    >
      ${frozen ? "Thaw" : "Freeze"}
    </button>
    <button class="bare" aria-label="Set bucket ${bucket.key}" @click=${() => act(bucket, "ask")}>Set…</button>`;
}

export class LimitsArea extends PageElement {
  static override properties = {
    limits: { attribute: false },
    at: { type: Number },
    search: { type: String },
    open: { attribute: false },
  };
  declare limits: Limits | undefined;
  declare at: number;
  declare search: string;
  declare open: OpenPlace;

  constructor() {
    super();
    this.search = "";
    this.at = 0;
  }

  /** A bucket that was changed moves to another place in its list: who pressed its button must not be put out of it. */
  #held: Element | null = null;

  protected override willUpdate(): void {
    this.#held = this.contains(document.activeElement) ? document.activeElement : null;
  }

  protected override updated(): void {
    const held = this.#held;
    if (held instanceof HTMLElement && held.isConnected && document.activeElement !== held)
      held.focus({ preventScroll: true });
    this.#held = null;
  }

  protected override render(): TemplateResult {
    const limits = this.limits?.limits ?? [];
    return html`<div class="area-bar">
        <div class="filter plain">
          <input
            type="text"
            aria-label="Search keys"
            placeholder="Search keys"
            spellcheck="false"
            .value=${this.search}
            @input=${(event: Event) =>
              this.dispatchEvent(
                new CustomEvent("search", { detail: (event.target as HTMLInputElement).value, bubbles: true }),
              )}
          />
        </div>
      </div>
      <div class="area-body" tabindex="0" role="region" aria-label="Limits">
        ${
          this.limits?.problem === undefined
            ? nothing
            : html`<p class="note tone-stop" role="alert">${icon("warning")} Quotas: ${this.limits.problem}.</p>`
        }
        ${
          this.limits === undefined
            ? html`<p class="note">Loading…</p>`
            : limits.length === 0
              ? html`<p class="note">
                  No limits. Add <code>rateLimit</code> under a route's policies to see its buckets here.
                </p>`
              : limits.map((limit) => this.#limit(limit))
        }
      </div>`;
  }

  #limit(limit: LimitView): TemplateResult {
    const hidden = limit.keyCount - limit.keys.length;
    return html`<section class="limit" aria-label="Limit ${limit.name}">
      <h2>
        ${limit.name} <span class="dim">${limit.text}</span> ${placeLink(limit.location, this.open)}
        <span class="facts-line dim"
          >${limit.algorithm} · ${limit.owner} ·
          <span class=${limit.emptyCount > 0 ? "tone-stop" : ""}
            >${whole(limit.emptyCount)} of ${whole(limit.keyCount)} keys empty</span
          ></span
        >
      </h2>
      ${
        limit.keys.length === 0
          ? html`<p class="note">${this.search === "" ? "No key has been seen yet." : "No key matches the search."}</p>`
          : gauges(limit, this.at, limit.keys, (bucket, change) => {
              const detail: BucketAct = { identity: limit.identity, bucket, change };
              this.dispatchEvent(new CustomEvent("bucket", { detail, bubbles: true }));
            })
      }
      ${
        hidden > 0 && limit.keys.length > 0
          ? html`<p class="note">${icon("ellipsis")} ${whole(hidden)} more keys; search to find one.</p>`
          : nothing
      }
    </section>`;
  }
}
