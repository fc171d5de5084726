/**
 * What 100,000 recorded requests cost: the growth of a real gateway that served them over keep-alive connections, and how
 * long a filter over as many rows takes inside the recorder.
 * Must not count what the gateway needs to serve at all: it is warmed up before the first measure.
 */
import { connect } from "node:net";
import { compileFilter } from "../src/gateway/record/filter/compile.ts";
import { parseFilter } from "../src/gateway/record/filter/syntax.ts";
import { FilterView } from "../src/gateway/record/filter-view.ts";
import { Recorder } from "../src/gateway/record/recorder.ts";
import { planOf, POLICY, record } from "../src/gateway/record/recording.fixture.ts";
import { table, type Bench } from "./bench.ts";
import { freePort, scratchFolder, start, switchyard, type Peer } from "./peers.ts";
import { benchToken, fullPolicy } from "./policies.ts";

const FILTERS = ["status:404 dur>250ms", "path:/orders/77*", "path~/orders/\\d*7$", "req.x-tenant:acme", "key:user-7"];

/** Sends `count` requests with distinct paths over one connection, a few at a time. */
function send(port: number, count: number, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let sent = 0;
    let answered = 0;
    let rest = "";
    const more = () => {
      let batch = "";
      while (sent < count && sent - answered < 32)
        batch += `GET /orders/${sent++} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nUser-Agent: bench/1.0 (a name of common length)\r\nX-Tenant: acme\r\nX-Api-Key: demo-web-key\r\nAuthorization: Bearer ${token}\r\n\r\n`;
      if (batch) socket.write(batch, "latin1");
    };
    socket.on("error", reject);
    socket.on("data", (bytes) => {
      const pieces = (rest + bytes.toString("latin1")).split("HTTP/1.1 200");
      answered += pieces.length - 1;
      rest = pieces.at(-1)?.slice(-12) ?? "";
      if (answered >= count) {
        socket.destroy();
        resolve();
      } else more();
    });
    socket.once("close", () => reject(new Error(`closed after ${answered} of ${count} answers: ${rest}`)));
    more();
  });
}

/** MiB that the gateway's process grows by while it records `count` requests. */
async function growth(count: number): Promise<number> {
  const folder = scratchFolder();
  const port = await freePort();
  const code = `require("node:http").createServer((q, r) => { r.setHeader("content-length", 13); r.end('{"stock": 12}'); }).listen(${port}, "127.0.0.1").keepAliveTimeout = 60000`;
  const peers: Peer[] = [await start("backend", port, process.execPath, ["-e", code])];
  try {
    const gateway = await switchyard(folder, "switchyard full", fullPolicy, port);
    peers.push(gateway);
    const token = benchToken();
    await send(gateway.port, Math.ceil(count / 10), token);
    const before = gateway.memory();
    await send(gateway.port, count, token);
    return (gateway.memory() - before) / 2 ** 20;
  } finally {
    for (const peer of peers) await peer.stop();
  }
}

/** Best and worst of three for each filter, over `count` rows. */
function filterTimes(count: number): string[][] {
  const recorder = new Recorder({ now: () => 2000 });
  recorder.plans.add(1, planOf(POLICY), 0);
  const fields = ["Accept: application/json", "User-Agent: bench/1.0 (a name of common length)", "X-Tenant: acme"];
  for (let n = 0; n < count; n++)
    record(recorder, {
      path: `/orders/${n}`,
      status: n % 9 === 0 ? 404 : 200,
      took: n % 400,
      caller: `user-${n % 50}`,
      fields,
    });
  const context = { recorder, wallClock: () => Date.now(), savedAt: () => 0 };
  return FILTERS.map((text) => {
    const parsed = parseFilter(text);
    if ("problem" in parsed) throw new Error(parsed.problem.message);
    const times = [1, 2, 3].map(() => {
      const from = performance.now();
      const view = new FilterView(recorder, text, compileFilter(parsed.filter, context));
      view.catchUp();
      view.close();
      return performance.now() - from;
    });
    return [text, Math.min(...times).toFixed(1), Math.max(...times).toFixed(1)];
  });
}

export const recording: Bench = async (smoke) => {
  const count = smoke ? 1000 : 100_000;
  return [
    `${count} requests recorded by a gateway with full policies: ${(await growth(count)).toFixed(1)} MiB growth (bar 64)`,
    ...table([[`filter over ${count} rows`, "best ms", "worst ms (bar 50)"], ...filterTimes(count)]),
  ];
};
