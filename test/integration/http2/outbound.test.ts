/** HTTP/2 out, by prior knowledge and by ALPN, from clients of either version. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  connect,
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Failure } from "../../../src/model/state.ts";
import { signal, stopEverything } from "../engine/harness.ts";
import { folder, makeCa, makeLeaf, pem, type Folder } from "../tls/certificates.ts";
import { policy, serve, type Serving } from "../tls/running.ts";

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

describe("HTTP/2 out", () => {
  let files: Folder;
  const servers: { close(): unknown }[] = [];
  const ends: (() => void)[] = [];
  let sessions = 0;

  before(() => {
    files = folder();
    makeCa(files.path, "ca");
    makeLeaf(files.path, "a", { ca: "ca", names: "DNS:localhost" });
  });
  after(() => files.remove());
  afterEach(async () => {
    for (const end of ends.splice(0)) end();
    await stopEverything();
    for (const server of servers.splice(0)) server.close();
  });

  async function listen(server: Http2Server, answer: Answer): Promise<number> {
    sessions = 0;
    server.on("session", () => sessions++);
    server.on("sessionError", () => {});
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      answer(stream, headers);
    });
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  const clear = (answer: Answer): Promise<number> => listen(createServer(), answer);
  const service = "protocol: HTTP2";
  const to = (port: number): Promise<Serving> =>
    serve(policy({ url: `http://127.0.0.1:${port}`, service }), files.path);

  async function ask(
    port: number,
    method = "GET",
    body?: string,
  ): Promise<{ status: number; body: string; trailers: NodeJS.Dict<string>; headers: IncomingMessage["headers"] }> {
    const call = request({
      host: "127.0.0.1",
      port,
      method,
      agent: false,
      headers: { te: "trailers", connection: "te" },
    });
    // From Node 24 on a reset in the middle of an answer is told to the request as well as to the answer.
    call.on("error", () => {});
    call.end(body);
    const [response] = (await once(call, "response")) as [IncomingMessage];
    let text = "";
    response.setEncoding("latin1");
    for await (const piece of response) text += String(piece);
    return { status: response.statusCode ?? 0, body: text, trailers: response.trailers, headers: response.headers };
  }

  it("makes one stream of a request by HTTP/1.1, with its fields, body and trailers", async () => {
    let seen: IncomingHttpHeaders = {};
    const port = await clear((stream, headers) => {
      seen = headers;
      let body = "";
      stream.setEncoding("latin1").on("data", (piece: string) => (body += piece));
      stream.on("end", () => {
        stream.respond({ ":status": 201, "x-one": "1", "set-cookie": ["a=1", "b=2"] }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": String(body.length) }));
        stream.end(body.toUpperCase());
      });
    });
    const serving = await to(port);
    const { status, body, trailers, headers } = await ask(serving.port, "POST", "words");
    assert.deepEqual([status, body, trailers["x-sum"]], [201, "WORDS", "5"]);
    assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
    assert.match(String(headers.via), /^2 switchyard-/);
    assert.equal(seen[":authority"], `127.0.0.1:${serving.port}`);
    assert.equal(seen.host, undefined);
    assert.match(String(seen.via), /^1\.1 switchyard-/);
    const [row] = await serving.keeper.has(1);
    assert.match(row.upstreamHead, /^POST \/ HTTP\/2\r\n/);
    assert.match(row.responseHead, /^HTTP\/2 201 /);
  });

  it("shares one session among requests that come at once", async () => {
    const port = await clear((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("hello");
    });
    const serving = await to(port);
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(serving.port)));
    assert.ok(answers.every(({ body }) => body === "hello"));
    assert.equal(sessions, 1);
  });

  it("sends a request without a body as a head that ends its stream", async () => {
    let ended = false;
    const port = await clear((stream) => {
      ended = stream.endAfterHeaders;
      stream.respond({ ":status": 204 }, { endStream: true });
    });
    const serving = await to(port);
    assert.equal((await ask(serving.port)).status, 204);
    assert.equal(ended, true);
  });

  it("asks again when a backend says that it did nothing, whatever the method", async () => {
    let asked = 0;
    const port = await clear((stream) => {
      if (++asked === 1) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
      stream.respond({ ":status": 200 });
      stream.end("hello");
    });
    const text = policy({ url: `http://127.0.0.1:${port}`, service }).replace(
      `endpoints: [{ url: "http://127.0.0.1:${port}" }]`,
      `endpoints: [{ url: "http://127.0.0.1:${port}" }, { url: "http://localhost:${port}" }]`,
    );
    const serving = await serve(text, files.path);
    const { status } = await ask(serving.port, "POST");
    assert.equal(status, 200);
    assert.equal(asked, 2);
  });

  it("tells a reset before the answer from one in the middle of it", async () => {
    const port = await clear((stream, headers) => {
      if (headers[":path"] === "/before") return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      stream.respond({ ":status": 200 });
      stream.write("part", () => stream.destroy(new Error("enough")));
    });
    const serving = await to(port);
    const early = await fetch(`http://127.0.0.1:${serving.port}/before`, {
      method: "POST",
      headers: { connection: "close" },
    });
    assert.equal(early.status, 502);
    assert.match(
      ((await early.json()) as { detail: string }).detail,
      /reset the stream \(INTERNAL_ERROR\) before it answered/,
    );
    await assert.rejects(ask(serving.port), /aborted|ECONNRESET/);
    const rows = await serving.keeper.has(2);
    assert.equal(rows[1].failure, Failure.ResetDuringResponse);
  });

  it("cancels the stream when the client goes", async () => {
    const cancelled = signal();
    const asked = signal();
    const port = await clear((stream) => {
      asked.resolve();
      stream.on("close", () => stream.rstCode === constants.NGHTTP2_CANCEL && cancelled.resolve());
    });
    const serving = await to(port);
    const call = request({ host: "127.0.0.1", port: serving.port, agent: false });
    call.on("error", () => {});
    call.end();
    await asked.promise;
    call.destroy();
    await cancelled.promise;
  });

  it("opens a new session after the backend has said GOAWAY", async () => {
    const port = await clear((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("hello");
      if (sessions === 1) stream.session?.close();
    });
    const serving = await to(port);
    for (let i = 0; i < 3; i++) assert.equal((await ask(serving.port)).body, "hello");
    assert.equal(sessions, 2);
  });

  for (const version of ["2.0", "1.1"]) {
    it(`speaks HTTP/${version} over TLS when that is what the backend agrees to`, async () => {
      const options = { cert: pem(files.path, "a.pem"), key: pem(files.path, "a.key") };
      const server = version === "2.0" ? createSecureServer(options) : createHttpsServer(options);
      server.on("request", (incoming: IncomingMessage, response: ServerResponse) => response.end(incoming.httpVersion));
      servers.push(server);
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const secure = `${service}, tls: { ca: ca.pem }`;
      const serving = await serve(policy({ url: `https://localhost:${port}`, service: secure }), files.path);
      for (let i = 0; i < 3; i++) assert.equal((await ask(serving.port)).body, version);
    });
  }

  it("joins a client of HTTP/2 with a backend of HTTP/2, streaming both ways", async () => {
    const port = await clear((stream) => {
      stream.respond({ ":status": 200 });
      stream.on("data", (bytes: Buffer) => stream.write(`<${bytes.toString()}>`));
      stream.on("end", () => stream.end());
    });
    const serving = await to(port);
    const session = connect(`http://127.0.0.1:${serving.port}`);
    ends.push(() => session.destroy());
    const stream = session.request({ ":method": "POST", ":path": "/" });
    stream.setEncoding("latin1");
    await once(stream, "response");
    for (const word of ["one", "two"]) {
      stream.write(word);
      assert.deepEqual(await once(stream, "data"), [`<${word}>`]);
    }
    stream.end();
    stream.resume();
    await once(stream, "close");
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  });
});
