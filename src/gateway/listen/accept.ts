/**
 * Turns an accepted socket into one that reads into a buffer of ours, where this Node allows it.
 * Reading into a reused buffer saves about 2 us a request; Node has no public option for it on accepted sockets, so
 * the handle is taken over only after checking that everything needed is there; else plain `data` events do.
 * Must not let a socket exist without an error handler.
 */
import { Socket } from "node:net";
import { WRITE_MARK } from "../forward/outgoing.ts";

/** What the engine uses of libuv's stream handle. Private to Node: every use stands behind `canReadIntoBuffer`. */
interface StreamHandle {
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
}

/** Where Node keeps a socket's handle. */
const HANDLE = "_handle";

interface SocketWithHandle {
  [HANDLE]: StreamHandle | null;
}

/** Whoever reads a socket. */
export interface SocketReader {
  /** The buffer the next bytes shall be read into. Asked before every read. */
  readBuffer(): Buffer;
  /** Bytes stand at buffer[0, count). They are the reader's only until it returns, unless the reader paused the socket. */
  receive(buffer: Buffer, count: number): void;
}

export interface AcceptedSocket {
  readonly socket: Socket;
  /** Who gets the bytes of the next read; another may take over in the middle of a stream. */
  reader: SocketReader;
  /** False: bytes come through `data` events. */
  readonly direct: boolean;
  /** Begins to read. */
  start(): void;
  /** Ends with a reset, so that the client sees that something is missing. */
  reset(): void;
}

/** Set to "data" to test the fallback. */
export type AcceptMode = "onread" | "data";

/** Environment variable SWITCHYARD_ACCEPT=data turns the private handle off. */
export const acceptMode: AcceptMode = process.env.SWITCHYARD_ACCEPT === "data" ? "data" : "onread";

function ignore(): void {}

function canReadIntoBuffer(handle: StreamHandle | null): handle is StreamHandle {
  return (
    handle !== null &&
    typeof handle.readStart === "function" &&
    typeof handle.readStop === "function" &&
    typeof handle.useUserBuffer === "function"
  );
}

/**
 * @param accepted from a server made with `pauseOnConnect` and `allowHalfOpen`, so that no byte was read yet.
 * @returns the socket to use instead of `accepted`.
 */
export function takeOver(accepted: Socket, reader: SocketReader, mode: AcceptMode = acceptMode): AcceptedSocket {
  accepted.on("error", ignore);
  const owner = accepted as unknown as SocketWithHandle;
  const handle = owner[HANDLE];
  if (mode === "data" || !canReadIntoBuffer(handle)) return readByEvents(accepted, reader);
  owner[HANDLE] = null;
  // Releases the server's count of open connections; the handle lives on in the new socket.
  accepted.destroy();
  return readByHandle(handle, reader);
}

function readByEvents(socket: Socket, reader: SocketReader): AcceptedSocket {
  const taken: AcceptedSocket = {
    socket,
    reader,
    direct: false,
    start: () => void socket.on("data", onData).resume(),
    reset: () => void socket.resetAndDestroy(),
  };
  const onData = (bytes: Buffer): void => taken.reader.receive(bytes, bytes.length);
  return taken;
}

/** Apart from the accepted socket, which closures made beside it would keep in memory as long as the connection. */
function readByHandle(handle: StreamHandle, reader: SocketReader): AcceptedSocket {
  // Asked for its first buffer while the socket is made.
  const reading: { reader: SocketReader } = { reader };
  const options = {
    handle,
    allowHalfOpen: true,
    writableHighWaterMark: WRITE_MARK,
    onread: {
      buffer: () => reading.reader.readBuffer(),
      callback: (count: number, buffer: Uint8Array): boolean => {
        reading.reader.receive(buffer as Buffer, count);
        return true;
      },
    },
  };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  socket.on("error", ignore);
  return Object.assign(reading, {
    socket,
    direct: true,
    start: () => void socket.resume(),
    reset: () => void socket.resetAndDestroy(),
  });
}
