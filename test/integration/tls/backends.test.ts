/** https:// endpoints: verified unless the file says otherwise, with words for what was wrong. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { rawBackend, stopEverything } from "../engine/harness.ts";
import { folder, makeCa, makeLeaf, pem, type Folder } from "./certificates.ts";
import { policy, serve } from "./running.ts";

describe("an https backend", () => {
  let files: Folder;
  const servers: Server[] = [];
  let connections = 0;

  before(() => {
    files = folder();
    makeCa(files.path, "ca");
    makeLeaf(files.path, "local", { ca: "ca", names: "DNS:localhost,IP:127.0.0.1" });
    makeLeaf(files.path, "orders", { ca: "ca", names: "DNS:orders.internal" });
  });
  after(() => files.remove());
  afterEach(async () => {
    await stopEverything();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function backend(name: string): Promise<number> {
    connections = 0;
    const options = { cert: pem(files.path, `${name}.pem`), key: pem(files.path, `${name}.key`) };
    const server = createServer(options, (request, response) => {
      if (request.method === "POST") return void request.pipe(response);
      response.end(`${(request.socket as { servername?: string }).servername} ${request.headers.host}`);
    });
    server.on("secureConnection", () => connections++);
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  async function ask(port: number): Promise<{ status: number; body: string }> {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
    return { status: response.status, body: await response.text() };
  }

  it("is refused while nobody known has signed its certificate, and the answer says what to do", async () => {
    const port = await backend("local");
    const serving = await serve(policy({ url: `https://localhost:${port}` }), files.path);
    const { status, body } = await ask(serving.port);
    assert.equal(status, 502);
    const problem = JSON.parse(body) as { type: string; detail: string };
    assert.equal(problem.type, "urn:switchyard:forward:tls-failed");
    assert.match(problem.detail, /showed a certificate that nobody known has signed .*tls: \{ ca: \.\/ca\.pem \}/);
  });

  it("is believed with its CA, by name and by address, and its connection is kept", async () => {
    const port = await backend("local");
    for (const host of ["localhost", "127.0.0.1"]) {
      const serving = await serve(
        policy({ url: `https://${host}:${port}`, service: "tls: { ca: ca.pem }" }),
        files.path,
      );
      connections = 0;
      for (let i = 0; i < 3; i++) {
        const { status, body } = await ask(serving.port);
        assert.equal(status, 200);
        assert.match(body, host === "localhost" ? /^localhost / : /^false /);
      }
      assert.equal(connections, 1);
    }
  });

  it("is refused with a certificate for another name, unless that name was expected", async () => {
    const port = await backend("orders");
    const url = `https://localhost:${port}`;
    const wrong = await serve(policy({ url, service: "tls: { ca: ca.pem }" }), files.path);
    const { status, body } = await ask(wrong.port);
    assert.equal(status, 502);
    assert.match(
      (JSON.parse(body) as { detail: string }).detail,
      /certificate for another name: set `tls: \{ serverName/,
    );
    const right = await serve(policy({ url, service: "tls: { ca: ca.pem, serverName: orders.internal }" }), files.path);
    assert.match((await ask(right.port)).body, /^orders\.internal /);
  });

  it("is taken unverified only where the file says so", async () => {
    const port = await backend("orders");
    const serving = await serve(
      policy({ url: `https://localhost:${port}`, service: "tls: { verify: false }" }),
      files.path,
    );
    assert.equal((await ask(serving.port)).status, 200);
  });

  it("that speaks no TLS is told apart", async () => {
    const { port } = await rawBackend((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    });
    const serving = await serve(policy({ url: `https://127.0.0.1:${port}` }), files.path);
    const { status, body } = await ask(serving.port);
    assert.equal(status, 502);
    assert.match(
      (JSON.parse(body) as { detail: string }).detail,
      /could not agree on TLS \(ERR_SSL_WRONG_VERSION_NUMBER\)/,
    );
  });

  it("gets and gives large bodies unchanged", async () => {
    const port = await backend("local");
    const serving = await serve(
      policy({ url: `https://localhost:${port}`, service: "tls: { ca: ca.pem }" }),
      files.path,
    );
    const sent = Buffer.alloc(2 * 1024 * 1024);
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
    const response = await fetch(`http://127.0.0.1:${serving.port}/`, { method: "POST", body: sent });
    const got = Buffer.from(await response.arrayBuffer());
    const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
    assert.equal(digest(got), digest(sent));
  });
});
