/**
 * What a folder's own files say about ports: published ports of a compose file, `--port` and PORT of package scripts and
 * launch configurations. They give names to what listens, and find what runs in a container.
 * Must not read files or VS Code: it is handed their texts, which may be broken.
 */
import { parse } from "yaml";

export interface PortHint {
  readonly port: number;
  /** Of the service, script or configuration. */
  readonly name: string;
  /** "compose.yaml publishes it for web" */
  readonly origin: string;
}

export interface PackageScript {
  readonly script: string;
  /** Shown to the person: "npm run dev". */
  readonly command: string;
}

/** @param path relative to the folder, with "/". Files of other names and broken ones give []. */
export function portHints(path: string, text: string): PortHint[] {
  const value = readObject(text);
  if (value === undefined) return [];
  if (/(^|\/)(docker-)?compose[\w.-]*\.ya?ml$/.test(path)) return composeHints(path, value);
  if (/(^|\/)package\.json$/.test(path)) return scriptHints(path, value);
  if (/(^|\/)launch\.json$/.test(path)) return launchHints(path, value);
  return [];
}

/** Scripts of a package.json that usually start something, the most usual name first. */
export function startScripts(text: string): PackageScript[] {
  const scripts = fields(readObject(text)?.["scripts"]);
  const rank = (name: string): number => ["dev", "start", "serve"].findIndex((word) => name.split(":")[0] === word);
  return Object.keys(scripts)
    .filter((script) => rank(script) >= 0)
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((script) => ({ script, command: script === "start" ? "npm start" : `npm run ${script}` }));
}

function composeHints(path: string, value: Record<string, unknown>): PortHint[] {
  return Object.entries(fields(value["services"])).flatMap(([name, service]) => {
    const { ports } = fields(service);
    const published = (Array.isArray(ports) ? ports : []).flatMap(publishedPorts);
    return published.map((port) => ({ port, name, origin: `${path} publishes it for ${name}` }));
  });
}

/** "3000:80", "127.0.0.1:3000:80/tcp", "3000-3002:80-82", { published: 3000 }. A container's port alone gets a random one. */
function publishedPorts(entry: unknown): number[] {
  const long = fields(entry)["published"];
  const text = long === undefined ? String(entry).replace(/\/\w+$/, "") : `${String(long)}:0`;
  const host = text.split(":").at(-2);
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(host ?? "") ?? [];
  if (first === undefined) return [];
  const count = Math.min(Number(last) - Number(first), 31) + 1;
  return Array.from({ length: Math.max(0, count) }, (_, at) => Number(first) + at).filter(isPort);
}

function scriptHints(path: string, value: Record<string, unknown>): PortHint[] {
  const name = typeof value["name"] === "string" ? value["name"] : "";
  return Object.entries(fields(value["scripts"])).flatMap(([script, command]) =>
    portsIn(String(command)).map((port) => ({
      port,
      name: name || script,
      origin: `script ${script} of ${path} names it`,
    })),
  );
}

function launchHints(path: string, value: Record<string, unknown>): PortHint[] {
  const { configurations } = value;
  return (Array.isArray(configurations) ? configurations : []).flatMap((configuration: unknown) => {
    const { name, env, args, program } = fields(configuration);
    const port = Number(fields(env)["PORT"]);
    const listed = portsIn(`${String(program ?? "")} ${Array.isArray(args) ? args.join(" ") : String(args ?? "")}`);
    const own = String(name ?? "launch");
    return [...(isPort(port) ? [port] : []), ...listed].map((found) => ({
      port: found,
      name: own,
      origin: `“${own}” of ${path} names it`,
    }));
  });
}

/** `--port 3000`, `--port=3000`, `-p 3000`, `PORT=3000`. */
function portsIn(command: string): number[] {
  const found = command.matchAll(/(?:--port[= ]|(?:^|\s)-p[= ]?|\bPORT=)(\d{2,5})\b/g);
  return [...found].map(([, port]) => Number(port)).filter(isPort);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

/** YAML, JSON, and JSON with comments. */
function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const plain = /^\s*(?:\/\/|\/\*|\{)/.test(text)
      ? text.replaceAll(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, quoted?: string) => quoted ?? "")
      : text;
    const value: unknown = parse(plain, { maxAliasCount: 20 });
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
