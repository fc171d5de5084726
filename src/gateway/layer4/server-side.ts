/**
 * The socket to a server of one layer-4 connection. It reads into the buffer that all share while it has little to say,
 * into a large one of its own once it sends more, so that a thousand idle connections cost little.
 * Must not look at what it reads.
 */
import { connect, type Socket } from "node:net";
import { WRITE_MARK } from "../forward/outgoing.ts";
import { scratch } from "../forward/scratch.ts";
import { LARGE_BUFFER, SMALL_READ } from "./limits.ts";

/** Whose server it is. */
export interface ServerOwner {
  /** The bytes are the owner's, who pauses the socket until they have left. */
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
  private buffer = scratch;

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
          const piece = (buffer as Buffer).subarray(0, count);
          if (buffer !== scratch) this.owner?.serverReceived(piece);
          else {
            if (count >= SMALL_READ) this.buffer = Buffer.allocUnsafeSlow(LARGE_BUFFER);
            this.owner?.serverReceived(Buffer.from(piece));
          }
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
