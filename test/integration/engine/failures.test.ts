/**
 * Backends that are down, die, lie or dawdle: retries, sentences, timeouts, and truncation that stays visible.
 */
import assert from "node:assert/strict";
import { Failure } from "../../../src/model/state.ts";
import { Next } from "../../../src/gateway/record/recording.ts";
import { freePort } from "../../free-port.ts";
import { until } from "../../until.ts";
import {
  ask,
  client,
  get,
  hello,
  onHead,
  planOf,
  rawBackend,
  readReply,
  signal,
  simpleBackend,
  startEngine,
  stopEverything,
} from "./harness.ts";

describe("engine: retries", () => {
  afterEach(stopEverything);

  it("asks another endpoint when one refuses the connection, whatever the method, and records why", async () => {
    const backend = await rawBackend((socket) =>
      onHead(socket, async (_head, rest) => {
        await rest.bytes(4);
        socket.write(hello);
      }),
    );
    const { port, keeper } = await startEngine(planOf({ endpoints: [await freePort(), backend.port] }));
    const request = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody";
    assert.equal((await ask(port, request)).body, "hello");
    const [row] = await keeper.has(1);
    assert.deepEqual(
      row.attempts.map(({ endpoint, failure, next }) => ({ endpoint, failure, next })),
      [
        { endpoint: 0, failure: Failure.ConnectRefused, next: Next.Retried },
        { endpoint: 1, failure: Failure.None, next: Next.Nothing },
      ],
    );
  });

  it("asks another endpoint for an idempotent request when one dies before answering", async () => {
    const dying = await rawBackend((socket) => onHead(socket, () => socket.resetAndDestroy()));
    const backend = await simpleBackend(hello);
    const { port, keeper } = await startEngine(planOf({ endpoints: [dying.port, backend.port] }));
    assert.equal((await ask(port, get())).body, "hello");
    const [row] = await keeper.has(1);
    assert.equal(row.attempts[0].failure, Failure.ResetBeforeResponse);
    assert.equal(row.attempts[0].next, Next.Retried);
  });

  it("does not repeat a POST that a backend may have acted upon", async () => {
    const dying = await rawBackend((socket) => onHead(socket, () => socket.resetAndDestroy()));
    let asked = 0;
    const backend = await simpleBackend(() => (asked++, hello));
    const { port, keeper } = await startEngine(planOf({ endpoints: [dying.port, backend.port] }));
    const reply = await ask(port, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody");
    assert.equal(reply.status, 502);
    assert.equal(JSON.parse(reply.body).type, "urn:switchyard:forward:reset");
    assert.equal(asked, 0);
    const [row] = await keeper.has(1);
    assert.equal(row.failure, Failure.ResetBeforeResponse);
    assert.match(row.refusalDetail, /orders at :\d+ .* before it answered/);
  });

  it("makes at most three attempts", async () => {
    const dead = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const { port, keeper } = await startEngine(planOf({ endpoints: dead }));
    const reply = await ask(port, get());
    assert.equal(reply.status, 502);
    assert.equal((await keeper.has(1))[0].attempts.length, 3);
  });

  it("says which backend refused, with a Proxy-Status, when there is no other", async () => {
    const dead = await freePort();
    const { port } = await startEngine(planOf({ endpoints: [dead] }));
    const reply = await ask(port, get());
    const problem = JSON.parse(reply.body);
    assert.equal(problem.type, "urn:switchyard:forward:connect-refused");
    assert.match(problem.detail, new RegExp(`orders at :${dead} refused the connection .*: is it running\\?`));
    assert.match(reply.field("proxy-status") ?? "", /^switchyard-\w+; error=connection_refused; details="/);
    assert.equal(reply.field("content-type"), "application/problem+json");
  });

  it("repeats a GET at once on a fresh connection when a kept one died unseen, without counting an attempt", async () => {
    const backend = await rawBackend((socket, index) =>
      onHead(socket, (_head, rest) => {
        socket.write(hello);
        // The keep-alive race: the second request meets a connection that the backend has just reset.
        if (index === 0) void rest.until("\r\n\r\n").then(() => socket.resetAndDestroy());
      }),
    );
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    for (let i = 0; i < 2; i++) {
      reader.socket.write(get());
      assert.equal((await readReply(reader)).body, "hello");
    }
    const [, row] = await keeper.has(2);
    assert.deepEqual(
      row.attempts.map(({ reused, next }) => ({ reused, next })),
      [
        { reused: true, next: Next.Repeated },
        { reused: false, next: Next.Nothing },
      ],
    );
    assert.equal(row.decision.attempts, 1);
  });
});

describe("engine: hostile and broken backends", () => {
  afterEach(stopEverything);

  for (const [name, answer] of [
    ["not HTTP at all", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
    ["length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"],
    ["a head without end", "HTTP/1.1 200 OK\r\n" + "X: y\r\n".repeat(200)],
    ["an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"],
  ]) {
    it(`answers 502 when a backend sends ${name}`, async () => {
      const backend = await rawBackend((socket) => onHead(socket, () => socket.write(answer)));
      const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
      const reply = await ask(port, get());
      assert.equal(reply.status, 502);
      assert.equal(JSON.parse(reply.body).type, "urn:switchyard:forward:malformed-response");
      assert.equal((await keeper.has(1))[0].failure, Failure.MalformedResponse);
    });
  }

  for (const [name, answer] of [
    ["less than Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nonly this"],
    ["a truncated chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this"],
  ]) {
    it(`cuts the client's connection when a backend sends ${name}, so that it notices`, async () => {
      const arrived = signal();
      const backend = await rawBackend((socket) =>
        onHead(socket, () => {
          socket.write(answer);
          // The first part reaches the client before the end does.
          void arrived.promise.then(() => socket.end());
        }),
      );
      const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
      const reader = await client(port);
      const errors: string[] = [];
      reader.socket.on("error", (error: NodeJS.ErrnoException) => errors.push(error.code ?? ""));
      reader.socket.write(get());
      await reader.until("only this");
      arrived.resolve();
      const text = await reader.all();
      assert.doesNotMatch(text, /0\r\n\r\n$/);
      assert.deepEqual(errors, ["ECONNRESET"]);
      assert.equal((await keeper.has(1))[0].failure, Failure.ResetDuringResponse);
    });
  }

  it("drops a connection on which a backend speaks unasked, and never gives those bytes to a request", async () => {
    const backend = await rawBackend((socket, index) =>
      onHead(socket, () =>
        socket.write(index === 0 ? hello + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" : hello),
      ),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    for (let i = 0; i < 2; i++) {
      reader.socket.write(get());
      assert.equal((await readReply(reader)).body, "hello");
    }
    assert.equal(backend.accepted.length, 2);
  });
});

describe("engine: timeouts", () => {
  afterEach(stopEverything);

  it("names timeouts.backendRequest when no response head comes", async () => {
    const backend = await rawBackend((socket) => onHead(socket, () => {}));
    const { port, keeper } = await startEngine(
      planOf({ endpoints: [backend.port], timeouts: { backendRequest: 100 } }),
    );
    const reply = await ask(port, get());
    assert.equal(reply.status, 504);
    const { type, detail } = JSON.parse(reply.body);
    assert.equal(type, "urn:switchyard:forward:backend-timeout");
    assert.equal(
      detail,
      `orders at :${backend.port} sent no response head within 100 ms (timeouts.backendRequest of route all).`,
    );
    assert.equal((await keeper.has(1))[0].failure, Failure.BackendTimeout);
  });

  it("names timeouts.request when the whole exchange takes too long", async () => {
    const backend = await rawBackend((socket) => onHead(socket, () => {}));
    const { port } = await startEngine(planOf({ endpoints: [backend.port], timeouts: { request: 100 } }));
    const reply = await ask(port, get());
    assert.equal(reply.status, 504);
    assert.match(JSON.parse(reply.body).detail, /not complete within 100 ms \(timeouts\.request of route all\)/);
  });

  it("names timeouts.idle when the client stops in the middle of its body", async () => {
    const backend = await rawBackend((socket) => onHead(socket, () => {}));
    const { port } = await startEngine(planOf({ endpoints: [backend.port], timeouts: { idle: 100 } }));
    const reply = await ask(port, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nsome");
    assert.match(JSON.parse(reply.body).detail, /the client sent nothing for 100 ms \(timeouts\.idle of route all\)/);
  });

  it("cuts a response in which nothing moves for timeouts.idle", async () => {
    const backend = await rawBackend((socket) =>
      onHead(socket, () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")),
    );
    let skew = 0;
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port], timeouts: { idle: 60_000 } }), {
      now: () => performance.now() + skew,
    });
    const reader = await client(port);
    reader.socket.write(get());
    await reader.until("begun");
    // What has moved is noticed at a tick: an hour passes from one to the next.
    await until(() => (skew += 3_600_000) > 0 && reader.ended);
    assert.equal(await reader.all(), "");
    assert.equal((await keeper.has(1))[0].failure, Failure.IdleTimeout);
  });

  it("answers 408 when a head is not complete in time, by the gateway's own clock", async () => {
    let skew = 0;
    const { port, keeper } = await startEngine(planOf({ endpoints: [1] }), { now: () => performance.now() + skew });
    const reader = await client(port);
    reader.socket.write("GET / HTTP/1.1\r\nHost: a");
    // The head's first bytes must have been read before the clock jumps.
    await new Promise((resolve) => setTimeout(resolve, 50));
    skew = 11_000;
    const reply = await readReply(reader);
    assert.equal(reply.status, 408);
    assert.equal(JSON.parse(reply.body).type, "urn:switchyard:http:header-timeout");
    assert.equal((await keeper.has(1))[0].status, 408);
  });
});
