/**
 * The content codings that this runtime can make and undo (RFC 9110 section 8.4.1): one table for all who need one.
 * Must not decide who gets which.
 */
import * as zlib from "node:zlib";
import type { Transform } from "node:stream";
import type { ContentCoding } from "../../model/body.ts";

export type Encoder = Transform & { flush(done?: () => void): void };

interface Coding {
  encoder(): Encoder;
  encode(bytes: Uint8Array): Buffer;
  /** @throws ERR_BUFFER_TOO_LARGE beyond `maxOutputLength`. */
  decode(bytes: Uint8Array, options: { maxOutputLength: number }): Buffer;
}

// Node 20 has no zstd.
const zstd = zlib as unknown as {
  createZstdCompress?: () => Encoder;
  zstdCompressSync?: Coding["encode"];
  zstdDecompressSync?: Coding["decode"];
};

/** Quality 4 costs about what gzip's 6 does, and is smaller. */
const brotli = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

const gzip: Coding = { encoder: () => zlib.createGzip(), encode: zlib.gzipSync, decode: zlib.gunzipSync };

const CODINGS: Readonly<Record<string, Coding | undefined>> = {
  gzip,
  "x-gzip": gzip,
  br: {
    encoder: () => zlib.createBrotliCompress(brotli),
    encode: (bytes) => zlib.brotliCompressSync(bytes, brotli),
    decode: zlib.brotliDecompressSync,
  },
  zstd:
    zstd.createZstdCompress && zstd.zstdCompressSync && zstd.zstdDecompressSync
      ? { encoder: zstd.createZstdCompress, encode: zstd.zstdCompressSync, decode: zstd.zstdDecompressSync }
      : undefined,
};

/** @returns undefined when this runtime does not know it. */
export function codingOf(name: ContentCoding | (string & {})): Coding | undefined {
  return Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
}

export function canEncode(coding: ContentCoding): boolean {
  return codingOf(coding) !== undefined;
}
