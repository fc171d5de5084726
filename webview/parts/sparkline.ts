/**
 * How a replica did over the last minutes, as a row of bars: green up to where attempts went well, red where they failed.
 * A drawing with its own words, since nothing may be said by colour alone. Must not compute: the shares are given.
 */
import { html, nothing, svg, type TemplateResult } from "lit";
import { percent } from "./words.ts";

const BAR = 3;
const HEIGHT = 12;

/** @param history shares of failed attempts, 0 to 1, oldest first; -1 = no attempt. */
export function sparkline(history: readonly number[] | undefined): TemplateResult | typeof nothing {
  if (history === undefined || history.every((share) => share < 0)) return nothing;
  const bars = history.map((share, i) => {
    if (share < 0)
      return svg`<rect x=${i * BAR} y=${HEIGHT - 1} width="2" height="1" fill="currentColor" opacity="0.4"></rect>`;
    const bad = share === 0 ? 0 : Math.max(2, Math.round(share * HEIGHT));
    return svg`<rect class="tone-ok" x=${i * BAR} y="0" width="2" height=${HEIGHT - bad} fill="currentColor"></rect>
      <rect class="tone-bad" x=${i * BAR} y=${HEIGHT - bad} width="2" height=${bad} fill="currentColor"></rect>`;
  });
  const words = wordsOf(history);
  return html`<svg role="img" aria-label=${words} width=${history.length * BAR} height=${HEIGHT}>
    <title>${words}</title>
    ${bars}
  </svg>`;
}

function wordsOf(history: readonly number[]): string {
  const minutes = Math.round(history.length / 6);
  const known = history.filter((share) => share >= 0);
  const failing = known.filter((share) => share > 0);
  const span = `over the last ${minutes} minutes`;
  if (failing.length === 0) return `No failed attempts ${span}`;
  return `Failed attempts in ${failing.length} of ${known.length} spans of 10 s ${span}, at most ${percent(Math.max(...failing))}`;
}
