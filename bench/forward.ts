/**
 * Forwarding with the example's policies and recording on, against bare peers: one proxy on one processor, nginx as the
 * backend and wrk as the load on the other, 64 connections, interleaved rounds, medians (the method of design/engine.md).
 * CPU per request is the operating system's account of the proxy's process, so it does not depend on the load generator.
 * Must not compare figures of different rounds.
 */
import { spawn } from "node:child_process";
import { request, Agent } from "node:http";
import { median, table, type Bench } from "./bench.ts";
import {
  caddy,
  freePort,
  haproxy,
  httpProxy,
  installPeers,
  LOAD_CPU,
  nginxBackend,
  nginxProxy,
  scratchFolder,
  start,
  switchyard,
  type Peer,
} from "./peers.ts";
import { barePolicy, benchToken, fullPolicy } from "./policies.ts";

const CONNECTIONS = 64;

interface Sample {
  readonly perSecond: number;
  readonly microseconds: number;
  readonly errors: number;
}

/** wrk against one peer for some seconds. */
async function drive(peer: Peer, token: string, seconds: number): Promise<Sample> {
  const before = peer.cpu();
  const begun = process.hrtime.bigint();
  const output = await new Promise<string>((resolve, reject) => {
    const child = spawn(
      "taskset",
      [
        ["-c", String(LOAD_CPU), "wrk", "-t1", `-c${CONNECTIONS}`, `-d${seconds}s`],
        ["-H", `Authorization: Bearer ${token}`, "-H", "X-Api-Key: demo-web-key"],
        [`http://127.0.0.1:${peer.port}/orders/77`],
      ].flat(),
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let text = "";
    child.stdout.on("data", (bytes: Buffer) => (text += bytes.toString()));
    child.once("error", reject);
    child.once("exit", () => resolve(text));
  });
  const used = peer.cpu() - before;
  const elapsed = Number(process.hrtime.bigint() - begun) / 1e9;
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
  const errors =
    Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0) +
    (/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/
      .exec(output)
      ?.slice(1)
      .reduce((sum, n) => sum + Number(n), 0) ?? 0);
  if (requests === 0) throw new Error(`${peer.name} answered nothing:\n${output}`);
  return { perSecond: requests / elapsed, microseconds: (used / requests) * 1e6, errors };
}

async function full(): Promise<string[]> {
  installPeers();
  const folder = scratchFolder();
  const token = benchToken();
  const backend = await nginxBackend(folder, LOAD_CPU);
  const peers: Peer[] = [];
  try {
    peers.push(await nginxProxy(folder, backend.port));
    peers.push(await haproxy(folder, backend.port));
    peers.push(await switchyard(folder, "switchyard bare", barePolicy, backend.port));
    peers.push(await switchyard(folder, "switchyard full", fullPolicy, backend.port));
    peers.push(await caddy(folder, backend.port));
    peers.push(await httpProxy(folder, backend.port));
    const samples = new Map<string, Sample[]>(peers.map((peer) => [peer.name, []]));
    for (const peer of peers) await drive(peer, token, 2);
    const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
    for (let round = 0; round < rounds; round++)
      for (const peer of peers) samples.get(peer.name)?.push(await drive(peer, token, 4));
    const memory = new Map(peers.map((peer) => [peer.name, peer.memory()]));
    return report(samples, memory, rounds);
  } finally {
    for (const peer of [...peers, backend]) await peer.stop();
  }
}

function report(samples: Map<string, Sample[]>, memory: Map<string, number>, rounds: number): string[] {
  const of = (name: string) => samples.get(name) as Sample[];
  /** The median over rounds of the ratio within each round. */
  const ratio = (name: string, peer: string, figure: "perSecond" | "microseconds") =>
    median(of(name).map((sample, round) => sample[figure] / of(peer)[round][figure]));
  const rows = [["proxy", "CPU us/request", "to nginx", "requests/s", "to nginx", "errors", "MiB"]];
  for (const [name, all] of samples)
    rows.push([
      name,
      median(all.map((sample) => sample.microseconds)).toFixed(1),
      ratio(name, "nginx", "microseconds").toFixed(2),
      median(all.map((sample) => sample.perSecond)).toFixed(0),
      ratio(name, "nginx", "perSecond").toFixed(2),
      String(all.reduce((sum, sample) => sum + sample.errors, 0)),
      ((memory.get(name) ?? 0) / 2 ** 20).toFixed(0),
    ]);
  const ours = "switchyard full";
  return [
    `${rounds} rounds of 4 s each, ${CONNECTIONS} connections, small JSON, one processor for the proxy`,
    ...table(rows),
    `full policies and recording: ${ratio(ours, "nginx", "microseconds").toFixed(2)}x nginx's CPU per request (bar 1.5), ` +
      `${ratio(ours, "http-proxy", "perSecond").toFixed(2)}x http-proxy's requests per second (bar 3), ` +
      `${ratio(ours, "caddy", "perSecond").toFixed(2)}x Caddy's (bar 2.2)`,
  ];
}

/** Without Debian's peers: a Node backend, both Node proxies, a few hundred requests each; every answer must be 200. */
async function smokeRun(): Promise<string[]> {
  const folder = scratchFolder();
  const port = await freePort();
  const code = `require("node:http").createServer((q, r) => { q.resume(); r.end("{}"); }).listen(${port}, "127.0.0.1")`;
  const backend = await start("backend", port, process.execPath, ["-e", code]);
  const lines: string[] = [];
  const peers: Peer[] = [];
  try {
    peers.push(await switchyard(folder, "switchyard full", fullPolicy, port));
    peers.push(await httpProxy(folder, port));
    for (const peer of peers) lines.push(`${peer.name}: ${await requests(peer.port, 300)} of 300 answered with 200`);
  } finally {
    for (const peer of [...peers, backend]) await peer.stop();
  }
  if (lines.some((line) => !line.includes("300 of 300"))) throw new Error(lines.join("; "));
  return lines;
}

async function requests(port: number, count: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const headers = { authorization: `Bearer ${benchToken()}`, "x-api-key": "demo-web-key" };
  let good = 0;
  for (let sent = 0; sent < count; sent++)
    good += await new Promise<number>((resolve) => {
      const outgoing = request({ port, host: "127.0.0.1", path: "/orders/77", agent, headers }, (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode === 200 ? 1 : 0));
      });
      outgoing.once("error", () => resolve(0));
      outgoing.end();
    });
  agent.destroy();
  return good;
}

export const forward: Bench = (smoke) => (smoke ? smokeRun() : full());
