/**
 * What a hit of the cache costs beside the same route forwarded: one gateway process, two routes to one backend, one with
 * `cache`, wrk on 64 connections, interleaved rounds, medians. The bar: 1.5 times the requests per second.
 * Must not measure misses: the cache is filled before the first round.
 */
import { spawn } from "node:child_process";
import { median, table, type Bench } from "./bench.ts";
import { freePort, installPeers, LOAD_CPU, scratchFolder, start, switchyard } from "./peers.ts";

const BAR = 1.5;

const policy = `version: 1
listeners:
  - { name: edge, port: {port}, address: 127.0.0.1 }
services:
  shop: { endpoints: [{ url: "http://127.0.0.1:{backend}" }] }
routes:
  - { name: forwarded, matches: [{ path: { prefix: /forwarded } }], backendRefs: [{ service: shop }] }
  - { name: cached, matches: [{ path: { prefix: /cached } }], policies: [{ cache: {} }], backendRefs: [{ service: shop }] }
`;

const backend = (port: number) => `const body = JSON.stringify({ products: "x".repeat(900) });
const head = { "content-type": "application/json", "cache-control": "max-age=3600", etag: '"1"', "content-length": body.length };
require("node:http").createServer((request, response) => { response.writeHead(200, head); response.end(body); }).listen(${port}, "127.0.0.1")`;

async function perSecond(port: number, path: string, seconds: number): Promise<number> {
  const url = `http://127.0.0.1:${port}${path}`;
  const child = spawn("taskset", ["-c", String(LOAD_CPU), "wrk", "-t1", "-c64", `-d${seconds}s`, url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const bytes of child.stdout) text += String(bytes);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0);
}

/** How a smoke run counts: one request after another. */
async function oneByOne(port: number, path: string): Promise<number> {
  const begun = performance.now();
  for (let i = 0; i < 20; i++) await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  return 20_000 / (performance.now() - begun);
}

export const cache: Bench = async (smoke) => {
  if (!smoke) installPeers();
  const port = await freePort();
  const origin = await start("backend", port, process.execPath, ["-e", backend(port)], { cpu: LOAD_CPU });
  const gateway = await switchyard(scratchFolder(), "cache", policy, port);
  try {
    const measure = (path: string) => (smoke ? oneByOne(gateway.port, path) : perSecond(gateway.port, path, 3));
    const ways = ["/forwarded/a", "/cached/a"] as const;
    const found = new Map<string, { rate: number[]; cost: number[] }>(
      ways.map((path) => [path, { rate: [], cost: [] }]),
    );
    for (const path of ways) await measure(path);
    for (let round = 0; round < (smoke ? 1 : 5); round++) {
      for (const path of ways) {
        const before = gateway.cpu();
        const rate = await measure(path);
        const seen = found.get(path);
        seen?.rate.push(rate);
        seen?.cost.push(((gateway.cpu() - before) / (rate * (smoke ? 1 : 3))) * 1e6);
      }
    }
    const rows = [...found].map(([path, { rate, cost }]) => [path, median(rate).toFixed(0), median(cost).toFixed(1)]);
    const [forwarded, hit] = [...found.values()].map(({ rate }) => median(rate));
    return [
      ...table([["route", "requests/s", "us of processor each"], ...rows]),
      `a hit: ${(hit / forwarded).toFixed(2)} times as many (bar: ${BAR})`,
    ];
  } finally {
    await gateway.stop();
    await origin.stop();
  }
};
