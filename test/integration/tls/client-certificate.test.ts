/** Who is calling by certificate, over real handshakes: which CA vouches, whose it is, and what cannot be forged. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { request } from "node:https";
import type { ConnectionOptions } from "node:tls";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stopEverything, simpleBackend } from "../engine/harness.ts";
import { folder, makeCa, makeLeaf, pem } from "./certificates.ts";
import { policy, serve } from "./running.ts";

const HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

describe("the clientCertificate policy behind a listener that asks for certificates", () => {
  const files = folder();
  before(() => {
    for (const ca of ["ours", "partners"]) makeCa(files.path, ca);
    writeFileSync(join(files.path, "both.pem"), pem(files.path, "ours.pem") + pem(files.path, "partners.pem"));
    makeLeaf(files.path, "server", { ca: "ours", names: "DNS:a.test" });
    const client = (name: string, ca: string, subject: string, names: string) =>
      makeLeaf(files.path, name, { ca, subject, names, usage: "clientAuth" });
    client("alice", "ours", "/O=Shop/CN=alice", "DNS:alice.test");
    client("bob", "partners", "/O=Partner/CN=bob", "DNS:bob.test,URI:spiffe://partner/bob");
    client("mallory", "ours", "/CN=x, O=Partner", "DNS:mallory.test");
  });
  after(() => files.remove());
  afterEach(stopEverything);

  const listener =
    "protocol: HTTPS, tls: { certificate: { cert: server.pem, key: server.key }, clientCertificate: { ca: both.pem, required: false } }";
  const showing = (name: string): ConnectionOptions => ({
    cert: pem(files.path, `${name}.pem`),
    key: pem(files.path, `${name}.key`),
  });
  const ask = (port: number, more: ConnectionOptions = {}) =>
    new Promise<{ status: number; text: string }>((done, failed) => {
      const options = { host: "127.0.0.1", port, servername: "a.test", ca: pem(files.path, "ours.pem"), agent: false };
      const sent = request({ ...options, ...more, headers: { host: "a.test" } }, (response) => {
        let text = "";
        response
          .on("data", (bytes) => (text += bytes))
          .on("end", () => done({ status: response.statusCode ?? 0, text }));
      });
      sent.on("error", failed).end();
    });
  const serving = async (config: string) => {
    const { port } = await simpleBackend(() => HELLO);
    const route = `policies: [{ clientCertificate: ${config} }]`;
    return serve(policy({ listener, url: `http://127.0.0.1:${port}`, route }), files.path);
  };

  it("admits whom it allows, by subject and alternative name, and refuses others by name", async () => {
    const { port } = await serving("{ allow: [O=Partner, 'DNS:alice.test'] }");
    assert.equal((await ask(port, showing("alice"))).status, 200);
    assert.equal((await ask(port, showing("bob"))).status, 200);
    const forged = await ask(port, showing("mallory"));
    assert.equal(forged.status, 403);
    assert.match(forged.text, /CN=x\\\\, O=Partner/, "a comma in a name does not make two of it");
    assert.equal((await ask(port)).status, 401);
  });

  it("wants one of the CAs of its own file above the certificate", async () => {
    const { port } = await serving("{ ca: partners.pem }");
    assert.equal((await ask(port, showing("bob"))).status, 200);
    const ours = await ask(port, showing("alice"));
    assert.equal(ours.status, 401);
    assert.match(ours.text, /no CA of partners\.pem stands above it/);
  });

  it("refuses with 503 while its file of CAs is gone", async () => {
    writeFileSync(join(files.path, "late.pem"), pem(files.path, "partners.pem"));
    const { port } = await serving("{ ca: late.pem }");
    rmSync(join(files.path, "late.pem"));
    const gone = await ask(port, showing("bob"));
    assert.equal(gone.status, 503);
    assert.match(gone.text, /late\.pem cannot be used \(ENOENT\)/);
  });

  it("refuses with 503 when its file of CAs is a pipe, and waits for nobody to write to it", async () => {
    const pipe = join(files.path, "pipe.pem");
    writeFileSync(pipe, pem(files.path, "partners.pem"));
    const { port } = await serving("{ ca: pipe.pem }");
    rmSync(pipe);
    execFileSync("mkfifo", [pipe]);
    const { status, text } = await ask(port, showing("bob"));
    assert.equal(status, 503);
    assert.match(text, /pipe\.pem cannot be used \(it is a pipe or a device, not a plain file\)/);
  });
});
