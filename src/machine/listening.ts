/**
 * Every TCP port that something on this machine listens on, with the process behind it: from /proc on Linux, lsof on
 * macOS, the TCP table and the command lines on Windows. What may not be looked at stays unknown.
 * Must not connect to anything and must not end anything.
 */
import { execFile } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";

/** Milliseconds for each of the system's own tools: one that hangs must not hold up a message. */
const PATIENCE = 10_000;

const execute = promisify(execFile);

function run(command: string, args: readonly string[], options: { readonly maxBuffer?: number } = {}) {
  return execute(command, args, { timeout: PATIENCE, ...options });
}

export interface ListeningProcess {
  readonly processId: number;
  /** "node" */
  readonly name: string;
  readonly commandLine: string;
  /** Absent on Windows, which does not tell, and for processes of somebody else. */
  readonly folder?: string;
}

export interface Listening {
  readonly port: number;
  /** Reached by 127.0.0.1; false = by ::1 only. */
  readonly ipv4: boolean;
  /** undefined = a process that may not be looked at. */
  readonly process?: ListeningProcess;
}

/** By port, lowest first. Rejects when the system's own way to tell is missing. */
export async function listening(): Promise<Listening[]> {
  const found = await (process.platform === "linux"
    ? fromProc()
    : process.platform === "win32"
      ? fromWindows()
      : fromLsof());
  return mergePorts(found);
}

/** One entry for a port that is listened on by IPv4 and IPv6; the process that is known wins. */
export function mergePorts(found: readonly Listening[]): Listening[] {
  const ports = new Map<number, Listening>();
  for (const one of found) {
    const other = ports.get(one.port);
    ports.set(one.port, {
      port: one.port,
      ipv4: one.ipv4 || other?.ipv4 === true,
      process: other?.process ?? one.process,
    });
  }
  return [...ports.values()].toSorted((a, b) => a.port - b.port);
}

const LISTEN = "0A";

/** Of /proc/net/tcp or tcp6: the listening sockets a loopback client can reach. */
export function parseProcTable(
  text: string,
): { readonly port: number; readonly ipv4: boolean; readonly inode: string }[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      if (state !== LISTEN) return [];
      const [address, port] = local.split(":");
      // An IPv6 wildcard takes IPv4 clients too.
      const ipv4 = address.length === 8 || /^0+$/.test(address) || address.startsWith("0000000000000000FFFF0000");
      return [{ port: parseInt(port, 16), ipv4, inode }];
    });
}

async function fromProc(): Promise<Listening[]> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  const sockets = tables.flatMap(parseProcTable);
  const owners = await socketOwners(new Set(sockets.map(({ inode }) => `socket:[${inode}]`)));
  return sockets.map(({ port, ipv4, inode }) => ({ port, ipv4, process: owners.get(`socket:[${inode}]`) }));
}

async function socketOwners(wanted: ReadonlySet<string>): Promise<Map<string, ListeningProcess>> {
  const owners = new Map<string, ListeningProcess>();
  const ids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  // Oldest first: a child that inherited the socket is not who opened it.
  for (const id of ids.toSorted((a, b) => a - b)) {
    const own = socketsOf(id).filter((target) => wanted.has(target) && !owners.has(target));
    if (own.length === 0) continue;
    const process = processAt(id);
    for (const target of own) owners.set(target, process);
    await setImmediate();
  }
  return owners;
}

// Without promises: each look takes microseconds, and there are thousands of them.
function socketsOf(id: number): string[] {
  const folder = `/proc/${id}/fd`;
  return look(() => readdirSync(folder), []).map((name) => look(() => readlinkSync(`${folder}/${name}`), ""));
}

function processAt(id: number): ListeningProcess {
  const read = (name: string): string => look(() => readFileSync(`/proc/${id}/${name}`, "utf8"), "");
  const words = read("cmdline");
  return {
    processId: id,
    name: nameOf(read("comm").trim(), words),
    commandLine: words.replaceAll("\0", " ").trim(),
    folder: look(() => readlinkSync(`/proc/${id}/cwd`), undefined),
  };
}

/** Newer Node calls its main thread "MainThread" or "node-MainThread", whatever runs in it: then the program is named. */
export function nameOf(thread: string, commandLine: string): string {
  if (!/^(\w+-)?MainThread$/.test(thread)) return thread;
  return commandLine.split("\0", 1)[0].split("/").at(-1) || thread;
}

/** The process may be gone, or be somebody else's. */
function look<T>(ask: () => T, otherwise: T): T {
  try {
    return ask();
  } catch {
    return otherwise;
  }
}

/** Output of `lsof -FpcPn`: a line per field, the process's fields before those of its sockets. */
export function parseLsof(
  text: string,
): (Pick<Listening, "port" | "ipv4"> & { readonly processId: number; readonly name: string })[] {
  const found: ReturnType<typeof parseLsof> = [];
  let processId = 0;
  let name = "";
  for (const line of text.split("\n")) {
    const value = line.slice(1);
    if (line.startsWith("p")) processId = Number(value);
    else if (line.startsWith("c")) name = value;
    else if (line.startsWith("n")) {
      const port = Number(/:(\d+)$/.exec(value)?.[1]);
      if (port > 0) found.push({ port, ipv4: !value.startsWith("[::1]"), processId, name });
    }
  }
  return found;
}

async function fromLsof(): Promise<Listening[]> {
  const { stdout } = await run("lsof", ["-nP", "-iTCP", "-sTCP:LISTEN", "-Fpcn"]);
  const sockets = parseLsof(stdout);
  const ids = [...new Set(sockets.map(({ processId }) => processId))].join(",");
  if (ids === "") return [];
  const empty = { stdout: "" };
  const [folders, commands] = await Promise.all([
    run("lsof", ["-a", "-d", "cwd", "-p", ids, "-Fpn"]).catch(() => empty),
    run("ps", ["-o", "pid=,command=", "-p", ids]).catch(() => empty),
  ]);
  const folderOf = new Map(
    [...folders.stdout.matchAll(/^p(\d+)\n(?:f.*\n)?n(.*)$/gm)].map(([, id, path]) => [Number(id), path]),
  );
  const commandOf = new Map(
    [...commands.stdout.matchAll(/^\s*(\d+)\s+(.*)$/gm)].map(([, id, line]) => [Number(id), line]),
  );
  return sockets.map(({ port, ipv4, processId, name }) => ({
    port,
    ipv4,
    process: { processId, name, commandLine: commandOf.get(processId) ?? name, folder: folderOf.get(processId) },
  }));
}

/** Output of `netstat -ano -p TCP` or TCPv6. The word for "listening" is translated; a remote port 0 is not. */
export function parseNetstat(
  text: string,
): { readonly port: number; readonly ipv4: boolean; readonly processId: number }[] {
  return [...text.matchAll(/^\s*TCP\s+(\S+):(\d+)\s+\S+:0\s+\S+\s+(\d+)\s*$/gm)].map(([, address, port, id]) => ({
    port: Number(port),
    ipv4: address !== "[::1]",
    processId: Number(id),
  }));
}

interface WindowsProcess {
  readonly ProcessId: number;
  readonly Name: string;
  readonly CommandLine: string | null;
}

async function fromWindows(): Promise<Listening[]> {
  const script = "Get-CimInstance Win32_Process | Select-Object ProcessId,Name,CommandLine | ConvertTo-Json -Compress";
  const large = { maxBuffer: 32 * 1024 * 1024 };
  const [v4, v6, list] = await Promise.all([
    run("netstat", ["-ano", "-p", "TCP"], large),
    run("netstat", ["-ano", "-p", "TCPv6"], large),
    run("powershell.exe", ["-NoProfile", "-NonInteractive", "-Command", script], large).catch(() => ({ stdout: "[]" })),
  ]);
  const processes = new Map((JSON.parse(list.stdout) as WindowsProcess[]).map((one) => [one.ProcessId, one]));
  return [...parseNetstat(v4.stdout), ...parseNetstat(v6.stdout)].map(({ port, ipv4, processId }) => {
    const known = processes.get(processId);
    const name = known?.Name ?? "a process";
    return { port, ipv4, process: { processId, name, commandLine: known?.CommandLine ?? name } };
  });
}
