/** TCP listeners: what flows, how each side's end reaches the other, and what the row says about it. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { freePort } from "../../free-port.ts";
import { all, atEnd, bytes, client, closing, echo, server, start, stopEverything } from "./harness.ts";

const policy = (ports: readonly number[], listener = "", service = ""): string => `
listeners: [{ name: db, port: 0, address: 127.0.0.1, protocol: TCP, ${listener} backendRefs: [{ service: pg }] }]
services: { pg: { endpoints: [${ports.map((port) => `{ url: "tcp://127.0.0.1:${port}" }`).join(", ")}], ${service} } }
`;

/** Listens, accepts nobody, and its queue is full: a further SYN is not answered. */
async function deafPort(): Promise<number> {
  const code = `const { parentPort } = require("node:worker_threads");
    const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`;
  const worker = new Worker(code, { eval: true });
  atEnd(() => worker.terminate());
  const [port] = (await once(worker, "message")) as [number];
  for (let i = 0; i < 2; i++) await client(port);
  return port;
}

describe("layer 4: TCP", () => {
  afterEach(stopEverything);

  it("passes bytes both ways and explains the connection in its row", async () => {
    const port = await echo();
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    const { localPort } = socket;
    socket.end("hello");
    assert.equal((await all(socket)).toString(), "hello");
    const [row] = await running.rows(1);
    assert.equal(row.protocol, "tcp");
    assert.equal(row.method, "TCP");
    assert.equal(row.state, "ok");
    assert.equal(row.status, 0);
    assert.equal(row.path, `127.0.0.1:${running.port("db")}`);
    assert.equal(row.service, "pg");
    assert.equal(row.endpoint, `:${port}`);
    assert.equal(row.route, "listener/db");
    assert.equal(row.termination, "--");
    assert.deepEqual([row.requestBytes, row.responseBytes], [5, 5]);
    assert.match(row.why, /the client closed first, then the server; only endpoint/);
    const { connection, verdict, balance, curl, attempts, gateway } = running.detail(row);
    assert.equal(verdict.refused, false);
    assert.equal(verdict.sentence, "The client closed first, then the server.");
    assert.equal(connection?.client, `127.0.0.1:${localPort}`);
    assert.equal(connection?.server, `pg :${port}`);
    assert.ok(connection?.sees.some((one) => one.includes("bytes each way")));
    assert.ok(connection?.hidden.some((one) => one.includes("headers")));
    assert.equal(balance?.candidates[0].verdict, "chosen");
    assert.equal(curl, "");
    assert.match(attempts[0].outcome, /^connected in /);
    assert.ok(gateway.some(({ sentence }) => sentence === "listener/db takes every connection, of 1 candidate"));
  });

  it("passes ten megabytes each way unchanged, with back-pressure from both ends", async () => {
    const sent = randomBytes(10_000_000);
    const port = await echo();
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    const received = createHash("sha256");
    // Reads nothing until all is written, so that every buffer on the way fills up.
    socket.end(sent);
    let count = 0;
    for await (const piece of socket) {
      received.update(piece as Buffer);
      count += (piece as Buffer).length;
    }
    assert.equal(count, sent.length);
    assert.equal(received.digest("hex"), createHash("sha256").update(sent).digest("hex"));
    const [row] = await running.rows(1);
    assert.deepEqual([row.requestBytes, row.responseBytes], [sent.length, sent.length]);
  });

  it("keeps half-close: a server answers after the client has closed its half", async () => {
    const port = await server((socket) => {
      let text = "";
      socket.on("data", (piece) => (text += piece.toString()));
      socket.on("end", () => socket.end(`got ${text}`));
    });
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    socket.end("question");
    assert.equal((await all(socket)).toString(), "got question");
  });

  it("keeps half-close the other way: a client goes on after the server has closed its half", async () => {
    const seen: string[] = [];
    let gone: Promise<unknown> | undefined;
    const port = await server((socket) => {
      socket.end("bye");
      socket.on("data", (piece) => seen.push(piece.toString()));
      gone = once(socket, "end");
    });
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    assert.equal((await all(socket)).toString(), "bye");
    socket.end("still here");
    const [row] = await running.rows(1);
    await gone;
    assert.equal(seen.join(""), "still here");
    assert.equal(row.termination, "--");
    assert.match(row.why, /the server closed first, then the client/);
  });

  it("passes a client's reset on to the server, and says who aborted", async () => {
    let atServer: Promise<string> | undefined;
    const port = await server((socket) => {
      socket.write("hello");
      atServer = closing(socket);
    });
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    await bytes(socket, 5);
    socket.resetAndDestroy();
    const [row] = await running.rows(1);
    assert.equal(await atServer, "ECONNRESET");
    assert.equal(row.termination, "CD");
    assert.equal(row.state, "aborted");
    assert.match(row.why, /the client aborted it while data could flow/);
  });

  it("passes a server's reset on to the client, and says who aborted", async () => {
    const port = await server((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    const closed = closing(socket);
    socket.write("boo");
    assert.equal(await closed, "ECONNRESET");
    const [row] = await running.rows(1);
    assert.equal(row.termination, "SD");
    assert.equal(row.state, "upstreamError");
  });

  it("asks another endpoint when one refuses, with what the client said meanwhile", async () => {
    const [dead, live] = [await freePort(), await echo()];
    const running = await start(policy([dead, live]));
    for (let i = 0; i < 2; i++) {
      const socket = await client(running.port("db"));
      socket.end("hi");
      assert.equal((await all(socket)).toString(), "hi");
    }
    const rows = await running.rows(2);
    const retried = rows.find(({ attempts }) => attempts === 2);
    assert.ok(retried, JSON.stringify(rows));
    assert.equal(retried.endpoint, `:${live}`);
    assert.deepEqual(
      running.detail(retried).attempts.map(({ failed }) => failed),
      [true, false],
    );
  });

  it("closes the client and says why when no endpoint is left", async () => {
    const dead = await freePort();
    const running = await start(policy([dead]));
    const socket = await client(running.port("db"));
    await closing(socket);
    const [row] = await running.rows(1);
    assert.equal(row.termination, "SC");
    assert.equal(row.state, "upstreamError");
    assert.match(row.why, /pg at :\d+ refused the connection \(127\.0\.0\.1\): is it running\?/);
  });

  it("refuses by policy, and the row names it", async () => {
    const port = await echo();
    const running = await start(policy([port], "policies: [{ ipFilter: { deny: [127.0.0.0/8] } }],"));
    const socket = await client(running.port("db"));
    await closing(socket);
    const [row] = await running.rows(1);
    assert.equal(row.state, "rejected");
    assert.equal(row.policy, "ipFilter");
    assert.equal(row.termination, "PR");
    assert.equal(running.detail(row).verdict.title, "Refused by ipFilter: address denied");
  });

  it("limits connections per address with rateLimit, as it limits requests", async () => {
    const port = await echo();
    const limit = "policies: [{ rateLimit: { key: client.ip, requests: 1, per: 1h } }],";
    const running = await start(policy([port], limit));
    const first = await client(running.port("db"));
    first.end("one");
    assert.equal((await all(first)).toString(), "one");
    await closing(await client(running.port("db")));
    const rows = await running.rows(2);
    assert.deepEqual(
      rows.map(({ state }) => state),
      ["ok", "rejected"],
    );
  });

  it("refuses connections above maxConnections and takes the next one when one has gone", async () => {
    const port = await echo("hi");
    const running = await start(policy([port], "maxConnections: 1,"));
    const first = await client(running.port("db"));
    await bytes(first, 2);
    await closing(await client(running.port("db")));
    let [, refused] = await running.rows(1);
    assert.equal(refused.state, "rejected");
    assert.match(refused.why, /Listener db has 1 connections, as many as maxConnections allows\./);
    first.end();
    await running.rows(2);
    const third = await client(running.port("db"));
    await bytes(third, 2);
    [, refused] = await running.rows(2);
    assert.equal(refused.track.say, "refused before any route was looked for");
  });

  it("ends a connection in which nothing moves for timeouts.idle, and says whose turn it was", async () => {
    const port = await server((socket) => void socket.resume());
    const running = await start(policy([port], "timeouts: { idle: 500ms },"));
    const socket = await client(running.port("db"));
    socket.write("anybody there?");
    await closing(socket);
    const [row] = await running.rows(1);
    assert.equal(row.termination, "sD");
    assert.match(row.why, /the server did not answer in time while data could flow/);
  });

  it("gives up an endpoint that takes no connection within timeouts.connect, and says so in its ending", async () => {
    const full = await deafPort();
    const alone = await start(policy([full], "timeouts: { connect: 80ms },"));
    await closing(await client(alone.port("db")));
    const [row] = await alone.rows(1);
    assert.equal(row.termination, "sC");
    assert.match(row.why, /accepted no connection within 80 ms \(timeouts\.connect of listener db\)\./);
    const running = await start(policy([full, await echo()], "timeouts: { connect: 500ms },"));
    const socket = await client(running.port("db"));
    socket.end("hello");
    assert.equal((await all(socket)).toString(), "hello");
    const [second] = await running.rows(1);
    assert.deepEqual([second.attempts, second.termination], [2, "--"]);
  });

  it("shows an open connection live: its endpoint, and its bytes as they grow", async () => {
    const port = await echo();
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    socket.write("12345");
    await bytes(socket, 5);
    // A tick sees the bytes, of one direction or of both.
    let [row] = await running.rows(0);
    for (let seen = 1; row.requestBytes + row.responseBytes < 10; seen++) {
      await running.progress(seen);
      [row] = await running.rows(0);
    }
    assert.equal(row.state, "pending");
    assert.equal(row.service, "pg");
    assert.deepEqual([row.requestBytes, row.responseBytes, row.duration], [5, 5, -1]);
    assert.equal(running.detail(row).verdict.sentence, "The connection is open.");
  });

  it("lets connections of a removed listener go on, and cuts them off when the gateway stops", async () => {
    const accepted: Socket[] = [];
    const port = await server((socket) => {
      accepted.push(socket);
      socket.pipe(socket);
    });
    const running = await start(policy([port]));
    const socket = await client(running.port("db"));
    socket.write("a");
    await bytes(socket, 1);
    const other = policy([port]).replace("name: db", "name: other");
    assert.equal((await running.gateway.propose(`version: 1\n${other}`, -1)).kind, "accepted");
    socket.write("still");
    assert.equal(await bytes(socket, 5), "still");
    const closed = closing(socket);
    await running.gateway.stop(0);
    assert.equal(await closed, "ECONNRESET");
    const [row] = await running.rows(1);
    assert.equal(row.termination, "KD");
    assert.equal(row.state, "aborted");
  });

  it("spreads by SourceHash: one client's connections all go to one endpoint", async () => {
    const ports = [await echo("a"), await echo("b"), await echo("c"), await echo("d")];
    const running = await start(policy(ports, "", "loadBalancer: { type: SourceHash, tuple: 2 }"));
    const names = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const socket = await client(running.port("db"));
      names.add(await bytes(socket, 1));
      socket.destroy();
    }
    assert.equal(names.size, 1);
    const rows = await running.rows(8);
    assert.match(rows[0].why, /its addresses belong to :\d+ \(slot \d+\)/);
  });

  it("survives both sides' garbage, resets at every stage, and forgets them all", async () => {
    const port = await server((socket) => {
      socket.write(randomBytes(5000));
      socket.once("data", () => socket.destroy());
      socket.once("end", () => socket.destroy());
    });
    const running = await start(policy([port]));
    const clients = await Promise.all(Array.from({ length: 30 }, () => client(running.port("db"))));
    for (const [i, socket] of clients.entries()) {
      // A client that resets before it was accepted leaves no row: nobody knows its address any more.
      if (i % 3 === 0) void bytes(socket, 1).then(() => socket.resetAndDestroy());
      else if (i % 3 === 1) socket.write(randomBytes(1 + i * 1000));
      else socket.end();
    }
    for (const socket of clients) socket.once("end", () => socket.destroy()).resume();
    const rows = await running.rows(30);
    assert.ok(rows.every(({ termination }) => termination !== undefined));
  });
});
