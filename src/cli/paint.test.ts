import assert from "node:assert/strict";
import { printable } from "./paint.ts";

describe("what a terminal is shown of strangers' text", () => {
  it("holds nothing that it acts on, or that turns the line round", () => {
    for (const hostile of [
      "\u001b]0;title\u0007",
      "\r\n",
      "\u009b31m",
      "\u007f",
      "\u202e",
      "\u2066",
      "\u200b",
      "\ufeff",
    ])
      assert.match(printable(`a${hostile}b`), /^a[\]0;title31m�]*b$/, JSON.stringify(hostile));
  });

  it("keeps what people write", () => {
    const text = "GET /straße/日本?q=“é” → :4001 · 2/2 ✓ 👍";
    assert.equal(printable(text), text);
  });
});
