/**
 * Bodies as policies may see them: what was collected of a message, decoded, as text and as JSON.
 * Must not hold a buffer of Node's: the pure rooms read it.
 */

/** What there is of one body. */
export const BodyState = {
  /** The message has none. */
  None: 0,
  /** All of it is there. */
  Whole: 1,
  /** It is longer than whoever asked can take: `length` says how long as far as is known. */
  TooLarge: 2,
  /** So many bodies are being collected at this moment that this one was not. */
  Busy: 3,
  /** Its Content-Encoding is not known here, or the bytes do not fit it. */
  Undecodable: 4,
  /** Reading it took longer, or more memory, than one body may take. */
  TooMuch: 5,
} as const;

/** How much work a body may still cause where it is being judged: counted down, and below 0 it is spent. */
export interface Allowance {
  left: number;
}

/** Steps that one body may take where nobody waits for the thread: about a second. */
export const WHOLE_ALLOWANCE = 1_000_000;

/** JSON text, read. `problem` says why there is no value. */
export type JsonReading =
  { readonly value: unknown; readonly problem?: undefined } | { readonly value?: undefined; readonly problem: string };

/** One collected body, decoded (Content-Encoding undone). Parsed at most once, however many policies ask. */
export interface CollectedBody {
  /** One of BodyState. */
  readonly state: number;
  /** Bytes as they came, or as Content-Length announced them. */
  readonly length: number;
  /** Content-Type as it came; "" when there is none. */
  readonly type: string;
  /** A character for each byte; undefined unless whole. */
  binary(): string | undefined;
  /** Undefined unless whole, and when the bytes are not UTF-8. */
  text(): string | undefined;
  /** Of the body, for all who judge it: whoever spends it finds the body too costly, never waits. */
  readonly allowance: Allowance;
  /** Values and names that the text holds if it is JSON, found without reading it as JSON. 0 unless whole. */
  weight(): number;
  /** The text as JSON; no member named twice, nested at most 64 deep, so that whoever walks it may recurse. */
  json(): JsonReading;
}

/** Codings that a body can get on its way to the caller (RFC 9110 section 8.4.1, RFC 7932, RFC 8878). */
export type ContentCoding = "br" | "gzip" | "zstd";
