/**
 * A process of its own that starts the gateway's replicas and makes sure that none outlives the gateway, whatever ends
 * it, SIGKILL included: when the channel to the gateway closes, every process group is ended, and then this process.
 * It leads a session of its own, so that Ctrl-C in a terminal reaches the gateway alone, which drains first.
 * Must stay tiny, and must not decide anything: restarts are the gateway's.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import type { Order, Report } from "./orders.ts";
import { hasMembers, signalGroup } from "./process-group.ts";

/** Between the polite signal and the one that cannot be refused, when the gateway is gone. Milliseconds. */
const LAST_WORDS = 300;

/** How often a group is looked at that was asked to end, and how long at most: a zombie that nobody reaps counts too. */
const LOOK = 20;
const LONGEST_LOOK = 10_000;

const running = new Map<number, ChildProcess>();
/** Asked to end. */
const toEnd = new Set<number>();

function start({ id, command, cwd, env }: Extract<Order, { kind: "start" }>): void {
  const child = spawn(command, {
    cwd,
    env,
    shell: true,
    detached: process.platform !== "win32",
    windowsHide: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let told = false;
  const ended = (code: number, problem?: string): void => {
    if (told) return;
    told = true;
    const leave = (): void => {
      running.delete(id);
      toEnd.delete(id);
      // What the command left behind would hold its port.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      tell({ kind: "ended", id, code, problem });
    };
    // A shell goes at once when it is asked to end; the command that it started may still end politely.
    if (child.pid !== undefined && toEnd.has(id)) whenEmpty(child.pid, leave);
    else leave();
  };
  child.on("error", (error) => ended(-1, error.message));
  child.on("exit", (code, signal) => ended(signal === null ? (code ?? 0) : 128 + constants.signals[signal]));
  if (child.pid === undefined) return;
  running.set(id, child);
  tell({ kind: "started", id, processId: child.pid });
  for (const stream of [child.stdout, child.stderr]) if (stream !== null) relay(id, stream);
}

function whenEmpty(leader: number, then: () => void, left = LONGEST_LOOK): void {
  if (left <= 0 || !hasMembers(leader)) return then();
  setTimeout(() => whenEmpty(leader, then, left - LOOK), LOOK);
}

/** One piece at a time: a command that talks faster than the gateway listens is held back, not stored here. */
function relay(id: number, stream: Readable): void {
  stream.setEncoding("utf8");
  stream.on("error", () => {});
  stream.on("data", (text: string) => {
    stream.pause();
    tell({ kind: "output", id, text }, () => stream.resume());
  });
}

function tell(report: Report, done: () => void = () => {}): void {
  if (process.send === undefined || !process.connected) return done();
  process.send(report, undefined, undefined, done);
}

process.on("message", (order: Order) => {
  if (order.kind === "start") {
    try {
      start(order);
    } catch (error) {
      // What cannot even be asked of the system, a NUL in a variable say.
      tell({ kind: "ended", id: order.id, code: -1, problem: String(error) });
    }
    return;
  }
  const leader = running.get(order.id)?.pid;
  if (leader === undefined) return;
  toEnd.add(order.id);
  signalGroup(leader, order.signal);
});

process.on("disconnect", () => {
  for (const { pid } of running.values()) if (pid !== undefined) signalGroup(pid, "SIGTERM");
  const end = (): void => {
    for (const { pid } of running.values()) if (pid !== undefined) signalGroup(pid, "SIGKILL");
    process.exit(0);
  };
  if (running.size === 0) end();
  else setTimeout(end, LAST_WORDS);
});

// Whoever is to end the replicas ends the gateway; this process follows its channel alone.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
