/**
 * The composition root: engine, recorder, plan revisions and watchers in one object.
 * The CLI and the process that the extension forks both use this, so that they cannot differ.
 * Must not know who watches or over which channel.
 */
import type { Frame } from "../contract/frames.ts";
import type { GatewayStatus, ProposeResult } from "../contract/messages.ts";

export interface GatewayOptions {
  /** Path of the policy file as shown to people; relative files are resolved against its folder. */
  readonly file: string;
}

export class Gateway {
  readonly options: GatewayOptions;
  constructor(options: GatewayOptions) {
    this.options = options;
  }
  /** Reads, compiles and opens the listeners. Rejects with PolicyProblem or ListenProblem. */
  start(_text: string): Promise<void> {
    throw new Error("not written yet");
  }
  propose(_text: string, _basedOn: number): Promise<ProposeResult> {
    throw new Error("not written yet");
  }
  status(): GatewayStatus {
    throw new Error("not written yet");
  }
  /** One session per watcher; `send` posts a frame to it. */
  connect(_send: (frame: Frame) => void): { receive(frame: unknown): void; close(): void } {
    throw new Error("not written yet");
  }
  /** Drains for at most `milliseconds`, then closes everything. */
  stop(_milliseconds?: number): Promise<void> {
    throw new Error("not written yet");
  }
}
