/**
 * How a program of the same user finds the gateway of a policy file: a record with its address and a token, readable for
 * that user alone, in a folder that only that user can enter. Written at the start, taken away at the end; one whose
 * process is gone is swept away by whoever starts next.
 * Must not trust a folder or a record that somebody else could have written.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { dataFolder } from "../tls/data-folder.ts";

export interface AgentRecord {
  readonly processId: number;
  /** Path of a Unix socket, or name of a pipe. */
  readonly address: string;
  readonly token: string;
}

const NAME = /^([0-9a-f]{32})-(\d{1,10})\.json$/;

export function recordFolder(): string {
  return join(dataFolder(), "run");
}

/** Begins the names of all records of one policy file, whatever path it was named by. */
export function recordKey(file: string): string {
  let whole = resolve(file);
  try {
    whole = realpathSync(whole);
  } catch {
    // Not there: nothing serves it.
  }
  return createHash("sha256").update(whole).digest("hex").slice(0, 32);
}

/** @returns the path of what was written. @throws Error in words when the folder is not ours alone. */
export function writeRecord(folder: string, key: string, record: AgentRecord): string {
  const path = join(folder, `${key}-${record.processId}.json`);
  rmSync(path, { force: true });
  writeFileSync(path, JSON.stringify(record), { mode: 0o600, flag: "wx" });
  return path;
}

/** Makes the folder, for this user alone. @throws Error in words */
export function ownFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isOurs(folder, "folder")) return;
  if (process.getuid?.() === lstatSync(folder).uid && lstatSync(folder).isDirectory()) chmodSync(folder, 0o700);
  if (!isOurs(folder, "folder")) throw new Error(`${folder} does not belong to this user alone`);
}

/** Records of a policy file whose process lives, newest first. */
export function findRecords(folder: string, key: string): AgentRecord[] {
  if (!isOurs(folder, "folder")) return [];
  return names(folder)
    .filter((name) => name.startsWith(`${key}-`))
    .map((name) => join(folder, name))
    .filter((path) => isOurs(path, "file"))
    .toSorted((a, b) => lstatSync(b).mtimeMs - lstatSync(a).mtimeMs)
    .flatMap((path) => readRecord(path) ?? [])
    .filter(({ processId }) => lives(processId));
}

/** Takes away what processes left that ended without doing so. */
export function sweep(folder: string): void {
  for (const name of names(folder)) {
    const processId = Number(NAME.exec(name)?.[2]);
    if (lives(processId)) continue;
    for (const left of [name, name.replace(/json$/, "sock")]) rmSync(join(folder, left), { force: true });
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => NAME.test(name));
  } catch {
    return [];
  }
}

function readRecord(path: string): AgentRecord | undefined {
  try {
    const { processId, address, token } = JSON.parse(readFileSync(path, "utf8")) as Partial<AgentRecord>;
    if (typeof processId !== "number" || typeof address !== "string" || typeof token !== "string") return undefined;
    return { processId, address, token };
  } catch {
    return undefined;
  }
}

/** No link, this user's, and closed to everybody else. Windows keeps a user's own data folder so by itself. */
function isOurs(path: string, kind: "folder" | "file"): boolean {
  try {
    const found = lstatSync(path);
    if (kind === "folder" ? !found.isDirectory() : !found.isFile()) return false;
    if (process.getuid === undefined) return true;
    return found.uid === process.getuid() && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

/** A process that may not be asked is another user's, so it is not the one that wrote the record. */
function lives(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
