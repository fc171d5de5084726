/**
 * Writing to a stream of HTTP/2, to a client or a backend: nothing that the other side sent may end the process.
 * Must not write to a stream that is over.
 */
import { constants, type Http2Stream } from "node:http2";

/** What Node refuses to send becomes a reset. */
export function writeOrReset<Stream extends Http2Stream>(
  stream: Stream | undefined,
  how: (stream: Stream) => void,
): void {
  if (stream === undefined || stream.destroyed || stream.closed) return;
  try {
    how(stream);
  } catch {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
