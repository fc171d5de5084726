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
