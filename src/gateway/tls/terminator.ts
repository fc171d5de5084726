/**
 * Ends TLS on accepted connections: handshake, certificate by name, protocol by ALPN, the client's own certificate.
 * Must not read a byte of what is inside.
 */
import type { Socket } from "node:net";
import { createServer, type SecureContext, type Server, type TLSSocket } from "node:tls";
import type { AcceptedSocket, SocketReader } from "../listen/accept.ts";
import type { Door } from "../listen/bound.ts";
import type { Secured } from "../listen/secured.ts";
import { Certificates, type CertificateOptions } from "./certificates.ts";
import { clientOf } from "./client-certificate.ts";

/** From the first byte to the end of the handshake, milliseconds. */
const HANDSHAKE = 10_000;

/** For a socket that is handed on before anybody reads it. */
const UNREAD: SocketReader = { readBuffer: () => Buffer.allocUnsafeSlow(1), receive: () => {} };

interface Waiting {
  readonly door: Door;
  readonly raw: AcceptedSocket;
  readonly done: (door: Door | undefined) => void;
}

export class Terminator {
  private readonly certificates: Certificates;
  private readonly server: Server;
  private readonly waiting = new Map<string, Waiting>();

  private constructor(options: CertificateOptions, certificates: Certificates, protocols: readonly string[]) {
    this.certificates = certificates;
    const { clientCertificate } = options.tls;
    const select = (name: string, done: (error: Error | null, context?: SecureContext) => void): void => {
      certificates.of(name).then(
        (context) => done(null, context),
        (error: unknown) => done(error as Error),
      );
    };
    // Never listens: it is handed sockets, which its `connection` event is documented for.
    this.server = createServer({
      ...certificates.first,
      SNICallback: select,
      ALPNProtocols: [...protocols],
      handshakeTimeout: HANDSHAKE,
      requestCert: clientCertificate !== undefined,
      rejectUnauthorized: clientCertificate?.required === true,
    });
    certificates.changed = () => this.server.setSecureContext(certificates.first);
    this.server.on("secureConnection", (socket) => this.secured(socket));
    this.server.on("tlsClientError", (_, socket) => void socket.destroy());
  }

  /** @param protocols offered by ALPN, in order of preference. @throws CertificateProblem. */
  static async open(options: CertificateOptions, protocols: readonly string[]): Promise<Terminator> {
    return new Terminator(options, await Certificates.open(options), protocols);
  }

  close(): void {
    this.certificates.close();
  }

  /** @param done with undefined: there was no handshake and the connection is gone. Called once. */
  accept(door: Door, done: (door: Door | undefined) => void): Socket {
    this.certificates.renew();
    const raw = door.take(UNREAD);
    const { socket } = raw;
    const key = placeOf(socket);
    this.waiting.set(key, { door, raw, done });
    socket.once("close", () => {
      if (this.waiting.get(key)?.raw !== raw) return;
      this.waiting.delete(key);
      done(undefined);
    });
    if (door.ahead !== undefined) socket.unshift(door.ahead);
    this.server.emit("connection", socket);
    return socket;
  }

  private secured(socket: TLSSocket): void {
    socket.on("error", () => {});
    const key = placeOf(socket);
    const waiting = this.waiting.get(key);
    this.waiting.delete(key);
    if (waiting === undefined) return void socket.destroy();
    const secured: Secured = {
      protocol: socket.alpnProtocol || "",
      // Absent types: the name that the client asked for, or false.
      sni: (socket as { servername?: string | false }).servername || undefined,
      client: clientOf(socket),
      version: socket.getProtocol() ?? "TLS",
    };
    waiting.done(new SecureDoor(waiting.door, waiting.raw, socket, secured));
  }
}

/** The plain side of a TLS connection, as whoever reads it takes it. */
class SecureDoor implements Door {
  readonly clientIp: string;
  readonly clientPort: number;
  readonly localIp?: string;
  readonly localPort?: number;
  readonly said?: string;
  readonly ahead = undefined;
  readonly secured: Secured;
  private readonly raw: AcceptedSocket;
  private readonly socket: TLSSocket;

  constructor(door: Door, raw: AcceptedSocket, socket: TLSSocket, secured: Secured) {
    this.clientIp = door.clientIp;
    this.clientPort = door.clientPort;
    this.localIp = door.localIp;
    this.localPort = door.localPort;
    this.said = door.said;
    this.secured = secured;
    this.raw = raw;
    this.socket = socket;
  }

  take(reader: SocketReader): AcceptedSocket {
    const { socket, raw } = this;
    const taken: AcceptedSocket = {
      socket,
      reader,
      direct: false,
      start: () => void socket.on("data", (bytes: Buffer) => taken.reader.receive(bytes, bytes.length)),
      reset: () => raw.reset(),
    };
    return taken;
  }
}

/** What no two open connections have in common. */
function placeOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}
