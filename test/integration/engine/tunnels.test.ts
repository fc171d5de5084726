/**
 * Upgrades, server-sent events, aborts and half-closed connections.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Failure } from "../../../src/model/state.ts";
import { until } from "../../until.ts";
import {
  client,
  get,
  hello,
  onHead,
  planOf,
  rawBackend,
  Reader,
  readReply,
  simpleBackend,
  signal,
  startEngine,
  stopEverything,
  whenLeft,
} from "./harness.ts";

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

describe("engine: upgrades", () => {
  afterEach(stopEverything);

  it("makes a raw tunnel of an upgraded connection, with what both sides sent ahead", async () => {
    let head = "";
    const backend = await rawBackend((socket) =>
      onHead(socket, async (text, rest) => {
        head = text;
        socket.write(switching + "welcome");
        socket.write("echo " + (await rest.bytes(5)));
        await rest.all();
        socket.end("bye");
      }),
    );
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get("/chat", upgrade) + "early");
    const reply = await reader.until("\r\n\r\n");
    assert.match(reply, /^HTTP\/1\.1 101 /);
    assert.match(reply, /Connection: upgrade\r\n/i);
    assert.match(reply, /Upgrade: websocket\r\n/i);
    assert.match(head, /Upgrade: websocket\r\n/i);
    assert.equal(await reader.bytes(17), "welcomeecho early");
    reader.socket.end();
    assert.equal(await reader.all(), "bye");
    const [row] = await keeper.has(1);
    assert.equal(row.upgraded, true);
    assert.equal(row.status, 101);
    assert.equal(row.requestBody.kept?.toString(), "early");
    assert.equal(row.responseBody.kept?.toString(), "welcomeecho earlybye");
    assert.equal(row.failure, 0);
  });

  it("forwards the ordinary answer of a backend that does not upgrade", async () => {
    const backend = await simpleBackend(hello);
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get("/", upgrade));
    assert.equal((await readReply(reader)).body, "hello");
    reader.socket.write(get());
    assert.equal((await readReply(reader)).body, "hello");
  });

  it("does not offer h2c to a backend", async () => {
    let head = "";
    const backend = await simpleBackend((text) => ((head = text), hello));
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(
      get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
    );
    assert.equal((await readReply(reader)).body, "hello");
    assert.doesNotMatch(head, /upgrade|http2-settings/i);
  });

  it("closes the backend's side when the client resets the tunnel", async () => {
    const left = signal();
    const backend = await rawBackend((socket) => {
      void whenLeft(socket).then(left.resolve);
      onHead(socket, () => socket.write(switching));
    });
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get("/", upgrade));
    await reader.until("\r\n\r\n");
    reader.socket.resetAndDestroy();
    await left.promise;
  });

  it("ends a tunnel in which nothing moves for timeouts.idle", async () => {
    const backend = await rawBackend((socket) => onHead(socket, () => socket.write(switching)));
    let skew = 0;
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port], timeouts: { idle: 60_000 } }), {
      now: () => performance.now() + skew,
    });
    const reader = await client(port);
    reader.socket.write(get("/", upgrade));
    await reader.until("\r\n\r\n");
    // What has moved is noticed at a tick: an hour passes from one to the next.
    await until(() => (skew += 3_600_000) > 0 && reader.ended);
    const [row] = await keeper.has(1);
    assert.equal(row.failure, Failure.IdleTimeout);
  });
});

describe("engine: server-sent events", () => {
  afterEach(stopEverything);

  it("passes each event on as it comes, without waiting for the next", async () => {
    let stream: { write(text: string): void } | undefined;
    const backend = await rawBackend((socket) =>
      onHead(socket, () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        stream = { write: (text) => socket.write(`${text.length.toString(16)}\r\n${text}\r\n`) };
      }),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    await reader.until("\r\n\r\n");
    for (const text of ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]) {
      stream?.write(text);
      assert.equal(await reader.until("\n\n\r\n"), `9\r\n${text}\r\n`);
    }
  });
});

describe("engine: aborts and half-close", () => {
  afterEach(stopEverything);

  it("closes the backend's connection when the client resets while it waits", async () => {
    const closed = signal();
    const asked = signal();
    const backend = await rawBackend((socket) => {
      void whenLeft(socket).then(closed.resolve);
      onHead(socket, () => asked.resolve());
    });
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    await asked.promise;
    reader.socket.resetAndDestroy();
    await closed.promise;
    const [row] = await keeper.has(1);
    assert.equal(row.failure, Failure.ClientGone);
    assert.equal(row.status, 0);
  });

  it("closes the backend's connection when the client goes away in the middle of an answer", async () => {
    const closed = signal();
    const backend = await rawBackend((socket) => {
      void whenLeft(socket).then(closed.resolve);
      onHead(socket, () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"));
    });
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    await reader.until("begun");
    reader.socket.resetAndDestroy();
    await closed.promise;
    const [row] = await keeper.has(1);
    assert.equal(row.failure, Failure.ClientGone);
    assert.equal(row.status, 200);
  });

  it("answers a client that has closed its sending side, then closes", async () => {
    const backend = await simpleBackend(hello);
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.end(get());
    const text = await reader.all();
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(text.endsWith("hello"));
  });

  it("notices that a client which closed completely is gone, though a FIN alone does not say so", async () => {
    const closed = signal();
    const asked = signal();
    const backend = await rawBackend((socket) => {
      void whenLeft(socket).then(closed.resolve);
      onHead(socket, () => asked.resolve());
    });
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    await asked.promise;
    reader.socket.destroy();
    await closed.promise;
    const [row] = await keeper.has(1);
    assert.equal(row.failure, Failure.ClientGone);
  });

  it("refuses a body that ends before its announced length, and the backend never gets the rest made up", async () => {
    let seen = "";
    const closed = signal();
    const backend = await rawBackend((socket) => {
      const reader = new Reader(socket);
      void reader.all().then((text) => {
        seen = text;
        closed.resolve();
      });
    });
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.end("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
    assert.match(await reader.all(), /^HTTP\/1\.1 400 /);
    await closed.promise;
    assert.ok(seen.endsWith("\r\n\r\nhalf"));
  });

  it("closes an idle connection when the client does", async () => {
    const backend = await simpleBackend(hello);
    const { port, engine } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    await readReply(reader);
    reader.socket.end();
    await once(reader.socket, "close");
    while (engine.listeners[0].connections > 0) await new Promise(setImmediate);
  });
});
