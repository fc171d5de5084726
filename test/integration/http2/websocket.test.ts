/**
 * WebSockets over HTTP/2 (RFC 8441), in and out and joined with those of HTTP/1.1; and what their rows say. Frames are
 * bytes to a gateway, so plain words stand for them here.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  connect,
  constants,
  createSecureServer,
  createServer as createHttp2,
  performServerHandshake,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Stream,
} from "node:http2";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { compileFilter } from "../../../src/gateway/record/filter/compile.ts";
import { parseFilter } from "../../../src/gateway/record/filter/syntax.ts";
import { atEnd, bytes, client, closing, server, start, stopEverything, type Running } from "../layer4/harness.ts";
import { folder, makeCa, pem, type Folder } from "../tls/certificates.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const acceptOf = (key: string): string =>
  createHash("sha1")
    .update(key + GUID)
    .digest("base64");

/** A WebSocket server of HTTP/1.1: greets, then echoes. @param answer instead of a 101. */
function http1Echo(answer?: (key: string) => string): Promise<number> {
  return server((socket) => {
    socket.once("data", (head: Buffer) => {
      const key = /\r\nsec-websocket-key: (\S+)/i.exec(head.toString("latin1"))?.[1] ?? "";
      const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\nSec-WebSocket-Protocol: chat`;
      socket.write(answer?.(key) ?? `HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\nwelcome`);
      socket.pipe(socket);
    });
  });
}

async function listening(made: Http2Server | Http2SecureServer): Promise<number> {
  const sessions = new Set<{ destroy(): void }>();
  made.on("session", (session) => sessions.add(session));
  atEnd(() => {
    for (const session of sessions) session.destroy();
    made.close();
  });
  made.listen(0, "127.0.0.1");
  await once(made, "listening");
  return (made.address() as AddressInfo).port;
}

/** A WebSocket server of HTTP/2. */
function http2Echo(seen: IncomingHttpHeaders[] = []): Promise<number> {
  const made = createHttp2({ settings: { enableConnectProtocol: true } });
  made.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    seen.push(headers);
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "sec-websocket-protocol": "chat" });
    stream.write("welcome");
    stream.pipe(stream);
  });
  return listening(made);
}

const gateway = (port: number, protocol = "HTTP"): Promise<Running> =>
  start(`
listeners: [{ name: edge, port: 0 }]
services: { live: { protocol: ${protocol}, endpoints: [{ url: "http://127.0.0.1:${port}" }] } }
routes: [{ name: live, backendRefs: [{ service: live }] }]`);

async function session(port: number): Promise<ClientHttp2Session> {
  const made = connect(`http://127.0.0.1:${port}`);
  made.on("error", () => {});
  atEnd(() => made.destroy());
  await once(made, "remoteSettings");
  return made;
}

async function tunnel(port: number, more: Record<string, string> = {}): Promise<ClientHttp2Stream> {
  const over = await session(port);
  assert.equal(over.remoteSettings.enableConnectProtocol, true);
  const headers = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/live", "sec-websocket-version": "13" };
  const stream = over.request({ ...headers, "sec-websocket-protocol": "chat", ...more }, { endStream: false });
  stream.on("error", () => {});
  return stream;
}

const matches = ({ gateway: { recorder } }: Running, id: number, text: string): boolean => {
  const parsed = parseFilter(text);
  assert.ok("filter" in parsed, text);
  const place = recorder.place(id)!;
  const context = { recorder, wallClock: () => 0, savedAt: () => 0 };
  return compileFilter(parsed.filter, context).test(place.chunk, place.index);
};

describe("WebSockets over HTTP/2", () => {
  afterEach(stopEverything);

  const roads = {
    "to a backend of HTTP/1.1": () => http1Echo().then((port) => gateway(port)),
    "to a backend of HTTP/2": () => http2Echo().then((port) => gateway(port, "HTTP2")),
  };
  for (const [road, open] of Object.entries(roads)) {
    it(`go ${road}, both ways, until both halves have ended`, async () => {
      const running = await open();
      const stream = await tunnel(running.port("edge"));
      const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
      assert.deepEqual([headers[":status"], headers["sec-websocket-protocol"]], [200, "chat"]);
      for (const name of ["sec-websocket-accept", "upgrade", "connection"]) assert.equal(headers[name], undefined);
      assert.equal(await bytes(stream, 7), "welcome");
      const large = "x".repeat(300_000);
      stream.write(large);
      assert.equal(await bytes(stream, large.length), large);
      stream.end("last");
      assert.equal(await bytes(stream, 4), "last");
      await once(stream, "close");
      assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
      const [row] = await running.rows(1);
      assert.deepEqual([row.protocol, row.state, row.status], ["websocket", "ok", 101]);
      for (const yes of ["proto:websocket", "proto:h2", "is:websocket"]) assert.ok(matches(running, row.id, yes), yes);
      for (const no of ["proto:http/1.1", "is:grpc", "proto:tcp"]) assert.ok(!matches(running, row.id, no), no);
    });
  }

  it("leave a client of HTTP/1.1 to a backend of HTTP/2 as an extended CONNECT, without key and accept", async () => {
    const seen: IncomingHttpHeaders[] = [];
    const running = await gateway(await http2Echo(seen), "HTTP2");
    const socket = await client(running.port("edge"));
    const key = "dGhlIHNhbXBsZSBub25jZQ==";
    socket.write(
      `GET /live?x=1 HTTP/1.1\r\nHost: a.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    const answer = await bytes(socket, 100);
    assert.match(answer, /^HTTP\/1\.1 101 /);
    // The sample of RFC 6455 section 1.3.
    assert.match(answer, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
    if (!answer.endsWith("welcome")) assert.equal(await bytes(socket, 7), "welcome");
    socket.write("ping");
    assert.equal(await bytes(socket, 4), "ping");
    const ended = closing(socket);
    socket.end();
    assert.equal(await ended, "end");
    const [sent] = seen;
    assert.deepEqual(
      [sent[":method"], sent[":protocol"], sent[":path"], sent[":authority"], sent["sec-websocket-version"]],
      ["CONNECT", "websocket", "/live?x=1", "a.localhost", "13"],
    );
    for (const name of ["sec-websocket-key", "upgrade", "connection"]) assert.equal(sent[name], undefined);
    assert.equal((await running.rows(1))[0].protocol, "websocket");
  });

  it("fall back to HTTP/1.1 where a backend of HTTP/2 takes no tunnels", async () => {
    const echo = await http1Echo();
    // Speaks both, told apart by the first bytes; its HTTP/2 knows no extended CONNECT.
    const both = await server((socket) => {
      socket.once("data", (first: Buffer) => {
        socket.pause();
        socket.unshift(first);
        if (first.toString("latin1").startsWith("PRI ")) {
          performServerHandshake(socket, {}).on("error", () => {});
          return;
        }
        void client(echo).then((to) => socket.pipe(to).pipe(socket));
      });
    });
    const running = await gateway(both, "HTTP2");
    const stream = await tunnel(running.port("edge"));
    assert.equal(await bytes(stream, 7), "welcome");
    stream.end("bye");
    assert.equal(await bytes(stream, 3), "bye");
  });

  describe("behind TLS", () => {
    let files: Folder;
    before(() => makeCa((files = folder()).path, "ca"));
    after(() => files.remove());

    const secured = (port: number): Promise<Running> =>
      start(`
listeners: [{ name: edge, port: 0 }]
services: { live: { protocol: HTTP2, tls: { verify: false }, endpoints: [{ url: "https://127.0.0.1:${port}" }] } }
routes: [{ name: live, backendRefs: [{ service: live }] }]`);
    const options = () => ({ cert: pem(files.path, "ca.pem"), key: pem(files.path, "ca.key") });
    /** @param seen protocols that requests came by. */
    const backend = (more: SecureServerOptions, seen: string[]): Promise<number> => {
      const made = createSecureServer({ ...options(), ...more });
      made.on("stream", (stream: ServerHttp2Stream) => {
        seen.push("h2");
        stream.on("error", () => {});
        stream.respond({ ":status": 200 });
        stream.write("welcome");
        stream.pipe(stream);
      });
      made.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
        seen.push("http/1.1");
        const accept = acceptOf(String(request.headers["sec-websocket-key"]));
        socket.write(
          `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\nwelcome`,
        );
        socket.on("error", () => {}).pipe(socket);
      });
      return listening(made);
    };
    const cases = [
      ["an extended CONNECT to who takes them", { settings: { enableConnectProtocol: true }, allowHTTP1: true }, "h2"],
      ["HTTP/1.1 to who speaks HTTP/2 without them", { allowHTTP1: true }, "http/1.1"],
      ["HTTP/1.1 to who agrees to nothing else", { allowHTTP1: true, ALPNProtocols: ["http/1.1"] }, "http/1.1"],
    ] as const;
    for (const [name, more, protocol] of cases) {
      it(`are ${name}, the second on the same terms`, async () => {
        const seen: string[] = [];
        const running = await secured(await backend(more as SecureServerOptions, seen));
        for (const round of [1, 2]) {
          const stream = await tunnel(running.port("edge"));
          assert.equal(await bytes(stream, 7), "welcome");
          stream.end("bye");
          assert.equal(await bytes(stream, 3), "bye");
          const rows = await running.rows(round);
          assert.deepEqual([rows[round - 1].protocol, rows[round - 1].status], ["websocket", 101]);
          const place = running.gateway.recorder.place(rows[round - 1].id)!;
          const sent = running.gateway.recorder.payload(place)?.upstreamHead ?? "";
          const line = protocol === "h2" ? "CONNECT /live HTTP/2\r\n:protocol: websocket" : "GET /live HTTP/1.1";
          assert.ok(sent.startsWith(line), sent);
        }
        assert.deepEqual(seen, [protocol, protocol]);
      });
    }
  });

  it("are refused by a backend as any request is", async () => {
    const running = await gateway(await http1Echo(() => "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
    const stream = await tunnel(running.port("edge"));
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
    assert.equal(headers[":status"], 403);
    assert.equal(await bytes(stream, 2), "no");
  });

  it("do not open to a backend that answers the wrong key", async () => {
    const wrong = (): string =>
      `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf("other")}\r\n\r\n`;
    const running = await gateway(await http1Echo(wrong));
    const stream = await tunnel(running.port("edge"));
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
    assert.equal(headers[":status"], 502);
    stream.close();
    const [row] = await running.rows(1);
    assert.match(row.why, /does not answer the key/);
  });

  it("are the only tunnels: another protocol gets a 501", async () => {
    const running = await gateway(await http1Echo());
    const stream = await tunnel(running.port("edge"), { ":protocol": "connect-udp" });
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
    assert.equal(headers[":status"], 501);
  });

  it("pass on that one side is gone", async () => {
    let closed: Promise<string> | undefined;
    const port = await server((socket) => {
      socket.once("data", (head: Buffer) => {
        const key = /\r\nsec-websocket-key: (\S+)/i.exec(head.toString("latin1"))?.[1] ?? "";
        socket.write(
          `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\nhi`,
        );
        closed = closing(socket);
      });
    });
    const running = await gateway(port);
    const stream = await tunnel(running.port("edge"));
    await bytes(stream, 2);
    stream.close(constants.NGHTTP2_CANCEL);
    assert.match(await closed!, /end|close|ECONNRESET/);
    await running.rows(1);
  });
});
