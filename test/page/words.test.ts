/**
 * What the page makes of numbers, bodies and filter text, without a browser.
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { decompress, hexDump, indentJson, languageOf, looksBinary } from "../../webview/detail/body-text.ts";
import { looksLike } from "../../webview/channel/guard.ts";
import { pieces } from "../../webview/traffic/filter-pieces.ts";
import { bytes, countdown, duration, percent, tokens } from "../../webview/parts/words.ts";

describe("the page's words", () => {
  it("says durations in the unit that reads best", () => {
    assert.deepEqual([0.01, 0.4, 84.2, 4100, 180_000, -1].map(duration), [
      "0 ms",
      "0.4 ms",
      "84 ms",
      "4.1 s",
      "3 min",
      "",
    ]);
  });

  it("counts waits up, never saying zero while one still waits", () => {
    assert.deepEqual([1, 1300, 14_200, 200_000].map(countdown), ["0.1 s", "1.3 s", "15 s", "3 min 20 s"]);
  });

  it("never rounds up to a token that is not there", () => {
    assert.deepEqual([0, 0.99, 1, 59.99, 60].map(tokens), ["0", "0.9", "1", "59.9", "60"]);
  });

  it("says sizes and shares", () => {
    assert.deepEqual([0, 1023, 3170, 1_258_291].map(bytes), ["0 B", "1023 B", "3.1 KiB", "1.2 MiB"]);
    assert.deepEqual([0, 0.021, 0.38, 1].map(percent), ["0%", "2.1%", "38%", "100%"]);
  });
});

describe("a body", () => {
  it("is indented without touching numbers or strings", () => {
    const text = `{"big":12345678901234567890,"s":"a,{}\\"b","list":[1,{}],"none":[]}`;
    assert.equal(
      indentJson(text),
      `{\n  "big": 12345678901234567890,\n  "s": "a,{}\\"b",\n  "list": [\n    1,\n    {}\n  ],\n  "none": []\n}`,
    );
  });

  it("indents any JSON to the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(indentJson(JSON.stringify(value))), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("indents any text without failing, as far as it goes", () => {
    fc.assert(fc.property(fc.string(), (text) => typeof indentJson(text) === "string"));
  });

  it("is decompressed, also when the captured part ends early", async () => {
    const packed = gzipSync(Buffer.from("x".repeat(100_000)));
    assert.equal((await decompress(packed, "gzip"))?.length, 100_000);
    const cut = await decompress(gzipSync(Buffer.from(String(Math.PI).repeat(9000))).subarray(0, 400), "GZIP");
    assert.ok(cut === undefined || cut.length > 0);
    assert.equal(await decompress(packed, "br"), undefined);
    assert.equal(await decompress(Buffer.from("not gzip"), "gzip"), undefined);
  });

  it("is shown as hex with its text beside", () => {
    assert.match(hexDump(Buffer.from('{"a":1}\n')), /^000000 {2}7b 22 61 22 3a 31 7d 0a +\{"a":1\}\.$/u);
    assert.equal(looksBinary(Uint8Array.of(0, 1, 2)), true);
    assert.equal(looksBinary(Buffer.from("text\n")), false);
  });

  it("is highlighted as what its type says", () => {
    const types = ["application/problem+json; charset=utf-8", "text/html", "text/css", "text/javascript", "image/png"];
    assert.deepEqual(types.map(languageOf), ["json", "xml", "css", "javascript", "plain"]);
  });
});

describe("filter text", () => {
  it("is cut into pieces that put together are the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(
          pieces(text)
            .map((piece) => piece.text)
            .join(""),
          text,
        );
      }),
    );
  });

  it("tells keys from values and operators", () => {
    const kinds = pieces(`-route:orders status>=500 | body~"out of stock"`).map(
      (piece) => `${piece.kind} ${piece.text}`,
    );
    assert.deepEqual(
      kinds.filter((kind) => !kind.startsWith("space")),
      [
        "operator -",
        "key route:",
        "value orders",
        "key status>=",
        "value 500",
        "operator |",
        "key body~",
        `value "out of stock"`,
      ],
    );
  });
});

describe("the guard of the page", () => {
  it("lets through nothing that is not of the contract, whatever it is", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("traffic", "rows", "limitsChanged", "detail", "constructor"),
        fc.anything(),
        (name, value) => {
          assert.equal(looksLike(name, value), false);
        },
      ),
    );
  });
});
