/**
 * Which element of the table draws which row: rows that have left the window give theirs to those that came, so that a
 * thousand new rows a second change texts and make no elements. Must not know what a row shows.
 */
export class RowSlots {
  #slots = new Map<number, number>();
  #made = 0;

  /** @param positions drawn now, in their order. @returns the slot of each; the same position keeps its slot. */
  assign(positions: readonly number[]): ReadonlyMap<number, number> {
    const stays = new Set(positions);
    const free: number[] = [];
    for (const [position, slot] of this.#slots) if (!stays.has(position)) free.push(slot);
    const taken = new Map<number, number>();
    let next = 0;
    for (const position of positions)
      taken.set(position, this.#slots.get(position) ?? free[next++] ?? (this.#made += 1));
    this.#slots = taken;
    return taken;
  }
}
