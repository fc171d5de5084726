/** TLS listeners: passed through unread, routed by the server name of the ClientHello. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTls, createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { folder, makeCa } from "../tls/certificates.ts";
import { atEnd, client, closing, echo, keep, start, stopEverything, type Running } from "./harness.ts";

/** Ends TLS and says its name. */
async function tlsServer(name: string): Promise<number> {
  const made = folder();
  makeCa(made.path, name);
  const [cert, key] = [".pem", ".key"].map((ending) => readFileSync(join(made.path, name + ending)));
  made.remove();
  const server = createServer({ cert, key }, (socket) => {
    socket.on("error", () => {});
    socket.end(`${name} ${(socket as TLSSocket & { servername?: string }).servername ?? ""}`);
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

/** @returns what the server said, or the error's code. */
async function ask(port: number, servername: string): Promise<string> {
  const socket = connectTls({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
  keep(socket);
  let text = "";
  socket.on("data", (bytes) => (text += String(bytes)));
  return new Promise((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("end", () => resolve(text));
  });
}

async function twoServers(fallback = ""): Promise<Running> {
  const [one, two] = [await tlsServer("one"), await tlsServer("two")];
  return start(`
listeners: [{ name: secure, port: 0, address: 127.0.0.1, protocol: TLS${fallback} }]
services:
  one: { endpoints: [{ url: "tcp://127.0.0.1:${one}" }] }
  two: { endpoints: [{ url: "tcp://127.0.0.1:${two}" }] }
routes:
  - { name: exact, listeners: [secure], hostnames: [one.shop.test], backendRefs: [{ service: one }] }
  - { name: wild, listeners: [secure], hostnames: ["*.shop.test"], backendRefs: [{ service: two }] }
`);
}

describe("layer 4: TLS passed through", () => {
  afterEach(stopEverything);

  it("is routed by server name, the exact one before the wildcard, and the name is in the row", async () => {
    const running = await twoServers();
    const port = running.port("secure");
    assert.equal(await ask(port, "one.shop.test"), "one one.shop.test");
    assert.equal(await ask(port, "other.shop.test"), "two other.shop.test");
    const rows = await running.rows(2);
    assert.deepEqual(
      rows.map(({ protocol, host, route }) => [protocol, host, route]),
      [
        ["tls", "one.shop.test", "exact"],
        ["tls", "other.shop.test", "wild"],
      ],
    );
    const { connection, routes } = running.detail(rows[0]);
    assert.equal(connection?.serverName, "one.shop.test");
    assert.ok(connection?.hidden.some((one) => one.includes("inside TLS")));
    assert.deepEqual(
      routes.map(({ route, verdict, match }) => [route, verdict, match]),
      [
        ["exact", "chosen", "server name one.shop.test"],
        ["wild", "lost", "server name *.shop.test"],
      ],
    );
  });

  it("tells a client whose name no route has by an alert, and the row names the nearest", async () => {
    const running = await twoServers();
    assert.match(await ask(running.port("secure"), "nobody.test"), /UNRECOGNIZED_NAME/);
    const [row] = await running.rows(1);
    assert.equal(row.state, "rejected");
    assert.equal(row.termination, "PR");
    assert.match(
      row.why,
      /^No route of listener secure takes the server name nobody\.test\. Nearest: exact \(hostname/,
    );
  });

  it("sends what no route names to the listener's own backendRefs, also without a name", async () => {
    const running = await twoServers(", backendRefs: [{ service: two }]");
    assert.match(await ask(running.port("secure"), "nobody.test"), /^two /);
    assert.match(await ask(running.port("secure"), ""), /^two /);
    const rows = await running.rows(2);
    assert.deepEqual(
      rows.map(({ route, host }) => [route, host]),
      [
        ["listener/secure", "nobody.test"],
        ["listener/secure", ""],
      ],
    );
  });

  it("refuses what is no ClientHello, in pieces of a byte too, with the reason", async () => {
    const running = await twoServers();
    const socket = await client(running.port("secure"));
    const closed = closing(socket);
    for (const letter of "GET / HTTP/1.1\r\n\r\n") socket.write(letter);
    await closed;
    const [row] = await running.rows(1);
    assert.equal(row.state, "rejected");
    assert.match(row.why, /This is no TLS ClientHello: its record has type 71, not 22 \(handshake\)\./);
  });

  it("says that a client went away in the middle of its ClientHello", async () => {
    const running = await twoServers();
    const socket = await client(running.port("secure"));
    socket.end(Buffer.from([22, 3, 1]));
    await closing(socket);
    const [row] = await running.rows(1);
    assert.equal(row.termination, "CR");
  });

  it("passes a ClientHello on unchanged that comes byte by byte", async () => {
    const backend = await echo();
    const running = await start(`
listeners: [{ name: secure, port: 0, address: 127.0.0.1, protocol: TLS, backendRefs: [{ service: one }] }]
services: { one: { endpoints: [{ url: "tcp://127.0.0.1:${backend}" }] } }
`);
    const body = [3, 3, ...Array<number>(32).fill(7), 0, 0, 2, 0x13, 1, 1, 0];
    const hello = Buffer.from([22, 3, 1, 0, body.length + 4, 1, 0, 0, body.length, ...body]);
    const socket = await client(running.port("secure"));
    for (const byte of hello) socket.write(Buffer.from([byte]));
    let seen = Buffer.alloc(0);
    for await (const piece of socket) {
      seen = Buffer.concat([seen, piece as Buffer]);
      if (seen.length === hello.length) break;
    }
    assert.deepEqual(seen, hello);
  });
});
