/**
 * Offsets of a text <-> lines and columns (both from 1, in UTF-16 units, as editors count).
 * Must not look at what the text says.
 */
import type { SourceRange } from "../model/basics.ts";

export class Lines {
  readonly #starts: number[] = [0];
  readonly #length: number;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.#length = text.length;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  get count(): number {
    return this.#starts.length;
  }

  /** Line number from 1 of an offset. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  /** Offset of the first character of a line from 1. */
  startOf(line: number): number {
    return this.#starts[Math.min(Math.max(line, 1), this.#starts.length) - 1];
  }

  /** Offset of the end of the line that holds `offset`, before its line break. */
  endOfLine(offset: number): number {
    const at = this.#text.indexOf("\n", offset);
    if (at < 0) return this.#length;
    return at > offset && this.#text[at - 1] === "\r" ? at - 1 : at;
  }

  range(file: string, start: number, end: number): SourceRange {
    const offset = Math.min(Math.max(start, 0), this.#length);
    const endOffset = Math.min(Math.max(end, offset), this.#length);
    const line = this.lineAt(offset);
    const endLine = this.lineAt(endOffset);
    return {
      file,
      line,
      column: offset - this.startOf(line) + 1,
      endLine,
      endColumn: endOffset - this.startOf(endLine) + 1,
      offset,
      endOffset,
    };
  }
}
