/**
 * Where agents of the same user look at this gateway: a Unix socket (a pipe on Windows), which no browser and no other
 * user reaches, with a token from a record that only this user reads. What comes through may read what is recorded,
 * secrets masked, and ask "what if"; nothing that changes the gateway, its policy or its traffic is answered.
 * Must not open a port.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { GatewayFunctions } from "../../contract/calls.ts";
import type { Gateway } from "../gateway.ts";
import { ownFolder, recordFolder, recordKey, sweep, writeRecord } from "./agent-record.ts";
import { frameLine, FrameLines } from "./frame-lines.ts";

/** What is answered, and which argument, if any, must be false: `reveal` of a detail, `show` of a "what if". */
const READ_CALLS: Readonly<Partial<Record<keyof GatewayFunctions, number>>> = {
  hello: -1,
  status: -1,
  parseFilter: -1,
  rows: -1,
  detail: 1,
  lastRejection: -1,
  explain: -1,
  whatIf: 1,
  passingFixes: -1,
};

const MAX_CONNECTIONS = 16;
/** Milliseconds within which the token must have come. */
const PATIENCE = 5000;
/** Bytes that may wait for a slow reader before its session counts as congested. */
const MAX_BACKLOG = 1_048_576;
/** The path of a Unix socket may have 103 bytes on macOS and 107 on Linux. */
const LONGEST_PATH = 100;

export class AgentDoor {
  readonly #gateway: Pick<Gateway, "connect">;
  readonly #token = randomBytes(32).toString("base64url");
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #left: string[] = [];

  private constructor(gateway: Pick<Gateway, "connect">) {
    this.#gateway = gateway;
    this.#server = createServer((socket) => this.#greet(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @param file the policy that the gateway serves. @throws Error in words: agents cannot reach it then, all else works. */
  static async open(gateway: Pick<Gateway, "connect">, file: string, folder = recordFolder()): Promise<AgentDoor> {
    const door = new AgentDoor(gateway);
    try {
      ownFolder(folder);
      sweep(folder);
      const key = recordKey(file);
      const address = door.#place(folder, key);
      await door.#listen(address);
      if (process.platform !== "win32") chmodSync(address, 0o600);
      door.#left.push(writeRecord(folder, key, { processId: process.pid, address, token: door.#token }));
      return door;
    } catch (error) {
      await door.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const path of this.#left.toReversed()) rmSync(path, { force: true, recursive: true });
    this.#left = [];
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise<void>((done) => this.#server.close(() => done()));
  }

  #place(folder: string, key: string): string {
    if (process.platform === "win32") return `\\\\.\\pipe\\switchyard-${randomBytes(16).toString("hex")}`;
    const beside = join(folder, `${key}-${process.pid}.sock`);
    const short = Buffer.byteLength(beside) <= LONGEST_PATH;
    // A folder that mkdtemp makes is its user's alone.
    const path = short ? beside : join(mkdtempSync(join(tmpdir(), "switchyard-")), "agents.sock");
    rmSync(path, { force: true });
    this.#left.push(short ? path : dirname(path));
    return path;
  }

  async #listen(address: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(address, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#server.on("error", () => {});
    this.#server.unref();
  }

  /** The first line is the token; until it came, nothing is answered. */
  #greet(socket: Socket): void {
    const lines = new FrameLines();
    let receive: ((frame: unknown) => void) | undefined;
    this.#sockets.add(socket);
    const late = setTimeout(() => socket.destroy(), PATIENCE).unref();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(late);
      this.#sockets.delete(socket);
    });
    socket.on("data", (chunk: Buffer) => {
      for (const frame of lines.take(chunk) ?? [undefined]) {
        if (socket.destroyed) return;
        if (receive !== undefined && frame !== undefined) receive(frame);
        else if (!this.#isToken(frame)) socket.destroy();
        else {
          clearTimeout(late);
          receive = this.#serve(socket);
        }
      }
    });
  }

  #serve(socket: Socket): (frame: unknown) => void {
    const send = (frame: unknown): void => {
      if (socket.writable) socket.write(frameLine(frame));
    };
    const session = this.#gateway.connect({
      send,
      congested: () => socket.writableLength > MAX_BACKLOG,
      maskPolicyText: true,
    });
    socket.on("close", () => session.close());
    return (frame) => {
      const refused = refusal(frame);
      if (refused === undefined) session.receive(frame);
      else send(refused);
    };
  }

  #isToken(frame: unknown): boolean {
    const given = Buffer.from(String((frame as { token?: unknown } | undefined)?.token));
    const wanted = Buffer.from(this.#token);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

/** What is answered instead of a call that does more than read. Anything else is the session's own guard's to judge. */
function refusal(frame: unknown): object | undefined {
  if (typeof frame !== "object" || frame === null) return undefined;
  const { m: name, a: given, i: id } = frame as { readonly m?: unknown; readonly a?: unknown; readonly i?: unknown };
  if (typeof name !== "string") return undefined;
  const quiet = Object.hasOwn(READ_CALLS, name) ? READ_CALLS[name as keyof GatewayFunctions] : undefined;
  const reads = quiet !== undefined && (quiet < 0 || (Array.isArray(given) && given[quiet] === false));
  if (reads) return undefined;
  return { t: "s", i: id, e: { name: "Error", message: `Agents may read, and "${name.slice(0, 40)}" does more.` } };
}
