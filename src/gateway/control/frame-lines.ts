/**
 * Frames over a byte stream: one JSON value a line, both ways. Exists for the socket that agents use.
 * Must not keep more of an unfinished line than a frame may have.
 */
import { MAX_TEXT } from "../../contract/guards.ts";

/** A policy file in JSON, where each character may take six bytes, and the frame around it. */
const LONGEST_LINE = MAX_TEXT * 6 + 65_536;

export class FrameLines {
  #parts: Buffer[] = [];
  #size = 0;

  /** @returns the frames that are complete now; undefined = the peer sends no frames, or too large ones: hang up. */
  take(chunk: Buffer): unknown[] | undefined {
    const frames: unknown[] = [];
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#parts, rest.subarray(0, end)]).toString("utf8");
      this.#parts = [];
      this.#size = 0;
      rest = rest.subarray(end + 1);
      if (line.length > LONGEST_LINE) return undefined;
      try {
        frames.push(JSON.parse(line));
      } catch {
        return undefined;
      }
    }
    this.#size += rest.length;
    if (this.#size > LONGEST_LINE) return undefined;
    if (rest.length > 0) this.#parts.push(rest);
    return frames;
  }
}

export function frameLine(frame: unknown): string {
  return `${JSON.stringify(frame)}\n`;
}
