/**
 * Chunked framing for what the gateway sends (RFC 9112 section 7.1).
 * Must not buffer or copy body bytes: it only makes the lines around them.
 */

/** Longest chunk head that `writeChunkHead` makes: 14 hexadecimal digits and CRLF. */
export const CHUNK_HEAD_BYTES = 16;
/** Ends the data of every chunk. */
export const CHUNK_END = "\r\n";
/** The last chunk without trailers. */
export const LAST_CHUNK = "0\r\n\r\n";

/** The line before `length` bytes of data. @param length above 0; a chunk of 0 would end the body. */
export function chunkHead(length: number): string {
  return length.toString(16) + "\r\n";
}

/** The last chunk with trailers. @param trailers whole field lines, each with its CRLF; "" for none. */
export function lastChunk(trailers: string): string {
  return trailers === "" ? LAST_CHUNK : "0\r\n" + trailers + "\r\n";
}

/** Writes the line before `length` bytes of data into `buffer`. @returns the offset after it. */
export function writeChunkHead(buffer: Uint8Array, at: number, length: number): number {
  let digits = 1;
  for (let rest = Math.floor(length / 16); rest > 0; rest = Math.floor(rest / 16)) digits++;
  let rest = length;
  for (let i = at + digits - 1; i >= at; i--) {
    const digit = rest % 16;
    buffer[i] = digit < 10 ? 48 + digit : 87 + digit;
    rest = (rest - digit) / 16;
  }
  buffer[at + digits] = 13;
  buffer[at + digits + 1] = 10;
  return at + digits + 2;
}
