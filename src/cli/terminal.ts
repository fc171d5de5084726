/**
 * What a person types while `switchyard run` runs: Enter for a fresh address of the page, `purge` to forget stored answers.
 * Read from a terminal, and from a pipe where its end was asked for; whoever can write there has started this process.
 * Must not stop the gateway when nobody may read the terminal (a job in the background).
 */
import type { Readable } from "node:stream";
import type { Paint } from "./paint.ts";

export interface Typed {
  /** A line with the page's address; undefined = there is no page. */
  readonly pageLine?: (() => string) | undefined;
  /** @param prefix of URLs without their scheme; "" = all. @returns how many answers went. */
  purge(prefix: string): number;
  say(line: string): void;
}

/** Characters of one line: a URL has no more. */
const LONGEST = 8192;

/** Lines that are typed, each a command. What no newline ends within bounds is thrown away. */
export function followTyping(input: Readable, typed: Typed, paint: Paint): void {
  let rest = "";
  input.setEncoding("utf8");
  // A terminal that only the foreground may read answers EIO.
  input.on("error", () => {});
  input.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, LONGEST);
    for (const line of lines) answer(line.trim(), typed, paint);
  });
}

function answer(line: string, { pageLine, purge, say }: Typed, paint: Paint): void {
  const [word, prefix = "", ...more] = line.split(/\s+/);
  if (word === "purge" && more.length === 0 && prefix.length <= LONGEST) {
    const gone = purge(prefix.replace(/^[a-z]+:\/\//i, ""));
    const which = prefix === "" ? "" : ` whose URL begins with ${prefix}`;
    return say(`${paint.good("Purged")} ${gone} stored ${gone === 1 ? "answer" : "answers"}${which}.\n`);
  }
  if (word === "" || pageLine !== undefined) return pageLine === undefined ? undefined : say(pageLine());
  say(paint.faint("Type `purge` to forget all stored answers, or `purge shop.test/prices` for URLs that begin so.\n"));
}
