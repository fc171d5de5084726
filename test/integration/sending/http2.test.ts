/**
 * The same over HTTP/2: streams that are refused, reset or slow, behind clients of either version, and copies of streams.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { ask, backend, start, stopAll, STEADY } from "./harness.ts";

const SPOKEN = `${STEADY}    protocol: HTTP2\n`;

describe("sending again over HTTP/2", function () {
  this.timeout(300_000);
  const servers: Http2Server[] = [];

  afterEach(async () => {
    await stopAll();
    for (const server of servers.splice(0)) server.close();
  });

  /** @param answer called when the request's body is whole. */
  async function streams(answer: (stream: ServerHttp2Stream, body: string) => void): Promise<number> {
    const server = createServer();
    servers.push(server);
    server.on("stream", (stream) => {
      let body = "";
      stream.on("error", () => {});
      stream.setEncoding("latin1").on("data", (piece: string) => (body += piece));
      stream.on("end", () => answer(stream, body));
    });
    server.on("sessionError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  it("tries another endpoint for a status, and gives it the PUT's body once more", async () => {
    const bodies: string[] = [];
    const note = (status: number) => (stream: ServerHttp2Stream, body: string) => {
      bodies.push(body);
      stream.respond({ ":status": status });
      stream.end(String(status));
    };
    const ports = [await streams(note(503)), await streams(note(200))];
    const { port } = await start(ports, "retry: { backoff: 0s }", "", SPOKEN);
    const { text } = await ask(port, { method: "PUT" }, "the body");
    assert.equal(text, "200");
    assert.deepEqual(bodies, ["the body", "the body"]);
  });

  it("repeats a POST whose stream was refused, and not one that was reset", async () => {
    for (const [code, expected] of [
      [constants.NGHTTP2_REFUSED_STREAM, 200],
      [constants.NGHTTP2_INTERNAL_ERROR, 502],
    ]) {
      const refusing = await streams((stream) => stream.close(code));
      const fine = await streams((stream) => {
        stream.respond({ ":status": 200 });
        stream.end("yes");
      });
      const { port } = await start([refusing, fine], "retry: {}", "", SPOKEN);
      const { status } = await ask(port, { method: "POST", headers: { "content-length": "0" } });
      assert.equal(status, expected);
    }
  });

  it("calls off the stream of a hedge that lost, with CANCEL", async () => {
    const codes: (number | undefined)[] = [];
    const slow = await streams((stream) => void stream.on("close", () => codes.push(stream.rstCode)));
    const quick = await streams((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("quick");
    });
    const { port } = await start([slow, quick], "hedge: { after: 30ms }", "", SPOKEN);
    assert.equal((await ask(port)).text, "quick");
    for (let n = 0; codes.length === 0 && n < 4000; n++) await wait(5);
    assert.deepEqual(codes, [constants.NGHTTP2_CANCEL]);
  });

  it("keeps the body of a stream from a client of HTTP/2, and mirrors it", async () => {
    const dying = await backend((incoming) => incoming.socket.resetAndDestroy());
    const fine = await backend((_, response) => response.end("yes"));
    const copy = await backend((_, response) => response.end());
    const running = await start(
      [dying.port, fine.port],
      "retry: { backoff: 5ms }, mirror: { service: shadow }",
      `  shadow: { endpoints: [{ url: "http://127.0.0.1:${copy.port}" }] }\n`,
    );
    const session = connect(`http://127.0.0.1:${running.port}`);
    const stream = session.request({ ":method": "PUT", ":path": "/" });
    stream.end("over h2");
    const [headers] = await once(stream, "response");
    assert.equal(headers[":status"], 200);
    stream.resume();
    await once(stream, "end");
    await running.rows(2);
    for (const { asked } of [dying, fine, copy]) {
      assert.deepEqual(
        asked.map(({ body }) => body),
        ["over h2"],
      );
    }
    session.close();
  });
});
