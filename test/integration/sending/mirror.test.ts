/**
 * Mirrored copies: rows of their own, answers thrown away, and nothing that a caller could notice.
 */
import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { ask, backend, start, stopAll } from "./harness.ts";

const shadow = (port: number, more = "") => `  shadow:
    endpoints: [{ url: "http://127.0.0.1:${port}" }]
${more}`;

describe("mirrors", function () {
  this.timeout(300_000);
  afterEach(stopAll);

  it("get a copy with head and body, in a row of its own, and their answer goes nowhere", async () => {
    const main = await backend((_, response) => response.end("main"));
    const copy = await backend((_, response) => response.writeHead(500).end("copy"));
    const running = await start([main.port], "mirror: { service: shadow }", shadow(copy.port));
    for (const headers of [{ "content-length": "4" }, { "transfer-encoding": "chunked" }]) {
      const { status, text } = await ask(running.port, { method: "POST", path: "/a?b=c", headers }, "body");
      assert.deepEqual([status, text], [200, "main"]);
    }
    const rows = await running.rows(4);
    assert.deepEqual(
      copy.asked.map(({ method, url, body }) => [method, url, body]),
      [
        ["POST", "/a?b=c", "body"],
        ["POST", "/a?b=c", "body"],
      ],
    );
    const [original, mirrored] = [
      rows.find(({ tags }) => tags.length === 0),
      rows.find(({ tags }) => tags.includes("mirror")),
    ];
    assert.ok(original !== undefined && mirrored !== undefined);
    assert.deepEqual([mirrored.service, mirrored.status, mirrored.route], ["shadow", 500, "mirror/r"]);
    assert.match(mirrored.why, new RegExp(`copy of #${original.id}`));
    const told = running.detail(original).balancer.find(({ label }) => label === "mirror");
    assert.equal(told?.sentence, "a copy went to shadow: every request is copied");
    const { balancer, gateway } = running.detail(mirrored);
    assert.equal(
      balancer.find(({ label }) => label === "mirror")?.sentence,
      `a copy of request ${original.id}: its answer is thrown away`,
    );
    assert.ok(gateway.length > 0);
  });

  it("get the body that a policy has looked at before, too", async () => {
    const main = await backend((_, response) => response.end("main"));
    const copy = await backend((_, response) => response.end());
    const looks = "policies: [{ requestSchema: { schema: { type: object, required: [a] } } }]";
    const running = await start([main.port], `${looks}, mirror: { service: shadow }`, shadow(copy.port));
    for (const headers of [{ "content-length": "7" }, { "transfer-encoding": "chunked" }]) {
      const options = { method: "POST", headers: { ...headers, "content-type": "application/json" } };
      assert.equal((await ask(running.port, options, '{"a":1}')).text, "main");
    }
    await running.rows(4);
    for (const { asked } of [main, copy])
      assert.deepEqual(
        asked.map(({ body }) => body),
        ['{"a":1}', '{"a":1}'],
      );
  });

  it("get the body as the backend gets it: what a policy takes out, no copy shows", async () => {
    const main = await backend((_, response) => response.end("main"));
    const copy = await backend((_, response) => response.end());
    const rewrites = "policies: [{ requestBody: { remove: [/secret], set: { /via: gateway } } }]";
    const running = await start([main.port], `${rewrites}, mirror: { service: shadow }`, shadow(copy.port));
    for (const headers of [{ "content-length": "22" }, { "transfer-encoding": "chunked" }]) {
      const options = { method: "POST", headers: { ...headers, "content-type": "application/json" } };
      assert.equal((await ask(running.port, options, '{"a":1,"secret":"123"}')).text, "main");
    }
    await running.rows(4);
    for (const { asked } of [main, copy])
      assert.deepEqual(
        asked.map(({ body }) => JSON.parse(body)),
        [
          { a: 1, via: "gateway" },
          { a: 1, via: "gateway" },
        ],
      );
  });

  it("are drawn in the share that is asked for", async () => {
    const main = await backend((_, response) => response.end("main"));
    const copy = await backend((_, response) => response.end());
    const running = await start([main.port], "mirror: { service: shadow, percent: 25% }", shadow(copy.port));
    for (let i = 0; i < 200; i++) await ask(running.port);
    const rows = await running.rows(200);
    const share = rows.filter(({ tags }) => tags.includes("mirror")).length / 200;
    assert.ok(share > 0.12 && share < 0.4, String(share));
    const none = running.detail(rows[0]).balancer.find(({ label }) => label === "mirror");
    assert.match(none?.sentence ?? "", /^(?:a|no) copy went to shadow: drew \d+\.\d\d of 100, and 25% are copied$/);
  });

  it("that are down, silent or too slow for the body neither delay nor fail anybody", async () => {
    const main = await backend((_, response) => response.end("main"));
    // Accepts, and reads nothing.
    const deaf = createServer((socket) => void socket.on("error", () => {}).pause());
    await new Promise<void>((done) => deaf.listen(0, "127.0.0.1", done));
    const { port } = deaf.address() as AddressInfo;
    const running = await start([main.port], "mirror: { service: shadow }", shadow(port));
    const begun = performance.now();
    const { text } = await ask(running.port, { method: "POST" }, Buffer.alloc(16 * 1_048_576));
    assert.equal(text, "main");
    assert.ok(performance.now() - begun < 30_000);
    const rows = await running.rows(2);
    const copy = rows.find(({ tags }) => tags.includes("mirror"));
    assert.match(copy?.why ?? "", /took the mirrored body too slowly/);
    deaf.close();
  });

  it("are judged by the policies of their own service, and not by those of the route again", async () => {
    const main = await backend((_, response) => response.end("main"));
    const copy = await backend((_, response) => response.end());
    const limit = "    policies: [{ rateLimit: { key: client.ip, requests: 1, per: 1h } }]\n";
    const running = await start(
      [main.port],
      "policies: [{ rateLimit: { key: client.ip, requests: 2, per: 1h } }], mirror: { service: shadow }",
      shadow(copy.port, limit),
    );
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(running.port)).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    const rows = await running.rows(5);
    assert.equal(copy.asked.length, 1);
    const refused = rows.filter(({ tags, state }) => tags.includes("mirror") && state === "rejected");
    assert.equal(refused.length, 1);
  });

  it("are given up when the gateway stops", async () => {
    const main = await backend((_, response) => response.end("main"));
    const silent = await backend(() => {});
    const running = await start([main.port], "mirror: { service: shadow }", shadow(silent.port));
    await ask(running.port);
    await running.gateway.stop(100);
    const rows = await running.rows(2);
    assert.equal(rows.find(({ tags }) => tags.includes("mirror"))?.state, "aborted");
  });
});
