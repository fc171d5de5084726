/**
 * Dragging in the head of the table: the edge of a column makes it wider, the column itself takes another place.
 * Reports what the pointer says while it moves. Must not know which table it serves, nor keep anything.
 */
const LEAST = 36;
/** Pixels that a pointer may move and still click. */
const STILL = 6;

/** Follows the pointer until it is let go. */
function follow(event: PointerEvent, onMove: (x: number) => void, onEnd: () => void): void {
  const held = event.currentTarget as HTMLElement;
  held.setPointerCapture(event.pointerId);
  const move = (moved: PointerEvent): void => onMove(moved.clientX);
  const done = (): void => {
    for (const name of ["pointerup", "pointercancel"]) held.removeEventListener(name, done);
    held.removeEventListener("pointermove", move);
    onEnd();
  };
  held.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) held.addEventListener(name, done);
}

/** `onWidth` is called with whole pixels. */
export function resizeColumn(event: PointerEvent, onWidth: (width: number) => void): void {
  event.preventDefault();
  event.stopPropagation();
  const grip = event.currentTarget as HTMLElement;
  const start = event.clientX;
  const width = grip.parentElement?.getBoundingClientRect().width ?? LEAST;
  follow(
    event,
    (x) => onWidth(Math.max(LEAST, Math.round(width + x - start))),
    () => {},
  );
}

/** @returns pixels of a column that is to be `by` wider than its head is now. */
export function widerBy(head: HTMLElement, by: number): number {
  return Math.max(LEAST, Math.round(head.getBoundingClientRect().width + by));
}

/**
 * @param heads of all columns, in their order.
 * @param onOver index of the column that it would stand before, while it moves; -1 = where it was.
 * @param onDrop by how many places it is to move.
 */
export function dragColumn(
  event: PointerEvent,
  heads: readonly HTMLElement[],
  onOver: (index: number) => void,
  onDrop: (by: number) => void,
): void {
  if (event.button !== 0) return;
  const head = (event.currentTarget as HTMLElement).closest<HTMLElement>("[role=columnheader]");
  const from = heads.findIndex((one) => one === head);
  const start = event.clientX;
  let before = -1;
  follow(
    event,
    (x) => {
      if (before === -1 && Math.abs(x - start) < STILL) return;
      const place = heads.filter((one) => {
        const { left, width } = one.getBoundingClientRect();
        return left + width / 2 < x;
      }).length;
      before = place;
      onOver(place === from || place === from + 1 ? -1 : place);
    },
    () => {
      onOver(-1);
      if (before !== -1) onDrop(before > from ? before - 1 - from : before - from);
    },
  );
}
