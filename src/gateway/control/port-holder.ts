/**
 * Who holds a TCP port on this machine, as far as the system tells: for the message about a busy port.
 * Must not end anything, and must answer "unknown" rather than fail.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface PortHolder {
  readonly name: string;
  readonly processId: number;
}

/** undefined = unknown: nobody, or a process that may not be looked at. */
export async function portHolder(port: number): Promise<PortHolder | undefined> {
  try {
    if (process.platform === "linux") return fromProc(port);
    if (process.platform === "darwin") return await fromLsof(port);
  } catch {
    // Unknown, then.
  }
  return undefined;
}

const LISTENING = "0A";

function fromProc(port: number): PortHolder | undefined {
  const sockets = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningSockets(table, port)));
  if (sockets.size === 0) return undefined;
  for (const id of readdirSync("/proc")) {
    if (!/^\d+$/.test(id) || !holds(id, sockets)) continue;
    return { name: readFileSync(`/proc/${id}/comm`, "utf8").trim(), processId: Number(id) };
  }
  return undefined;
}

/** Columns of the kernel's table: local address, remote address, state, ..., inode. */
function listeningSockets(table: string, port: number): string[] {
  const lines = readFileSync(table, "utf8").split("\n").slice(1);
  return lines.flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [, local, , state] = columns;
    if (state !== LISTENING || parseInt(local.split(":")[1], 16) !== port) return [];
    return [`socket:[${columns[9]}]`];
  });
}

function holds(id: string, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${id}/fd`).some((entry) => {
      try {
        return sockets.has(readlinkSync(`/proc/${id}/fd/${entry}`));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

function fromLsof(port: number): Promise<PortHolder | undefined> {
  return new Promise((resolve) => {
    execFile("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"], { timeout: 2000 }, (_error, output) => {
      const processId = /^p(\d+)$/m.exec(output)?.[1];
      const name = /^c(.+)$/m.exec(output)?.[1];
      resolve(processId === undefined ? undefined : { processId: Number(processId), name: name ?? "a process" });
    });
  });
}
