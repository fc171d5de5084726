/**
 * The seam between a client protocol and the request's way through the gateway: head, body source, reply.
 * HTTP/1.1 makes one (listen/connection.ts); HTTP/2 and layer 4 make their own without the rest noticing.
 * Must not name a socket.
 */
import type { Arrival } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { Head } from "../http1/head.ts";
import type { HeadEdit } from "../http1/edit.ts";
import type { Problem } from "../refuse/refuse.ts";

/** The client's side of one exchange, as the handling sees it. */
export interface Exchange {
  readonly arrival: Arrival;
  /** The request head; valid until the exchange is done. */
  readonly head: Head;
  /** The client runs on this machine. */
  readonly local: boolean;
  /** Version of HTTP that the client speaks, as Via writes it. */
  readonly version: "1.1" | "2";
  /** The request's head as it is recorded. */
  readonly requestHead: string;
  /** TLS was ended for it here. */
  readonly secure: boolean;
  /** The whole request has arrived. */
  readonly complete: boolean;
  /** Some of the reply has left, so that nothing else can be said instead. */
  readonly committed: boolean;
  /** Reply bytes have not all reached the kernel. */
  readonly pending: boolean;

  /** Let body bytes come. */
  wantBody(): void;
  /** Let no more body bytes come until `wantBody`. */
  holdBody(): void;

  /** Relays a 1xx head. */
  inform(head: Head): void;
  /**
   * Composes the reply's head from the backend's. @param size bytes of the body when that is not the backend's: -1 = not
   * known. @returns it as text.
   */
  respond(head: Head, lines: string, edit: HeadEdit | undefined, size?: number): string;
  /** Bytes of the reply's body. They are copied or written before it returns. */
  body(buffer: Buffer, start: number, end: number): void;
  /** Sends what was held back. */
  flush(): void;
  /** The reply is complete. */
  end(trailers: string): void;
  /** Answers 101 and makes the rest a tunnel: body bytes come raw from now on. @returns the head as text. */
  upgrade(head: Head, lines: string, edit: HeadEdit | undefined): string;
  /** The backend's half of a tunnel has ended. */
  endTunnel(): void;
  /** Answers with the gateway's own document. @param instance the request's id. @returns the head as text. */
  refuse(problem: Problem, instance: string): string;
  /** Cuts the connection, so that a truncated reply is seen to be one. */
  cut(): void;
  /** Nothing more will be said: the exchange is settled and recorded. @param now when it ended. */
  done(now: Millis): void;
}

/** What the client's side tells the handling. */
export interface Handler {
  /** The request head is in. */
  arrived(): void;
  bodyBytes(buffer: Buffer, start: number, end: number): void;
  bodyEnded(trailers: string): void;
  /** All bytes of one read are handed over. */
  bodyRead(): void;
  /** The client's FIN while a tunnel is open. */
  clientEnded(): void;
  clientDrained(): void;
  clientGone(): void;
}
