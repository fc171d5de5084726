/**
 * What an aggregate of three parts adds to its slowest part: backends that wait a fixed time, one request after another,
 * the aggregate and its slowest part by itself through the same gateway in turns. The bar: 1 ms at the median.
 * Must not count what the parts wait for.
 */
import { Agent, request } from "node:http";
import { median, quantile, table, type Bench } from "./bench.ts";
import { freePort, LOAD_CPU, scratchFolder, start, switchyard } from "./peers.ts";

const BAR = 1;

const policy = `version: 1
listeners:
  - { name: edge, port: {port}, address: 127.0.0.1 }
services:
  shop: { endpoints: [{ url: "http://127.0.0.1:{backend}" }] }
routes:
  - { name: slowest, matches: [{ path: { prefix: /wait } }], backendRefs: [{ service: shop }] }
  - name: page
    matches: [{ path: { prefix: /page } }]
    policies:
      - aggregate:
          parts:
            product: { service: shop, path: "/wait/5" }
            price: { service: shop, path: "/wait/10" }
            stock: { service: shop, path: "/wait/20", optional: true }
    backendRefs: []
`;

const backend = (port: number) => `require("node:http").createServer((request, response) => {
  const body = JSON.stringify({ name: "lamp", text: "x".repeat(400) });
  response.setHeader("content-type", "application/json");
  setTimeout(() => response.end(body), Number(request.url.split("/")[2]));
}).listen(${port}, "127.0.0.1")`;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function timed(port: number, path: string): Promise<number> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, agent }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(performance.now() - begun));
    })
      .on("error", reject)
      .end();
  });
}

export const aggregate: Bench = async (smoke) => {
  const port = await freePort();
  const origin = await start("backend", port, process.execPath, ["-e", backend(port)], { cpu: LOAD_CPU });
  const gateway = await switchyard(scratchFolder(), "aggregate", policy, port);
  try {
    const ways = ["/wait/20", "/page/1"] as const;
    const found = new Map<string, number[]>(ways.map((path) => [path, []]));
    for (let i = 0; i < (smoke ? 3 : 50); i++) for (const path of ways) await timed(gateway.port, path);
    for (let i = 0; i < (smoke ? 3 : 400); i++) {
      for (const path of ways) found.get(path)?.push(await timed(gateway.port, path));
    }
    const rows = [...found].map(([path, times]) => {
      const sorted = times.toSorted((a, b) => a - b);
      return [path, median(times).toFixed(2), quantile(sorted, 0.95).toFixed(2)];
    });
    const [slowest, page] = [...found.values()].map(median);
    return [
      ...table([["request", "p50 ms", "p95 ms"], ...rows]),
      `added over the slowest part: ${(page - slowest).toFixed(2)} ms at p50 (bar: ${BAR})`,
    ];
  } finally {
    agent.destroy();
    await gateway.stop();
    await origin.stop();
  }
};
