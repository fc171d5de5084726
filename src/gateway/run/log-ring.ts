/**
 * The latest output of one replica, bounded: lines fall out at the old end. It outlives restarts, since what a process
 * said before it died is what people look for. Must not interpret what it keeps.
 */

/** Characters kept per replica. */
const CAPACITY = 262_144;
/** A line that never ends is cut here. */
const LONGEST_LINE = 16_384;

export class LogRing {
  private lines: string[] = [];
  private size = 0;
  private rest = "";
  private readonly onLine: (line: string) => void;
  /** Lines that fell out. */
  dropped = 0;

  /** @param onLine told every whole line. */
  constructor(onLine: (line: string) => void = () => {}) {
    this.onLine = onLine;
  }

  write(text: string): void {
    const pieces = (this.rest + text).split(/\r?\n/);
    this.rest = pieces.pop() ?? "";
    for (const piece of pieces) this.push(piece);
    while (this.rest.length > LONGEST_LINE) {
      this.push(this.rest.slice(0, LONGEST_LINE));
      this.rest = this.rest.slice(LONGEST_LINE);
    }
  }

  /** A remark of the gateway's own; ends a line that the process left open. */
  remark(words: string): void {
    if (this.rest !== "") this.write("\n");
    this.keep(`── ${words}`);
  }

  get text(): string {
    const lost = this.dropped === 0 ? [] : [`── ${this.dropped} earlier lines are no longer kept`];
    return [...lost, ...this.lines, ...(this.rest === "" ? [] : [this.rest])].join("\n");
  }

  private push(line: string): void {
    this.keep(line);
    this.onLine(line);
  }

  private keep(line: string): void {
    this.lines.push(line);
    this.size += line.length + 1;
    if (this.size <= CAPACITY) return;
    let out = 0;
    while (this.size > CAPACITY && out < this.lines.length - 1) this.size -= this.lines[out++].length + 1;
    this.lines = this.lines.slice(out);
    this.dropped += out;
  }
}
