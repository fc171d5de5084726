/**
 * One gRPC call of the gateway's own over a backend's stream: a message there, messages and a status back.
 * For asking a server about itself; requests of clients go by the relay. Must not outlive its time, and never rejects.
 */
import type { Backend, UpstreamOwner } from "../forward/backend.ts";
import { FrameReader, frameOf } from "./frames.ts";
import { isGrpc } from "../http2/grpc.ts";
import { statusIn, type CallStatus } from "./status.ts";

export interface CallResult {
  readonly messages: readonly Buffer[];
  /** undefined when the call broke off: `problem` says how. */
  readonly status: CallStatus | undefined;
  readonly problem: string;
}

const MOST_BYTES = 16 * 1_048_576;

/** @param path "/package.Service/Method". @param timeout milliseconds. */
export function callOnce(
  backend: Backend,
  authority: string,
  path: string,
  message: Uint8Array,
  timeout: number,
): Promise<CallResult> {
  return new Promise((resolve) => {
    const messages: Buffer[] = [];
    const frames = new FrameReader(MOST_BYTES);
    let bytes = 0;
    let status: CallStatus | undefined;
    let done = false;
    const settle = (problem: string): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      if (problem !== "") backend.abandon();
      resolve({ messages, status, problem });
    };
    const timer = setTimeout(() => settle(`did not answer within ${timeout} ms`), timeout);
    const owner: UpstreamOwner = {
      upstreamHead() {
        const { head } = backend;
        if (head.status < 200) return;
        if (head.status !== 200 || !isGrpc(head.get("content-type")))
          settle(`answered ${head.status}, which is not gRPC`);
        else status = statusIn((name) => head.get(name));
      },
      upstreamBody(buffer, start, end) {
        bytes += end - start;
        if (bytes > MOST_BYTES) return settle("answered with too much");
        messages.push(...frames.push(buffer.subarray(start, end)).map((each) => Buffer.from(each)));
        if (frames.problem !== undefined) settle(frames.problem);
      },
      upstreamEnd(trailers) {
        const get = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, "im").exec(trailers)?.[1]?.trim();
        status ??= statusIn(get);
        settle(status === undefined ? "ended its answer without a status" : "");
      },
      upstreamLost: (_, detail) => settle(detail),
      upstreamRead() {},
      upstreamDrained() {},
    };
    const frame = frameOf(message);
    backend.attach(owner, "POST", false);
    backend.out.begin();
    backend.out.text(
      `POST ${path} HTTP/1.1\r\nHost: ${authority}\r\nContent-Type: application/grpc\r\nTE: trailers\r\ngrpc-timeout: ${timeout}m\r\n\r\n`,
    );
    backend.out.bytes(frame, 0, frame.length, true);
    backend.out.finish();
    backend.out.flush();
  });
}
