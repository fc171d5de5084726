/**
 * One listener of the policy file: its addresses, bound, and the connections they accepted.
 * IPv6 may be missing on a machine: then that address is reported as a problem and the others serve.
 * Must not decide when to open or close: the engine does.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { PlanListener } from "../../model/plan.ts";
import type { EngineServices } from "../forward/services.ts";
import { WRITE_MARK } from "../forward/outgoing.ts";
import { doorOf, type Bound, type Connection } from "./bound.ts";
import { Http1Connection } from "./connection.ts";

/** An address of the policy file could not be bound. The old pair keeps serving. */
export class ListenProblem extends Error {
  readonly listener: string;
  readonly port: number;
  readonly code: string;

  constructor(listener: string, port: number, code: string, message: string) {
    super(message);
    this.name = "ListenProblem";
    this.listener = listener;
    this.port = port;
    this.code = code;
  }
}

export interface ListenerAddress {
  readonly address: string;
  /** The port really bound (differs from the plan's when that is 0). 0 when not bound. */
  readonly port: number;
  /** Why this address is not served (no IPv6 on this machine), or undefined. */
  readonly problem?: string;
}

/** The machine lacks the address or its family: no reason not to serve the others. */
const MISSING = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EPROTONOSUPPORT", "EINVAL"]);
/** With port 0 the second address must get the port that the first was given; somebody may have it already. */
const PORT_TRIES = 10;

export class BoundListener implements Bound {
  /** Index into plan.listeners; -1 before its plan serves and once the listener is gone. */
  index = -1;
  name: string;
  readonly connections = new Set<Connection>();
  addresses: readonly ListenerAddress[] = [];
  private readonly services: EngineServices;
  private servers: Server[] = [];
  private emptied: (() => void) | undefined;
  /** Accepted before the plan that wants this listener serves; still unread. */
  private early: Socket[] | undefined = [];

  constructor(services: EngineServices, name: string) {
    this.services = services;
    this.name = name;
  }

  /** @throws ListenProblem, with nothing left open. */
  async open(listener: PlanListener): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.openOnce(listener);
      } catch (error) {
        await this.close();
        const problem = error as ListenProblem;
        if (listener.port === 0 && problem.code === "EADDRINUSE" && tries < PORT_TRIES) continue;
        throw error;
      }
    }
  }

  /** The plan that wants this listener serves from now on. */
  activate(index: number, name: string): void {
    this.index = index;
    this.name = name;
    const { early } = this;
    this.early = undefined;
    early?.forEach((socket) => this.accept(socket));
  }

  /** Stops accepting. Connections live on until they are retired. */
  async close(): Promise<void> {
    const servers = this.servers;
    this.servers = [];
    this.early?.splice(0).forEach((socket) => socket.destroy());
    this.addresses = [];
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  /** Settles when the last connection is gone. */
  empty(): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.emptied = resolve));
  }

  left(connection: Connection): void {
    this.connections.delete(connection);
    if (this.connections.size === 0) this.emptied?.();
  }

  private async openOnce(listener: PlanListener): Promise<void> {
    const addresses: ListenerAddress[] = [];
    let { port } = listener;
    for (const address of listener.addresses) {
      try {
        const server = await this.bind(address, port);
        this.servers.push(server);
        const bound = server.address();
        if (bound !== null && typeof bound !== "string") port = bound.port;
        addresses.push({ address, port });
      } catch (error) {
        const { code = "UNKNOWN" } = error as NodeJS.ErrnoException;
        if (!MISSING.has(code)) throw new ListenProblem(listener.name, port, code, sentence(listener, address, code));
        addresses.push({ address, port: 0, problem: `This machine does not have the address ${address} (${code}).` });
      }
    }
    if (this.servers.length === 0) {
      throw new ListenProblem(
        listener.name,
        port,
        "EADDRNOTAVAIL",
        `Listener ${listener.name}: this machine has none of the addresses ${listener.addresses.join(", ")}.`,
      );
    }
    this.addresses = addresses;
  }

  private accept(socket: Socket): void {
    // Gone again already: Node has no address for it.
    if (socket.remoteAddress === undefined) socket.destroy();
    else this.connections.add(new Http1Connection(this.services, this, doorOf(socket)));
  }

  private bind(address: string, port: number): Promise<Server> {
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true, highWaterMark: WRITE_MARK };
    const server = createServer(options, (socket) => {
      socket.on("error", () => {});
      if (this.early === undefined) this.accept(socket);
      else this.early.push(socket);
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address, port, ipv6Only: true }, () => {
        server.off("error", reject);
        // Running out of file descriptors must not end the process: the next accept may succeed.
        server.on("error", () => {});
        resolve(server);
      });
    });
  }
}

function sentence(listener: PlanListener, address: string, code: string): string {
  const place = address.includes(":") ? `[${address}]:${listener.port}` : `${address}:${listener.port}`;
  const where = `Listener ${listener.name} cannot open ${place}`;
  if (code === "EADDRINUSE")
    return `${where}: another program has that port. Stop it, or give the listener another port.`;
  if (code === "EACCES") return `${where}: this user may not open that port. Ports below 1024 need more rights.`;
  return `${where}: ${code}.`;
}
