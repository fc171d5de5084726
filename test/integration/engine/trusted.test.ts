/**
 * A listener for internal calls: what comes through it is neither identified, authorized nor limited, nobody is asked
 * about it, and its decision shows each policy that was bypassed. What comes through another listener is not spared.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { policyFile, rowsEnded, stopAll } from "../control/helpers.ts";

describe("a trusted listener", () => {
  afterEach(stopAll);

  it("bypasses three phases and no others, asks nobody, and says so", async () => {
    let asked = 0;
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      if (request.url === "/auth") {
        asked++;
        return void response.writeHead(204, { "x-user": "ann" }).end();
      }
      seen.push(request.headers["x-user"] as string | undefined);
      response.end("ok");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const backend = (server.address() as AddressInfo).port;
    const [edge, inside] = [await freePort(), await freePort()];
    const text = `version: 1
listeners:
  - { name: edge, port: ${edge}, address: 127.0.0.1 }
  - { name: inside, port: ${inside}, address: 127.0.0.1, trusted: true, policies: [{ rateLimit: { key: client.ip, requests: 1, per: 1h } }] }
services: { shop: { endpoints: [{ url: "http://127.0.0.1:${backend}" }] } }
routes:
  - name: all
    policies:
      - externalAuth: { url: "http://127.0.0.1:${backend}/auth", headersToBackend: [x-user] }
      - authorization: { rules: [{ name: nobody, deny: "true" }] }
      - rateLimit: { key: client.ip, requests: 1, per: 1h }
      - ipFilter: { deny: [10.0.0.0/8] }
      - responseHeaders: { set: { x-shaped: "yes" } }
    backendRefs: [{ service: shop }]
`;
    const gateway = new Gateway({ file: policyFile(text) });
    try {
      await gateway.start(text);
      const headers = { "x-user": "internal-job" };
      const answer = await fetch(`http://127.0.0.1:${edge}/`, { headers });
      assert.equal(answer.status, 403);
      assert.equal(asked, 1);
      for (let i = 0; i < 3; i++) {
        const inner = await fetch(`http://127.0.0.1:${inside}/`, { headers });
        assert.deepEqual([inner.status, inner.headers.get("x-shaped")], [200, "yes"]);
        await inner.arrayBuffer();
      }
      assert.equal(asked, 1, "nobody is asked about internal calls");
      assert.deepEqual(
        seen,
        ["internal-job", "internal-job", "internal-job"],
        "and what they say of themselves stands",
      );

      await rowsEnded(gateway, 4);
      const view = gateway.openView("is:bypassed");
      view.catchUp();
      assert.equal(view.matched, 3);
      const [id] = view.idsBetween(view.first, view.first + 1);
      view.close();
      const detail = gateway.detail(id, false);
      assert.ok(detail);
      assert.deepEqual(detail.row.tags, ["bypassed"]);
      const told = detail.gateway.map(({ label, state }) => `${label} ${state}`);
      assert.deepEqual(told, [
        "rateLimit skipped",
        "all ok",
        "ipFilter ok",
        "externalAuth skipped",
        "authorization skipped",
        "rateLimit skipped",
        "responseHeaders ok",
      ]);
      const note = detail.gateway.find(({ label }) => label === "authorization");
      assert.equal(note?.sentence, "bypassed: listener inside is trusted (internal calls)");
    } finally {
      await gateway.stop(0);
      server.closeAllConnections();
      server.close();
    }
  });
});
