/**
 * A recorded request as bytes that can be sent again, or the sentence that says why it cannot.
 * Only what was kept whole is sent: half a body under the old head would be another request.
 * Must not mask: the bytes go to this gateway's own listener and nowhere else.
 */
import { RowStateCode, Tag } from "../record/chunk.ts";
import { fieldOf } from "../record/heads.ts";
import type { Payload } from "../record/payload-ring.ts";
import type { Recorder, RowPlace } from "../record/recorder.ts";

export interface RecordedRequest {
  readonly place: RowPlace;
  readonly payload: Payload;
}

/** What a connection says of itself: the new one says it anew. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
]);

/** @returns the request, or why there is none that could be sent or edited. */
export function recordedRequest(recorder: Recorder, id: number): RecordedRequest | string {
  const place = recorder.place(id);
  if (place === undefined) return "That request is no longer kept.";
  const { chunk, index } = place;
  if (chunk.protocol[index] !== 0) return "A connection of layer 4 has no request that could be sent again.";
  if (chunk.state[index] === RowStateCode.Pending)
    return "The request has not ended yet: its body may still be coming.";
  const tags = chunk.tags[index];
  if ((tags & Tag.Imported) !== 0) return "It was imported from an archive: it never came through this gateway.";
  if ((tags & Tag.Upgraded) !== 0)
    return "A WebSocket is a conversation: its messages are not kept, so it cannot be sent again.";
  if ((tags & Tag.Grpc) !== 0) return "A gRPC call needs HTTP/2 with trailers; what is sent again goes by HTTP/1.1.";
  const parent = chunk.parentOf(index);
  if (parent !== 0) return `The gateway sent it by itself on behalf of request ${parent}: replay that one.`;
  const payload = recorder.payload(place);
  if (payload === undefined) return "Its head and body have left the ring; only the decision is kept.";
  if (!payload.requestHead.endsWith("\r\n\r\n")) return "Its head was not kept whole.";
  return { place, payload };
}

/** @returns undefined when the body was kept whole, else why it is not. */
export function bodyHindrance({ place, payload }: RecordedRequest): string | undefined {
  const { chunk, index } = place;
  const came = chunk.requestBytes[index];
  const kept = payload.requestBody.length;
  if (kept < came) return `Only the first ${kept} of ${came} bytes of its body were kept.`;
  const declared = fieldOf(payload.requestHead, "content-length");
  if (declared !== undefined) {
    if (Number(declared) === kept) return undefined;
    return `Its body was not read to the end: ${kept} of ${declared} bytes came before the request was over.`;
  }
  const open = fieldOf(payload.requestHead, "transfer-encoding") !== undefined;
  const early = chunk.state[index] !== RowStateCode.Ok && chunk.attempts[index] === 0;
  if (open && early)
    return "It was over before the end of its body was seen, so nobody knows whether all of it is kept.";
  return undefined;
}

/** The head for a connection that carries this request alone. @param head start line, fields, empty line. */
export function headFor(head: string, bodyBytes: number): string {
  const [start, ...lines] = head.slice(0, head.indexOf("\r\n\r\n")).split("\r\n");
  const kept = lines.filter((line) => !OF_THE_CONNECTION.has(line.slice(0, line.indexOf(":")).trim().toLowerCase()));
  const had = /^(content-length|transfer-encoding):/im.test(head);
  if (bodyBytes > 0 || had) kept.push(`Content-Length: ${bodyBytes}`);
  return `${[start, ...kept, "Connection: close"].join("\r\n")}\r\n\r\n`;
}
