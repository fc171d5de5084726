import assert from "node:assert/strict";
import { frameLine, FrameLines } from "./frame-lines.ts";

describe("frames, one a line", () => {
  it("come whole, however the bytes were cut", () => {
    const frames = [{ t: "q", a: ["ä€😀\n"] }, 1, null, "x".repeat(5000)];
    const bytes = Buffer.from(frames.map(frameLine).join(""));
    for (const size of [1, 2, 3, 7, 4096, bytes.length]) {
      const lines = new FrameLines();
      const found: unknown[] = [];
      for (let at = 0; at < bytes.length; at += size)
        found.push(...(lines.take(bytes.subarray(at, at + size)) ?? ["hung up"]));
      assert.deepEqual(found, frames, `pieces of ${size}`);
    }
  });

  it("end with what is no JSON, and with a line that never ends", () => {
    assert.equal(new FrameLines().take(Buffer.from("GET / HTTP/1.1\r\n")), undefined);
    const lines = new FrameLines();
    const block = Buffer.alloc(1_048_576, 97);
    let taken = 0;
    while (lines.take(block) !== undefined) taken++;
    assert.equal(taken, 6);
  });
});
