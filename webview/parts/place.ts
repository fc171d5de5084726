/**
 * A place in the policy file as a link: ":41" opens switchyard.yaml at line 41 (in a browser, copies the place).
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Location } from "../../src/contract/location.ts";
import { fileName } from "./words.ts";

export type OpenPlace = (location: Location) => void;

export function placeLink(location: Location | undefined, open: OpenPlace): TemplateResult | typeof nothing {
  if (location === undefined) return nothing;
  const words = `${fileName(location.file)}, line ${location.line}`;
  return html`<button class="place num" title=${words} aria-label=${words} @click=${() => open(location)}>
    :${location.line}
  </button>`;
}
