/**
 * What Switchyard adds to a request at a steady 1,000 requests per second: an open loop (a late answer does not delay the
 * next request) over 16 connections, in turn straight to the backend, through nginx and through the gateway, many short
 * rounds. This process and the backend have one processor, and this process sleeps between requests: one that polled would
 * take the processor from whoever is to be measured.
 * Must not report a mean: p50 and p99 of all samples, and their difference.
 */
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { median, quantile, table, type Bench } from "./bench.ts";
import { freePort, installPeers, LOAD_CPU, nginxProxy, start, scratchFolder, switchyard, type Peer } from "./peers.ts";
import { benchToken, fullPolicy } from "./policies.ts";
import { steadyLoad } from "./steady-load.ts";

const PER_SECOND = 1000;

/** Where this process may run from now on, on machines that can bind one. @param processors as taskset writes them. */
function stayOn(processors: string): void {
  spawnSync("taskset", ["-a", "-c", "-p", processors, String(process.pid)], { stdio: "ignore" });
}

export const latency: Bench = async (smoke) => {
  const folder = scratchFolder();
  const port = await freePort();
  const body = '{"id":77,"name":"lamp","price":1999}';
  const code = `require("node:http").createServer((q, r) => { q.resume(); r.setHeader("content-length", ${body.length}); r.end('${body}'); }).listen(${port}, "127.0.0.1").keepAliveTimeout = 60000`;
  const peers: Peer[] = [];
  try {
    peers.push(await start("direct", port, process.execPath, ["-e", code], { cpu: LOAD_CPU }));
    if (!smoke) {
      installPeers();
      stayOn(String(LOAD_CPU));
      peers.push(await nginxProxy(folder, port));
    }
    // Not bound to one processor: its compiler's threads would take turns with it there, which nobody's laptop does.
    peers.push(await switchyard(folder, "switchyard full", fullPolicy, port, "any"));
    const request = `GET /orders/77 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${benchToken()}\r\nX-Api-Key: demo-web-key\r\n\r\n`;
    const p50: number[][] = peers.map(() => []);
    const p99: number[][] = peers.map(() => []);
    const rounds = smoke ? 1 : Number(process.env.BENCH_ROUNDS ?? 7);
    for (let turn = 0; turn < rounds; turn++)
      for (const [index, peer] of peers.entries()) {
        if (turn === 0) await steadyLoad(peer.port, request, PER_SECOND, smoke ? 0.2 : 2);
        const times = Float64Array.from(await steadyLoad(peer.port, request, PER_SECOND, smoke ? 0.5 : 5)).toSorted();
        p50[index].push(quantile(times, 0.5));
        p99[index].push(quantile(times, 0.99));
      }
    const added = (of: number[][]) => median(of.at(-1)!.map((through, turn) => (through - of[0][turn]) / 1000));
    return [
      ...table([
        ["way", "p50 ms", "p99 ms"],
        ...peers.map(({ name }, index) => [
          name,
          (median(p50[index]) / 1000).toFixed(3),
          (median(p99[index]) / 1000).toFixed(3),
        ]),
      ]),
      `added at ${PER_SECOND}/s: p50 ${added(p50).toFixed(3)} ms (bar 0.15), p99 ${added(p99).toFixed(3)} ms (bar 1.5)`,
    ];
  } finally {
    stayOn(`0-${cpus().length - 1}`);
    for (const peer of peers) await peer.stop();
  }
};
