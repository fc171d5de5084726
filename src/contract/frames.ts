/**
 * How a message of the contract crosses a channel: birpc's own messages as plain JSON, errors included.
 * One pair of functions for all three roads (child process, postMessage, WebSocket), so that an Error that is thrown
 * in the gateway arrives as an Error in the page. Must not import anything but the contract.
 */
import type { DiagnosticView } from "./policy.ts";

/** A birpc message, made plain: it survives JSON and structured clone alike. */
export type Frame = Readonly<Record<string, unknown>>;

/** What crosses the child-process channel, both ways. `session` is chosen by the parent, one per watcher. */
export interface SessionMessage {
  readonly session: string;
  /** Absent when the watcher has gone. */
  readonly data?: Frame;
}

/** The gateway process tells its parent how its start went; then only SessionMessages follow. */
export type StartMessage =
  | { readonly started: { readonly processId: number } }
  | {
      readonly failed: {
        readonly message: string;
        /** EADDRINUSE, EACCES ... when a listener could not be opened. */
        readonly code?: string;
        readonly listener?: string;
        readonly port?: number;
        /** Present when the policy file cannot be used. */
        readonly diagnostics?: readonly DiagnosticView[];
      };
    };

/** Every call over a channel times out after this many milliseconds. */
const CALL_TIMEOUT = 10_000;

/** What every birpc that carries the contract is told. */
export const FRAMING = {
  serialize: packFrame,
  deserialize: unpackFrame,
  timeout: CALL_TIMEOUT,
  /** In place of birpc's own words, as people read them. */
  onTimeoutError: (): never => {
    throw new Error(`no answer within ${CALL_TIMEOUT / 1000} s`);
  },
};

/** birpc `serialize`: an Error has no enumerable fields, so it is written out. */
export function packFrame(message: { readonly e?: unknown }): Frame {
  const error = message.e;
  if (error === undefined) return message as Frame;
  const problem =
    error instanceof Error ? { name: error.name, message: error.message } : { name: "Error", message: String(error) };
  return { ...message, e: problem };
}

/** birpc `deserialize`: the counterpart. What is not a birpc message is given on as one that nothing answers to. */
export function unpackFrame(frame: unknown): { t: string; [key: string]: unknown } {
  if (typeof frame !== "object" || frame === null) return { t: "s" };
  const message = { t: "s", ...frame } as { t: string; e?: unknown };
  if (message.e !== undefined) {
    const { name, message: text } = message.e as { name?: unknown; message?: unknown };
    const error = new Error(String(text));
    error.name = String(name ?? "Error");
    message.e = error;
  }
  return message;
}
