/**
 * A captured body as the page shows it: decoded from its content coding, so that secrets inside can be masked.
 * Must not trust the body: decoding is bounded in output, and what cannot be decoded is shown as it is.
 */
import { brotliDecompressSync, constants, gunzipSync, inflateSync } from "node:zlib";
import type { BodyView } from "../../contract/detail.ts";
import { fieldOf } from "./heads.ts";
import type { Mask } from "./mask.ts";

const MAX_DECODED = 1_048_576;

export interface BodyInput {
  readonly head: string;
  /** undefined = evicted. */
  readonly bytes: Buffer | undefined;
  /** On the wire. */
  readonly size: number;
  /** undefined = secrets are revealed. */
  readonly mask: Mask | undefined;
}

export function bodyViewOf({ head, bytes, size, mask }: BodyInput): BodyView {
  const contentType = fieldOf(head, "content-type") ?? "";
  const coding = (fieldOf(head, "content-encoding") ?? "").trim().toLowerCase();
  if (bytes === undefined) return { size, captured: 0, contentType, contentEncoding: coding, evicted: size > 0 };
  const decoded = decode(bytes, coding);
  // A coded body may hold a secret that no search finds: it is shown only where it could be decoded.
  const unreadable = decoded === undefined && mask !== undefined && coding !== "" && coding !== "identity";
  const shown = unreadable ? Buffer.alloc(0) : (decoded ?? bytes);
  return {
    size,
    captured: bytes.length,
    contentType,
    contentEncoding: decoded === undefined ? coding : "",
    base64: (mask === undefined ? shown : mask.bytes(shown)).toString("base64"),
    evicted: false,
  };
}

/** The captured part may end anywhere, so a missing end is no error. */
function decode(bytes: Buffer, coding: string): Buffer | undefined {
  if (bytes.length === 0 || coding === "" || coding === "identity") return bytes;
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_DECODED };
  try {
    if (coding === "gzip" || coding === "x-gzip") return gunzipSync(bytes, options);
    if (coding === "deflate") return inflateSync(bytes, options);
    if (coding === "br")
      return brotliDecompressSync(bytes, {
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
        maxOutputLength: MAX_DECODED,
      });
  } catch {
    return undefined;
  }
  return undefined;
}
