/**
 * Names that may break between their words and nowhere else: "requestHeaders" before the H, "orders-read" after the dash.
 * Must not change what is copied: a break opportunity is no character.
 */
import { html, type TemplateResult } from "lit";

export function breakable(name: string): TemplateResult[] {
  return name
    .split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[-_./])/)
    .map((part, i) => (i === 0 ? html`${part}` : html`<wbr />${part}`));
}
