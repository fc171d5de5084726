/**
 * The caches as a watcher sees them: entries with why, purge, and the requests that were sent on behalf of another in its
 * detail. Over a whole gateway and real sockets.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { rowsEnded } from "./helpers.ts";

const policy = (port: number, origin: number) => `version: 1
listeners:
  - { name: edge, port: ${port}, address: 127.0.0.1 }
services:
  origin: { endpoints: [{ url: "http://127.0.0.1:${origin}" }] }
routes:
  - name: cached
    matches: [{ path: { prefix: /cached } }]
    policies: [{ cache: { vary: [accept-language] } }]
    backendRefs: [{ service: origin }]
  - name: page
    matches: [{ path: { prefix: /page } }]
    policies:
      - aggregate: { parts: { a: { service: origin, path: /a }, b: { service: origin, path: "/b/\${a.url}", after: [a] } } }
    backendRefs: []
`;

describe("the caches of a running gateway", () => {
  let gateway: Gateway;
  let server: Server;
  let base: string;

  beforeEach(async () => {
    server = createServer((request, response) => {
      const cacheable = request.url !== "/cached/never";
      response.writeHead(200, {
        "content-type": "application/json",
        "cache-control": cacheable ? "max-age=60" : "no-store",
      });
      response.end(JSON.stringify({ url: request.url }));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const port = await freePort();
    gateway = new Gateway({ file: "switchyard.yaml" });
    await gateway.start(policy(port, (server.address() as AddressInfo).port));
    base = `http://127.0.0.1:${port}`;
  });

  afterEach(async () => {
    await gateway.stop(0);
    server.closeAllConnections();
    server.close();
  });

  const get = async (path: string) => {
    const reply = await fetch(`${base}${path}`);
    await reply.text();
    await rowsEnded(gateway, 1);
    return String(reply.headers.get("cache-status"));
  };

  it("say of each answer why it is fresh, and of each URL that is not stored why not", async () => {
    for (const path of ["/cached/one", "/cached/one", "/cached/never"]) await get(path);
    const [cache] = gateway.cachesView("", 20).caches;
    assert.deepEqual([cache.owner, cache.count, cache.hits, cache.misses], ["route cached", 1, 1, 2]);
    assert.equal(cache.location?.line, 9);
    const [one, never] = cache.entries;
    assert.match(one.url, /\/cached\/one$/);
    assert.deepEqual([one.state, one.hits, one.selectors], ["fresh", 1, ["accept-language"]]);
    assert.match(one.sentence, /old, fresh for 60 s \(max-age\)/);
    assert.deepEqual([never.state, never.sentence], ["uncacheable", "the answer says Cache-Control: no-store"]);
    assert.equal(gateway.cachesView("/one", 20).caches[0].entries.length, 1);
  });

  it("are purged by the name of one and the beginning of URLs", async () => {
    for (const path of ["/cached/one", "/cached/two"]) await get(path);
    const host = new URL(base).hostname;
    assert.equal(gateway.purgeCache("route/cached", `${host}/cached/o`), 1);
    assert.match(await get("/cached/one"), /uri-miss/);
    assert.match(await get("/cached/two"), /hit/);
    assert.equal(gateway.purgeCache("", ""), 2);
  });

  it("tell in a request's story what the cache did", async () => {
    for (const path of ["/cached/one", "/cached/one"]) await get(path);
    const detail = gateway.detail(2, false);
    const step = detail?.gateway.find(({ label }) => label === "cache");
    assert.match(step?.sentence ?? "", /^hit: .* fresh for 60 s/i);
  });

  it("list what was sent on behalf of a request, and whose each is", async () => {
    await get("/page");
    const detail = gateway.detail(1, false);
    assert.deepEqual(
      detail?.children?.map(({ path }) => path.split("/")[1]),
      ["a", "b"],
    );
    for (const child of detail?.children ?? []) {
      assert.equal(child.parent, 1);
      assert.equal(child.service, "origin");
      assert.ok(child.tags.includes("part"));
    }
  });
});
