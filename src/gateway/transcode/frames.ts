/**
 * Length-prefixed messages of gRPC (gRPC over HTTP/2, "Length-Prefixed-Message"): bytes in, whole messages out.
 * Must not hold more than one message's bytes, nor a message that is longer than allowed.
 */

const HEADER = 5;

/** @returns the message with its five bytes in front. */
export function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEADER);
  return frame;
}

export class FrameReader {
  readonly #most: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Why nothing more is read. */
  problem: string | undefined;

  /** @param most bytes of one message. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes that do not make a whole message yet. */
  get rest(): number {
    return this.#held;
  }

  /** @param bytes are copied when they are kept. @returns the messages that are whole now. */
  push(bytes: Buffer): Buffer[] {
    if (this.problem !== undefined) return [];
    const messages: Buffer[] = [];
    let buffer = this.#pieces.length === 0 ? bytes : undefined;
    if (buffer === undefined) {
      this.#pieces.push(Buffer.from(bytes));
      this.#held += bytes.length;
      if (this.#held < this.#wanted()) return messages;
      buffer = Buffer.concat(this.#pieces, this.#held);
    }
    let at = 0;
    while (buffer.length - at >= HEADER) {
      const length = buffer.readUInt32BE(at + 1);
      if (!this.#check(buffer[at], length)) return messages;
      if (buffer.length - at < HEADER + length) break;
      messages.push(buffer.subarray(at + HEADER, at + HEADER + length));
      at += HEADER + length;
    }
    this.#held = buffer.length - at;
    this.#pieces = this.#held === 0 ? [] : [Buffer.from(buffer.subarray(at))];
    return messages;
  }

  /** Bytes that the first message needs; so that a long one is put together once. */
  #wanted(): number {
    const [first] = this.#pieces;
    if (first.length >= HEADER) return HEADER + first.readUInt32BE(1);
    return HEADER;
  }

  #check(flag: number, length: number): boolean {
    if (flag !== 0) {
      this.problem =
        flag === 1 ? "a message is compressed, which was not offered" : "its body is not made of gRPC messages";
    } else if (length > this.#most) {
      this.problem = `a message of ${length} bytes is longer than ${this.#most}`;
    }
    return this.problem === undefined;
  }
}
