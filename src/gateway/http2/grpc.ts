/**
 * What the gateway says to gRPC callers: refusals as a status in trailers-only form, which is the only answer that
 * their libraries read (gRPC over HTTP/2, "Responses").
 * Must not know why something was refused.
 */
import type { Problem } from "../refuse/refuse.ts";

export function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:$|[+;])/i.test(contentType);
}

/** Status codes of gRPC by the HTTP status of the refusal; UNKNOWN (2) for the rest. */
const CODES: Readonly<Record<number, number>> = {
  400: 3, // INVALID_ARGUMENT
  401: 16, // UNAUTHENTICATED
  403: 7, // PERMISSION_DENIED
  404: 12, // UNIMPLEMENTED: no route has the method
  408: 4,
  413: 8, // RESOURCE_EXHAUSTED
  429: 8, // RESOURCE_EXHAUSTED
  431: 8,
  500: 13, // INTERNAL
  501: 12,
  502: 14, // UNAVAILABLE
  503: 14,
  504: 4, // DEADLINE_EXCEEDED
  508: 13,
};

/** @param lines of a head or of trailers. @returns 0 to 16; 2 (UNKNOWN) when there is none, as the protocol wants it. */
export function grpcStatusIn(lines: string): number {
  const status = Number(/(?:^|\n)grpc-status:[ \t]*(\d{1,2})[ \t]*\r\n/i.exec(lines)?.[1] ?? 2);
  return status <= 16 ? status : 2;
}

/** @returns the head of the whole answer, as HTTP/1.1 writes it. */
export function grpcRefusal(problem: Problem, pseudonym: string): string {
  return (
    "HTTP/1.1 200 OK\r\n" +
    "content-type: application/grpc\r\n" +
    `grpc-status: ${CODES[problem.status] ?? 2}\r\n` +
    `grpc-message: ${percentEncoded(`${problem.title}: ${problem.detail}`)}\r\n` +
    `proxy-status: ${pseudonym}; error=${problem.proxyError}\r\n` +
    problem.lines +
    "\r\n"
  );
}

/** "Percent-Encoded" of the protocol: printable ASCII but for the percent sign stays. */
function percentEncoded(text: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
