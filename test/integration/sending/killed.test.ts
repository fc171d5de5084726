/**
 * The hardest bar for retries: 64 connections, GET and POST mixed, one of three replicas killed with SIGKILL and started
 * again every two seconds. No idempotent request may fail; a POST may, where its bytes had been sent, and says so.
 * Until each was killed once, six seconds; SWITCHYARD_KILL_SECONDS=60 for the whole bar.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Detail } from "../../../src/contract/detail.ts";
import type { Row } from "../../../src/contract/traffic.ts";
import { freePort } from "../../free-port.ts";
import { ask, start, stopAll } from "./harness.ts";

const SECONDS = Number(process.env.SWITCHYARD_KILL_SECONDS ?? 6);
const CONNECTIONS = 64;

const replica = `
require("node:http").createServer((request, response) => {
  request.resume().on("end", () => setTimeout(() => response.end("from " + process.argv[1]), 2));
}).listen(Number(process.argv[1]), "127.0.0.1");
process.stdin.resume().on("end", () => process.exit());
`;

async function startReplica(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", replica, String(port)], { stdio: ["pipe", "inherit", "inherit"] });
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (open) return child;
    assert.equal(child.exitCode, null, `the replica on ${port} has ended`);
    await wait(10);
  }
}

describe("three replicas of which one is killed every two seconds", function () {
  this.timeout((SECONDS + 60) * 1000);
  const children: ChildProcess[] = [];

  after(async () => {
    await stopAll();
    for (const child of children) child.kill("SIGKILL");
  });

  it("lose no idempotent request, and explain every other that is lost", async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    children.push(...(await Promise.all(ports.map(startReplica))));
    const { gateway, port } = await start(
      ports,
      "retry: { attempts: 3, backoff: 5ms, perTry: 5s }",
      "",
      "    loadBalancer: { type: LeastRequest }\n",
    );
    const lost: string[] = [];
    const lostPosts: Row[] = [];
    const details: Detail[] = [];
    // Looked at as they end: a long run turns the ring of rows over.
    gateway.recorder.listen({
      began() {},
      ended(id) {
        const { chunk, index } = gateway.recorder.place(id)!;
        if (chunk.status[index] !== 200) setImmediate(() => details.push(gateway.detail(id, false)!));
      },
      evicted() {},
      cleared() {},
    });
    const count = { GET: 0, PUT: 0, POST: 0 };
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const load = { going: true };
    const worker = async (own: number): Promise<void> => {
      for (let turn = own; load.going; turn++) {
        const method = (["GET", "POST", "GET", "PUT"] as const)[turn % 4];
        const body = method === "GET" ? undefined : `${own}/${turn} ${"x".repeat(turn % 3 === 0 ? 4000 : 10)}`;
        count[method]++;
        try {
          const { status, text } = await ask(port, { method, agent }, body);
          if (status !== 200 && method !== "POST") lost.push(`${method}: ${status} ${text}`);
        } catch (error) {
          lost.push(`${method}: ${String(error)}`);
        }
      }
    };
    const workers = Array.from({ length: CONNECTIONS }, (_, own) => worker(own));
    const end = performance.now() + SECONDS * 1000;
    let kills = 0;
    while (kills < 3 || performance.now() < end) {
      await wait(1500);
      const victim = kills++ % 3;
      const exited = once(children[victim], "exit");
      children[victim].kill("SIGKILL");
      await exited;
      await wait(300);
      children[victim] = await startReplica(ports[victim]);
    }
    load.going = false;
    await Promise.all(workers);
    await wait(20);
    agent.destroy();
    assert.deepEqual(lost.slice(0, 5), []);
    for (const { row, attempts } of details) {
      assert.equal(row.method, "POST");
      lostPosts.push(row);
      const last = attempts.at(-1);
      assert.equal(last?.then, "not tried again: POST is not idempotent, and the request had been sent", row.why);
    }
    const total = count.GET + count.PUT + count.POST;
    console.log(
      `      ${SECONDS} s, ${kills} kills: ${count.GET} GET, ${count.PUT} PUT, ${count.POST} POST (${Math.round(total / SECONDS)}/s); ` +
        `0 idempotent requests failed, ${lostPosts.length} POSTs failed, each after it was sent and explained`,
    );
  });
});
