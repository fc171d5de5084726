/**
 * Gives short texts to the kernel past the stream around a socket: node:net makes a request object and walks a dozen calls
 * for each write, which costs as much as our own work on the message (a fourteenth of a forwarded request, measured).
 * It uses two of Node's private things, the socket's handle and the request of a write, so both are looked at before they
 * are used; where they are not as known, or SWITCHYARD_WRITE=stream says so, everything goes through the stream.
 * Must not reorder: while anything is on its way, in the stream or from here, it takes nothing.
 */
import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";

/** What node:net keeps behind a socket, as far as it is used here. */
interface WritableHandle {
  /** @returns 0, or the negative number of an error. A text that the kernel does not take whole is kept with the request. */
  writeLatin1String(request: WriteRequest, text: string): number;
  /** Bytes that the kernel has not taken. */
  readonly writeQueueSize: number;
}

interface WriteRequest {
  oncomplete?: (status: number) => void;
}

type MakeRequest = new () => WriteRequest;

interface SocketWithHandle {
  readonly _handle: Partial<WritableHandle> | null;
}

/** undefined: writes go through the stream. */
const WriteWrap = findRequest();

/** Used by every write that the kernel takes at once: then nobody keeps it. */
let request: WriteRequest | undefined = WriteWrap && new WriteWrap();

function findRequest(): MakeRequest | undefined {
  if (process.env.SWITCHYARD_WRITE === "stream") return undefined;
  try {
    const { binding } = process as unknown as { binding?: (name: string) => { WriteWrap?: MakeRequest } };
    const found = binding?.("stream_wrap").WriteWrap;
    return typeof found === "function" ? found : undefined;
  } catch {
    // A Node without it, or one that forbids it.
    return undefined;
  }
}

function isKnown(handle: SocketWithHandle["_handle"]): handle is WritableHandle {
  return typeof handle?.writeLatin1String === "function" && typeof handle.writeQueueSize === "number";
}

export class DirectWriter {
  /** What the kernel did not take at once is still on its way. */
  pending = false;
  private readonly socket: Socket;
  private handle: WritableHandle | undefined;

  /** @param socket in the clear. */
  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** @returns false when it took nothing, and the stream is to write. */
  write(text: string): boolean {
    const { socket } = this;
    if (request === undefined || this.pending || socket.connecting || socket.writableLength > 0) return false;
    const handle = (this.handle ??= this.find());
    if (handle === undefined || !socket.writable) return false;
    const problem = handle.writeLatin1String(request, text);
    if (problem !== 0) this.failed(problem);
    else if (handle.writeQueueSize > 0) this.wait(request);
    return true;
  }

  private find(): WritableHandle | undefined {
    const { _handle: handle } = this.socket as unknown as SocketWithHandle;
    return isKnown(handle) ? handle : undefined;
  }

  /** The request belongs to this write until it is through. */
  private wait(used: WriteRequest): void {
    this.pending = true;
    request = WriteWrap && new WriteWrap();
    used.oncomplete = (status) => {
      this.pending = false;
      const { socket } = this;
      if (status < 0) this.failed(status);
      // What the stream has written since ends with a `drain` of its own.
      else if (!socket.destroyed && socket.writableLength === 0) socket.emit("drain");
    };
  }

  private failed(status: number): void {
    const code = getSystemErrorName(status);
    this.socket.destroy(Object.assign(new Error(`write ${code}`), { code, syscall: "write" }));
  }
}
