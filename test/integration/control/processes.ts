/**
 * The forked gateway and the command line as tests start them: as processes of their own, spoken to as their users do.
 * Must leave no process behind: `stopAll` of the helpers ends what a test has not.
 */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { createBirpc, type BirpcReturn } from "birpc";
import type { GatewayFunctions, WatcherFunctions } from "../../../src/contract/calls.ts";
import { packFrame, unpackFrame, type SessionMessage, type StartMessage } from "../../../src/contract/frames.ts";
import type { TrafficDelta } from "../../../src/contract/traffic.ts";
import { COMMAND_LINE, GATEWAY } from "../../processes.ts";
import { until } from "../../until.ts";
import { endLater } from "./helpers.ts";

const root = resolve(import.meta.dirname, "../../..");

export interface Forked {
  readonly child: ChildProcess;
  readonly gateway: BirpcReturn<GatewayFunctions, WatcherFunctions>;
  readonly deltas: TrafficDelta[];
  /** Everything that came over the channel, as text. */
  readonly wire: string[];
}

/** @throws the failure when the gateway says that it cannot start. */
export async function forkGateway(file: string): Promise<Forked> {
  const child = fork(GATEWAY, [file], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  endLater(child);
  const started = await new Promise<StartMessage>((done) => child.once("message", (m) => done(m as StartMessage)));
  if ("failed" in started) throw Object.assign(new Error(started.failed.message), started.failed);
  const deltas: TrafficDelta[] = [];
  const wire: string[] = [];
  const gateway = createBirpc<GatewayFunctions, WatcherFunctions>(
    {
      traffic: (delta) => void deltas.push(delta),
      servicesChanged() {},
      limitsChanged() {},
      statusChanged() {},
      whatIfChanged() {},
    },
    {
      post: (data) => child.send({ session: "test", data }),
      on: (receive) =>
        child.on("message", (message: SessionMessage) => {
          wire.push(JSON.stringify(message));
          if (message.session === "test") receive(message.data);
        }),
      serialize: packFrame,
      deserialize: unpackFrame,
      timeout: 20_000,
    },
  );
  return { child, gateway, deltas, wire };
}

export interface CommandLine {
  readonly child: ChildProcess;
  output(): string;
  /** Resolves when the output holds `words`. */
  says(words: string | RegExp): Promise<void>;
  ended: Promise<number | null>;
}

export function switchyard(words: readonly string[], stdin: "ignore" | "pipe" = "ignore"): CommandLine {
  const child = spawn(process.execPath, [COMMAND_LINE, ...words], {
    stdio: [stdin, "pipe", "pipe"],
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
  });
  endLater(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (part) => (text += part));
  // Not at "exit": what it said last may still be in the pipe.
  const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  return {
    child,
    output: () => text,
    ended,
    says: (wanted) =>
      until(
        () => (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)),
        () => text,
      ),
  };
}
