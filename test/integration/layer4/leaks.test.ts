/**
 * Connections that come and go leave nothing behind: no socket, no open row, no timer's entry, no memory. Layer 4 and
 * WebSockets together, ended in every way. Counts are exact; memory is compared after full collections.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { bytes, client, server, start, stopEverything } from "./harness.ts";

const COUNT = 100;
const ROUNDS = 5;
const UPGRADE =
  "GET / HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n";
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

async function held(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return (heapUsed + external + arrayBuffers) / 2 ** 20;
}

const openSockets = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === "TCPSocketWrap").length;

/** Every way in which a client may go, in turn. */
const ENDINGS: readonly ((socket: Socket) => void)[] = [
  (socket) => socket.end(),
  (socket) => socket.destroy(),
  (socket) => socket.resetAndDestroy(),
];

describe("connections that are gone", () => {
  afterEach(stopEverything);

  it("leave nothing behind, whatever ended them", async function () {
    this.timeout(300_000);
    const backend = await server((socket) => {
      socket.on("data", (piece: Buffer) => void socket.write(piece.includes("Upgrade") ? SWITCHING : piece));
      socket.on("end", () => socket.end());
    });
    const running = await start(`
listeners:
  - { name: raw, port: 0, protocol: TCP, backendRefs: [{ service: raw }] }
  - { name: web, port: 0 }
services:
  raw: { endpoints: [{ url: "tcp://127.0.0.1:${backend}" }] }
  live: { endpoints: [{ url: "http://127.0.0.1:${backend}" }] }
routes: [{ name: live, backendRefs: [{ service: live }] }]`);
    const [raw, web] = [running.port("raw"), running.port("web")];
    const sockets = openSockets();
    const memory: number[] = [];
    for (let turn = 0; turn < ROUNDS; turn++) {
      const open: Socket[] = [];
      for (let i = 0; i < COUNT; i++) {
        const plain = await client(raw);
        plain.write("x");
        await bytes(plain, 1);
        const live = await client(web);
        live.write(UPGRADE);
        await bytes(live, SWITCHING.length);
        open.push(plain, live);
      }
      open.forEach((socket, i) => ENDINGS[i % ENDINGS.length](socket));
      await Promise.all(open.map((socket) => socket.resume().closed || once(socket, "close")));
      const rows = await running.rows(2 * COUNT * (turn + 1));
      assert.ok(rows.every(({ state }) => state !== "pending"));
      while (openSockets() > sockets) await new Promise((resolve) => setTimeout(resolve, 20));
      memory.push(await held());
    }
    // The first rounds bring code and pools; from then on 200 connections a round may not cost 10 KiB each.
    const growth = (memory[ROUNDS - 1] - memory[1]) / (ROUNDS - 2);
    assert.ok(growth < 2, `${growth.toFixed(2)} MiB a round: ${memory.map((value) => value.toFixed(1)).join(", ")}`);
  });
});
