/**
 * One connection to a backend: its socket, its response reader, and the exchange that owns it for the moment.
 * It exists so that exchanges speak of heads and bodies while this one speaks of sockets.
 * Must not decide anything about retries or clients; nothing a backend sends may throw out of here.
 */
import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { Failure } from "../../model/state.ts";
import type { Head } from "../http1/head.ts";
import { Event, MessageReader } from "../http1/reader.ts";
import type { UpstreamSecurity } from "../tls/upstream-security.ts";
import type { Backend, UpstreamOwner } from "./backend.ts";
import { Outgoing, WRITE_MARK } from "./outgoing.ts";
import { scratch } from "./scratch.ts";

const BUFFER_BYTES = 65536;
/** A connection over TLS begins with this of its own. */
const FIRST_BYTES = 4096;

export class Upstream implements Backend {
  readonly version = "1.1";
  readonly refused = false;
  readonly head: Head;
  readonly socket: Socket;
  readonly address: string;
  /** Set over TLS. */
  readonly security: UpstreamSecurity | undefined;
  /** Event of the socket that says that it can be used. */
  readonly readyOn: "connect" | "secureConnect";
  readonly reader = new MessageReader("response");
  readonly out: Outgoing;
  owner: UpstreamOwner | undefined;
  /** Exchanges served before this one. */
  served = 0;
  /** Port of the socket on this side; 0 until it is connected. */
  localPort = 0;
  /** Bytes of the current response have arrived. */
  answered = false;
  /** When an idle connection is closed by us, monotonic; 0 = not idle. */
  retireAt = 0;
  /** Called once, when the socket is gone. */
  gone: ((upstream: Upstream) => void) | undefined;
  /** The first read that fills the shared one brings a large one of its own: most tunnels never do. */
  private buffer: Buffer = scratch;
  private problem = "";
  private ended = false;
  private handedOver = false;

  constructor(address: string, port: number, security?: UpstreamSecurity) {
    this.address = address;
    this.head = this.reader.head;
    this.security = security;
    this.readyOn = security === undefined ? "connect" : "secureConnect";
    this.buffer = this.firstBuffer();
    const options = {
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      writableHighWaterMark: WRITE_MARK,
      onread: {
        buffer: () => this.buffer,
        callback: (count: number, buffer: Uint8Array): boolean => {
          if (count === buffer.length && count < BUFFER_BYTES) this.buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
          this.received(buffer as Buffer, count);
          return true;
        },
      },
    };
    const socket = security === undefined ? connect(options) : connectSecurely({ ...options, ...security.options });
    this.socket = socket;
    this.out = new Outgoing(socket, security !== undefined);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.problem = error.code ?? error.message;
    });
    socket.on("end", () => this.finish());
    socket.on("drain", () => this.owner?.upstreamDrained());
    socket.on("close", () => this.closed());
  }

  /** Fit for another request. */
  get alive(): boolean {
    return !this.socket.destroyed && !this.ended && this.problem === "";
  }

  /** Prepares for the response to come. */
  attach(owner: UpstreamOwner, method: string, upgradeOffered: boolean): void {
    this.owner = owner;
    this.answered = false;
    this.retireAt = 0;
    if (this.localPort === 0) this.localPort = this.socket.localPort ?? 0;
    this.reader.requestMethod = method;
    this.reader.upgradeOffered = upgradeOffered;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  endTunnel(): void {
    this.out.flush();
    this.out.writeNow();
    this.socket.end();
  }

  /** The socket is somebody else's from now on, who reads it by himself. */
  handOver(): void {
    this.handedOver = true;
  }

  /** The owner has no more interest: whatever is under way is thrown away. */
  abandon(): void {
    this.owner = undefined;
    this.socket.destroy();
  }

  /** Bytes of the read buffer are still on their way to a slow client: the next read must not overwrite them. */
  renewBuffer(): void {
    // Nothing on its way stands in the shared one.
    if (this.buffer !== scratch) this.buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }

  private firstBuffer(): Buffer {
    return this.security === undefined ? scratch : Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  private received(buffer: Buffer, count: number): void {
    if (this.handedOver) return;
    if (this.owner === undefined) {
      // Nobody asked: a backend that speaks on an idle connection is not to be trusted with the next request.
      this.socket.destroy();
      return;
    }
    this.answered = true;
    const { reader } = this;
    let at = 0;
    for (;;) {
      const owner: UpstreamOwner | undefined = this.owner;
      if (owner === undefined) return;
      const event = reader.next(buffer, at, count);
      at = reader.position;
      switch (event) {
        case Event.More:
          owner.upstreamRead();
          return;
        case Event.Head:
          owner.upstreamHead();
          // A connection that served answers before may have the large one.
          if (reader.head.status === 101) this.buffer = this.firstBuffer();
          break;
        case Event.Body:
          owner.upstreamBody(buffer, reader.bodyStart, reader.bodyEnd);
          break;
        case Event.End:
          if (reader.head.status < 200 && reader.head.status !== 101) break;
          // Bytes after the end belong to no request: never reuse such a connection.
          if (at < count) this.ended = true;
          this.complete(owner);
          return;
        default:
          this.malformed(owner);
          return;
      }
    }
  }

  private complete(owner: UpstreamOwner): void {
    const { trailers } = this.reader;
    this.served++;
    this.owner = undefined;
    owner.upstreamEnd(trailers);
  }

  private malformed(owner: UpstreamOwner): void {
    const detail = this.reader.error?.detail ?? "the response is malformed";
    this.owner = undefined;
    this.socket.destroy();
    owner.upstreamLost(Failure.MalformedResponse, detail);
  }

  /** The backend has sent its FIN. */
  private finish(): void {
    if (this.handedOver) return;
    this.ended = true;
    const { owner, reader } = this;
    if (owner !== undefined) {
      const event = reader.finish();
      if (event === Event.End) {
        // Of a tunnel only this half has ended.
        if (reader.head.status === 101) return owner.upstreamEnd("");
        this.complete(owner);
      } else {
        this.owner = undefined;
        this.lost(owner, "closed the connection");
      }
    }
    this.socket.destroy();
  }

  private closed(): void {
    const { owner } = this;
    this.owner = undefined;
    this.gone?.(this);
    if (owner !== undefined)
      this.lost(owner, this.problem === "" ? "closed the connection" : `failed (${this.problem})`);
  }

  private lost(owner: UpstreamOwner, how: string): void {
    owner.upstreamLost(this.answered ? Failure.ResetDuringResponse : Failure.ResetBeforeResponse, how);
  }
}
