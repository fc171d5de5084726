import assert from "node:assert/strict";
import { LogRing } from "./log-ring.ts";

describe("the log of a replica", () => {
  it("tells whole lines, however the text was cut", () => {
    const lines: string[] = [];
    const log = new LogRing((line) => lines.push(line));
    for (const piece of ["on", "e\r\ntw", "o\n\nthr"]) log.write(piece);
    assert.deepEqual(lines, ["one", "two", ""]);
    assert.equal(log.text, "one\ntwo\n\nthr");
  });

  it("ends an open line before a remark", () => {
    const log = new LogRing();
    log.write("cut off");
    log.remark("restarting");
    assert.equal(log.text, "cut off\n── restarting");
  });

  it("stays bounded, and says how much fell out", () => {
    const log = new LogRing();
    for (let i = 0; i < 20_000; i++) log.write(`line ${i} ${"x".repeat(100)}\n`);
    assert.ok(log.text.length < 300_000);
    assert.match(log.text, /^── \d+ earlier lines are no longer kept\n/);
    assert.ok(log.text.endsWith(`line 19999 ${"x".repeat(100)}`));
    log.write("y".repeat(1_000_000));
    assert.ok(log.text.length < 300_000);
  });
});
