/**
 * What every bench is, and the few sums that all of them need.
 * Must not hold a measurement of its own.
 */

/** Measures and gives the lines to print. `smoke`: as little as proves that it runs. */
export type Bench = (smoke: boolean) => Promise<string[]>;

/** @param values not empty. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param sorted ascending, not empty. @param share 0..1 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Columns of text, the first left, the others right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join("  "),
  );
}
