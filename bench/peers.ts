/**
 * Starts what Switchyard is measured against: nginx, HAProxy, Caddy and http-proxy as bare proxies, nginx as the backend,
 * each a child of this process on a loopback port, pinned to one processor, ended by its process id.
 * Must not leave a process or a file behind.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

export interface Peer {
  readonly name: string;
  readonly port: number;
  /** Processor seconds used so far by the process and its children. */
  cpu(): number;
  /** Resident bytes of the process and its children. */
  memory(): number;
  stop(): Promise<void>;
}

export const PROXY_CPU = 0;
export const LOAD_CPU = 1;

/** The Node that VS Code runs the gateway on, where the test setup has brought it; else this one. */
export function gatewayNode(): string {
  const newer = join(root, ".vscode-test/node24/bin/node");
  return existsSync(newer) ? newer : process.execPath;
}

const packages = { nginx: "nginx-light", haproxy: "haproxy", caddy: "caddy", wrk: "wrk", taskset: "util-linux" };

/** Installs the missing peers from Debian where that is possible; otherwise throws, naming them. */
export function installPeers(): void {
  const missing = Object.entries(packages).filter(([command]) => spawnSync("which", [command]).status !== 0);
  if (missing.length === 0) return;
  const names = missing.map(([, name]) => name);
  console.log(`Installing ${names.join(", ")} …`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update"], { stdio: "ignore", env: environment });
  const result = spawnSync("apt-get", ["install", "-y", "--no-install-recommends", ...names], {
    stdio: "ignore",
    env: environment,
  });
  if (result.status !== 0)
    throw new Error(
      `This bench needs ${names.join(", ")}: install them (on Debian: apt-get install ${names.join(" ")}).`,
    );
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function listening(port: number, child: ChildProcess, output: () => string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`ended before it listened on ${port}:\n${output()}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`did not listen on ${port} within 10 s:\n${output()}`);
}

function processTree(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const task of readdirSync(`/proc/${pid}/task`))
      for (const child of readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" "))
        if (child) children.push(...processTree(Number(child)));
  } catch {
    // It ended while we looked.
  }
  return [pid, ...children];
}

const TICKS_PER_SECOND = 100;

function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Runs a command pinned to one processor and waits until it listens. */
export async function start(
  name: string,
  port: number,
  command: string,
  args: readonly string[],
  options: { cpu?: number; cwd?: string; environment?: Record<string, string> } = {},
): Promise<Peer> {
  const pinned = spawnSync("which", ["taskset"]).status === 0 && options.cpu !== undefined;
  const child = spawn(
    pinned ? "taskset" : command,
    pinned ? ["-c", String(options.cpu), command, ...args] : [...args],
    {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.environment },
    },
  );
  let output = "";
  const keep = (bytes: Buffer) => (output = (output + bytes.toString()).slice(-4000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.once("error", (error) => (output += error.message));
  const stop = async () => {
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(hard);
  };
  try {
    await listening(port, child, () => output);
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
  const pid = child.pid as number;
  return {
    name,
    port,
    cpu: () => processTree(pid).reduce((sum, each) => sum + cpuSeconds(each), 0),
    memory: () => processTree(pid).reduce((sum, each) => sum + residentBytes(each), 0),
    stop,
  };
}

/** A folder for configurations that goes away with the process. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const nginxCommon = (
  folder: string,
) => `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log crit;
events { worker_connections 4096; }`;

/** The backend: nginx answering a small JSON document, the fastest thing at hand, so that it does not hide the proxy. */
export async function nginxBackend(folder: string, cpu: number): Promise<Peer> {
  const port = await freePort();
  const config = join(folder, "backend.conf");
  writeFileSync(
    config,
    `${nginxCommon(join(folder))}
http { access_log off; keepalive_requests 100000000; keepalive_timeout 300s; client_body_temp_path ${folder}/b1; proxy_temp_path ${folder}/b2;
fastcgi_temp_path ${folder}/b3; uwsgi_temp_path ${folder}/b4; scgi_temp_path ${folder}/b5;
server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '{"id":77,"name":"lamp","price":1999,"stock":12,"tags":["home","light"]}'; } } }`,
  );
  return start("backend", port, "nginx", ["-c", config, "-p", folder], { cpu });
}

export async function nginxProxy(folder: string, backend: number): Promise<Peer> {
  const port = await freePort();
  const config = join(folder, "proxy.conf");
  writeFileSync(
    config,
    `${nginxCommon(folder).replace("nginx.pid", "proxy.pid")}
http { access_log off; keepalive_requests 100000000; client_body_temp_path ${folder}/p1; proxy_temp_path ${folder}/p2;
fastcgi_temp_path ${folder}/p3; uwsgi_temp_path ${folder}/p4; scgi_temp_path ${folder}/p5;
upstream up { server 127.0.0.1:${backend}; keepalive 128; keepalive_requests 100000000; }
server { listen 127.0.0.1:${port}; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }`,
  );
  return start("nginx", port, "nginx", ["-c", config, "-p", folder], { cpu: PROXY_CPU });
}

export async function haproxy(folder: string, backend: number): Promise<Peer> {
  const port = await freePort();
  const config = join(folder, "haproxy.cfg");
  writeFileSync(
    config,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option forwardfor
  http-reuse always
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  server s 127.0.0.1:${backend}
`,
  );
  return start("haproxy", port, "haproxy", ["-db", "-f", config], { cpu: PROXY_CPU });
}

export async function caddy(folder: string, backend: number): Promise<Peer> {
  const port = await freePort();
  const config = join(folder, "Caddyfile");
  writeFileSync(
    config,
    `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy 127.0.0.1:${backend}
}
`,
  );
  return start("caddy", port, "caddy", ["run", "--config", config, "--adapter", "caddyfile"], {
    cpu: PROXY_CPU,
    environment: { GOMAXPROCS: "1", HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
}

export async function httpProxy(folder: string, backend: number): Promise<Peer> {
  const port = await freePort();
  const script = join(folder, "http-proxy.cjs");
  writeFileSync(
    script,
    `const http = require("node:http");
const httpProxy = require(${JSON.stringify(join(root, "node_modules/http-proxy"))});
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
const proxy = httpProxy.createProxyServer({ target: "http://127.0.0.1:${backend}", agent, xfwd: true });
proxy.on("error", (error, request, response) => response.writeHead?.(502).end());
http.createServer((request, response) => proxy.web(request, response)).listen(${port}, "127.0.0.1");
`,
  );
  return start("http-proxy", port, gatewayNode(), ["--no-deprecation", script], { cpu: PROXY_CPU });
}

/** Switchyard as it ships: dist/cli.js over a policy text in which `{port}` and `{backend}` are filled in. */
export async function switchyard(
  folder: string,
  name: string,
  policy: string,
  backend: number,
  cpu: number | "any" = PROXY_CPU,
): Promise<Peer> {
  const port = await freePort();
  const file = join(folder, `${name.replaceAll(/\W+/g, "-")}.switchyard.yaml`);
  writeFileSync(file, policy.replaceAll("{port}", String(port)).replaceAll("{backend}", String(backend)));
  const place = cpu === "any" ? {} : { cpu };
  return start(name, port, gatewayNode(), [join(root, "dist/cli.js"), "run", "--quiet", file], place);
}
