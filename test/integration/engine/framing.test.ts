/**
 * Heads and bodies through the engine: every framing on either side, keep-alive, pipelining, HTTP/1.0, large bodies.
 */
import assert from "node:assert/strict";
import {
  ask,
  client,
  get,
  hello,
  onHead,
  planOf,
  rawBackend,
  Reader,
  readReply,
  signal,
  simpleBackend,
  startEngine,
  stopEverything,
} from "./harness.ts";

describe("engine: framing and bodies", () => {
  afterEach(stopEverything);

  it("forwards a request and records both heads, both bodies and the attempt", async () => {
    const backend = await simpleBackend(hello);
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reply = await ask(port, get("/orders?page=2"));
    assert.equal(reply.status, 200);
    assert.equal(reply.body, "hello");
    const [row] = await keeper.has(1);
    assert.equal(row.requestHead, get("/orders?page=2"));
    assert.match(row.upstreamHead, /^GET \/orders\?page=2 HTTP\/1\.1\r\nHost: a\.test\r\n/);
    assert.match(row.responseHead, /^HTTP\/1\.1 200 OK\r\nContent-Length: 5\r\n/);
    assert.match(row.replyHead, /Via: 1\.1 switchyard-/);
    assert.equal(row.responseBody.kept?.toString(), "hello");
    assert.equal(row.status, 200);
    assert.equal(row.attempts.length, 1);
    const [attempt] = row.attempts;
    assert.ok(attempt.startedAt <= attempt.connectedAt && attempt.connectedAt <= attempt.sentAt);
    assert.ok(attempt.sentAt <= attempt.firstByteAt && attempt.firstByteAt <= attempt.endedAt);
    assert.equal(row.failure, 0);
  });

  it("answers pipelined requests in order over one backend connection", async () => {
    let count = 0;
    const backend = await simpleBackend((head) => {
      const body = `${head.split(" ")[1]}#${++count}`;
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    });
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get("/a") + get("/b") + get("/c"));
    assert.equal((await readReply(reader)).body, "/a#1");
    assert.equal((await readReply(reader)).body, "/b#2");
    assert.equal((await readReply(reader)).body, "/c#3");
    assert.equal(backend.accepted.length, 1);
  });

  it("answers everything that was pipelined before the client's FIN", async () => {
    const backend = await simpleBackend(hello);
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.end(get() + get() + get());
    assert.equal((await reader.all()).match(/hello/g)?.length, 3);
  });

  it("passes a body with Content-Length on, byte for byte, in whatever pieces it comes", async () => {
    let seen = "";
    const backend = await rawBackend((socket) =>
      onHead(socket, async (head, rest) => {
        seen = head + (await rest.bytes(11));
        socket.write(hello);
      }),
    );
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    for (const piece of [
      "POST /up HT",
      "TP/1.1\r\nHost: a.test\r\nContent-Le",
      "ngth: 11\r\n\r\nhel",
      "lo wor",
      "ld",
    ]) {
      reader.socket.write(piece);
      await new Promise(setImmediate);
    }
    assert.equal((await readReply(reader)).body, "hello");
    assert.match(seen, /Content-Length: 11\r\n/i);
    assert.ok(seen.endsWith("\r\n\r\nhello world"));
    const [row] = await keeper.has(1);
    assert.equal(row.requestBody.kept?.toString(), "hello world");
  });

  it("re-frames chunked bodies both ways and drops chunk extensions", async () => {
    let seen = "";
    const backend = await rawBackend((socket) =>
      onHead(socket, async (head, rest) => {
        seen = head + (await rest.until("0\r\n\r\n"));
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
      }),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reply = await ask(
      port,
      "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
    );
    assert.equal(reply.body, "abcde");
    assert.equal(reply.field("transfer-encoding"), "chunked");
    assert.ok(seen.endsWith("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), seen);
  });

  it("de-chunks for an HTTP/1.0 client and closes at the end", async () => {
    const backend = await simpleBackend(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
    const text = await reader.all();
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(text, /transfer-encoding/i);
    assert.match(text, /Connection: close\r\n/i);
    assert.ok(text.endsWith("\r\n\r\nabcde"));
  });

  it("keeps an HTTP/1.0 connection that asks for it, and says so", async () => {
    const backend = await simpleBackend(hello);
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    const request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    reader.socket.write(request);
    assert.equal((await readReply(reader)).field("connection")?.toLowerCase(), "keep-alive");
    reader.socket.write(request);
    assert.equal((await readReply(reader)).body, "hello");
  });

  it("chunks a response that a backend delimits by closing", async () => {
    const backend = await rawBackend((socket) =>
      onHead(socket, () => socket.end("HTTP/1.1 200 OK\r\n\r\nuntil the end")),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    const reply = await readReply(reader);
    assert.equal(reply.field("transfer-encoding"), "chunked");
    assert.equal(reply.body, "until the end");
    reader.socket.write(get("/again"));
    assert.equal((await readReply(reader)).body, "until the end");
  });

  it("answers HEAD with the announced length and no body, and keeps the connection", async () => {
    const backend = await simpleBackend((head) =>
      head.startsWith("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n" : hello,
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const reply = await readReply(reader, "HEAD");
    assert.equal(reply.field("content-length"), "1234");
    reader.socket.write(get());
    assert.equal((await readReply(reader)).body, "hello");
    assert.equal(backend.accepted.length, 1);
  });

  for (const status of [204, 304]) {
    it(`passes ${status} on without a body`, async () => {
      const backend = await simpleBackend(`HTTP/1.1 ${status} Nothing\r\nETag: "a"\r\n\r\n`);
      const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
      const reader = await client(port);
      reader.socket.write(get() + get());
      assert.equal((await readReply(reader)).status, status);
      const second = await readReply(reader);
      assert.equal(second.field("etag"), '"a"');
      assert.equal(second.field("transfer-encoding"), undefined);
    });
  }

  it("streams 4 MiB both ways with back-pressure, unchanged", async () => {
    const size = 4 * 1024 * 1024;
    const block = Buffer.alloc(65536, 0);
    for (let i = 0; i < block.length; i++) block[i] = (i * 7 + (i >> 8)) & 255;
    const backend = await rawBackend((socket) =>
      onHead(socket, (head, rest) => {
        // An echo: whatever has been read beyond the head, then the rest, goes straight back.
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n` + rest.text, "latin1");
        socket.removeAllListeners("data");
        socket.pipe(socket, { end: false });
        socket.resume();
        void head;
      }),
    );
    const { port, engine } = await startEngine(planOf({ endpoints: [backend.port] }));
    const { socket } = await client(port);
    socket.removeAllListeners("data");
    let got = 0;
    let headEnd = -1;
    let head = "";
    const done = new Promise<void>((resolve, reject) => {
      socket.on("data", (bytes: Buffer) => {
        let at = 0;
        if (headEnd < 0) {
          head += bytes.toString("latin1");
          headEnd = head.indexOf("\r\n\r\n");
          if (headEnd < 0) return;
          at = bytes.length - (head.length - headEnd - 4);
        }
        for (; at < bytes.length; at++, got++) {
          if (bytes[at] !== block[got % block.length]) return reject(new Error(`byte ${got} differs`));
        }
        if (got === size) resolve();
      });
      socket.on("close", () => reject(new Error(`closed after ${got}`)));
    });
    socket.write(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${size}\r\n\r\n`);
    let sent = 0;
    const pump = (): void => {
      while (sent < size) {
        sent += block.length;
        if (!socket.write(block)) return void socket.once("drain", pump);
      }
    };
    pump();
    await done;
    assert.equal(engine.listeners[0].connections, 1);
  });

  it("does not read ahead of a client that does not read: memory stays bounded", async () => {
    let written = 0;
    const stalled = signal();
    const backend = await rawBackend((socket) =>
      onHead(socket, () => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const block = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65536), Buffer.from("\r\n")]);
        const pump = (): void => {
          for (;;) {
            written += block.length;
            if (!socket.write(block)) break;
          }
          // Once the kernel takes nothing for a while, the gateway has stopped reading.
          const timer = setTimeout(stalled.resolve, 300);
          socket.once("drain", () => {
            clearTimeout(timer);
            pump();
          });
        };
        pump();
      }),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.pause();
    reader.socket.write(get());
    await stalled.promise;
    assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
  });

  it("reuses read buffers without mixing answers when clients read slowly", async () => {
    const size = 1_000_000;
    const backend = await simpleBackend((head) => {
      const letter = head.split(" ")[1][1];
      return `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n` + letter.repeat(size);
    });
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const letters = ["a", "b", "c", "d", "e", "f"];
    const readers: Reader[] = [];
    for (const letter of letters) {
      const reader = await client(port);
      reader.socket.pause();
      reader.socket.write(get(`/${letter}`) + get(`/${letter.toUpperCase()}`));
      readers.push(reader);
    }
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    await Promise.all(
      readers.map(async (reader, i) => {
        reader.socket.resume();
        for (const letter of [letters[i], letters[i].toUpperCase()]) {
          const { body } = await readReply(reader);
          assert.equal(body.length, size);
          assert.ok(body === letter.repeat(size), `answer for ${letter} is mixed`);
        }
      }),
    );
  });
});
