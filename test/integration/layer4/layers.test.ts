/**
 * One request through several listeners of one gateway, as the example `layers` sets them up: each leaves a row, the rows
 * find each other, and every layer says what it knew. Rows without proof stay apart.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectSecurely } from "node:tls";
import type { LayerView } from "../../../src/contract/detail.ts";
import type { Row } from "../../../src/contract/traffic.ts";
import { freePort } from "../../free-port.ts";
import { all, atEnd, echo, start, stopEverything, type Running } from "./harness.ts";

const example = readFileSync(new URL("../../../examples/layers/switchyard.yaml", import.meta.url), "utf8");

/** A service that says which path reached it, after `x-wait` milliseconds. */
async function orders(): Promise<number> {
  const server = createServer((asked, response) => {
    setTimeout(() => response.end(asked.url), Number(asked.headers["x-wait"] ?? 0));
  });
  atEnd(() => (server.closeAllConnections(), void server.close()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

interface Layers extends Running {
  /** Rows of a listener in the order of arrival, once `count` have ended. */
  of(listener: string, count: number): Promise<Row[]>;
  layers(row: Row): readonly LayerView[];
}

/** The example on ports that are free. */
async function layered(): Promise<Layers> {
  const ports = new Map([
    ["9101", await orders()],
    ["9102", await orders()],
    ["9103", await echo()],
  ]);
  for (const port of ["9000", "9443", "9001", "9002", "9081", "9082", "9143", "9090"]) {
    let free = await freePort();
    while ([...ports.values()].includes(free)) free = await freePort();
    ports.set(port, free);
  }
  const moved = example
    .replace(/^version: 1$/m, "")
    .replaceAll(/(port: |localhost:)(\d+)/g, (_, before: string, port: string) => `${before}${ports.get(port)}`)
    .replaceAll(/interval: 2s/g, "interval: 1h");
  const running = await start(moved);
  const of = async (listener: string, count: number): Promise<Row[]> => {
    for (;;) {
      const { first, next } = running.gateway.recorder;
      const rows = Array.from({ length: next - first }, (_, i) => running.gateway.row(first + i)!);
      const found = rows.filter((row) => row.listener === listener && row.state !== "pending");
      if (found.length >= count) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const layers = (row: Row): readonly LayerView[] => running.gateway.detail(row.id, false)?.layers ?? [];
  return Object.assign(running, { of, layers });
}

const KEY = { "x-api-key": "demo-web-key" };

async function get(port: number, path: string, headers: Record<string, string>, agent?: Agent): Promise<string> {
  const sent = request({ host: "127.0.0.1", port, path, headers, agent: agent ?? false });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const piece of response.setEncoding("utf8")) text += piece;
  return `${response.statusCode} ${text}`;
}

const known = (layer: LayerView, name: string): string => layer.knows.find((fact) => fact.name === name)?.value ?? "";

describe("layers", () => {
  afterEach(stopEverything);

  it("are shown side by side, from whichever of their rows one looks", async () => {
    const running = await layered();
    assert.equal(await get(running.port("nlb"), "/api/orders/7", KEY), "200 /orders/7");
    const [nlb] = await running.of("nlb", 1);
    const [api] = await running.of("api", 1);
    const [alb] = await running.of(running.layers(api)[1].listener, 1);
    for (const row of [nlb, alb, api]) {
      const layers = running.layers(row);
      assert.deepEqual(
        layers.map(({ id, depth, layer, current }) => [id, depth, layer, current]),
        [
          [nlb.id, 0, 4, row === nlb],
          [alb.id, 1, 7, row === alb],
          [api.id, 2, 7, row === api],
        ],
      );
    }
    const [at4, at7, gateway] = running.layers(api);
    assert.match(at4.what, /^TCP connection$/);
    assert.ok(at4.hidden.some((line) => line.includes("path")));
    assert.equal(known(at4, "path"), "");
    assert.equal(at4.target, `albs :${running.port(at7.listener)}`);
    assert.match(at7.link, /PROXY header names the same client/);
    assert.equal(known(at7, "client"), `${known(at4, "client")}, as the PROXY header says`);
    assert.equal(known(at7, "path"), "/api/orders/7");
    assert.equal(known(at7, "caller"), "nobody was asked who they are");
    assert.match(gateway.link, /same port/);
    assert.equal(known(gateway, "caller"), "web");
    assert.equal(known(gateway, "X-Forwarded-For"), "127.0.0.1");
    assert.ok(gateway.steps.some(({ label, state }) => label === "apiKey" && state === "ok"));
    assert.match(gateway.balance, /less busy/);
  });

  it("are there while the request is still on its way", async () => {
    const running = await layered();
    const answered = get(running.port("nlb"), "/api/orders/7", { ...KEY, "x-wait": "60000" });
    answered.catch(() => {});
    const { recorder } = running.gateway;
    let rows: Row[] = [];
    let seen: readonly LayerView[] = [];
    // A row is there before its request is decided (the key is looked up meanwhile), so one waits for the endpoint too.
    while (seen.length < 3 || seen[2].target === "") {
      await new Promise((resolve) => setTimeout(resolve, 50));
      rows = Array.from({ length: recorder.next - recorder.first }, (_, i) => running.gateway.row(recorder.first + i)!);
      const last = rows.find(({ listener }) => listener === "api");
      if (last !== undefined) seen = running.layers(last);
    }
    assert.ok(rows.every(({ state }) => state === "pending"));
    assert.deepEqual(
      seen.map(({ layer, current }) => [layer, current]),
      [
        [4, false],
        [7, false],
        [7, true],
      ],
    );
    assert.match(seen[2].target, /^orders :\d+$/);
  });

  it("say which layer refused", async () => {
    const running = await layered();
    assert.match(await get(running.port("nlb"), "/api/orders/7", {}), /^401/);
    const [api] = await running.of("api", 1);
    await running.of(running.layers(api)[1].listener, 1);
    await running.of("nlb", 1);
    const layers = running.layers(api);
    assert.deepEqual(
      layers.map(({ state }) => state),
      ["ok", "clientError", "rejected"],
    );
    assert.equal(layers[2].target, "");
    assert.ok(layers[2].steps.some(({ state }) => state === "stop"));
  });

  it("of a kept connection are its latest requests, and how many more there were", async () => {
    const running = await layered();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 9; i++)
      assert.equal(await get(running.port("nlb"), `/public/${i}`, {}, agent), `200 /public/${i}`);
    agent.destroy();
    const [nlb] = await running.of("nlb", 1);
    const [first, ...others] = running.layers(nlb);
    assert.equal(first.more, 3);
    assert.deepEqual(
      others.map(({ what }) => what),
      [3, 4, 5, 6, 7, 8].map((i) => `GET /public/${i}`),
    );
    // Seen from one request, its siblings are not its layers.
    const [alb] = running.layers(nlb).slice(1);
    assert.equal(running.gateway.detail(alb.id, false)?.layers?.length, 2);
  });

  it("are seen while a connection is still open", async () => {
    const running = await layered();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await get(running.port("nlb"), "/public/now", {}, agent);
    const { first, next } = running.gateway.recorder;
    const rows = Array.from({ length: next - first }, (_, i) => running.gateway.row(first + i)!);
    const open = rows.find(({ listener }) => listener === "nlb")!;
    assert.equal(open.state, "pending");
    assert.equal(running.layers(open).length, 2);
    agent.destroy();
  });

  it("of requests at the same time stay apart, even with one trace for all", async () => {
    const running = await layered();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const paths = Array.from({ length: 8 }, (_, i) => `/public/${i}`);
    await Promise.all(paths.map((path) => get(running.port("nlb"), path, { traceparent, "x-wait": "30" })));
    const rows = [...(await running.of("nlb", 8))];
    const seen = rows.map((row) => running.layers(row).map(({ what }) => what));
    assert.deepEqual(
      seen.map((layers) => layers.length),
      rows.map(() => 2),
    );
    assert.deepEqual(
      seen.map(([, what]) => what).toSorted(),
      paths.map((path) => `GET ${path}`),
    );
  });

  it("behind TLS know the name that the client asked for, and no more", async () => {
    const running = await layered();
    const socket = connectSecurely({
      port: running.port("nlb-tls"),
      host: "127.0.0.1",
      servername: "shop.localhost",
      rejectUnauthorized: false,
    });
    socket.on("error", () => {});
    socket.end(
      "GET /api/orders/1 HTTP/1.1\r\nhost: shop.localhost\r\nx-api-key: demo-mobile-key\r\nconnection: close\r\n\r\n",
    );
    assert.match((await all(socket)).toString("latin1"), /^HTTP\/1\.1 200/);
    const [api] = await running.of("api", 1);
    await running.of("nlb-tls", 1);
    const [nlb, alb, gateway] = running.layers(api);
    assert.deepEqual([nlb.speaks, alb.speaks, gateway.speaks], ["TLS", "HTTPS", "HTTP"]);
    assert.equal(known(nlb, "server name (SNI)"), "shop.localhost");
    assert.ok(nlb.hidden.some((line) => line.includes("inside TLS")));
    assert.equal(known(alb, "TLS"), "ended here");
    assert.equal(known(gateway, "caller"), "mobile");
  });

  it("may be passed once each: a listener that is come to again is a loop", async () => {
    const front = await freePort();
    let back = front;
    while (back === front) back = await freePort();
    const running = await start(`
listeners: [{ name: front, port: ${front} }, { name: back, port: ${back} }]
services:
  back: { endpoints: [{ url: "http://127.0.0.1:${back}" }] }
  front: { endpoints: [{ url: "http://127.0.0.1:${front}" }] }
routes:
  - { name: on, listeners: [front], backendRefs: [{ service: back }] }
  - { name: round, listeners: [back], backendRefs: [{ service: front }] }`);
    assert.match(await get(front, "/", {}), /^508 [\s\S]*listener front already/);
    await running.rows(3);
  });
});
