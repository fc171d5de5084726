/**
 * What Switchyard adds to a request at a steady 1,000 requests per second: an open loop (a late answer does not delay the
 * next request) over 16 connections, in turn straight to the backend, through nginx and through the gateway, many short
 * rounds. This process and the backend have one processor, and this process sleeps between requests: one that polled would
 * take the processor from whoever is to be measured.
 * Must not report a mean: p50 and p99 of all samples, and their difference.
 */
import { spawnSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { cpus } from "node:os";
import { median, quantile, table, type Bench } from "./bench.ts";
import { freePort, installPeers, LOAD_CPU, nginxProxy, start, scratchFolder, switchyard, type Peer } from "./peers.ts";
import { benchToken, fullPolicy } from "./policies.ts";

const PER_SECOND = 1000;
const CONNECTIONS = 16;

/** One keep-alive connection that sends one prepared request at a time. */
class Client {
  #socket: Socket;
  #begun = 0n;
  #done: ((microseconds: number) => void) | undefined;
  #text = "";
  busy = false;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("error", () => {});
    this.#socket.on("data", (bytes) => this.#read(bytes));
  }

  #read(bytes: Buffer) {
    this.#text += bytes.toString("latin1");
    const headEnd = this.#text.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? Number.NaN);
    if (this.#text.length < headEnd + 4 + length) return;
    if (!this.#text.startsWith("HTTP/1.1 200")) throw new Error(`unexpected answer: ${this.#text.slice(0, 300)}`);
    this.#text = "";
    this.busy = false;
    this.#done?.(Number(process.hrtime.bigint() - this.#begun) / 1000);
  }

  send(request: string, done: (microseconds: number) => void) {
    this.busy = true;
    this.#done = done;
    this.#begun = process.hrtime.bigint();
    this.#socket.write(request, "latin1");
  }

  end() {
    this.#socket.destroy();
  }
}

/** @returns microseconds of each answered request. */
async function round(port: number, request: string, seconds: number): Promise<number[]> {
  const clients = Array.from({ length: CONNECTIONS }, () => new Client(port));
  const times: number[] = [];
  const keep = (microseconds: number) => void times.push(microseconds);
  const begun = process.hrtime.bigint();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const tick = () => {
      const due = Math.min(seconds * PER_SECOND, (Number(process.hrtime.bigint() - begun) / 1e9) * PER_SECOND);
      while (sent < due) {
        const client = clients.find(({ busy }) => !busy);
        if (!client) break;
        client.send(request, keep);
        sent++;
      }
      if (sent >= seconds * PER_SECOND) setTimeout(resolve, 100);
      else setTimeout(tick, 1);
    };
    tick();
  });
  for (const client of clients) client.end();
  return times.slice(CONNECTIONS * 2);
}

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
        if (turn === 0) await round(peer.port, request, smoke ? 0.2 : 2);
        const times = Float64Array.from(await round(peer.port, request, smoke ? 0.5 : 5)).toSorted();
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
