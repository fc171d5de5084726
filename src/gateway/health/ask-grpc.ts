/**
 * The health question of gRPC (grpc/health/v1/health.proto): one unary call of Check, both messages written by hand,
 * since they have one field each. Healthy is only who answers SERVING with status 0.
 * Must not keep its connection: one that is reused would not notice that nobody accepts any more.
 */
import { connect, type IncomingHttpHeaders } from "node:http2";
import type { ConnectionOptions } from "node:tls";

const SERVING = 1;
/** The answer has one number; nobody needs more than this. */
const LONGEST_ANSWER = 1024;
const PREFIX_BYTES = 5;

/** HealthCheckRequest { string service = 1; }, with gRPC's prefix: not compressed, length. */
export function healthQuestion(service: string): Buffer {
  const name = Buffer.from(service, "utf8");
  const length = name.length < 128 ? [name.length] : [(name.length & 127) | 128, name.length >> 7];
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** HealthCheckResponse { ServingStatus status = 1; }. @returns the status; 0 (UNKNOWN) when absent, -1 when it is no such message. */
export function healthAnswer(bytes: Uint8Array): number {
  if (bytes.length < PREFIX_BYTES || bytes[0] !== 0) return -1;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (length !== bytes.length - PREFIX_BYTES) return -1;
  let at = PREFIX_BYTES;
  let status = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length && shift < 35; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return NaN;
  };
  const skip = (count: number): void => void (at += count);
  while (at < bytes.length) {
    const tag = number();
    if (tag === 0x08) status = number();
    // A field of a later version: a varint, eight bytes, some bytes, or four.
    else if ((tag & 7) === 0) number();
    else if ((tag & 7) === 1) at += 8;
    else if ((tag & 7) === 2) skip(number());
    else if ((tag & 7) === 5) at += 4;
    else return -1;
  }
  return Number.isNaN(status) || at !== bytes.length ? -1 : status;
}

/** @param tls set for https. @param done is called once at least; later calls say nothing new. @returns how to call it off. */
export function askGrpc(
  authority: string,
  service: string,
  tls: ConnectionOptions | undefined,
  done: (up: boolean) => void,
): () => void {
  const session = connect(`${tls === undefined ? "http" : "https"}://${authority}`, tls ?? {});
  const fail = (): void => done(false);
  session.on("error", fail);
  session.on("close", fail);
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "switchyard-health",
  });
  let answered = Buffer.alloc(0);
  let outcome: string | undefined;
  const told = (fields: IncomingHttpHeaders): void => {
    if (fields["grpc-status"] !== undefined) outcome = String(fields["grpc-status"]);
  };
  stream.on("error", fail);
  stream.on("response", told);
  stream.on("trailers", told);
  stream.on("data", (bytes: Buffer) => {
    if (answered.length <= LONGEST_ANSWER) answered = Buffer.concat([answered, bytes]);
  });
  stream.on("end", () => {
    done(outcome === "0" && healthAnswer(answered) === SERVING);
    session.destroy();
  });
  stream.end(healthQuestion(service));
  return () => session.destroy();
}
