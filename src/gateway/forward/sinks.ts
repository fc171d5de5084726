/**
 * Where the bytes of an answer go when they do not go straight to the client: through an encoder, through a narrow pipe.
 * Each keeps back-pressure: it says when it is full, and calls `room` when it no longer is.
 * Must not hold more than a few reads' worth of bytes.
 */
import type { ContentCoding } from "../../model/body.ts";
import { codingOf, type Encoder } from "../facts/codings.ts";
import type { Exchange } from "./exchange.ts";

export interface Sink {
  /** The bytes are the sink's from now on. */
  write(bytes: Buffer): void;
  /** No more comes for the moment: what was written shall leave soon. */
  flush(): void;
  end(trailers: string): void;
  /** Writing more now would pile up. */
  readonly full: boolean;
  /** The client's socket has room again. */
  drained(): void;
  /** Nobody is interested any more. */
  abandon(): void;
}

export class ClientSink implements Sink {
  private readonly exchange: Exchange;
  private readonly done: () => void;

  /** @param done the answer is complete. */
  constructor(exchange: Exchange, done: () => void) {
    this.exchange = exchange;
    this.done = done;
  }

  get full(): boolean {
    return this.exchange.pending;
  }

  write(bytes: Buffer): void {
    this.exchange.body(bytes, 0, bytes.length);
  }

  flush(): void {
    this.exchange.flush();
  }

  end(trailers: string): void {
    this.exchange.end(trailers);
    this.done();
  }

  drained(): void {}

  abandon(): void {}
}

/** Encodes on its way; what has been written can be decoded by the client soon after `flush`. */
export class EncodingSink implements Sink {
  private readonly next: Sink;
  private readonly stream: Encoder;
  private readonly room: () => void;
  private readonly streams: boolean;
  private trailers = "";
  private blocked = false;
  private gone = false;

  /** @param streams pieces shall arrive as they come; else only at the end, which packs better. */
  constructor(coding: ContentCoding, streams: boolean, next: Sink, room: () => void, failed: (why: Error) => void) {
    this.next = next;
    this.room = room;
    this.streams = streams;
    const made = codingOf(coding)?.encoder();
    if (made === undefined) throw new Error(`this runtime knows no ${coding}`);
    this.stream = made;
    this.stream.on("data", (bytes: Buffer) => {
      if (this.gone) return;
      next.write(bytes);
      next.flush();
      if (next.full) this.stream.pause();
    });
    this.stream.on("drain", () => {
      this.blocked = false;
      if (!this.gone) room();
    });
    this.stream.on("end", () => {
      if (!this.gone) next.end(this.trailers);
    });
    this.stream.on("error", (error) => {
      if (!this.gone) failed(error);
    });
  }

  get full(): boolean {
    return this.blocked;
  }

  write(bytes: Buffer): void {
    if (!this.stream.write(bytes)) this.blocked = true;
  }

  flush(): void {
    if (this.streams) this.stream.flush();
  }

  end(trailers: string): void {
    this.trailers = trailers;
    this.stream.end();
  }

  drained(): void {
    this.next.drained();
    if (!this.next.full) this.stream.resume();
    if (!this.blocked) this.room();
  }

  abandon(): void {
    this.gone = true;
    this.stream.destroy();
    this.next.abandon();
  }
}

/** How often the narrow pipe lets something through, in milliseconds. */
const PULSE = 25;
const MOST_WAITING = 65536;

/** Lets so many bytes through in a second. */
export class NarrowSink implements Sink {
  private readonly next: Sink;
  private readonly perPulse: number;
  private readonly room: () => void;
  private readonly waiting: Buffer[] = [];
  private held = 0;
  /** Bytes that may leave now; fractions of a byte add up. */
  private allowed = 0;
  private trailers: string | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(bytesPerSecond: number, next: Sink, room: () => void) {
    this.next = next;
    this.room = room;
    this.perPulse = (bytesPerSecond * PULSE) / 1000;
  }

  get full(): boolean {
    return this.held >= MOST_WAITING;
  }

  write(bytes: Buffer): void {
    this.waiting.push(bytes);
    this.held += bytes.length;
    this.start();
  }

  flush(): void {}

  end(trailers: string): void {
    this.trailers = trailers;
    this.start();
  }

  drained(): void {
    this.next.drained();
  }

  abandon(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.waiting.length = this.held = 0;
    this.next.abandon();
  }

  private start(): void {
    this.timer ??= setInterval(() => this.pulse(), PULSE);
  }

  private pulse(): void {
    if (this.next.full) return;
    this.allowed = Math.min(this.allowed + this.perPulse, Math.max(this.perPulse, MOST_WAITING));
    const wasFull = this.full;
    while (this.waiting.length > 0 && this.allowed >= 1) {
      const first = this.waiting[0];
      const count = Math.min(first.length, Math.floor(this.allowed));
      this.next.write(first.subarray(0, count));
      this.allowed -= count;
      this.held -= count;
      if (count === first.length) this.waiting.shift();
      else this.waiting[0] = first.subarray(count);
    }
    this.next.flush();
    if (this.waiting.length === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      if (this.trailers !== undefined) return this.next.end(this.trailers);
    }
    if (wasFull && !this.full) this.room();
  }
}
