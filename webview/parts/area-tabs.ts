/**
 * The way between the areas of the page: tabs, and in a browser the bar above everything that holds them.
 * Must not hold what is chosen: the session does.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Area, Session } from "../session.ts";

const AREA_WORDS: Readonly<Record<Area, string>> = {
  traffic: "Traffic",
  services: "Services",
  routes: "Routes",
  limits: "Limits",
  caches: "Caches",
  analytics: "Analytics",
};

export function areaTabs(session: Session): TemplateResult {
  return html`<nav class="area-tabs" aria-label="Areas">
    ${(Object.keys(AREA_WORDS) as Area[]).map(
      (area) =>
        html`<button aria-current=${session.area === area ? "page" : nothing} @click=${() => session.setArea(area)}>
          ${AREA_WORDS[area]}
        </button>`,
    )}
  </nav>`;
}

/** In a browser no window says whose page it is. */
export function topBar(session: Session): TemplateResult {
  return html`<header class="top">
    <span class="brand"
      ><svg width="20" height="16" viewBox="0 0 20 16" aria-hidden="true">
        <path class="t-rail" d="M2 8h5"></path>
        <path class="t-other" d="M7 8c4 0 4-5 10-5"></path>
        <path class="t-chosen" d="M7 8c4 0 4 5 8 5"></path>
        <circle class="t-pass" cx="3" cy="8" r="2.6"></circle>
        <circle class="t-end" cx="16.5" cy="13" r="2.4"></circle></svg
      >Switchyard</span
    >
    ${areaTabs(session)}
    <span class="spring"></span>
    ${session.status?.listeners.map((listener) => html`<span class="num listener">${listener.url}</span>`)}
  </header>`;
}
