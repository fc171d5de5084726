/** Policies on bodies with HTTP/2 clients, and clients and backends that go away in the middle: nothing leaks, nothing hangs. */
import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { request as ask } from "node:http";
import { brotliDecompressSync } from "node:zlib";
import { Failure } from "../../../src/model/state.ts";
import { json, serving, stop } from "../engine/body-policies.fixture.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

function overHttp2(port: number, headers: Readonly<Record<string, string>>, body?: readonly Buffer[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", reject);
    const stream = session.request({ ":method": body === undefined ? "GET" : "POST", ":path": "/", ...headers });
    const pieces: Buffer[] = [];
    let head: Record<string, unknown> = {};
    stream.on("response", (fields) => (head = { ...fields }));
    stream.on("data", (bytes: Buffer) => pieces.push(bytes));
    stream.on("error", () => {});
    stream.on("close", () => {
      session.close();
      resolve({ status: Number(head[":status"]), headers: head, body: Buffer.concat(pieces) });
    });
    for (const piece of body ?? []) stream.write(piece);
    stream.end();
  });
}

describe("policies on bodies over HTTP/2", () => {
  afterEach(stop);

  it("judges, rewrites and encodes", async () => {
    const gateway = await serving(
      "[{ requestSchema: { schema: { required: [a] } } }, { requestBody: { remove: [/b] } }, { responseBody: { remove: [/x] } }, { compression: { minSize: 1B } }]",
      (_request, response, body) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ x: 1, got: body.toString() }));
      },
    );
    const type = { "content-type": "application/json", "accept-encoding": "br" };
    const fine = await overHttp2(gateway.port, type, [Buffer.from('{"a":1,'), Buffer.from('"b":2}')]);
    assert.equal(fine.status, 200);
    assert.equal(fine.headers["content-encoding"], "br");
    assert.equal(brotliDecompressSync(fine.body).toString(), '{"got":"{\\"a\\":1}"}');
    const wrong = await overHttp2(gateway.port, type, [Buffer.from('{"b":2}')]);
    assert.equal(wrong.status, 422);
  });

  it("cuts off a body that outgrows its limit, though no length was announced", async () => {
    const gateway = await serving("[{ maxBody: 100KiB }]", json({}));
    const reply = await overHttp2(
      gateway.port,
      {},
      Array.from({ length: 20 }, () => Buffer.alloc(10_000)),
    );
    assert.equal(reply.status, 413);
  });
});

describe("bodies that end in the middle", () => {
  afterEach(stop);

  it("forgets a client that goes away while its body is collected, or while its answer is encoded", async () => {
    const gateway = await serving(
      "[{ requestBody: { remove: [/a] } }, { compression: { types: ['*/*'] } }]",
      (_request, response) => {
        response.setHeader("content-type", "text/plain");
        response.write(Buffer.alloc(4_000_000, 97));
      },
    );
    const headers = { "content-length": "500", expect: "100-continue" };
    const half = ask({ port: gateway.port, host: "127.0.0.1", method: "POST", headers });
    half.on("error", () => {});
    // That it may go on says that its head was read.
    half.on("continue", () => half.write("half", () => half.destroy()));
    half.flushHeaders();
    const [gone] = await gateway.keeper.has(1);
    assert.equal(gone.failure, Failure.ClientGone);
    const reading = ask(
      { port: gateway.port, host: "127.0.0.1", headers: { "accept-encoding": "gzip" } },
      (response) => {
        response.once("data", () => response.destroy());
      },
    );
    reading.on("error", () => {});
    reading.end();
    const rows = await gateway.keeper.has(2);
    assert.equal(rows[1].failure, Failure.ClientGone);
    assert.equal(gateway.seen.length, 1);
  });

  it("answers 502 where a backend breaks off what was to be rewritten, and cuts what was being encoded", async () => {
    const broken = await serving("[{ responseBody: { remove: [/a] } }]", (_request, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write('{"a":');
      setTimeout(() => response.destroy(), 20);
    });
    assert.equal((await broken.send({})).status, 502);
    let breakOff = (): void => {};
    const cut = await serving("[{ compression: { types: ['*/*'] } }]", (_request, response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      response.write("x".repeat(5000));
      breakOff = () => response.destroy();
    });
    const ended = await new Promise<string>((resolve) => {
      const headers = { "accept-encoding": "gzip" };
      ask({ port: cut.port, host: "127.0.0.1", headers }, (response) => {
        response.once("data", () => breakOff());
        response.on("end", () => resolve("whole"));
        response.on("error", () => resolve("broken off"));
      })
        .on("error", () => resolve("broken off"))
        .end();
    });
    assert.equal(ended, "broken off", "the caller must see that something is missing");
  });
});
