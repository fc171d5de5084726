/** HTTP/2 in, HTTP/1.1 out: by prior knowledge and by ALPN, with node, curl and nghttp2 as clients. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectPlain, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { RESETS_PER_SECOND } from "../../../src/gateway/http2/connection.ts";
import { Failure } from "../../../src/model/state.ts";
import { hello, onHead, rawBackend, signal, simpleBackend, stopEverything } from "../engine/harness.ts";
import { folder, makeCa, makeLeaf, pem, type Folder } from "../tls/certificates.ts";
import { policy, serve } from "../tls/running.ts";

const run = promisify(execFile);

interface Answer {
  readonly headers: IncomingHttpHeaders & { ":status"?: number };
  readonly body: string;
  readonly trailers: IncomingHttpHeaders | undefined;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let trailers: IncomingHttpHeaders | undefined;
  stream.on("trailers", (found: IncomingHttpHeaders) => (trailers = found));
  const [headers] = (await once(stream, "response")) as [Answer["headers"]];
  let body = "";
  stream.setEncoding("latin1");
  for await (const piece of stream) body += String(piece);
  return { headers, body, trailers };
}

describe("HTTP/2 in", () => {
  const sessions: ClientHttp2Session[] = [];
  const servers: Server[] = [];
  const directory = process.cwd();

  afterEach(async () => {
    for (const session of sessions.splice(0)) session.destroy();
    await stopEverything();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  function session(port: number): ClientHttp2Session {
    const made = connect(`http://127.0.0.1:${port}`);
    made.on("error", () => {});
    sessions.push(made);
    return made;
  }

  function ask(port: number, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
    const stream = session(port).request({ ":path": "/", ...headers }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    return answerOf(stream);
  }

  async function http1(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
    const server = createServer(answer);
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  const to = (port: number, more: object = {}) =>
    serve(policy({ url: `http://127.0.0.1:${port}`, ...more }), directory);

  for (const mode of ["whole", "byte by byte"]) {
    it(`is recognised by its first bytes, sent ${mode}`, async () => {
      const { port } = await simpleBackend(hello);
      const serving = await to(port);
      const relay = await rawBackend((client) => {
        const server = connectPlain({ port: serving.port, host: "127.0.0.1", noDelay: true });
        server.on("error", () => {});
        let first = true;
        client.on("data", (bytes: Buffer) => {
          if (!first || mode === "whole") return void server.write(bytes);
          first = false;
          for (const byte of bytes) server.write(Buffer.of(byte));
        });
        server.pipe(client);
      });
      const { headers, body } = await ask(relay.port, {});
      assert.deepEqual([headers[":status"], body], [200, "hello"]);
    });
  }

  it("still takes HTTP/1.1 on the same port, also a method that begins with P", async () => {
    const port = await http1((request, response) => response.end(request.method));
    const serving = await to(port);
    for (const method of ["GET", "POST", "PUT", "PATCH", "PROPFIND"]) {
      const response = await fetch(`http://127.0.0.1:${serving.port}/`, { method, headers: { connection: "close" } });
      assert.equal(await response.text(), method);
    }
  });

  it("becomes HTTP/1.1 for the backend, with Host, one Cookie, and what a proxy adds", async () => {
    let seen = "";
    const { port } = await simpleBackend((head) => ((seen = head), hello));
    const serving = await to(port);
    await ask(serving.port, {
      ":authority": "shop.localhost:1",
      ":path": "/a?b=c",
      cookie: ["a=1", "b=2"],
      "x-many": ["1", "2"],
    });
    assert.match(seen, /^GET \/a\?b=c HTTP\/1\.1\r\n/);
    assert.match(seen, /\r\nHost: shop\.localhost:1\r\n/);
    assert.match(seen, /\r\nCookie: a=1; b=2\r\n/i);
    assert.match(seen, /\r\nx-many: 1\r\nx-many: 2\r\n/);
    assert.match(seen, /\r\nVia: 2 switchyard-/);
    assert.match(seen, /\r\nX-Forwarded-Host: shop\.localhost:1\r\n/);
    assert.doesNotMatch(seen, /transfer-encoding|:path|http2-settings/i);
    const [row] = await serving.keeper.has(1);
    assert.equal(row.protocol, "h2");
    assert.match(row.requestHead, /^GET \/a\?b=c HTTP\/2\r\n/);
  });

  it("carries bodies and trailers both ways", async () => {
    const port = await http1((request, response) => {
      let body = "";
      request.setEncoding("latin1").on("data", (piece: string) => (body += piece));
      request.on("end", () => {
        response.writeHead(200, { trailer: "x-sum", "x-got": String(request.trailers["x-check"]) });
        response.write(body.toUpperCase());
        response.addTrailers({ "x-sum": String(body.length) });
        response.end();
      });
    });
    const serving = await to(port);
    const stream = session(serving.port).request(
      { ":method": "POST", ":path": "/", te: "trailers" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-check": "seen" }));
    stream.end("some words");
    const { headers, body, trailers } = await answerOf(stream);
    assert.equal(body, "SOME WORDS");
    assert.equal(headers["x-got"], "seen");
    assert.equal(trailers?.["x-sum"], "10");
  });

  it("streams in both directions before either has ended", async () => {
    const port = await http1((request, response) => {
      response.writeHead(200);
      response.flushHeaders();
      request.on("data", (bytes: Buffer) => response.write(`<${bytes.toString()}>`));
      request.on("end", () => response.end());
    });
    const serving = await to(port);
    const stream = session(serving.port).request({ ":method": "POST", ":path": "/" });
    stream.setEncoding("latin1");
    await once(stream, "response");
    for (const word of ["one", "two", "three"]) {
      stream.write(word);
      const [piece] = (await once(stream, "data")) as [string];
      assert.equal(piece, `<${word}>`);
    }
    stream.end();
    stream.resume();
    await once(stream, "close");
  });

  it("holds a backend back while the client's window is closed, and loses nothing", async () => {
    const size = 1024 * 1024;
    const body = Buffer.alloc(size, "0123456789abcdef");
    const port = await http1((_, response) => response.end(body));
    const serving = await to(port);
    const stream = session(serving.port).request({ ":path": "/" });
    await once(stream, "response");
    let got = 0;
    let same = true;
    for await (const piece of stream as AsyncIterable<Buffer>) {
      same &&= piece.equals(body.subarray(got, got + piece.length));
      got += piece.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(got, size);
    assert.ok(same);
  });

  it("relays 100 (Continue) and 103 (Early Hints)", async () => {
    const { port } = await rawBackend((socket) => {
      onHead(socket, () => {
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
        socket.write(hello);
      });
    });
    const serving = await to(port);
    const stream = session(serving.port).request({ ":path": "/" });
    const hints = once(stream, "headers") as Promise<[IncomingHttpHeaders & { ":status": number }]>;
    const { body } = await answerOf(stream);
    const [early] = await hints;
    assert.deepEqual([early[":status"], early.link, body], [103, "</a.css>", "hello"]);
  });

  it("answers HEAD with the length and without a body, and 204 with neither", async () => {
    const port = await http1((request, response) => {
      response.statusCode = request.url === "/none" ? 204 : 200;
      if (request.url !== "/none") response.setHeader("content-length", 5);
      response.end(request.method === "HEAD" || request.url === "/none" ? undefined : "hello");
    });
    const serving = await to(port);
    const head = await ask(serving.port, { ":method": "HEAD" });
    assert.deepEqual([head.headers["content-length"], head.body], ["5", ""]);
    const none = await ask(serving.port, { ":path": "/none" });
    assert.deepEqual([none.headers[":status"], none.headers["content-length"]], [204, undefined]);
  });

  it("cancels the backend's work when the client resets its stream", async () => {
    const left = signal();
    const asked = signal();
    const { port } = await rawBackend((socket) => {
      onHead(socket, asked.resolve);
      socket.on("close", left.resolve);
      socket.on("end", left.resolve);
    });
    const serving = await to(port);
    const stream = session(serving.port).request({ ":path": "/" });
    stream.on("error", () => {});
    await asked.promise;
    stream.close(constants.NGHTTP2_CANCEL);
    await left.promise;
    const [row] = await serving.keeper.has(1);
    assert.equal(row.failure, Failure.ClientGone);
  });

  it("resets the stream, and no other, when a backend breaks off, whether or not it had said how long its answer is", async () => {
    const { port } = await rawBackend((socket) => {
      onHead(socket, (head) => {
        if (head.startsWith("GET /good")) socket.write(hello);
        else if (head.startsWith("GET /length")) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart");
        else socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
      });
    });
    const serving = await to(port);
    const one = session(serving.port);
    for (const path of ["/length", "/chunked"]) {
      const broken = one.request({ ":path": path });
      let complete = false;
      broken.on("error", () => {});
      broken.on("end", () => (complete = true));
      broken.resume();
      await new Promise((resolve) => broken.on("close", resolve));
      assert.equal(broken.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
      assert.equal(complete, false);
    }
    const { body } = await answerOf(one.request({ ":path": "/good" }));
    assert.equal(body, "hello");
  });

  it("refuses with a document of its own, and keeps the connection", async () => {
    const { port } = await simpleBackend(hello);
    const serving = await to(port, { route: "matches: [{ path: { prefix: /a } }]" });
    const one = session(serving.port);
    const refused = await answerOf(one.request({ ":path": "/b" }));
    assert.equal(refused.headers[":status"], 404);
    assert.equal(refused.headers["content-type"], "application/problem+json");
    assert.equal((JSON.parse(refused.body) as { type: string }).type, "urn:switchyard:route:no-match");
    assert.equal((await answerOf(one.request({ ":path": "/a" }))).body, "hello");
  });

  it("refuses while the body is still on its way, and stops it", async () => {
    const { port } = await simpleBackend(hello);
    const serving = await to(port, { route: "matches: [{ path: { prefix: /a } }]" });
    const stream = session(serving.port).request({ ":method": "POST", ":path": "/b" });
    stream.on("error", () => {});
    stream.write(Buffer.alloc(1000));
    const [headers] = (await once(stream, "response")) as [Answer["headers"]];
    assert.equal(headers[":status"], 404);
    stream.resume();
    await once(stream, "close");
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  });

  it("refuses CONNECT, a target that is no path, and hosts that contradict each other", async () => {
    let asked = 0;
    const { port } = await simpleBackend(() => (asked++, hello));
    const serving = await to(port);
    const one = session(serving.port);
    const connected = await answerOf(
      one.request({ ":method": "CONNECT", ":authority": "a.test:443" }, { endStream: true }),
    );
    assert.equal(connected.headers[":status"], 501);
    const wrong = [
      { ":path": "http://evil.test/" },
      { ":path": "no-slash" },
      { ":path": "/%00" },
      { ":path": "/", host: "b.test", ":authority": "a.test" },
    ];
    for (const headers of wrong) {
      // nghttp2 resets what breaks its own rules before anybody sees it.
      const outcome = await ask(serving.port, headers).then(
        (answer) => answer.headers[":status"],
        (error: Error) => error.message,
      );
      assert.ok(outcome === 400 || /PROTOCOL_ERROR/.test(String(outcome)), `${JSON.stringify(headers)}: ${outcome}`);
    }
    assert.equal(asked, 0);
  });

  it("refuses a head that is too large, and serves on", async () => {
    const { port } = await simpleBackend(hello);
    const serving = await to(port);
    const one = session(serving.port);
    const large = one.request({ ":path": "/", "x-large": "a".repeat(17_000) });
    large.on("error", () => {});
    const outcome = await Promise.race([
      once(large, "response").then(([headers]) => (headers as Answer["headers"])[":status"]),
      once(large, "close").then(() => "reset"),
    ]).catch(() => "reset");
    assert.ok(outcome === 431 || outcome === "reset", String(outcome));
    assert.equal((await ask(serving.port, {})).body, "hello");
  });

  it(`ends a connection that resets more than ${RESETS_PER_SECOND} streams in a second`, async () => {
    const { port } = await rawBackend(() => {});
    // However long a machine takes for them: in this gateway they all come within one second.
    const started = performance.now();
    const text = policy({ url: `http://127.0.0.1:${port}` });
    const serving = await serve(text, directory, { now: () => started });
    const one = session(serving.port);
    const away = once(one, "goaway") as Promise<[number]>;
    for (let i = 0; i < RESETS_PER_SECOND * 3 && !one.closed && !one.destroyed; i++) {
      const stream = one.request({ ":path": "/" });
      stream.on("error", () => {});
      stream.close(constants.NGHTTP2_CANCEL);
      if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
    const [code] = await away;
    assert.equal(code, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  it("lets streams end and says GOAWAY when the listener goes", async () => {
    const release = signal();
    const asked = signal();
    const port = await http1((_, response) => {
      asked.resolve();
      void release.promise.then(() => response.end("late"));
    });
    const serving = await to(port);
    const one = session(serving.port);
    const away = once(one, "goaway");
    const answer = answerOf(one.request({ ":path": "/" }));
    await asked.promise;
    const drained = serving.engine.drain(10_000);
    await away;
    release.resolve();
    assert.equal((await answer).body, "late");
    await drained;
  });

  describe("with real clients", () => {
    let files: Folder;
    before(() => {
      files = folder();
      makeCa(files.path, "ca");
      makeLeaf(files.path, "a", { ca: "ca", names: "DNS:localhost,IP:127.0.0.1" });
    });
    after(() => files.remove());
    const listener = "protocol: HTTPS, tls: { certificate: { cert: a.pem, key: a.key } }";

    it("speaks to curl by prior knowledge and by ALPN, and HTTP/1.1 to whoever asks for it", async () => {
      const port = await http1((request, response) => void request.pipe(response));
      const clear = await to(port);
      const form = ["-sS", "-d", "some words", "-w", " %{http_version}"];
      const plain = await run("curl", [...form, "--http2-prior-knowledge", `http://127.0.0.1:${clear.port}/`]);
      assert.equal(plain.stdout, "some words 2");
      const secure = await serve(policy({ url: `http://127.0.0.1:${port}`, listener }), files.path);
      const trusted = [...form, "--cacert", join(files.path, "ca.pem")];
      const url = `https://localhost:${secure.port}/`;
      assert.equal((await run("curl", [...trusted, "--http2", url])).stdout, "some words 2");
      assert.equal((await run("curl", [...trusted, "--http1.1", url])).stdout, "some words 1.1");
    });

    it("serves nghttp and a hundred streams of h2load without a failure", async () => {
      const port = await http1((_, response) => response.end("hello"));
      const serving = await to(port);
      const url = `http://127.0.0.1:${serving.port}/`;
      assert.equal((await run("nghttp", [url])).stdout, "hello");
      const { stdout } = await run("h2load", ["-n", "500", "-c", "2", "-m", "50", url]);
      assert.match(stdout, /500 succeeded, 0 failed, 0 errored, 0 timeout/);
    });

    it("agrees on h2 with node over TLS", async () => {
      const { port } = await simpleBackend(hello);
      const serving = await serve(policy({ url: `http://127.0.0.1:${port}`, listener }), files.path);
      const one = connect(`https://localhost:${serving.port}`, { ca: pem(files.path, "ca.pem") });
      sessions.push(one);
      assert.equal((await answerOf(one.request({ ":path": "/" }))).body, "hello");
    });
  });
});
