/**
 * The trace of a recorded request (W3C Trace Context, section 3.2): the client's, or the one that began here.
 * Must not be used in a request's path: it reads heads.
 */
import { fieldOf } from "./heads.ts";
import type { Recorder, RowPlace } from "./recorder.ts";

/** @returns 32 hex digits; undefined when its heads are evicted. */
export function traceIdOf(recorder: Recorder, place: RowPlace): string | undefined {
  const { chunk, index } = place;
  const told =
    fieldOf(recorder.payloads.requestHead(chunk.segment[index], chunk.offset[index]) ?? "", "traceparent") ??
    fieldOf(recorder.payload(place)?.upstreamHead ?? "", "traceparent");
  return /^[\da-f]{2}-([\da-f]{32})-/.exec(told ?? "")?.[1];
}
