/**
 * What the tests of control share: a policy on free ports, the forked gateway, the command line as a process.
 * Must leave no process behind: every start is undone in `afterEach` through `stopAll`.
 */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createBirpc, type BirpcReturn } from "birpc";
import { packFrame, unpackFrame, type SessionMessage, type StartMessage } from "../../../src/contract/frames.ts";
import type { GatewayFunctions, WatcherFunctions } from "../../../src/contract/calls.ts";
import type { TrafficDelta } from "../../../src/contract/traffic.ts";

const root = resolve(import.meta.dirname, "../../..");
const children = new Set<ChildProcess>();
const servers = new Set<Server>();
const folders = new Set<string>();

export async function stopAll(): Promise<void> {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

export async function backend(): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    response.end(`hello from ${request.url}`);
  });
  servers.add(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port;
}

export function policy(port: number, target: number, requests = 1000): string {
  return `version: 1
listeners:
  - { name: edge, port: ${port}, address: 127.0.0.1 }
consumers:
  - { name: alice, apiKey: alices-own-key-4711 }
services:
  shop:
    endpoints: [{ url: "http://127.0.0.1:${target}" }]
routes:
  - name: open
    matches: [{ path: { prefix: /open } }]
    backendRefs: [{ service: shop }]
  - name: keyed
    matches: [{ path: { prefix: /keyed } }]
    policies:
      - apiKey: { header: x-api-key }
      - rateLimit: { key: consumer, requests: ${requests}, per: 1m }
    backendRefs: [{ service: shop }]
`;
}

export function policyFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-test-"));
  folders.add(folder);
  const file = join(folder, "switchyard.yaml");
  writeFileSync(file, text);
  return file;
}

export interface Forked {
  readonly child: ChildProcess;
  readonly gateway: BirpcReturn<GatewayFunctions, WatcherFunctions>;
  readonly deltas: TrafficDelta[];
  /** Everything that came over the channel, as text. */
  readonly wire: string[];
}

/** @throws the failure when the gateway says that it cannot start. */
export async function forkGateway(file: string): Promise<Forked> {
  const child = fork(join(root, "src/gateway/main.ts"), [file], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  children.add(child);
  const started = await new Promise<StartMessage>((done) => child.once("message", (m) => done(m as StartMessage)));
  if ("failed" in started) throw Object.assign(new Error(started.failed.message), started.failed);
  const deltas: TrafficDelta[] = [];
  const wire: string[] = [];
  const gateway = createBirpc<GatewayFunctions, WatcherFunctions>(
    {
      traffic: (delta) => void deltas.push(delta),
      servicesChanged() {},
      limitsChanged() {},
      statusChanged() {},
      whatIfChanged() {},
    },
    {
      post: (data) => child.send({ session: "test", data }),
      on: (receive) =>
        child.on("message", (message: SessionMessage) => {
          wire.push(JSON.stringify(message));
          if (message.session === "test") receive(message.data);
        }),
      serialize: packFrame,
      deserialize: unpackFrame,
      timeout: 20_000,
    },
  );
  return { child, gateway, deltas, wire };
}

export interface CommandLine {
  readonly child: ChildProcess;
  output(): string;
  /** Resolves when the output holds `words`. */
  says(words: string | RegExp): Promise<void>;
  ended: Promise<number | null>;
}

export function switchyard(words: readonly string[], stdin: "ignore" | "pipe" = "ignore"): CommandLine {
  const child = spawn(process.execPath, ["--import", "tsx", join(root, "src/cli/main.ts"), ...words], {
    stdio: [stdin, "pipe", "pipe"],
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
  });
  children.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (part) => (text += part));
  const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  return {
    child,
    output: () => text,
    ended,
    says: (wanted) =>
      until(
        () => (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)),
        () => text,
      ),
  };
}

export async function until(condition: () => boolean | Promise<boolean>, tell: () => string = () => ""): Promise<void> {
  for (let n = 0; n < 1000; n++) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`It did not come about. ${tell()}`);
}
