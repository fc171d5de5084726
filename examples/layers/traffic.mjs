// Gentle example traffic through the layers: over kept connections and fresh ones, with and without a key, over TLS, and
// to the server that speaks no HTTP. Usage: node traffic.mjs [http://localhost:9000 [port of each other listener]].
import { Agent, request } from "node:http";
import { Agent as SecureAgent, request as requestSecurely } from "node:https";
import { connect } from "node:net";

const gateway = new URL(process.argv[2] ?? "http://localhost:9000");
const [direct = 9001, words = 9002, secure = 9443] = process.argv.slice(3).map(Number);
const kept = new Agent({ keepAlive: true, maxSockets: 1, timeout: 20_000 });
const fresh = new Agent({ keepAlive: false });
// The development CA need not be trusted to look at what a layer-4 listener sees of TLS.
const unverified = new SecureAgent({ rejectUnauthorized: false, servername: "shop.localhost" });

const ask = (url, agent, headers = {}) =>
  new Promise((resolve) => {
    const send = url.protocol === "https:" ? requestSecurely : request;
    const sent = send(url, { agent, headers }, (response) => response.resume().on("end", resolve).on("error", resolve));
    sent.on("error", resolve).end();
  });

const say = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "localhost", () => socket.write("hello from layer four\n"));
    socket.on("error", resolve).on("close", resolve).resume();
    setTimeout(() => socket.end(), 300);
  });

const through = (path) => new URL(path, gateway);
const keys = ["demo-web-key", "demo-mobile-key"];
const mix = [
  () => ask(through(`/api/orders/${turn}`), kept, { "x-api-key": keys[turn % 2] }),
  () => ask(through("/api/orders/7"), fresh, { "x-api-key": keys[0] }),
  () => ask(through("/public/news"), kept),
  () => ask(through("/api/orders/7"), fresh),
  () => ask(new URL("/public/by-connection", `http://localhost:${direct}`), fresh),
  () => ask(new URL("/api/orders/8", `https://localhost:${secure}`), unverified, { "x-api-key": keys[1] }),
  () => say(words),
];

let turn = 0;
if (process.env.UNTIL_STDIN_ENDS) process.stdin.on("end", () => process.exit(0)).resume();
for (;;) {
  await mix[turn++ % mix.length]();
  await new Promise((resolve) => setTimeout(resolve, 350));
}
