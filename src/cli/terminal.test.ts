/** Commands typed while the gateway runs: each does one thing, nothing else is taken for one, and nothing is held without bound. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Paint } from "./paint.ts";
import { followTyping } from "./terminal.ts";

const same = (text: string) => text;
const PLAIN: Paint = { good: same, bad: same, warn: same, faint: same, strong: same };

async function type(text: readonly string[], page = false): Promise<{ purged: string[]; said: string }> {
  const input = new PassThrough();
  const purged: string[] = [];
  let said = "";
  const typed = {
    pageLine: page ? () => "Page\n" : undefined,
    purge: (prefix: string) => purged.push(prefix),
    say: (line: string) => void (said += line),
  };
  followTyping(input, typed, PLAIN);
  for (const piece of text) input.write(piece);
  input.end();
  while (!input.readableEnded) await turn();
  return { purged, said };
}

describe("what is typed while the gateway runs", () => {
  it("purges all, or what begins with a URL, with or without its scheme, however the line arrives", async () => {
    const { purged, said } = await type(["pur", "ge\npurge shop.test/prices\r\npurge http://shop.test/\n"]);
    assert.deepEqual(purged, ["", "shop.test/prices", "shop.test/"]);
    assert.match(
      said,
      /^Purged 1 stored answer\.\nPurged 2 stored answers whose URL begins with shop\.test\/prices\.\n/,
    );
  });

  it("takes nothing else for a purge, and says what there is", async () => {
    const { purged, said } = await type(["purge a b\npurges\n\nPURGE\n", "x".repeat(100_000), "\npurge"]);
    assert.deepEqual(purged, []);
    assert.equal(said.match(/Type `purge`/g)?.length, 4);
  });

  it("gives the page's address on Enter, where there is a page", async () => {
    assert.deepEqual(await type(["\n"], true), { purged: [], said: "Page\n" });
    assert.equal((await type(["\n"])).said, "");
  });
});
