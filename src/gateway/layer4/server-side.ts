/**
 * The socket to a server of one layer-4 connection. It reads into a buffer of ours: small while it idles, large once it
 * is filled, so that a thousand idle connections cost little. Must not look at what it reads.
 */
import { connect, type Socket } from "node:net";
import { WRITE_MARK } from "../forward/outgoing.ts";
import { LARGE_BUFFER, SMALL_BUFFER } from "./limits.ts";

/** Whose server it is. */
export interface ServerOwner {
  /** The bytes are the owner's only until it returns, unless it paused the socket. */
  serverReceived(bytes: Buffer): void;
  serverDrained(): void;
  /** Its FIN. */
  serverEnded(): void;
  /** The socket is gone, in order or not. */
  serverGone(): void;
}

export class ServerSide {
  readonly socket: Socket;
  owner: ServerOwner | undefined;
  private buffer = Buffer.allocUnsafeSlow(SMALL_BUFFER);

  constructor(address: string, port: number) {
    const options = {
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      writableHighWaterMark: WRITE_MARK,
      onread: {
        buffer: () => this.buffer,
        callback: (count: number, buffer: Uint8Array): boolean => {
          if (count === buffer.length && count < LARGE_BUFFER) this.buffer = Buffer.allocUnsafeSlow(LARGE_BUFFER);
          this.owner?.serverReceived((buffer as Buffer).subarray(0, count));
          return true;
        },
      },
    };
    this.socket = connect(options);
    this.socket.on("error", () => {});
    this.socket.on("drain", () => this.owner?.serverDrained());
    this.socket.on("end", () => this.owner?.serverEnded());
    this.socket.on("close", () => this.owner?.serverGone());
  }
}
