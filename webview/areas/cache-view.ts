/**
 * The caches: what is stored with why it is fresh or stale, what is not and why, a search, and purge. It asks by itself,
 * every two seconds while it is shown: nothing of it is sent to who does not look.
 * Must not draw more entries than it asked for.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { CacheEntryView, CachesView, CacheView } from "../../src/contract/caches.ts";
import type { Connection } from "../channel/connection.ts";
import { PageElement } from "../parts/element.ts";
import { placeLink, type OpenPlace } from "../parts/place.ts";
import { whole } from "../parts/words.ts";

const ENTRIES = 200;
const EVERY = 2000;

export class CacheArea extends PageElement {
  static override properties = {
    connection: { attribute: false },
    open: { attribute: false },
    view: { state: true },
    search: { state: true },
  };
  declare connection: Connection;
  declare open: OpenPlace;
  declare view: CachesView | undefined;
  declare search: string;
  #timer = 0;

  constructor() {
    super();
    this.search = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#ask();
    this.#timer = window.setInterval(() => void this.#ask(), EVERY);
  }

  override disconnectedCallback(): void {
    window.clearInterval(this.#timer);
    super.disconnectedCallback();
  }

  async #ask(): Promise<void> {
    if (document.hidden || this.connection.state !== "ready") return;
    const { search } = this;
    try {
      const view = await this.connection.gateway.caches(search, ENTRIES);
      if (search === this.search) this.view = view;
    } catch {
      // The gateway went away: what was shown stays until it answers again.
    }
  }

  async #purge(identity: string, prefix: string): Promise<void> {
    await this.connection.gateway.purgeCache(identity, prefix);
    await this.#ask();
  }

  protected override render(): TemplateResult {
    const caches = this.view?.caches;
    return html`<div class="area-bar">
        <div class="filter plain">
          <input
            type="text"
            aria-label="Search URLs"
            placeholder="Search URLs"
            spellcheck="false"
            .value=${this.search}
            @input=${(event: Event) => {
              this.search = (event.target as HTMLInputElement).value;
              void this.#ask();
            }}
          />
        </div>
      </div>
      <div class="area-body" tabindex="0" role="region" aria-label="Caches">
        ${
          caches === undefined
            ? html`<p class="note">Loading…</p>`
            : caches.length === 0
              ? html`<p class="note">
                  No cache. Add <code>cache</code> under a route's policies to see what it holds.
                </p>`
              : caches.map((cache) => this.#cache(cache))
        }
      </div>`;
  }

  #cache(cache: CacheView): TemplateResult {
    const { owner, hits, misses, count, bytes, maxSize, entries, identity, location } = cache;
    const asked = hits + misses;
    const share = asked === 0 ? "not asked yet" : `${Math.round((hits / asked) * 100)}% of ${whole(asked)} from memory`;
    return html`<section class="cache">
      <h2>
        ${owner} ${placeLink(location, this.open)}
        <button aria-label="Purge the cache of ${owner}" @click=${() => void this.#purge(identity, "")}>Purge</button>
      </h2>
      <p class="dim">${share}; ${whole(count)} stored, ${size(bytes)} of ${size(maxSize)}</p>
      ${
        entries.length === 0
          ? nothing
          : html`<table class="fields">
              <tbody>
                ${entries.map((entry) => this.#entry(identity, entry))}
              </tbody>
            </table>`
      }
    </section>`;
  }

  #entry(
    identity: string,
    { url, state, sentence, status, size: bytes, hits, selectors }: CacheEntryView,
  ): TemplateResult {
    const by = selectors.length === 0 ? "" : `; by ${selectors.join(", ")}`;
    return html`<tr>
      <td class=${state === "fresh" ? "tone-ok" : state === "stale" ? "tone-warn" : "dim"}>${state}</td>
      <td><span class="mono">${url}</span><br /><span class="dim">${sentence}${by}</span></td>
      <td class="num dim">${status}</td>
      <td class="num dim">${state === "uncacheable" ? "" : `${whole(hits)} hits, ${size(bytes)}`}</td>
      <td>
        ${
          state === "uncacheable"
            ? nothing
            : html`<button
                aria-label="Purge ${url}"
                @click=${() => void this.#purge(identity, url.slice(url.indexOf("//") + 2))}
              >
                Purge
              </button>`
        }
      </td>
    </tr>`;
  }
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
