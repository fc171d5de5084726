/**
 * Opens a connection to an endpoint by name: both address families race, as RFC 8305 describes (Happy Eyeballs).
 * `localhost` may mean 127.0.0.1 or ::1 depending on what the backend listens to; the winner is remembered per
 * endpoint and forgotten as soon as it fails.
 * Must not know of HTTP.
 */
import { lookup } from "node:dns";
import { connect, isIP, type Socket } from "node:net";

/** RFC 8305 section 8: the recommended Connection Attempt Delay. */
const STAGGER_MS = 250;

/** Makes the socket for one address, with the reader of whoever will own it. */
export type SocketMaker<T extends Candidate> = (address: string, port: number) => T;

export interface Candidate {
  readonly socket: Socket;
  /** Event of the socket that wins the race; "connect" when absent. */
  readonly readyOn?: string;
}

export interface DialProblem {
  /** Code of the system's error (ECONNREFUSED, ENOTFOUND, ...). */
  readonly code: string;
  /** Addresses tried, for the sentence. */
  readonly addresses: readonly string[];
}

export type Resolver = (host: string, done: (addresses: readonly string[], code: string) => void) => void;

/** `localhost` never goes to a resolver (RFC 6761 section 6.3). IPv6 first, then alternating (RFC 8305 section 4). */
export const resolve: Resolver = (host, done) => {
  if (isIP(host) !== 0) return done([host], "");
  if (host === "localhost" || host.endsWith(".localhost")) return done(["::1", "127.0.0.1"], "");
  lookup(host, { all: true, verbatim: true }, (error, found) => {
    if (error) return done([], error.code ?? "ENOTFOUND");
    const six = found.filter((entry) => entry.family === 6).map((entry) => entry.address);
    const four = found.filter((entry) => entry.family === 4).map((entry) => entry.address);
    const mixed: string[] = [];
    for (let i = 0; i < Math.max(six.length, four.length); i++) {
      if (i < six.length) mixed.push(six[i]);
      if (i < four.length) mixed.push(four[i]);
    }
    done(mixed, mixed.length === 0 ? "ENOTFOUND" : "");
  });
};

/** One race for one connection. `cancel` ends it silently. */
export class Dial<T extends Candidate> {
  private readonly port: number;
  private readonly make: SocketMaker<T>;
  private readonly done: (winner: T | undefined, problem: DialProblem | undefined, address: string) => void;
  private readonly running = new Set<Socket>();
  private waiting: string[] = [];
  private tried: string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private lastCode = "ECONNREFUSED";
  private finished = false;

  /**
   * @param remembered address that won last time; tried alone first.
   * @param done called once, never synchronously, unless cancelled.
   */
  constructor(
    host: string,
    port: number,
    remembered: string | undefined,
    make: SocketMaker<T>,
    done: (winner: T | undefined, problem: DialProblem | undefined, address: string) => void,
    resolver: Resolver = resolve,
  ) {
    this.port = port;
    this.make = make;
    this.done = done;
    if (remembered !== undefined) {
      this.waiting = [remembered];
      this.attempt(() =>
        resolver(host, (addresses) =>
          this.resolved(
            addresses.filter((a) => a !== remembered),
            "",
          ),
        ),
      );
      return;
    }
    resolver(host, (addresses, code) => this.resolved(addresses, code));
  }

  cancel(): void {
    this.finished = true;
    clearTimeout(this.timer);
    for (const socket of this.running) socket.destroy();
  }

  private resolved(addresses: readonly string[], code: string): void {
    if (this.finished) return;
    if (code !== "") this.lastCode = code;
    this.waiting = [...addresses];
    if (this.waiting.length > 0) this.attempt();
    else setImmediate(() => this.fail());
  }

  /** @param exhausted what to do instead of failing when this was the last address. */
  private attempt(exhausted: () => void = () => this.fail()): void {
    const address = this.waiting.shift();
    if (address === undefined) return;
    this.tried.push(address);
    const candidate = this.make(address, this.port);
    const { socket } = candidate;
    this.running.add(socket);
    socket.once(candidate.readyOn ?? "connect", () => {
      if (this.finished) return void socket.destroy();
      this.running.delete(socket);
      this.cancel();
      this.done(candidate, undefined, address);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (!this.running.delete(socket) || this.finished) return;
      this.lastCode = error.code ?? "ECONNREFUSED";
      clearTimeout(this.timer);
      if (this.waiting.length > 0) this.attempt(exhausted);
      else if (this.running.size === 0) exhausted();
    });
    if (this.waiting.length > 0) this.timer = setTimeout(() => this.attempt(exhausted), STAGGER_MS);
  }

  private fail(): void {
    if (this.finished) return;
    this.finished = true;
    this.done(undefined, { code: this.lastCode, addresses: this.tried }, "");
  }
}

/**
 * A bare TCP connection that only proves that somebody listens.
 * @param greeting sent before it closes in order: a PROXY header, for who takes no connection without one.
 */
export function knock(
  host: string,
  port: number,
  timeout: number,
  done: (up: boolean) => void,
  greeting?: Uint8Array,
): () => void {
  const dial = new Dial(
    host,
    port,
    undefined,
    (address, at) => {
      const socket = connect({ host: address, port: at });
      socket.on("error", () => {});
      return { socket };
    },
    (winner) => {
      clearTimeout(timer);
      if (greeting === undefined) winner?.socket.destroy();
      else winner?.socket.end(greeting, () => winner.socket.destroy());
      done(winner !== undefined);
    },
  );
  const timer = setTimeout(() => {
    dial.cancel();
    done(false);
  }, timeout);
  return () => {
    clearTimeout(timer);
    dial.cancel();
  };
}
