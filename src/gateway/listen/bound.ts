/**
 * What a listener and the connections that it accepted know of each other, whatever is spoken on them.
 * Must not know a protocol.
 */
import type { Socket } from "node:net";
import { takeOver, type AcceptedSocket, type SocketReader } from "./accept.ts";
import { plainAddress } from "./arrival.ts";
import type { Secured } from "./secured.ts";

/** A client connection, as its listener sees it. */
export interface Connection {
  /** The listener is gone or the gateway stops: end as soon as nothing is cut by it. */
  retire(): void;
  /** End now. */
  destroy(): void;
  /** It ended while it was being made: refused, as a rule. */
  readonly gone: boolean;
}

/** The listener that accepted a connection, as the running plan sees it. */
export interface Bound {
  /** Index into plan.listeners, or -1 once the listener is gone. */
  index: number;
  /** The connection is closed. */
  left(connection: Connection): void;
}

/** An accepted connection before anybody reads it: who is there, and how to begin. */
export interface Door {
  readonly clientIp: string;
  readonly clientPort: number;
  /** Address that the client connected to; undefined when nobody asked for it yet: then it is the socket's. */
  readonly localIp?: string;
  readonly localPort?: number;
  /** Set when TLS was ended before. */
  readonly secured?: Secured;
  /** What a proxy in front said, as a line to show; absent when nothing was said. */
  readonly said?: string;
  /** Bytes that were read already; they come before the socket's. */
  readonly ahead: Buffer | undefined;
  /** Whoever takes it gets every byte that follows `ahead`, once it has called `start`. */
  take(reader: SocketReader): AcceptedSocket;
}

export function doorOf(accepted: Socket): Door {
  return {
    clientIp: plainAddress(accepted.remoteAddress ?? ""),
    clientPort: accepted.remotePort ?? 0,
    ahead: undefined,
    take: (reader) => takeOver(accepted, reader),
  };
}
