/**
 * xxHash64 of a text's UTF-8 bytes, on pairs of 32-bit halves: Envoy's hash for its rings and Maglev tables, so that
 * ours can be checked against its published ones. Without BigInt, because one hash is made per request.
 * Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. Not for secrets.
 */

/** An unsigned 64-bit number as two halves. All arithmetic is modulo 2^64, in place. */
export class Word64 {
  /** Unsigned. */
  hi = 0;
  lo = 0;

  set(hi: number, lo: number): this {
    this.hi = hi >>> 0;
    this.lo = lo >>> 0;
    return this;
  }

  copy(other: Word64): this {
    return this.set(other.hi, other.lo);
  }

  add(other: Word64): this {
    const lo = this.lo + other.lo;
    return this.set(this.hi + other.hi + (lo > 0xffffffff ? 1 : 0), lo);
  }

  xor(other: Word64): this {
    return this.set(this.hi ^ other.hi, this.lo ^ other.lo);
  }

  multiply(other: Word64): this {
    const hi = highOfProduct(this.lo, other.lo) + Math.imul(this.hi, other.lo) + Math.imul(this.lo, other.hi);
    return this.set(hi, Math.imul(this.lo, other.lo));
  }

  /** @param by 1..31 */
  rotateLeft(by: number): this {
    return this.set((this.hi << by) | (this.lo >>> (32 - by)), (this.lo << by) | (this.hi >>> (32 - by)));
  }

  /** XORs itself with itself shifted right. @param by 1..63 */
  xorShift(by: number): this {
    if (by >= 32) return this.set(this.hi, this.lo ^ (this.hi >>> (by - 32)));
    return this.set(this.hi ^ (this.hi >>> by), this.lo ^ ((this.lo >>> by) | (this.hi << (32 - by))));
  }

  /** @param divisor below 2^21, so that every product stays exact. */
  modulo(divisor: number): number {
    return ((((this.hi % divisor) * (4294967296 % divisor)) % divisor) + (this.lo % divisor)) % divisor;
  }

  /** Negative, 0 or positive, as for sorting. */
  compare(hi: number, lo: number): number {
    return this.hi === hi ? this.lo - lo : this.hi - hi;
  }
}

const PRIME_1 = new Word64().set(0x9e3779b1, 0x85ebca87);
const PRIME_2 = new Word64().set(0xc2b2ae3d, 0x27d4eb4f);
const PRIME_3 = new Word64().set(0x165667b1, 0x9e3779f9);
const PRIME_4 = new Word64().set(0x85ebca77, 0xc2b2ae63);
const PRIME_5 = new Word64().set(0x27d4eb2f, 0x165667c5);

const lanes = [new Word64(), new Word64(), new Word64(), new Word64()];
const input = new Word64();
let bytes = new Uint8Array(256);

/** @param seed unsigned 32 bits. @param out receives the hash, and is returned. */
export function xxhash64(text: string, seed: number, out: Word64): Word64 {
  const length = encode(text);
  let at = 0;
  if (length >= 32) {
    at = mixLanes(length, seed);
    mergeLanes(out);
  } else {
    out.set(0, seed).add(PRIME_5);
  }
  out.add(input.set(0, length));
  for (; at + 8 <= length; at += 8) {
    round(input.set(0, 0), at);
    out.xor(input).rotateLeft(27).multiply(PRIME_1).add(PRIME_4);
  }
  if (at + 4 <= length) {
    out.xor(input.set(0, read32(at)).multiply(PRIME_1));
    out.rotateLeft(23).multiply(PRIME_2).add(PRIME_3);
    at += 4;
  }
  for (; at < length; at++) {
    out.xor(input.set(0, bytes[at]).multiply(PRIME_5));
    out.rotateLeft(11).multiply(PRIME_1);
  }
  return out.xorShift(33).multiply(PRIME_2).xorShift(29).multiply(PRIME_3).xorShift(32);
}

const lane = new Word64();

/** lane = rotl(lane + data * P2, 31) * P1, with the eight bytes at `at` as data. */
function round(accumulator: Word64, at: number): void {
  lane.set(read32(at + 4), read32(at)).multiply(PRIME_2);
  accumulator.add(lane).rotateLeft(31).multiply(PRIME_1);
}

/** @returns the position after the last whole stripe of 32 bytes. */
function mixLanes(length: number, seed: number): number {
  lanes[0].set(0, seed).add(PRIME_1).add(PRIME_2);
  lanes[1].set(0, seed).add(PRIME_2);
  lanes[2].set(0, seed);
  // seed - P1: adding the two's complement.
  lanes[3].set(~PRIME_1.hi, ~PRIME_1.lo).add(lane.set(0, 1)).add(lane.set(0, seed));
  let at = 0;
  for (; at + 32 <= length; at += 32) for (let i = 0; i < 4; i++) round(lanes[i], at + i * 8);
  return at;
}

const ROTATIONS = [1, 7, 12, 18];

function mergeLanes(out: Word64): void {
  out.set(0, 0);
  for (let i = 0; i < 4; i++) out.add(lane.copy(lanes[i]).rotateLeft(ROTATIONS[i]));
  for (const accumulator of lanes) {
    lane.copy(accumulator).multiply(PRIME_2).rotateLeft(31).multiply(PRIME_1);
    out.xor(lane).multiply(PRIME_1).add(PRIME_4);
  }
}

function read32(at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Writes the text as UTF-8 into `bytes`. An unpaired surrogate becomes U+FFFD. @returns the count of bytes. */
function encode(text: string): number {
  if (bytes.length < text.length * 3) bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      bytes[length++] = code;
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const point = text.codePointAt(i) ?? 0;
      if (point > 0xffff) i++;
      code = point > 0xffff ? point : 0xfffd;
    }
    length = encodePoint(code, length);
  }
  return length;
}

function encodePoint(code: number, start: number): number {
  let at = start;
  if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12);
    else {
      bytes[at++] = 0xf0 | (code >> 18);
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (code & 0x3f);
  return at;
}

/** The upper 32 bits of the product of two unsigned 32-bit numbers. */
function highOfProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (cross >>> 16);
}
