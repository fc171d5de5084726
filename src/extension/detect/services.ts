/**
 * From listening ports to services: which belong to the folder, which of them are replicas of one thing, and what each
 * is called. Must not know VS Code, files or sockets, so that it can be tested with made-up machines.
 */
import type { PortHint } from "./hints.ts";
import type { Listening } from "../../machine/listening.ts";

/** What a process's nearest package.json says. */
export interface Package {
  /** Absolute. */
  readonly folder: string;
  readonly name?: string;
}

export interface Candidate {
  readonly listening: Listening;
  readonly package?: Package;
  readonly hint?: PortHint;
}

export interface Answer {
  /** "/healthz" */
  readonly path: string;
  readonly status: number;
}

export interface Replica {
  readonly port: number;
  readonly url: string;
  /** "process 4121: node server.mjs; GET /healthz answered 200" */
  readonly origin: string;
  readonly answer: Answer;
}

export interface DetectedService {
  readonly name: string;
  /** Why the replicas count as one service. */
  readonly origin: string;
  readonly replicas: readonly Replica[];
  /** The path that every replica answers with 2xx. */
  readonly health?: string;
}

/** Servers of data, brokers and debuggers by their usual ports: never spoken to. */
const NOT_HTTP = new Set([
  1433, 1521, 2181, 2379, 3306, 4222, 5432, 5672, 6379, 6380, 7687, 8086, 9042, 9092, 9229, 9300, 11_211, 26_257,
  27_017,
]);
const DATA_SERVER = /^(postgres|mysqld|mariadbd|redis-server|valkey-server|mongod|memcached|rabbitmq|beam\.smp|etcd)/;
const OWN = /[\\/](gateway|supervisor|cli)\.js\b.*\bswitchyard|switchyard.*[\\/](gateway|supervisor|cli)\.js\b/;

/**
 * The ports that belong to the folder: its process runs inside it, or a file of it names the port.
 * @param folders real paths of the workspace.
 */
export function candidates(
  found: readonly Listening[],
  hints: readonly PortHint[],
  folders: readonly string[],
  packageOf: (folder: string) => Package | undefined,
): Candidate[] {
  return found.flatMap((listening) => {
    const { port, process } = listening;
    if (NOT_HTTP.has(port) || DATA_SERVER.test(process?.name ?? "") || OWN.test(process?.commandLine ?? "")) return [];
    const hint = hints.find((one) => one.port === port);
    const folder = process?.folder;
    const inside = folders.some((own) =>
      folder === undefined ? process?.commandLine.includes(own) === true : isInside(folder, own),
    );
    if (!inside && hint === undefined) return [];
    return [{ listening, hint, package: folder === undefined || !inside ? undefined : packageOf(folder) }];
  });
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`) || path.startsWith(`${folder}\\`);
}

/** Groups what answered: the same package and the same command are replicas of one service. */
export function services(answered: readonly (readonly [Candidate, Answer])[]): DetectedService[] {
  const groups = new Map<string, (readonly [Candidate, Answer])[]>();
  for (const one of answered) {
    const key = identity(one[0]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const taken = new Set<string>();
  const commandsOf = (folder: string | undefined): number =>
    new Set([...groups.values()].filter(([[one]]) => one.package?.folder === folder).map(([[one]]) => identity(one)))
      .size;
  return [...groups.values()].map((group) => {
    const [first] = group[0];
    const alone = commandsOf(first.package?.folder) === 1;
    const name = unused(nameOf(first, alone), taken);
    const healthy = group.every(([, { status }]) => status >= 200 && status < 300);
    const samePath = group.every(([, { path }]) => path === group[0][1].path);
    return {
      name,
      origin: originOf(first, alone, group.length),
      replicas: group.map(([candidate, answer]) => replica(candidate, answer)),
      health: healthy && samePath ? group[0][1].path : undefined,
    };
  });
}

/** Without what tells replicas apart: numbers, and options with a port. */
function identity({ listening: { port, process }, package: own, hint }: Candidate): string {
  if (process === undefined || (hint !== undefined && own === undefined && process.folder === undefined))
    return `hint ${hint?.name ?? port}`;
  const command = process.commandLine.replaceAll(/(?:--?\w[\w-]*[= ])?\b\d{2,5}\b/g, "").replaceAll(/\s+/g, " ");
  return `${own?.folder ?? process.folder ?? ""} ${command.trim()}`;
}

function nameOf({ listening, package: own, hint }: Candidate, alone: boolean): string {
  if (alone && own?.name !== undefined) return own.name.replace(/^@[^/]+\//, "");
  const script = /([\w.-]+?)(?:\.\w+)?$/.exec(scriptOf(listening) ?? "")?.[1];
  if (script !== undefined && !/^(index|main|server|app|start)$/.test(script)) return script;
  return (
    hint?.name ?? own?.folder.split(/[\\/]/).at(-1) ?? listening.process?.folder?.split(/[\\/]/).at(-1) ?? "service"
  );
}

/** "services/orders.mjs": the first word of the command line that is a program's file. */
function scriptOf({ process }: Listening): string | undefined {
  return process?.commandLine
    .split(" ")
    .slice(1)
    .find((word) => /\.(m?[jt]s|c[jt]s|py|rb|php|jar)$/.test(word));
}

function originOf({ listening, package: own, hint }: Candidate, alone: boolean, count: number): string {
  const replicas = count > 1 ? `; ${count} processes of it are replicas` : "";
  if (own !== undefined && alone) return `package.json in ${own.folder}${replicas}`;
  if (listening.process?.folder !== undefined) {
    const script = scriptOf(listening);
    return `${script ?? listening.process.name} in ${listening.process.folder}${replicas}`;
  }
  return `${hint?.origin ?? "a port of this machine"}${replicas}`;
}

function replica({ listening, hint }: Candidate, answer: Answer): Replica {
  const { port, ipv4, process } = listening;
  const command = process === undefined ? undefined : `process ${process.processId}: ${short(process.commandLine)}`;
  const answered = `GET ${answer.path} answered ${answer.status}`;
  return {
    port,
    url: `http://${ipv4 ? "127.0.0.1" : "[::1]"}:${port}`,
    origin: [command, hint?.origin, answered].filter(Boolean).join("; "),
    answer,
  };
}

/** Paths of the machine are of no interest: "/usr/bin/node /home/me/shop/server.mjs" becomes "node server.mjs". */
function short(commandLine: string): string {
  const words = commandLine
    .split(" ")
    .map((word) => (/^(\/|[A-Z]:\\)/.test(word) ? (word.split(/[\\/]/).at(-1) ?? word) : word));
  const text = words.join(" ").replaceAll(/[\r\n]+/g, " ");
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function unused(wish: string, taken: Set<string>): string {
  const plain =
    wish
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-+|-+$/g, "") || "service";
  let name = plain;
  for (let count = 2; taken.has(name); count++) name = `${plain}-${count}`;
  taken.add(name);
  return name;
}
