/**
 * The way to a gateway that serves the same policy file for the same user: its record, its socket, its calls.
 * Must not start one, and must not wait for one.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createBirpc, type BirpcReturn } from "birpc";
import { CONTRACT_VERSION, type GatewayFunctions, type WatcherFunctions } from "../../contract/calls.ts";
import { packFrame, unpackFrame, type Frame } from "../../contract/frames.ts";
import { findRecords, recordFolder, recordKey, type AgentRecord } from "../../gateway/control/agent-record.ts";
import { frameLine, FrameLines } from "../../gateway/control/frame-lines.ts";

type GatewayCalls = BirpcReturn<GatewayFunctions, WatcherFunctions>;

/** Milliseconds for a connection; a "what if" over a full ring may take longer than other calls. */
const CONNECT_PATIENCE = 2000;
const CALL_PATIENCE = 60_000;

export class GatewayLink {
  readonly #key: string;
  readonly #folder: string;
  #open: { readonly socket: Socket; readonly calls: GatewayCalls } | undefined;

  constructor(file: string, folder = recordFolder()) {
    this.#key = recordKey(file);
    this.#folder = folder;
  }

  /** The gateway that runs now; undefined = none does, or agents may not look at it. */
  async find(): Promise<GatewayCalls | undefined> {
    if (this.#open !== undefined && !this.#open.socket.destroyed) return this.#open.calls;
    for (const record of findRecords(this.#folder, this.#key)) {
      const calls = await this.#connect(record);
      if (calls !== undefined) return calls;
    }
    return undefined;
  }

  close(): void {
    this.#open?.socket.destroy();
    this.#open = undefined;
  }

  async #connect({ address, token }: AgentRecord): Promise<GatewayCalls | undefined> {
    const socket = connect(address);
    // A process that only waits for its agent must be able to end.
    socket.unref();
    const late = setTimeout(() => socket.destroy(), CONNECT_PATIENCE);
    try {
      await Promise.race([
        once(socket, "connect"),
        once(socket, "close").then(() => Promise.reject(new Error("closed"))),
      ]);
      socket.write(frameLine({ token }));
      const calls = callsOver(socket);
      const { version } = await calls.hello(CONTRACT_VERSION);
      if (version !== CONTRACT_VERSION) throw new Error("another version");
      this.#open = { socket, calls };
      return calls;
    } catch {
      socket.destroy();
      return undefined;
    } finally {
      clearTimeout(late);
    }
  }
}

function callsOver(socket: Socket): GatewayCalls {
  const lines = new FrameLines();
  const nothing = (): void => {};
  const watcher: WatcherFunctions = {
    traffic: nothing,
    servicesChanged: nothing,
    limitsChanged: nothing,
    statusChanged: nothing,
    whatIfChanged: nothing,
  };
  const calls = createBirpc<GatewayFunctions, WatcherFunctions>(watcher, {
    post: (frame: Frame) => void socket.write(frameLine(frame)),
    on: (receive: (frame: unknown) => void) => {
      socket.on("data", (chunk: Buffer) => {
        const frames = lines.take(chunk);
        if (frames === undefined) socket.destroy();
        else for (const frame of frames) receive(frame);
      });
    },
    serialize: packFrame,
    deserialize: unpackFrame,
    timeout: CALL_PATIENCE,
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => calls.$close(new Error("The gateway has stopped.")));
  return calls;
}
