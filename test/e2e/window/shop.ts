/**
 * A folder with a policy and the small real services it points to, all of a test's own: two replicas of orders that
 * say who answered, and one cart. Exists so that a test can send real requests and see real decisions.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../free-port.ts";

export const KEY = "e2e-web-key";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export class Shop {
  readonly folder: string;
  readonly port: number;
  readonly ports: readonly number[];
  readonly #servers: readonly Server[];

  private constructor(folder: string, port: number, ports: readonly number[], servers: readonly Server[]) {
    this.folder = folder;
    this.port = port;
    this.ports = ports;
    this.#servers = servers;
  }

  /** In a new folder, or in one that is open already. */
  static async open(folder = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-shop-")))): Promise<Shop> {
    const servers = await Promise.all(["orders-1", "orders-2", "cart-1"].map(service));
    const ports = servers.map((server) => (server.address() as { port: number }).port);
    const shop = new Shop(folder, await freePort(), ports, servers);
    shop.write(shop.policy);
    return shop;
  }

  get file(): string {
    return join(this.folder, "switchyard.yaml");
  }

  /** What the folder's switchyard.yaml starts with. */
  get policy(): string {
    const [first, second, cart] = this.ports;
    return `# The policy of the end-to-end tests.
version: 1

listeners:
  - { name: edge, port: ${this.port} }

consumers:
  - { name: web, apiKey: ${KEY} }

services:
  orders:
    endpoints:
      - { url: "http://127.0.0.1:${first}" }
      - { url: "http://127.0.0.1:${second}" }
    loadBalancer: { type: RoundRobin }
  cart:
    endpoints:
      - { url: "http://127.0.0.1:${cart}" }

policies:
  known-clients: { apiKey: { header: x-api-key } }
  per-consumer: { rateLimit: { key: consumer, requests: 5, per: 20s, algorithm: tokenBucket } }

routes:
  - name: orders
    matches:
      - path: { prefix: /orders }
    policies:
      - known-clients
      - per-consumer
    backendRefs:
      - { service: orders }
  - name: cart
    matches:
      - path: { prefix: /cart }
    backendRefs:
      - { service: cart }
`;
  }

  read(): string {
    return readFileSync(this.file, "utf8");
  }

  write(text: string): void {
    writeFileSync(this.file, text);
  }

  /** Line, counted from 1, of the first line that holds `part`. */
  lineOf(part: string): number {
    return (
      this.read()
        .split("\n")
        .findIndex((line) => line.includes(part)) + 1
    );
  }

  send(
    path: string,
    headers: Readonly<Record<string, string>> = { "x-api-key": KEY },
    port = this.port,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on("error", reject);
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function service(name: string): Promise<Server> {
  const server = createServer((incoming, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ from: name, path: incoming.url }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Ids of the gateway processes that run in `folder`. */
export function gatewaysOf(folder: string): number[] {
  const list = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
  return list
    .split("\n")
    .filter((line) => line.includes("gateway.js"))
    .map((line) => Number(line.trim().split(/\s+/)[0]))
    .filter((processId) => folderOf(processId) === folder);
}

function folderOf(processId: number): string | undefined {
  try {
    if (existsSync("/proc")) return readlinkSync(`/proc/${processId}/cwd`);
    const said = execFileSync("lsof", ["-a", "-d", "cwd", "-p", String(processId), "-Fn"], { encoding: "utf8" });
    return /^n(.*)/m.exec(said)?.[1];
  } catch {
    return undefined;
  }
}
