/**
 * Reads the PROXY header at the beginning of a connection, on listeners of any protocol, and opens the door for whoever
 * serves it with the client that the header names. A header is believed only from trusted addresses; anybody else is
 * refused, since a listener that expects headers cannot tell a client's bytes from one.
 * Must not guess whether a header is there (PROXY protocol, section 2).
 */
import type { Socket } from "node:net";
import type { Millis } from "../../model/basics.ts";
import { scratch } from "../forward/scratch.ts";
import type { EngineServices } from "../forward/services.ts";
import { seconds } from "../forward/sentences.ts";
import type { AcceptedSocket, SocketReader } from "../listen/accept.ts";
import type { Bound, Connection, Door } from "../listen/bound.ts";
import type { Timed } from "../listen/clock.ts";
import * as Limit from "./limits.ts";
import { decodeProxyHeader, LONGEST_HEADER, type ProxyHeader } from "./proxy-header.ts";
import { refuseConnection } from "./refuse.ts";

export class ProxiedDoor implements Connection, SocketReader, Timed {
  private readonly services: EngineServices;
  private readonly bound: Bound;
  private readonly door: Door;
  private readonly protocol: "tcp" | "tls";
  private readonly open: (door: Door) => void;
  private readonly taken: AcceptedSocket;
  private readonly socket: Socket;
  private due: Millis;
  private bytes: Buffer | undefined;
  private done = false;
  /** The header is, and the connection goes on in a moment. */
  private whole = false;
  private readonly onEnd = (): void => {
    if (!this.whole) this.refuse("proxy-header", "The connection ended before its PROXY header was whole.");
  };
  private readonly onClose = (): void => {
    // A header and nothing else: a health check, as a rule.
    if (this.whole && !this.done) this.leave();
    this.onEnd();
  };

  /** @param open serves the connection from behind the header on. */
  constructor(services: EngineServices, bound: Bound, door: Door, protocol: "tcp" | "tls", open: (door: Door) => void) {
    this.services = services;
    this.bound = bound;
    this.door = door;
    this.protocol = protocol;
    this.open = open;
    this.taken = door.take(this);
    this.socket = this.taken.socket;
    this.due = services.now() + Limit.BEGINNING;
    this.socket.on("end", this.onEnd);
    this.socket.on("close", this.onClose);
    services.clock.watch(this);
    services.clock.wake();
    this.taken.start();
  }

  readBuffer(): Buffer {
    return scratch;
  }

  receive(buffer: Buffer, count: number): void {
    if (this.done) return;
    const piece = buffer.subarray(0, count);
    this.bytes = this.bytes === undefined ? Buffer.from(piece) : Buffer.concat([this.bytes, piece]);
    if (this.whole) return;
    const found = decodeProxyHeader(this.bytes);
    if (found.kind === "header") this.found(found, this.bytes);
    else if (found.kind === "wrong") this.refuse("proxy-header", `The PROXY header is refused: ${found.problem}.`);
    else if (this.bytes.length > LONGEST_HEADER)
      this.refuse("proxy-header", "The PROXY header is refused: it never ends.");
  }

  /** Not inside the read that brought the bytes: who ends TLS takes the socket over, which is still in the middle of it. */
  private found(header: ProxyHeader, bytes: Buffer): void {
    this.socket.pause();
    this.due = Infinity;
    this.whole = true;
    setImmediate(() => {
      if (!this.done) this.pass(header, this.bytes ?? bytes);
    });
  }

  private pass({ source, destination, length, line }: ProxyHeader, bytes: Buffer): void {
    this.leave();
    const { door, taken } = this;
    const { clientIp, clientPort } = door;
    const proxy = clientIp.includes(":") ? `[${clientIp}]:${clientPort}` : `${clientIp}:${clientPort}`;
    this.open({
      clientIp: source?.ip ?? clientIp,
      clientPort: source?.port ?? clientPort,
      ...(destination === undefined ? {} : { localIp: destination.ip, localPort: destination.port }),
      said: `${line} from ${proxy}`,
      ahead: length < bytes.length ? bytes.subarray(length) : undefined,
      take(reader) {
        taken.reader = reader;
        return taken;
      },
    });
  }

  private refuse(code: string, sentence: string): void {
    if (this.done) return;
    this.leave();
    const { socket, protocol, bound } = this;
    refuseConnection(this.services, {
      socket,
      client: [this.door.clientIp, this.door.clientPort],
      protocol,
      listener: bound.index,
      why: { code, sentence },
    });
  }

  private leave(): void {
    this.done = true;
    this.socket.off("end", this.onEnd);
    this.socket.off("close", this.onClose);
    this.services.clock.forget(this);
    this.bound.left(this);
  }

  retire(): void {
    this.refuse("proxy-header", "The listener went away before the PROXY header was whole.");
  }

  destroy(): void {
    this.retire();
  }

  get gone(): boolean {
    return this.done;
  }

  tick(now: Millis): boolean {
    if (now >= this.due) {
      this.refuse("proxy-header", `The PROXY header was not whole ${seconds(Limit.BEGINNING)} after the connection.`);
    }
    return true;
  }
}
