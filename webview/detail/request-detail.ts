/**
 * One request, explained: the verdict with its line of the policy, the decision timeline, headers, bodies, timing.
 * Shows what the gateway worded; asks once before secrets are shown. Must not fetch: the page hands it the detail.
 */
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import type { Detail } from "../../src/contract/detail.ts";
import type { LimitView } from "../../src/contract/limits.ts";
import type { Row } from "../../src/contract/traffic.ts";
import type { PassingFix } from "../../src/contract/what-if.ts";
import { gauges } from "../areas/limits-view.ts";
import { mayMint } from "../../src/contract/minting.ts";
import type { Host } from "../channel/host.ts";
import { PageElement } from "../parts/element.ts";
import { icon } from "../parts/icon.ts";
import { drawTrack } from "../parts/track.ts";
import { passingFixes } from "../parts/what-if.ts";
import { clockExact, duration, fileName, STATES } from "../parts/words.ts";
import { methodWord, timeWords } from "../traffic/columns.ts";
import { connectionTab } from "./connection-tab.ts";
import { decisionTab } from "./decision-tab.ts";
import { family } from "./family.ts";
import { headersTab } from "./headers-tab.ts";
import { layersTab } from "./layers-tab.ts";
import { attemptsTab, timingTab } from "./timing-tab.ts";

export const TABS = ["Decision", "Layers", "Headers", "Body", "Timing", "Attempts"] as const;
export type Tab = (typeof TABS)[number];

export class RequestDetail extends PageElement {
  static override properties = {
    row: { attribute: false },
    detail: { attribute: false },
    limit: { attribute: false },
    fixes: { attribute: false },
    limitAt: { type: Number },
    host: { attribute: false },
    tab: { type: String },
    wanted: { type: Number },
    problem: { type: String },
    gone: { type: Boolean },
    inPlace: { type: Boolean },
  };
  /** Known before the detail has come. */
  declare row: Row | undefined;
  declare detail: Detail | undefined;
  /** Edits of the policy that would let it pass; undefined = not looked for (yet). */
  declare fixes: readonly PassingFix[] | undefined;
  /** The limit that refused, with its buckets. */
  declare limit: LimitView | undefined;
  declare limitAt: number;
  declare host: Host;
  declare tab: Tab;
  /** Number of the request that is to be shown; -1 for none. It is known before anything else of it. */
  declare wanted: number;
  /** Why it could not be read; empty while it is being read. */
  declare problem: string;
  /** The gateway does not have it any more. */
  declare gone: boolean;
  /** Stands where the table was: has a way back. */
  declare inPlace: boolean;

  constructor() {
    super();
    this.tab = "Decision";
    this.wanted = -1;
    this.problem = "";
    this.gone = false;
    this.inPlace = false;
    this.limitAt = 0;
  }

  #emit(
    name: "close" | "reveal" | "retry" | "tab" | "reset" | "show-row" | "replay" | "edit" | "mint" | "pin",
    detail: unknown = undefined,
  ): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  /** Layer 4 has no bodies to show; in place of headers stands the connection. One listener alone has no layers. */
  get #tabsShown(): readonly Tab[] {
    const { connection, layers } = this.detail ?? {};
    return TABS.filter(
      (tab) => (tab !== "Body" || connection === undefined) && (tab !== "Layers" || layers !== undefined),
    );
  }

  /** The tab chosen for another request may not be there for this one. */
  get #tabShown(): Tab {
    return this.#tabsShown.includes(this.tab) ? this.tab : "Decision";
  }

  stepTab(by: number): void {
    const tabs = this.#tabsShown;
    const next = tabs[(tabs.indexOf(this.#tabShown) + by + tabs.length) % tabs.length];
    if (next !== undefined) this.#emit("tab", next);
  }

  readonly #open = (location: Parameters<Host["openLocation"]>[0]): void => this.host.openLocation(location);

  protected override render(): TemplateResult {
    const row = this.detail?.row ?? this.row;
    if (row === undefined && this.wanted === -1) return html`<p class="note">Select a request to see its decision.</p>`;
    const name = row === undefined ? String(this.wanted) : `${row.method} ${row.path}`;
    return html`<article class="detail-page" aria-label="Request ${name}">
      ${row === undefined ? this.#wantedTitle() : this.#title(row)}
      ${this.detail === undefined ? this.#unread() : keyed(this.detail.row.id, this.#explained(this.detail))}
    </article>`;
  }

  /** Being read, not to be read, or gone: never a blank. */
  #unread(): TemplateResult {
    if (this.gone) return html`<p class="note" role="status">This request has left the ring.</p>`;
    if (this.problem === "") return html`<p class="note" role="status">Reading request ${this.wanted} …</p>`;
    return html`<div class="note" role="alert">
      <p>Request ${this.wanted} could not be read: ${this.problem}</p>
      <button @click=${() => this.#emit("retry")}>Retry</button>
    </div>`;
  }

  #back(): TemplateResult | typeof nothing {
    if (!this.inPlace) return nothing;
    return html`<button class="bare back" aria-label="Back to the list" @click=${() => this.#emit("close")}>
      ${icon("arrow-left")} Back
    </button>`;
  }

  #close(): TemplateResult | typeof nothing {
    if (this.inPlace) return nothing;
    return html`<button class="bare close" aria-label="Close the detail" @click=${() => this.#emit("close")}>
      ${icon("close")}
    </button>`;
  }

  #wantedTitle(): TemplateResult {
    return html`<header class="title">
      ${this.#back()}
      <h1>Request ${this.wanted}</h1>
      ${this.#close()}
    </header>`;
  }

  #title(row: Row): TemplateResult {
    return html`<header class="title">
        ${this.#back()}
        <h1 title="${row.method} ${row.host}${row.path}">${methodWord(row)} ${row.path}</h1>
        ${this.#close()}
        <p class="dim">
          ${row.client === "" ? nothing : html`from ${row.client}`}
          ${row.caller === undefined ? nothing : html`as <b>${row.caller}</b>`} ·
          ${row.archive === undefined ? html`${clockExact(row.at)} · plan ${row.revision}` : timeWords(row)}${row.duration < 0 ? nothing : html` · ${duration(row.duration)}`}
        </p>
      </header>
      ${
        row.archive === undefined
          ? nothing
          : html`<p class="imported-note" role="note">
              ${icon("archive")}<span
                ><b>Imported from ${row.archive}.</b> Nothing of it came through this gateway; its secrets stay
                hidden.</span
              >
            </p>`
      }`;
  }

  #explained(detail: Detail): TemplateResult {
    return html`${this.#verdict(detail)} ${this.#tabs()}
      <div class="tab-content" role="tabpanel" id="tab-content" aria-labelledby="tab-${this.#tabShown}" tabindex="0">
        ${this.#content(detail)}
      </div>`;
  }

  #verdict(detail: Detail): TemplateResult {
    const { verdict, row } = detail;
    const { tone, word, icon: glyph } = STATES[row.state] ?? STATES.aborted;
    return html`<section class="verdict v-${tone}" aria-label="Verdict">
      <p>
        <b class="tone-${tone} big" title=${word}
          >${icon(glyph)}${verdict.status > 0 ? verdict.status : nothing}<span class="unseen"> ${word}</span></b
        >
        <b>${verdict.title}</b>
      </p>
      <p>${verdict.sentence}</p>
      <div class="verdict-track">${drawTrack(row.track, true)}<span class="dim">${row.track.say}</span></div>
      <div class="btns">${this.#actions(detail)}</div>
    </section>`;
  }

  #actions(detail: Detail): TemplateResult {
    const { location, fixes, refused } = detail.verdict;
    const opens = this.host.opensEditor ? "Open" : "Copy";
    return html`${
      location === undefined
        ? nothing
        : html`<button class=${refused ? "primary" : ""} @click=${() => this.#open(location)}>
            ${opens} ${fileName(location.file)}:${location.line}
          </button>`
    }
    ${fixes
      .filter(({ title }) => this.fixes?.some((seen) => seen.title === title) !== true)
      .map(
        (fix) =>
          html`<button
            title="${fix.newText} at ${fileName(fix.location.file)}:${fix.location.line}"
            @click=${() => this.#open(fix.location)}
          >
            ${icon("lightbulb")} ${fix.title}
          </button>`,
      )}
    ${passingFixes(this.fixes, this.host, (title) => this.host.applyFix(detail.row.id, title))} ${this.#instead(detail)}
    ${
      this.limit === undefined || detail.row.caller === undefined
        ? nothing
        : html`<button @click=${() => this.#emit("reset", this.#ownBucket(detail))}>Reset Bucket</button>`
    }
    ${
      detail.curl === ""
        ? nothing
        : html`${detail.imported === undefined ? this.#sending() : nothing}
            <button @click=${() => this.host.copyText(detail.curl)}>${icon("copy")} Copy cURL</button>
            <button
              title="Copy cURL for PowerShell"
              aria-label="Copy cURL for PowerShell"
              @click=${() => this.host.copyText(detail.curlPowerShell)}
            >
              PowerShell
            </button>`
    }
    ${detail.imported === undefined ? this.#keeping(detail) : nothing}`;
  }

  #sending(): TemplateResult {
    return html`<button title="Send it again through the gateway (r)" @click=${() => this.#emit("replay")}>
        ${icon("debug-rerun")} Replay
      </button>
      <button title="Change it, then send it through the gateway (e)" @click=${() => this.#emit("edit")}>
        Edit &amp; Resend
      </button>`;
  }

  #keeping(detail: Detail): TemplateResult {
    const pinned = (this.row ?? detail.row).tags.includes("pinned");
    return html`<button
        aria-pressed=${pinned}
        title="${pinned ? "Let go of it" : "Keep it when the ring lets go of it"} (p)"
        @click=${() => this.#emit("pin")}
      >
        ${icon("pinned")} ${pinned ? "Pinned" : "Pin"}
      </button>
      ${
        detail.revealed
          ? html`<span class="revealed">${icon("eye")} Secrets are shown</span>`
          : html`<button @click=${() => this.#emit("reveal")}>${icon("lock")} Reveal Secrets</button>`
      }`;
  }

  /** What another caller, or the policy itself, could do in its place. */
  #instead({ row, verdict, connection }: Detail): TemplateResult | typeof nothing {
    // What was read from an archive never came through this gateway.
    if (row.id < 0 || connection !== undefined) return nothing;
    return html`${
      mayMint(verdict)
        ? html`<button title="A token with which it would pass, to the clipboard" @click=${() => this.#emit("mint")}>
            ${icon("key")} Mint Passing Token
          </button>`
        : nothing
    }
    ${
      this.host.editsPolicy && !verdict.refused && row.state !== "pending" && !row.tags.includes("mock")
        ? html`<button
            title="The policy answers this in the service's place"
            @click=${() => this.host.createMock(row.id)}
          >
            ${icon("diamond")} Create Mock
          </button>`
        : nothing
    }`;
  }

  /** The bucket of this request's caller, else the emptiest one. */
  #ownBucket(detail: Detail): { identity: string; key: string } {
    const keys = this.limit?.keys ?? [];
    const own = keys.find((bucket) => bucket.key === detail.row.caller) ?? keys[0];
    return { identity: this.limit?.identity ?? "", key: own?.key ?? "" };
  }

  #tabs(): TemplateResult {
    return html`<div class="tabs" role="tablist" aria-label="Detail" @keydown=${this.#onTabKey}>
      ${this.#tabsShown.map(
        (tab) =>
          html`<button
            role="tab"
            id="tab-${tab}"
            aria-selected=${tab === this.#tabShown}
            aria-controls="tab-content"
            tabindex=${tab === this.#tabShown ? 0 : -1}
            @click=${() => this.#emit("tab", tab)}
          >
            ${tab === "Headers" && this.detail?.connection !== undefined ? "Connection" : tab}
          </button>`,
      )}
    </div>`;
  }

  #onTabKey(event: KeyboardEvent): void {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    this.stepTab(by);
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>(`#tab-${this.tab}`)?.focus());
  }

  #content(detail: Detail): TemplateResult {
    const { connection, layers } = detail;
    const tab = this.#tabShown;
    if (tab === "Layers" && layers !== undefined) return layersTab(layers, (id) => this.#emit("show-row", id));
    if (tab === "Headers") {
      return connection === undefined ? headersTab(detail, this.#open) : connectionTab(connection, detail.row);
    }
    if (tab === "Body") return html`<body-tab .detail=${detail} .host=${this.host}></body-tab>`;
    if (tab === "Timing") return timingTab(detail);
    if (tab === "Attempts") return attemptsTab(detail);
    const beside = html`${this.#buckets()}${family(detail, (id) => this.#emit("show-row", id))}`;
    return decisionTab(detail, this.#open, beside);
  }

  #buckets(): TemplateResult | typeof nothing {
    const { limit } = this;
    if (limit === undefined || limit.keys.length === 0) return nothing;
    return html`<section aria-label="Buckets">
      <h2 class="lane">${limit.name}: ${limit.text}, emptiest first</h2>
      ${gauges(limit, this.limitAt, limit.keys.slice(0, 5))}
    </section>`;
  }
}
