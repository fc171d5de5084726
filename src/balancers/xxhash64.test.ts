import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Word64, xxhash64 } from "./xxhash64.ts";

/** The specification, read with BigInt. */
function reference(data: Uint8Array, seed: bigint): bigint {
  const mask = (1n << 64n) - 1n;
  const [p1, p2, p3, p4, p5] = [
    0x9e3779b185ebca87n,
    0xc2b2ae3d27d4eb4fn,
    0x165667b19e3779f9n,
    0x85ebca77c2b2ae63n,
    0x27d4eb2f165667c5n,
  ];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const rotate = (x: bigint, by: bigint) => ((x << by) | (x >> (64n - by))) & mask;
  const round = (lane: bigint, value: bigint) => (rotate((lane + value * p2) & mask, 31n) * p1) & mask;
  let at = 0;
  let hash: bigint;
  if (data.length >= 32) {
    const lanes = [(seed + p1 + p2) & mask, (seed + p2) & mask, seed, (seed - p1) & mask];
    for (; at + 32 <= data.length; at += 32) {
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i], view.getBigUint64(at + i * 8, true));
    }
    hash = (rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n)) & mask;
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * p1 + p4) & mask;
  } else hash = (seed + p5) & mask;
  hash = (hash + BigInt(data.length)) & mask;
  for (; at + 8 <= data.length; at += 8) {
    hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4) & mask;
  }
  if (at + 4 <= data.length) {
    hash = (rotate(hash ^ ((BigInt(view.getUint32(at, true)) * p1) & mask), 23n) * p2 + p3) & mask;
    at += 4;
  }
  for (; at < data.length; at++) hash = (rotate(hash ^ ((BigInt(data[at]) * p5) & mask), 11n) * p1) & mask;
  hash = ((hash ^ (hash >> 33n)) * p2) & mask;
  hash = ((hash ^ (hash >> 29n)) * p3) & mask;
  return hash ^ (hash >> 32n);
}

function big(word: Word64): bigint {
  return (BigInt(word.hi) << 32n) | BigInt(word.lo);
}

describe("xxhash64", () => {
  it("gives the published hashes", () => {
    assert.equal(big(xxhash64("", 0, new Word64())), 0xef46db3751d8e999n);
    assert.equal(big(xxhash64("a", 0, new Word64())), 0xd24ec4f1a98c6e5bn);
    assert.equal(big(xxhash64("abc", 0, new Word64())), 0x44bc2cf5ad770999n);
  });

  it("agrees with the specification for every text and seed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 120 }), fc.nat(0xffffffff), (text, seed) => {
        const data = new TextEncoder().encode(text);
        assert.equal(big(xxhash64(text, seed, new Word64())), reference(data, BigInt(seed)));
      }),
    );
  });

  it("divides 64 bits exactly", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.integer({ min: 1, max: 2 ** 21 }), (hi, lo, divisor) => {
        const word = new Word64().set(hi, lo);
        assert.equal(BigInt(word.modulo(divisor)), big(word) % BigInt(divisor));
      }),
    );
  });
});
