/**
 * The writing side of one socket: gathers head, small bodies and chunk frames so that they leave in one write.
 * Four fifths of a forwarded request's time is socket writes, so one write per turn matters more than anything else.
 * Must not keep body bytes beyond the read that brought them: whoever fed it flushes at the end of each read.
 */
import type { Socket } from "node:net";
import { CHUNK_END, chunkHead, lastChunk } from "../http1/chunk.ts";

/** One byte: every write that does not reach the kernel at once is told by `drain`, so nothing piles up unseen. */
export const WRITE_MARK = 1;

/** Node writes latin1 strings up to this size straight from the stack; beyond it, buffers are cheaper. */
const TEXT_LIMIT = 16384;

export class Outgoing {
  /** Bytes handed to the socket since `begin`. */
  sent = 0;
  private readonly socket: Socket;
  private readonly copies: boolean;
  private held = "";

  /**
   * @param copies the socket keeps what it is given for a while (TLS): bodies are copied, and `pending` starts at the
   * socket's own mark instead of the first byte.
   */
  constructor(socket: Socket, copies = false) {
    this.socket = socket;
    this.copies = copies;
  }

  /** Bytes written have not all reached the kernel. */
  get pending(): boolean {
    return this.copies ? this.socket.writableNeedDrain : this.socket.writableLength > 0;
  }

  /** A new message: nothing of it is sent. */
  begin(): void {
    this.sent = 0;
    this.held = "";
  }

  /** @param text latin1. */
  text(text: string): void {
    this.held += text;
  }

  /** Copies small bytes; large ones go to the socket as they stand, and may be `pending` there. */
  bytes(buffer: Buffer, start: number, end: number, chunked: boolean): void {
    const length = end - start;
    const before = chunked ? this.held + chunkHead(length) : this.held;
    if (before.length + length < TEXT_LIMIT) {
      const body = buffer.toString("latin1", start, end);
      this.held = chunked ? before + body + CHUNK_END : before + body;
      return;
    }
    this.held = "";
    this.sent += before.length + length;
    const { socket } = this;
    const body = this.copies ? Buffer.from(buffer.subarray(start, end)) : buffer.subarray(start, end);
    if (before === "") {
      socket.write(body);
      return;
    }
    socket.cork();
    socket.write(before, "latin1");
    socket.write(body);
    if (chunked) socket.write(CHUNK_END, "latin1");
    socket.uncork();
  }

  /** @param trailers whole lines, or "". */
  lastChunk(trailers: string): void {
    this.held += lastChunk(trailers);
  }

  /** The message is complete: its own framing says so. */
  finish(): void {}

  flush(): void {
    if (this.held === "") return;
    const text = this.held;
    this.held = "";
    this.sent += text.length;
    this.socket.write(text, "latin1");
  }
}
