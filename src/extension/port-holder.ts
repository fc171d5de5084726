/**
 * Who holds a port, and which one is free: for the "port busy" message. Asks the system in its own way
 * (/proc on Linux, lsof on macOS, netstat on Windows). Every answer may be "unknown". Must not end anything.
 */
import { execFile } from "node:child_process";
import { readFile, readdir, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface PortHolder {
  readonly processId: number;
  /** "node" */
  readonly name: string;
  readonly commandLine: string;
  readonly folder?: string;
}

/** undefined = nobody, or a process of somebody else that may not be looked at. */
export async function portHolder(port: number): Promise<PortHolder | undefined> {
  try {
    if (process.platform === "linux") return await fromProc(port);
    if (process.platform === "win32") return await fromNetstat(port);
    return await fromLsof(port);
  } catch {
    return undefined;
  }
}

/** The first port above `port` that nobody listens on. */
export async function nextFreePort(port: number): Promise<number> {
  for (let candidate = port + 1; candidate < Math.min(port + 200, 65_536); candidate++)
    if (await isFree(candidate)) return candidate;
  return 0;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

const LISTENING = "0A";

async function fromProc(port: number): Promise<PortHolder | undefined> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const lines = (await readFile(table, "utf8").catch(() => "")).split("\n").slice(1);
    for (const line of lines) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTENING && parseInt(local.split(":")[1], 16) === port) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const folder = `/proc/${name}/fd`;
    for (const descriptor of await readdir(folder).catch(() => [])) {
      const target = await readlink(`${folder}/${descriptor}`).catch(() => "");
      if (!inodes.has(target)) continue;
      const commandLine = (await readFile(`/proc/${name}/cmdline`, "utf8")).replaceAll("\0", " ").trim();
      return {
        processId: Number(name),
        name: (await readFile(`/proc/${name}/comm`, "utf8")).trim(),
        commandLine,
        folder: await readlink(`/proc/${name}/cwd`).catch(() => undefined),
      };
    }
  }
  return undefined;
}

async function fromLsof(port: number): Promise<PortHolder | undefined> {
  const { stdout } = await run("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"]);
  const processId = Number(/^p(\d+)/m.exec(stdout)?.[1]);
  if (!processId) return undefined;
  const { stdout: commandLine } = await run("ps", ["-o", "command=", "-p", String(processId)]);
  return { processId, name: /^c(.*)/m.exec(stdout)?.[1] ?? "a process", commandLine: commandLine.trim() };
}

async function fromNetstat(port: number): Promise<PortHolder | undefined> {
  const { stdout } = await run("netstat", ["-ano", "-p", "tcp"]);
  const line = stdout.split(/\r?\n/).find((text) => new RegExp(`[:.]${port}\\s+\\S+\\s+LISTENING`).test(text));
  const processId = Number(line?.trim().split(/\s+/).at(-1));
  if (!processId) return undefined;
  const { stdout: list } = await run("tasklist", ["/fi", `PID eq ${processId}`, "/fo", "csv", "/nh"]);
  const name = /^"([^"]+)"/.exec(list)?.[1] ?? "a process";
  return { processId, name, commandLine: name };
}
