/**
 * A layer-4 listener against node's own `socket.pipe` pair and HAProxy in TCP mode: bytes per second through one proxy on
 * one processor. Interleaved rounds; medians, and the best, of ratios within a round.
 * Must not compare figures of different rounds.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { median, table, type Bench } from "./bench.ts";
import {
  freePort,
  gatewayNode,
  installPeers,
  LOAD_CPU,
  PROXY_CPU,
  scratchFolder,
  start,
  switchyard,
  type Peer,
} from "./peers.ts";

const policy = `version: 1
listeners: [{ name: raw, port: {port}, address: 127.0.0.1, protocol: TCP, backendRefs: [{ service: raw }] }]
services: { raw: { endpoints: [{ url: "tcp://127.0.0.1:{backend}" }] } }
`;

/** Sends on every connection as fast as it is taken, until the client has enough and closes. */
const source = (port: number) => `const bytes = Buffer.alloc(262144, 7);
require("node:net").createServer((socket) => {
  const more = () => { while (socket.writable && socket.write(bytes)); };
  socket.on("error", () => {}).on("drain", more).once("data", more).resume();
}).listen(${port}, "127.0.0.1")`;

const piping = (port: number, backend: number) => `const net = require("node:net");
net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const server = net.connect({ port: ${backend}, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  client.on("error", () => server.destroy()).pipe(server);
  server.on("error", () => client.destroy()).pipe(client);
}).listen(${port}, "127.0.0.1")`;

async function pipePair(backend: number): Promise<Peer> {
  const port = await freePort();
  return start("socket.pipe pair", port, gatewayNode(), ["-e", piping(port, backend)], { cpu: PROXY_CPU });
}

async function haproxyTcp(folder: string, backend: number): Promise<Peer> {
  const port = await freePort();
  const file = join(folder, "tcp.cfg");
  writeFileSync(
    file,
    `global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 300s
  timeout server 300s
listen raw
  bind 127.0.0.1:${port}
  server s 127.0.0.1:${backend}
`,
  );
  return start("haproxy", port, "haproxy", ["-db", "-f", file], { cpu: PROXY_CPU });
}

interface Sample {
  readonly mebibytes: number;
  readonly cpuPerGibibyte: number;
}

/** Reads `total` bytes over some connections at once. */
async function drain(port: number, connections: number, total: number): Promise<void> {
  const share = total / connections;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const buffer = Buffer.alloc(262_144);
      let count = 0;
      const socket: Socket = connect({
        port,
        host: "127.0.0.1",
        onread: { buffer, callback: (read): boolean => ((count += read) < share ? true : (socket.destroy(), false)) },
      });
      socket.on("error", () => {});
      socket.once("connect", () => socket.write("go"));
      await once(socket, "close");
      if (count < share) throw new Error(`only ${count} of ${share} bytes came through`);
    }),
  );
}

async function measure(peer: Peer, connections: number, total: number): Promise<Sample> {
  const cpu = peer.cpu();
  const begun = process.hrtime.bigint();
  await drain(peer.port, connections, total);
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  return { mebibytes: total / 2 ** 20 / seconds, cpuPerGibibyte: (peer.cpu() - cpu) / (total / 2 ** 30) };
}

async function run(peers: readonly Peer[], rounds: number, total: number): Promise<string[]> {
  const lines: string[] = [];
  for (const connections of [1, 16]) {
    const samples = new Map<string, Sample[]>(peers.map((peer) => [peer.name, []]));
    for (const peer of peers) await drain(peer.port, connections, total / 4);
    for (let round = 0; round < rounds; round++)
      for (const peer of peers) samples.get(peer.name)?.push(await measure(peer, connections, total));
    const base = samples.get("socket.pipe pair") as Sample[];
    const rows = [["proxy", "MiB/s", "to socket.pipe", "best", "CPU s/GiB"]];
    for (const [name, all] of samples) {
      const ratios = all.map((sample, round) => sample.mebibytes / base[round].mebibytes);
      rows.push([
        name,
        median(all.map((sample) => sample.mebibytes)).toFixed(0),
        median(ratios).toFixed(2),
        Math.max(...ratios).toFixed(2),
        median(all.map((sample) => sample.cpuPerGibibyte)).toFixed(2),
      ]);
    }
    lines.push(`${connections} connections, ${rounds} rounds of ${(total / 2 ** 20).toFixed(0)} MiB`, ...table(rows));
  }
  return lines;
}

export const splice: Bench = async (smoke) => {
  if (!smoke) installPeers();
  const folder = scratchFolder();
  const port = await freePort();
  const backend = await start("source", port, process.execPath, ["-e", source(port)], { cpu: LOAD_CPU });
  const peers: Peer[] = [];
  try {
    peers.push(await pipePair(port));
    peers.push(await switchyard(folder, "switchyard tcp", policy, port));
    if (!smoke) peers.push(await haproxyTcp(folder, port));
    const rounds = smoke ? 1 : Number(process.env.BENCH_ROUNDS ?? 7);
    const lines = await run(peers, rounds, smoke ? 2 ** 24 : 2 ** 30);
    return [...lines, "bar: at least 0.90 of socket.pipe"];
  } finally {
    for (const peer of [...peers, backend]) await peer.stop();
  }
};
