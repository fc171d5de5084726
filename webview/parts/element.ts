/**
 * The base of every element of the page: Lit without shadow roots, so that one style sheet, one accessibility tree
 * and one id space hold for the whole page (aria-activedescendant and labels may point across parts).
 * Must not hold state of its own.
 */
import { LitElement } from "lit";

export class PageElement extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}

/** Registers once: the page's script may be evaluated twice when a webview is moved. */
export function define(name: string, element: CustomElementConstructor): void {
  if (customElements.get(name) === undefined) customElements.define(name, element);
}
