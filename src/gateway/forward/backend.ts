/**
 * One exchange with a backend as the relay sees it, whichever protocol carries it: HTTP/1.1 makes one of a connection
 * (upstream.ts), HTTP/2 one of a stream (http2/backend-stream.ts).
 * Must not name a socket.
 */
import type { Head } from "../http1/head.ts";

/** Whoever has the exchange. */
export interface UpstreamOwner {
  /** `head` is filled. 1xx heads come here too. */
  upstreamHead(): void;
  upstreamBody(buffer: Buffer, start: number, end: number): void;
  /** The response is complete; the backend is no longer this owner's. @param trailers whole lines, or "". */
  upstreamEnd(trailers: string): void;
  /** It is gone before the response was complete. @param failure one of Failure. */
  upstreamLost(failure: number, detail: string): void;
  /** All bytes of one read are handed over: time to write what was held back. */
  upstreamRead(): void;
  /** Everything written has left. */
  upstreamDrained(): void;
}

/** The writing side. What is written leaves with `flush`, at the latest. */
export interface RequestWriter {
  /** Writing more now would pile up. */
  readonly pending: boolean;
  /** A new message. */
  begin(): void;
  /** The head, as HTTP/1.1 writes it. */
  text(text: string): void;
  bytes(buffer: Buffer, start: number, end: number, chunked: boolean): void;
  lastChunk(trailers: string): void;
  /** The request is complete. */
  finish(): void;
  flush(): void;
}

export interface Backend {
  readonly version: "1.1" | "2";
  /** The response's, in the form of HTTP/1.1. */
  readonly head: Head;
  /** What the backend itself has said, where `head` is a translation of it. */
  readonly shownHead?: string;
  readonly out: RequestWriter;
  /** Exchanges that the connection served before this one. */
  readonly served: number;
  /** Port of its socket on this side. */
  readonly localPort: number;
  /** Some of the response has arrived. */
  readonly answered: boolean;
  /** The backend has said that it did nothing with the request (RFC 9113 section 8.7). */
  readonly refused: boolean;
  attach(owner: UpstreamOwner, method: string, upgradeOffered: boolean): void;
  /** The owner has no more interest: whatever is under way is thrown away. */
  abandon(): void;
  pause(): void;
  resume(): void;
  /** The client's half of a tunnel has ended. */
  endTunnel(): void;
}
