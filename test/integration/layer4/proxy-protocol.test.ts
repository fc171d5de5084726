/** PROXY headers on real sockets: believed from trusted ranges only, in pieces of every size, and passed on upstream. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { decodeProxyHeader, encodeProxyHeader, type ProxyHeader } from "../../../src/gateway/layer4/proxy-header.ts";
import { all, atEnd, client, closing, echo, server, start, stopEverything, type Running } from "./harness.ts";

const accept = "proxyProtocol: { accept: true, trusted: [127.0.0.0/8] },";

const tcp = (port: number, listener = accept, service = ""): string => `
listeners: [{ name: db, port: 0, address: 127.0.0.1, protocol: TCP, ${listener} backendRefs: [{ service: pg }] }]
services: { pg: { endpoints: [{ url: "tcp://127.0.0.1:${port}" }], ${service} } }
`;

const source = { ip: "203.0.113.7", port: 4711 };
const destination = { ip: "198.51.100.2", port: 5433 };

/** Sends a header in two pieces, the rest with the second. */
function sendSplit(socket: Socket, header: Uint8Array, at: number, rest: string): void {
  socket.write(header.subarray(0, at));
  setImmediate(() => socket.end(Buffer.concat([header.subarray(at), Buffer.from(rest)])));
}

/** A server that tells the header it was sent, and what came after it. */
async function headerServer(): Promise<{ port: number; seen: Promise<{ header: ProxyHeader; rest: string }> }> {
  let tell: (seen: { header: ProxyHeader; rest: string }) => void;
  const seen = new Promise<{ header: ProxyHeader; rest: string }>((resolve) => (tell = resolve));
  const port = await server((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on("data", (piece) => (bytes = Buffer.concat([bytes, piece])));
    socket.on("end", () => {
      const header = decodeProxyHeader(bytes);
      assert.equal(header.kind, "header");
      if (header.kind === "header") tell({ header, rest: bytes.subarray(header.length).toString() });
      socket.end();
    });
  });
  return { port, seen };
}

async function httpBackend(): Promise<number> {
  const backend = createServer((request, response) => {
    const { forwarded, "x-forwarded-for": chain } = request.headers;
    response.end(JSON.stringify({ forwarded, chain }));
  });
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  atEnd(() => new Promise((resolve) => (backend.closeAllConnections(), backend.close(resolve))));
  return (backend.address() as AddressInfo).port;
}

const web = (port: number, listener: string): Promise<Running> =>
  start(`
listeners: [{ name: web, port: 0, address: 127.0.0.1, ${listener} }]
services: { a: { endpoints: [{ url: "http://127.0.0.1:${port}" }] } }
routes: [{ name: all, backendRefs: [{ service: a }] }]
`);

describe("layer 4: PROXY protocol", () => {
  afterEach(stopEverything);

  for (const version of [1, 2] as const) {
    it(`takes version ${version} from a trusted sender, split at every byte`, async () => {
      const running = await start(tcp(await echo()));
      const header = encodeProxyHeader(version, { source, destination });
      for (let at = 0; at <= header.length; at++) {
        const socket = await client(running.port("db"));
        sendSplit(socket, header, at, `after ${at}`);
        assert.equal((await all(socket)).toString(), `after ${at}`);
      }
      const rows = await running.rows(header.length + 1);
      assert.ok(rows.every((row) => row.client === source.ip && row.path === "198.51.100.2:5433"));
      const { connection } = running.detail(rows[0]);
      assert.equal(connection?.client, "203.0.113.7:4711");
      assert.match(
        connection?.proxyReceived ?? "",
        /^PROXY TCP4 203\.0\.113\.7 198\.51\.100\.2 4711 5433 from 127\.0\.0\.1:\d+$/,
      );
    });
  }

  it("refuses a sender that is not trusted, before it is read, with the reason", async () => {
    const running = await start(tcp(await echo(), "proxyProtocol: { accept: true, trusted: [10.0.0.0/8] },"));
    await closing(await client(running.port("db")));
    const [row] = await running.rows(1);
    assert.equal(row.state, "rejected");
    assert.equal(row.client, "127.0.0.1");
    assert.match(row.why, /from the ranges that proxyProtocol\.trusted names; 127\.0\.0\.1 is in none of them\./);
    assert.equal(running.detail(row).verdict.type, "urn:switchyard:layer4:proxy-untrusted");
  });

  it("refuses bytes that are no header, a header that is wrong, and a connection that ends within one", async () => {
    const running = await start(tcp(await echo()));
    for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 99999\r\n", "PROXY TCP4 1.1"]) {
      const socket = await client(running.port("db"));
      const closed = closing(socket);
      socket.end(bytes);
      await closed;
    }
    const rows = await running.rows(3);
    assert.deepEqual(
      rows.map(({ state, why, termination }) => [state, why, termination]),
      [
        ["rejected", "The PROXY header is refused: the connection does not begin with one.", "PR"],
        ["rejected", "The PROXY header is refused: a port must be 0 to 65535, without leading zeros.", "PR"],
        ["rejected", "The connection ended before its PROXY header was whole.", "PR"],
      ],
    );
  });

  it("keeps the connection's own address when the header vouches for none", async () => {
    const running = await start(tcp(await echo()));
    for (const version of [1, 2] as const) {
      const socket = await client(running.port("db"));
      socket.end(Buffer.concat([encodeProxyHeader(version, undefined), Buffer.from("hi")]));
      assert.equal((await all(socket)).toString(), "hi");
    }
    const rows = await running.rows(2);
    assert.deepEqual(
      rows.map((row) => row.client),
      ["127.0.0.1", "127.0.0.1"],
    );
  });

  it("lets ipFilter judge the address that the header names", async () => {
    const deny = `${accept} policies: [{ ipFilter: { deny: [203.0.113.0/24] } }],`;
    const running = await start(tcp(await echo(), deny));
    const socket = await client(running.port("db"));
    socket.write(encodeProxyHeader(2, { source, destination }));
    await closing(socket);
    const [row] = await running.rows(1);
    assert.equal(row.policy, "ipFilter");
    assert.match(row.why, /203\.0\.113\.7 is in 203\.0\.113\.0\/24/);
  });

  for (const version of [1, 2] as const) {
    it(`sends version ${version} to a server that wants it, before the client's first byte`, async () => {
      const { port, seen } = await headerServer();
      const running = await start(tcp(port, "", `proxyProtocol: v${version}`));
      const socket = await client(running.port("db"));
      const { localPort } = socket;
      socket.end("first bytes");
      const { header, rest } = await seen;
      assert.equal(rest, "first bytes");
      assert.equal(header.version, version);
      assert.deepEqual(header.source, { ip: "127.0.0.1", port: localPort });
      assert.deepEqual(header.destination, { ip: "127.0.0.1", port: running.port("db") });
      const [row] = await running.rows(1);
      assert.match(
        running.detail(row).connection?.proxySent ?? "",
        /^PROXY 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+ \(v[12]\)$/,
      );
    });
  }

  it("passes on the client that a header named, through two gateways in a row", async () => {
    const { port, seen } = await headerServer();
    const inner = await start(tcp(port, accept, "proxyProtocol: v2"));
    const outer = await start(tcp(inner.port("db"), accept, "proxyProtocol: v1"));
    const socket = await client(outer.port("db"));
    socket.end(Buffer.concat([encodeProxyHeader(2, { source, destination }), Buffer.from("x")]));
    const { header, rest } = await seen;
    assert.equal(rest, "x");
    assert.deepEqual([header.source, header.destination], [source, destination]);
    const [row] = await inner.rows(1);
    assert.equal(row.client, source.ip);
  });

  it("makes the client of an HTTP request right everywhere: row, Forwarded, X-Forwarded-For, limits", async () => {
    const limit = "policies: [{ rateLimit: { key: client.ip, requests: 1, per: 1h } }],";
    const running = await web(await httpBackend(), `${accept} ${limit}`);
    const ask = async (ip: string, split: number): Promise<string> => {
      const socket = await client(running.port("web"));
      const header = encodeProxyHeader(1, { source: { ip, port: 4711 }, destination });
      sendSplit(socket, header, split, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
      return (await all(socket)).toString();
    };
    assert.match(
      await ask("203.0.113.7", 9),
      /"for=203\.0\.113\.7;host=\\"a\.test\\";proto=http","chain":"203\.0\.113\.7"/,
    );
    assert.match(await ask("203.0.113.7", 10), /^HTTP\/1\.1 429 /);
    assert.match(await ask("2001:db8::7", 20), /"for=\\"\[2001:db8::7\]\\";.*"chain":"2001:db8::7"/);
    const rows = await running.rows(3);
    assert.deepEqual(
      rows.map((row) => [row.protocol, row.client, row.status]),
      [
        ["http/1.1", "203.0.113.7", 200],
        ["http/1.1", "203.0.113.7", 429],
        ["http/1.1", "2001:db8::7", 200],
      ],
    );
  });

  it("refuses a request without a header on an HTTP listener that expects one", async () => {
    const running = await web(await httpBackend(), accept);
    const socket = await client(running.port("web"));
    const closed = closing(socket);
    socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await closed;
    const [row] = await running.rows(1);
    assert.equal(row.protocol, "tcp");
    assert.equal(row.state, "rejected");
  });
});
