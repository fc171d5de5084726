/**
 * The bound on garbage, in a process of its own: the options of V8 are the whole process's, and the one that
 * runs the tests must keep its own.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("garbage.ts", import.meta.url));

/** Garbage of which much lives through a few collections, as a busy gateway makes it. Prints the largest size seen, in bytes. */
const busy = (bounded: boolean) => `
import { boundGarbage, youngBytes } from ${JSON.stringify(file)};
if (${bounded}) boundGarbage();
const ring = new Array(20000).fill(null);
let most = 0;
for (let turn = 0; turn < 60; turn++) {
  for (let k = 0; k < 10000; k++) ring[(turn * 10000 + k) % ring.length] = { text: "text " + k, numbers: [turn, k] };
  most = Math.max(most, youngBytes());
  await new Promise(setImmediate);
}
process.stdout.write(String(most));
`;

const mostOf = (bounded: boolean) =>
  Number(
    execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", busy(bounded)], {
      encoding: "utf8",
    }),
  );

describe("The young generation of a gateway's process", function () {
  this.timeout(60_000);

  it("stays small under load that makes it grow without the bound", () => {
    const [free, bounded] = [mostOf(false), mostOf(true)];
    assert(bounded <= 16 * 1_048_576, `${bounded} bytes with the bound`);
    assert(free > bounded, `${free} bytes without it, ${bounded} with it`);
  });
});
