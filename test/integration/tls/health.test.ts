/** Health checks speak what requests speak: TLS with the same trust, HTTP/2 where the service says so. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp2 } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { Probe } from "../../../src/model/state.ts";
import { stopEverything } from "../engine/harness.ts";
import { folder, makeCa, makeLeaf, pem, type Folder } from "./certificates.ts";
import { policy, serve } from "./running.ts";

describe("an active health check", () => {
  let files: Folder;
  const servers: Server[] = [];
  before(() => {
    files = folder();
    makeCa(files.path, "ca");
    makeLeaf(files.path, "local", { ca: "ca", names: "DNS:localhost" });
  });
  after(() => files.remove());
  afterEach(async () => {
    await stopEverything();
    for (const server of servers.splice(0)) server.close();
  });

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  async function verdict(url: string, service: string): Promise<number> {
    const check = "healthCheck: { active: { interval: 50ms, unhealthyThreshold: 1 } }";
    const { engine } = await serve(policy({ url, service: [check, service].filter(Boolean).join(", ") }), files.path);
    const probed = (): number => engine.active?.state.services[0].endpoints[0].probe ?? Probe.Unknown;
    while (probed() === Probe.Unknown) await new Promise((resolve) => setImmediate(resolve));
    return probed();
  }

  it("believes a certificate that requests believe, and no other", async () => {
    const options = { cert: pem(files.path, "local.pem"), key: pem(files.path, "local.key") };
    const port = await listen(createHttps(options, (_, response) => response.end()));
    assert.equal(await verdict(`https://localhost:${port}`, "tls: { ca: ca.pem }"), Probe.Up);
    assert.equal(await verdict(`https://localhost:${port}`, ""), Probe.Down);
  });

  it("asks by HTTP/2 where that is spoken", async () => {
    const server = createHttp2((_, response) => response.end());
    const port = await listen(server);
    assert.equal(await verdict(`http://localhost:${port}`, "protocol: HTTP2"), Probe.Up);
  });
});
