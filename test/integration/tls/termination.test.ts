/** HTTPS listeners: certificates from the development CA or from files, by name, read anew, and the client's own. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, copyFileSync, statSync, writeFileSync } from "node:fs";
import { get, request, type RequestOptions } from "node:https";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect, type ConnectionOptions } from "node:tls";
import { promisify } from "node:util";
import { rawBackend, simpleBackend, stopEverything, hello, onHead } from "../engine/harness.ts";
import { Certificates } from "../../../src/gateway/tls/certificates.ts";
import { folder, makeCa, makeLeaf, pem, type Folder } from "./certificates.ts";
import { policy, serve } from "./running.ts";

const run = promisify(execFile);

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly subject: string;
}

async function ask(port: number, options: RequestOptions): Promise<Answer> {
  const call = get({ host: "127.0.0.1", port, agent: false, ...options });
  const [response] = (await once(call, "response")) as [IncomingMessage];
  call.on("error", () => {});
  const { CN } = (response.socket as import("node:tls").TLSSocket).getPeerCertificate().subject ?? {};
  let body = "";
  response.setEncoding("utf8");
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode ?? 0, body, subject: String(CN) };
}

async function handshake(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, ...options });
  try {
    await once(socket, "secureConnect");
    return String(socket.getPeerCertificate().subject.CN);
  } finally {
    socket.destroy();
  }
}

describe("an HTTPS listener", () => {
  let files: Folder;
  const { SWITCHYARD_DATA } = process.env;

  before(() => {
    files = folder();
    process.env.SWITCHYARD_DATA = join(files.path, "data");
    makeCa(files.path, "ca");
    makeLeaf(files.path, "a", { ca: "ca", names: "DNS:a.test,DNS:localhost" });
    makeLeaf(files.path, "b", { ca: "ca", names: "DNS:b.test,DNS:*.b.test" });
    makeLeaf(files.path, "alice", {
      ca: "ca",
      names: "email:alice@shop.test",
      subject: "/O=Shop/CN=alice",
      usage: "clientAuth",
    });
    makeCa(files.path, "stranger");
    makeLeaf(files.path, "mallory", { ca: "stranger", names: "email:m@shop.test", usage: "clientAuth" });
  });
  after(() => {
    files.remove();
    if (SWITCHYARD_DATA === undefined) delete process.env.SWITCHYARD_DATA;
    else process.env.SWITCHYARD_DATA = SWITCHYARD_DATA;
  });
  afterEach(stopEverything);

  const of = (name: string): { ca: string; servername: string } => ({
    ca: pem(files.path, "ca.pem"),
    servername: name,
  });

  describe("with certificate: auto", () => {
    const developmentCa = (): string => pem(files.path, "data/ca/switchyard-ca.pem");

    it("makes a CA for its owner alone, and answers whoever trusts it", async () => {
      const { port } = await simpleBackend(hello);
      const serving = await serve(
        policy({
          listener: "protocol: HTTPS",
          url: `http://127.0.0.1:${port}`,
          route: 'hostnames: ["*.shop.test", api.test, localhost]',
        }),
        files.path,
      );
      const ca = developmentCa();
      for (const servername of ["localhost", "a.shop.test", "api.test"]) {
        const { status, body } = await ask(serving.port, { ca, servername, headers: { host: servername } });
        assert.deepEqual([status, body], [200, "hello"], servername);
      }
      assert.equal(statSync(join(files.path, "data/ca/switchyard-ca.key.pem")).mode & 0o777, 0o600);
      assert.equal(statSync(join(files.path, "data/ca")).mode & 0o777, 0o700);
    });

    it("closes its key again for everybody else when a copy or a backup has opened it", async () => {
      const { port } = await simpleBackend(hello);
      const text = policy({ listener: "protocol: HTTPS", url: `http://127.0.0.1:${port}` });
      await serve(text, files.path);
      const key = join(files.path, "data/ca/switchyard-ca.key.pem");
      chmodSync(key, 0o644);
      const serving = await serve(text, files.path);
      await ask(serving.port, { ca: developmentCa(), servername: "localhost" });
      assert.equal(statSync(key).mode & 0o777, 0o600);
    });

    it("has a certificate of its own for every name below localhost, and for both loopback addresses", async () => {
      const { port } = await simpleBackend(hello);
      const serving = await serve(policy({ listener: "protocol: HTTPS", url: `http://127.0.0.1:${port}` }), files.path);
      assert.equal(
        await handshake(serving.port, { ca: developmentCa(), servername: "shop.localhost" }),
        "shop.localhost",
      );
      assert.equal(await handshake(serving.port, { ca: developmentCa() }), "localhost");
    });

    it("is taken by curl with the CA, and refused without", async () => {
      const { port } = await simpleBackend(hello);
      const serving = await serve(policy({ listener: "protocol: HTTPS", url: `http://127.0.0.1:${port}` }), files.path);
      const url = `https://localhost:${serving.port}/`;
      const { stdout } = await run("curl", ["-sS", "--cacert", join(files.path, "data/ca/switchyard-ca.pem"), url]);
      assert.equal(stdout, "hello");
      await assert.rejects(run("curl", ["-sS", url]), /certificate/);
    });

    it("cannot vouch for a name that somebody may own", async () => {
      const { issueLeaf } = await import("../../../src/gateway/tls/issue.ts");
      const { developmentCa: authority } = await import("../../../src/gateway/tls/development-ca.ts");
      const { certificate } = await issueLeaf(await authority(), ["bank.com"], Date.now(), 1);
      writeFileSync(join(files.path, "bank.pem"), certificate);
      await assert.rejects(
        run("openssl", [
          "verify",
          "-CAfile",
          join(files.path, "data/ca/switchyard-ca.pem"),
          join(files.path, "bank.pem"),
        ]),
        /permitted subtree violation/,
      );
    });
  });

  describe("with certificates of its own", () => {
    const two = "tls: { certificate: [{ cert: a.pem, key: a.key }, { cert: b.pem, key: b.key }] }";

    it("shows the one for the name that was asked for, and the first to everybody else", async () => {
      const { port } = await simpleBackend(hello);
      const serving = await serve(
        policy({ listener: `protocol: HTTPS, ${two}`, url: `http://127.0.0.1:${port}` }),
        files.path,
      );
      assert.equal(await handshake(serving.port, of("a.test")), "a");
      assert.equal(await handshake(serving.port, of("x.b.test")), "b");
      assert.equal(await handshake(serving.port, { ...of("other.test"), rejectUnauthorized: false }), "a");
      assert.equal(await handshake(serving.port, { rejectUnauthorized: false }), "a");
    });

    it("reads changed files again, and keeps the last good pair while they do not fit", async () => {
      makeLeaf(files.path, "old", { ca: "ca", names: "DNS:a.test" });
      makeLeaf(files.path, "new", { ca: "ca", names: "DNS:a.test" });
      const copy = (name: string, end: string): void =>
        copyFileSync(join(files.path, `${name}.${end}`), join(files.path, `live.${end}`));
      copy("old", "pem");
      copy("old", "key");
      const { port } = await simpleBackend(hello);
      const own = "protocol: HTTPS, tls: { certificate: { cert: live.pem, key: live.key } }";
      const serving = await serve(policy({ listener: own, url: `http://127.0.0.1:${port}` }), files.path);
      assert.equal(await handshake(serving.port, of("a.test")), "old");
      copy("new", "pem");
      assert.equal(await handshake(serving.port, of("a.test")), "old");
      copy("new", "key");
      // The files are looked at once a second; each look is a handshake here.
      while ((await handshake(serving.port, of("a.test"))) !== "new") continue;
    });

    it("does not start when key and certificate do not belong together, and says so", async () => {
      const { port } = await simpleBackend(hello);
      const wrong = "protocol: HTTPS, tls: { certificate: { cert: a.pem, key: b.key } }";
      await assert.rejects(
        serve(policy({ listener: wrong, url: `http://127.0.0.1:${port}` }), files.path),
        /Listener edge: The certificate a\.pem and the key b\.key cannot be used: they do not belong together/,
      );
    });
  });

  it("never waits for a pipe in place of a certificate or of the CAs, and says what it found", async () => {
    execFileSync("mkfifo", [join(files.path, "pipe")]);
    const [auto, own] = ["auto" as const, [{ cert: "a.pem", key: "a.key" }]];
    for (const [tls, why] of [
      [
        { certificate: [{ cert: "pipe", key: "a.key" }] },
        /The file pipe \(tls\.certificate\.cert\) cannot be read: it is a pipe/,
      ],
      [
        { certificate: [{ cert: "a.pem", key: "." }] },
        /The file \. \(tls\.certificate\.key\) cannot be read: it is a folder/,
      ],
      [{ certificate: auto, clientCertificate: { ca: "pipe", required: true } }, /cannot be read: it is a pipe/],
      [{ certificate: own, clientCertificate: { ca: "gone", required: true } }, /cannot be read: ENOENT/],
    ] as const) {
      const opened = Certificates.open({ tls, hostnames: [], directory: files.path, wallClock: () => Date.now() });
      await assert.rejects(opened, why);
    }
  });

  describe("that asks for client certificates", () => {
    const mutual = (required: boolean): string =>
      `protocol: HTTPS, tls: { certificate: { cert: a.pem, key: a.key }, clientCertificate: { ca: ca.pem, required: ${required} } }`;
    const showing = (name: string) => ({ cert: pem(files.path, `${name}.pem`), key: pem(files.path, `${name}.key`) });
    const rule = `policies: [{ authorization: { rules: [{ name: alice, allow: "client.certificate.verified && client.certificate.subject == 'CN=alice, O=Shop'" }] } }]`;

    it("refuses whoever shows none, or one of a stranger", async () => {
      const { port } = await simpleBackend(hello);
      const serving = await serve(policy({ listener: mutual(true), url: `http://127.0.0.1:${port}` }), files.path);
      await assert.rejects(ask(serving.port, of("a.test")));
      await assert.rejects(ask(serving.port, { ...of("a.test"), ...showing("mallory") }));
      assert.equal((await ask(serving.port, { ...of("a.test"), ...showing("alice") })).status, 200);
    });

    it("lets policies see who it is", async () => {
      const { port } = await simpleBackend(hello);
      const serving = await serve(
        policy({ listener: mutual(false), url: `http://127.0.0.1:${port}`, route: rule }),
        files.path,
      );
      assert.equal((await ask(serving.port, { ...of("a.test"), ...showing("alice") })).status, 200);
      assert.equal((await ask(serving.port, { ...of("a.test"), ...showing("mallory") })).status, 403);
      assert.equal((await ask(serving.port, of("a.test"))).status, 403);
    });
  });

  const own = "protocol: HTTPS, tls: { certificate: { cert: a.pem, key: a.key } }";

  it("tells the backend that the client came by https", async () => {
    let seen = "";
    const { port } = await simpleBackend((head) => ((seen = head), hello));
    const serving = await serve(policy({ listener: own, url: `http://127.0.0.1:${port}` }), files.path);
    await ask(serving.port, of("a.test"));
    assert.match(seen, /\r\nX-Forwarded-Proto: https\r\n/);
    assert.match(seen, /;proto=https\r\n/);
  });

  it("carries large bodies both ways unchanged, to a reader that pauses", async () => {
    const size = 2 * 1024 * 1024;
    const server = createServer((incoming, response) => void incoming.pipe(response)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const serving = await serve(
      policy({ listener: own, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
      files.path,
    );
    const sent = Buffer.alloc(size);
    for (let i = 0; i < size; i += 4) sent.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
    const call = request({ host: "127.0.0.1", port: serving.port, agent: false, method: "POST", ...of("a.test") });
    call.end(sent);
    const [response] = (await once(call, "response")) as [IncomingMessage];
    const hash = createHash("sha256");
    let reads = 0;
    for await (const piece of response) {
      hash.update(piece as Buffer);
      if (++reads % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    server.close();
    assert.equal(hash.digest("hex"), createHash("sha256").update(sent).digest("hex"));
  });

  it("lets the client see that an answer was cut off", async () => {
    const { port } = await rawBackend((socket) => {
      onHead(socket, () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart of it"));
    });
    const serving = await serve(policy({ listener: own, url: `http://127.0.0.1:${port}` }), files.path);
    await assert.rejects(ask(serving.port, of("a.test")), /aborted|ECONNRESET/);
  });

  it("survives bytes that are no TLS, and clients that leave in the middle of a handshake", async () => {
    const { port } = await simpleBackend(hello);
    const serving = await serve(policy({ listener: own, url: `http://127.0.0.1:${port}` }), files.path);
    const noise = connectPlain(serving.port, "127.0.0.1");
    noise.on("error", () => {});
    noise.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    noise.resume();
    await once(noise, "close");
    const leaver = connectPlain(serving.port, "127.0.0.1");
    await once(leaver, "connect");
    leaver.write(Buffer.from([22, 3, 1, 2, 0, 1]));
    leaver.resetAndDestroy();
    assert.equal((await ask(serving.port, of("a.test"))).status, 200);
  });

  it("turns from http to https and back on the same port", async () => {
    const { port } = await simpleBackend(hello);
    const url = `http://127.0.0.1:${port}`;
    const serving = await serve(policy({ url }), files.path);
    await serving.apply(policy({ url, listener: own }));
    assert.equal((await ask(serving.port, of("a.test"))).status, 200);
    await serving.apply(policy({ url }));
    const response = await fetch(`http://127.0.0.1:${serving.port}/`, { headers: { connection: "close" } });
    assert.equal(await response.text(), "hello");
  });
});
