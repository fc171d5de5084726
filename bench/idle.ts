/**
 * What idle connections cost: a thousand of layer 4 and a thousand WebSockets, all open at once through one gateway, and
 * what is left of it once they are gone, time and again. Must not count memory that one round after another gives back.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Bench } from "./bench.ts";
import { table } from "./bench.ts";
import { freePort, LOAD_CPU, scratchFolder, start, switchyard, type Peer } from "./peers.ts";

const BAR = 64;

const policy = (web: number) => `version: 1
listeners:
  - { name: raw, port: {port}, address: 127.0.0.1, protocol: TCP, maxConnections: 20000, backendRefs: [{ service: raw }] }
  - { name: web, port: ${web}, address: 127.0.0.1 }
services:
  raw: { endpoints: [{ url: "tcp://127.0.0.1:{backend}" }] }
  live: { endpoints: [{ url: "http://127.0.0.1:{backend}" }] }
routes: [{ name: live, backendRefs: [{ service: live }] }]
`;

/** Answers a WebSocket's head, and one byte with one byte. */
const backend = (port: number) => `const { createHash } = require("node:crypto");
require("node:net").createServer((socket) => {
  socket.on("error", () => {}).on("data", (bytes) => {
    const key = /sec-websocket-key: (\\S+)/i.exec(bytes.toString("latin1"))?.[1];
    if (key === undefined) return void socket.write(bytes);
    const accept = createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
    socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n");
  });
}).listen(${port}, "127.0.0.1")`;

const UPGRADE =
  "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/** Opens one after another: a connection counts once it has had an answer. */
async function open(port: number, count: number, first: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(first);
    await once(socket, "data");
    sockets.push(socket);
  }
  return sockets;
}

async function close(sockets: readonly Socket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await Promise.all(sockets.map((socket) => socket.closed || once(socket, "close")));
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const mebibytes = (bytes: number) => bytes / 2 ** 20;

interface Round {
  readonly grown: number;
  readonly left: number;
}

async function round(peer: Peer, web: number, count: number, base: number): Promise<Round> {
  const raw = await open(peer.port, count, "x");
  const live = await open(web, count, UPGRADE);
  await pause(1500);
  const grown = mebibytes(peer.memory() - base);
  await close([...raw, ...live]);
  await pause(2500);
  return { grown, left: mebibytes(peer.memory() - base) };
}

export const idle: Bench = async (smoke) => {
  const count = smoke ? 20 : 1000;
  const rounds = smoke ? 1 : Number(process.env.BENCH_ROUNDS ?? 4);
  const [port, web] = [await freePort(), await freePort()];
  const server = await start("backend", port, process.execPath, ["-e", backend(port)], { cpu: LOAD_CPU });
  let peer: Peer | undefined;
  try {
    peer = await switchyard(scratchFolder(), "switchyard", policy(web), port);
    // What the first connections of all bring with them - code, pools - is no cost of idling.
    await close([...(await open(peer.port, 50, "x")), ...(await open(web, 50, UPGRADE))]);
    await pause(1500);
    const base = peer.memory();
    const all: Round[] = [];
    for (let i = 0; i < rounds; i++) all.push(await round(peer, web, count, base));
    const rows = all.map(({ grown, left }, i) => [`round ${i + 1}`, grown.toFixed(1), left.toFixed(1)]);
    const most = Math.max(...all.map(({ grown }) => grown));
    return [
      `${count} idle TCP connections and ${count} WebSockets at once, in MiB above ${mebibytes(base).toFixed(0)}`,
      ...table([["", "open", "once gone"], ...rows]),
      `bar: at most ${BAR} MiB of growth (${most <= BAR ? "met" : "missed"}: ${most.toFixed(1)}), and no round leaves more than the one before`,
    ];
  } finally {
    await peer?.stop();
    await server.stop();
  }
};
