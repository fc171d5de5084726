import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { Detail } from "../../contract/detail.ts";
import { mockAnswer, mockQuery } from "./mock-answer.ts";

interface Parts {
  readonly body?: Buffer;
  readonly row?: object;
  readonly verdict?: object;
  readonly view?: object;
}

function detail({ body = Buffer.from('{"id":7}'), row, verdict, view }: Parts = {}): Detail {
  return {
    row: { state: "ok", status: 200, route: "orders", endpoint: ":4001", firstByte: 3, tags: [], ...row },
    verdict: { refused: false, title: "Forwarded", ...verdict },
    responseBody: {
      size: body.length,
      captured: body.length,
      contentType: "application/json",
      contentEncoding: "",
      base64: body.toString("base64"),
      evicted: false,
      ...view,
    },
  } as unknown as Detail;
}

const whole = { status: 200, contentType: "application/json", body: '{"id":7}', empty: false };

describe("the answer of a mock", () => {
  it("is what the service answered, decoded", () => {
    assert.deepEqual(mockAnswer(detail()), whole);
    for (const [contentEncoding, body] of [
      ["gzip", gzipSync('{"id":7}')],
      ["br", brotliCompressSync('{"id":7}')],
    ] as const)
      assert.deepEqual(mockAnswer(detail({ body, view: { contentEncoding } })), whole);
    const failed = { state: "upstreamError", status: 503 };
    assert.deepEqual(mockAnswer(detail({ row: failed, body: Buffer.alloc(0) })), { ...whole, status: 503, body: "" });
  });

  it("is to be filled in where no service had answered", () => {
    const empty = { ...whole, body: "{}", empty: true };
    const dead = { state: "upstreamError", status: 502, firstByte: -1, endpoint: undefined };
    assert.deepEqual(mockAnswer(detail({ row: dead })), empty);
    const unrouted = { state: "rejected", status: 404, route: undefined, firstByte: -1, endpoint: undefined };
    assert.deepEqual(mockAnswer(detail({ row: unrouted, verdict: { refused: true } })), empty);
  });

  it("is none where the body is cut, no text, unreadable, gone, or holds a secret", () => {
    const says = (parts: Parts, words: RegExp): void => {
      const told = mockAnswer(detail(parts));
      assert.match(typeof told === "string" ? told : JSON.stringify(told), words);
    };
    says({ view: { size: 100_000 } }, /^Only the first 8 of 100000 bytes/);
    says({ body: Buffer.from([0xff, 0xd8, 0]) }, /is no text/);
    says({ view: { contentEncoding: "zstd" } }, /encoded as zstd/);
    says({ view: { contentEncoding: "gzip" } }, /encoded as gzip and cannot be read/);
    says({ body: gzipSync(Buffer.alloc(2_000_000)), view: { contentEncoding: "gzip" } }, /cannot be read/);
    says({ view: { evicted: true, base64: undefined } }, /left the ring/);
    says({ body: Buffer.from('{"token":"********"}') }, /holds a secret/);
  });

  it("is none for what the policy refused, what is a mock, and what has not ended", () => {
    assert.match(
      String(mockAnswer(detail({ verdict: { refused: true, title: "Refused with 401" } }))),
      /was refused before/,
    );
    assert.match(String(mockAnswer(detail({ row: { tags: ["mock"] } }))), /a mock already/);
    assert.match(String(mockAnswer(detail({ row: { state: "pending" } }))), /not ended/);
  });
});

describe("the query of a mock", () => {
  it("asks for what stands once and is no secret", () => {
    assert.deepEqual(mockQuery("/a?page=2&q=a+b%21&flag&key=••••&twice=1&twice=2"), { page: "2", q: "a b!", flag: "" });
    assert.deepEqual(mockQuery("/a"), {});
    assert.deepEqual(mockQuery("/a?%zz=1"), {});
  });
});
