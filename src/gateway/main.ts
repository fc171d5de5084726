/**
 * The gateway as a process of its own, forked by the extension: `gateway.js <policy file>`.
 * It says over the channel how its start went, serves sessions, drains on SIGTERM, and ends when its parent goes.
 * Must not survive its parent, and must not end because of anything that a client or a backend sent.
 */
import { readFileSync } from "node:fs";
import type { StartMessage } from "../contract/frames.ts";
import { AgentDoor } from "./control/agent-door.ts";
import { ProcessChannel, tellParent } from "./control/process-channel.ts";
import { Gateway, ListenProblem, PolicyProblem } from "./gateway.ts";
import { boundGarbage } from "./garbage.ts";

/** Without a parent to show its state to, a gateway drains only this long. Milliseconds. */
const ORPHAN_DRAIN = 1000;

let stopping = false;
let door: AgentDoor | undefined;

async function main(): Promise<void> {
  const file = process.argv[2];
  if (file === undefined || process.send === undefined) {
    console.error("This file is started by Switchyard itself. On the command line use: switchyard run switchyard.yaml");
    process.exit(2);
  }
  boundGarbage();
  // Said by the extension in a trusted workspace alone.
  const mayRun = process.argv.includes("--may-run");
  const agents = !process.argv.includes("--no-agents");
  const gateway = new Gateway({ file, mayRun, onStopRequested: () => void stop(gateway) });
  const channel = new ProcessChannel(gateway);
  process.on("disconnect", () => void stop(gateway, ORPHAN_DRAIN));
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void stop(gateway));
  channel.open();
  try {
    await gateway.start(readPolicy(file));
  } catch (error) {
    const failed = failureOf(error);
    tellParent({ failed }, () => process.exit(1));
    return;
  }
  if (agents) await openDoor(gateway, file);
  tellParent({ started: { processId: process.pid } });
}

async function openDoor(gateway: Gateway, file: string): Promise<void> {
  try {
    door = await AgentDoor.open(gateway, file);
  } catch (error) {
    console.error(`Agents cannot reach this gateway: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function stop(gateway: Gateway, patience?: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  await door?.close();
  await gateway.stop(patience);
  process.exit(0);
}

function readPolicy(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function failureOf(error: unknown): Extract<StartMessage, { failed: unknown }>["failed"] {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof PolicyProblem) return { message, diagnostics: error.diagnostics };
  if (error instanceof ListenProblem) return { message, code: error.code, listener: error.listener, port: error.port };
  return { message };
}

await main();
