/**
 * What the tests of run share: a service whose replicas the gateway starts, a gateway in this process, and waiting for
 * what it says of them. Must leave no process behind: every gateway is stopped through `stopAll`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EndpointView, ServiceView } from "../../../src/contract/services.ts";
import { Gateway, type GatewayOptions } from "../../../src/gateway/gateway.ts";
import { until } from "../../until.ts";

/**
 * Answers with its process id; what the path asks for: /slow/MS, /held, /die/CODE. Ends politely on SIGTERM.
 * While the file `broken` stands beside it, it ends at once; while `held` does, it does not listen yet, nor answer /held.
 */
const REPLICA = `
import { existsSync } from "node:fs";
import { createServer } from "node:http";
if (existsSync("broken")) process.exit(3);
const server = createServer((request, response) => {
  const [, what, number] = request.url.split("/");
  if (what === "die") process.exit(Number(number));
  const answer = () => response.end(JSON.stringify({ pid: process.pid, port: process.env.PORT, say: process.env.SAY }));
  const wait = () => (existsSync("held") ? setTimeout(wait, 10) : answer());
  request.resume().on("end", () => (what === "slow" ? setTimeout(answer, Number(number)) : what === "held" ? wait() : answer()));
});
process.on("SIGTERM", () => { console.log("polite end"); server.close(() => process.exit(0)); server.closeIdleConnections(); });
const listen = () => server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening on " + process.env.PORT));
const begin = () => (existsSync("held") ? setTimeout(begin, 10) : listen());
begin();
`;

const gateways = new Set<Gateway>();
const folders = new Set<string>();
const agents = new Set<Agent>();

export async function stopAll(): Promise<void> {
  for (const agent of agents) agent.destroy();
  agents.clear();
  await Promise.all([...gateways].map((gateway) => gateway.stop(0)));
  gateways.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

/** A folder with the replica's script in it. */
export function workspace(): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-run-"));
  folders.add(folder);
  writeFileSync(join(folder, "replica.mjs"), REPLICA);
  return folder;
}

export const NODE = JSON.stringify(process.execPath);

export interface PolicyParts {
  readonly from: number;
  readonly replicas?: number;
  readonly command?: string;
  readonly env?: string;
  readonly more?: string;
}

export function policy({
  from,
  replicas = 1,
  command = `${NODE} replica.mjs`,
  env = "{}",
  more = "",
}: PolicyParts): string {
  return `version: 1
listeners:
  - { name: edge, port: 0, address: 127.0.0.1 }
services:
  reviews:
    run:
      command: '${command}'
      replicas: ${replicas}
      port: { env: PORT, from: ${from} }
      env: ${env}
${more}routes:
  - name: all
    backendRefs: [{ service: reviews }]
`;
}

export class Running {
  readonly gateway: Gateway;
  readonly remarks: string[] = [];

  private constructor(folder: string, options: Partial<GatewayOptions>) {
    this.gateway = new Gateway({
      file: join(folder, "switchyard.yaml"),
      mayRun: true,
      replicaRemarked: (service, label, words) => void this.remarks.push(`${service} ${label} ${words}`),
      ...options,
    });
    gateways.add(this.gateway);
  }

  static async start(text: string, options: Partial<GatewayOptions> = {}, folder = workspace()): Promise<Running> {
    const running = new Running(folder, options);
    await running.gateway.start(text);
    return running;
  }

  get port(): number {
    const { listeners } = this.gateway.statusView({ generation: "", seq: 0 });
    return Number(new URL(listeners[0].url).port);
  }

  get service(): ServiceView {
    return this.gateway.servicesView({ generation: "", seq: 0 }).services[0];
  }

  get endpoints(): readonly EndpointView[] {
    return this.service.endpoints;
  }

  /** Exactly so many replicas, all of them taking requests. */
  async serving(count: number): Promise<readonly EndpointView[]> {
    await until(
      () =>
        this.endpoints.length === count &&
        this.endpoints.every(({ health }) => health === "up" || health === "unknown"),
      `${count} replicas serving`,
    );
    return this.endpoints;
  }
}

export interface Reply {
  readonly status: number;
  readonly text: string;
}

export function agent(sockets: number): Agent {
  const made = new Agent({ keepAlive: true, maxSockets: sockets });
  agents.add(made);
  return made;
}

export function ask(
  port: number,
  path: string,
  more: { method?: string; agent?: Agent; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method: more.method ?? "GET", agent: more.agent ?? false });
    asked.on("error", reject);
    asked.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.end(more.body);
  });
}

export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
