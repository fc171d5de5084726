/**
 * The bar between table and detail: dragged, or moved with the arrow keys. Keeps both sides wide enough to be read.
 * Must not keep the width: who draws it does.
 */
import { html, type TemplateResult } from "lit";

/** Pixels: the detail's least width, and what is left to the table at the least. */
const DETAIL_LEAST = 300;
const TABLE_LEAST = 380;
/** Pixels that an arrow key moves. */
const STEP = 20;

/** @param width of the detail, @param page of both sides, pixels. @param set takes the width that is wanted. */
export function splitter(width: number, page: number, set: (width: number) => void): TemplateResult {
  const most = Math.max(DETAIL_LEAST, page - TABLE_LEAST);
  const wish = (wanted: number): void => set(Math.max(DETAIL_LEAST, Math.min(wanted, page - TABLE_LEAST)));
  return html`<div
    class="splitter"
    role="separator"
    tabindex="0"
    aria-orientation="vertical"
    aria-label="Width of the detail"
    aria-valuenow=${width}
    aria-valuemin=${DETAIL_LEAST}
    aria-valuemax=${most}
    @keydown=${(event: KeyboardEvent) => {
      if (event.key === "ArrowLeft") wish(width + STEP);
      else if (event.key === "ArrowRight") wish(width - STEP);
    }}
    @pointerdown=${(event: PointerEvent) => {
      const bar = event.currentTarget as HTMLElement;
      bar.setPointerCapture(event.pointerId);
      const move = (moved: PointerEvent): void => wish(page - moved.clientX);
      bar.addEventListener("pointermove", move);
      bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", move), { once: true });
    }}
  ></div>`;
}
