/**
 * Follows one file by looking at it five times a second: it works alike for editors that write in place and for
 * those that put a new file in its stead, on every file system. Must not report a text that is still being written.
 */
import { readFile, stat } from "node:fs/promises";

const LOOK = 200;
/** A file that was written this long ago is complete. Milliseconds. */
const SETTLED = 50;

export class FileFollower {
  private readonly file: string;
  private readonly changed: (text: string) => Promise<void>;
  private text: string;
  private seen = "";
  private busy = false;
  private readonly timer: NodeJS.Timeout;

  /** @param text what is known of it already. @param changed told each new text, one at a time. */
  constructor(file: string, text: string, changed: (text: string) => Promise<void>) {
    this.file = file;
    this.text = text;
    this.changed = changed;
    this.timer = setInterval(() => void this.look(), LOOK);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      const mark = await this.mark();
      if (mark === "" || mark === this.seen) return;
      await new Promise((resolve) => setTimeout(resolve, SETTLED));
      if ((await this.mark()) !== mark) return;
      const text = await readFile(this.file, "utf8");
      this.seen = mark;
      if (text === this.text) return;
      this.text = text;
      await this.changed(text);
    } catch {
      // Gone for a moment while an editor replaces it, or for good: the running policy stays either way.
    } finally {
      this.busy = false;
    }
  }

  /** "" for a pipe or a device: what was read of it does not come again. */
  private async mark(): Promise<string> {
    const looks = await stat(this.file);
    const { ino, size, mtimeMs, ctimeMs } = looks;
    if (!looks.isFile()) return "";
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  }
}
