/**
 * Dragging the edge of a column head: reports the new width while the pointer moves.
 * Must not know which table it serves.
 */
const LEAST = 36;

/** `onWidth` is called with whole pixels. */
export function resizeColumn(event: PointerEvent, onWidth: (width: number) => void): void {
  event.preventDefault();
  event.stopPropagation();
  const grip = event.currentTarget as HTMLElement;
  const start = event.clientX;
  const width = grip.parentElement?.getBoundingClientRect().width ?? LEAST;
  grip.setPointerCapture(event.pointerId);
  const move = (moved: PointerEvent): void => onWidth(Math.max(LEAST, Math.round(width + moved.clientX - start)));
  const done = (): void => {
    grip.removeEventListener("pointermove", move);
    grip.removeEventListener("pointerup", done);
    grip.removeEventListener("pointercancel", done);
  };
  grip.addEventListener("pointermove", move);
  grip.addEventListener("pointerup", done);
  grip.addEventListener("pointercancel", done);
}
