/**
 * The gateway's end of the supervisor: forks it when the first replica is to start, and starts another should it die.
 * When it dies its replicas are ended from here, for nobody else watches them any more.
 * Must not keep the gateway's process alive by itself.
 */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Order, Report } from "./orders.ts";
import { signalGroup } from "./process-group.ts";

/** SIGKILL, as an exit code. */
const KILLED = 137;

export class SupervisorLink {
  private readonly report: (report: Report) => void;
  private child: ChildProcess | undefined;
  /** Leaders of the groups that the supervisor runs, by id. */
  private readonly leaders = new Map<number, number>();
  /** Told to start, not ended yet. */
  private readonly open = new Set<number>();

  constructor(report: (report: Report) => void) {
    this.report = report;
  }

  /** Process id of the supervisor; undefined while none is needed. */
  get processId(): number | undefined {
    return this.child?.pid;
  }

  start(order: Omit<Extract<Order, { kind: "start" }>, "kind">): void {
    this.open.add(order.id);
    this.send({ kind: "start", ...order });
  }

  signal(id: number, signal: "SIGTERM" | "SIGKILL"): void {
    if (this.open.has(id)) this.send({ kind: "signal", id, signal });
  }

  /** From now on its reports keep this process alive: somebody waits for replicas to end. */
  hold(): void {
    this.child?.channel?.ref();
  }

  /** Ends the supervisor and whatever it still runs. */
  close(): void {
    const { child } = this;
    this.child = undefined;
    if (child?.connected === true) child.disconnect();
  }

  private send(order: Order): void {
    this.child ??= this.fork();
    // A supervisor that goes meanwhile is told by "exit".
    this.child.send(order, () => {});
  }

  private fork(): ChildProcess {
    const child = fork(scriptPath(), [], {
      // Out of the terminal's process group: Ctrl-C is for the gateway.
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      execArgv: process.execArgv.filter((argument) => !argument.startsWith("--inspect")),
    });
    child.on("message", (report: Report) => {
      if (this.child === child) this.receive(report);
    });
    child.on("error", () => this.lost(child));
    child.on("exit", () => this.lost(child));
    child.unref();
    child.channel?.unref();
    return child;
  }

  private receive(report: Report): void {
    if (report.kind === "started") this.leaders.set(report.id, report.processId);
    if (report.kind === "ended") this.forget(report.id);
    this.report(report);
  }

  private lost(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = undefined;
    for (const id of this.open) {
      const leader = this.leaders.get(id);
      if (leader !== undefined) signalGroup(leader, "SIGKILL");
      this.forget(id);
      this.report({ kind: "ended", id, code: KILLED, problem: "the supervisor of the replicas has died" });
    }
  }

  private forget(id: number): void {
    this.open.delete(id);
    this.leaders.delete(id);
  }
}

/** Beside the bundle, whose shared parts stand in a folder below; the source itself in tests. */
function scriptPath(): string {
  const places = ["./supervisor.js", "../supervisor.js", "./supervisor.ts"];
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? paths[0];
}
