/**
 * What failed in a run of `npm test`, for its last lines: whoever sees only the end of a long output must learn what to
 * look at. Must not grow with the number of failures: names come first, and what does not fit is counted.
 */

/** Characters of a line; the whole message stands further up, where the stage printed it. */
const WIDEST = 200;

/**
 * @param {readonly { stage: string, name: string, message: string }[]} failures
 * @param {number} most lines that it may take, at least 3.
 * @returns {string[]} nothing when nothing failed.
 */
export function failureLines(failures, most = 60) {
  if (failures.length === 0) return [];
  // One line is the heading, and one may have to say how many are not shown.
  const room = most - 2;
  const shown = failures.slice(0, room);
  const words = Math.max(0, Math.floor(room / shown.length) - 1);
  const lines = ["What failed:"];
  for (const { stage, name, message } of shown) {
    lines.push(clipped(`  ${stage}: ${name}`));
    const told = message.split(/\r?\n/).filter((line) => line.trim() !== "");
    for (const line of told.slice(0, words)) lines.push(clipped(`      ${line}`));
  }
  const left = failures.length - shown.length;
  if (left > 0) lines.push(`  … and ${left} more`);
  return lines;
}

function clipped(line) {
  return line.length > WIDEST ? `${line.slice(0, WIDEST - 1)}…` : line;
}
