/**
 * The cache over real sockets, beyond what the conformance requirements ask: what happens to many requests at once, when
 * clients leave and backends die, over an edit, on purge, and when somebody sets the clock.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { signal } from "../engine/harness.ts";
import { cached, cachePolicy, stopCaches, type Cached, type Reply } from "./cached.fixture.ts";

const HOUR: Readonly<Record<string, string>> = { "cache-control": "max-age=3600" };

/** Answers with a counter, so that a stored answer is told from a new one. */
function counting(headers: Readonly<Record<string, string>> = HOUR, status = 200) {
  const origin = { asked: 0, headers, status, serve: (_: unknown, response: ServerResponse) => answer(response) };
  function answer(response: ServerResponse): void {
    response.writeHead(origin.status, origin.headers);
    response.end(`answer ${++origin.asked}`);
  }
  return origin;
}

function statusOf(headers: Reply["headers"]): string {
  return String(headers["cache-status"]);
}

/** Whatever is done behind an answer is done. */
async function settled(gateway: Cached, count: number): Promise<void> {
  await gateway.keeper.has(count);
}

describe("the cache", () => {
  afterEach(stopCaches);

  it("says in Cache-Status what it did with every request (RFC 9211)", async () => {
    const origin = counting();
    const gateway = await cached(origin.serve);
    assert.match(statusOf((await gateway.ask()).headers), /^Switchyard; fwd=uri-miss; fwd-status=200; stored$/);
    gateway.clock.pass(600);
    const hit = await gateway.ask();
    assert.equal(statusOf(hit.headers), "Switchyard; hit; ttl=3000");
    assert.equal(hit.headers.age, "600");
    assert.match(statusOf((await gateway.ask({ method: "POST" })).headers), /fwd=method/);
    assert.match(statusOf((await gateway.ask({ headers: { range: "bytes=0-1" } })).headers), /fwd=bypass/);
    assert.match(
      statusOf((await gateway.ask({ headers: { "cache-control": "no-cache" } })).headers),
      /fwd=(?:request|uri-miss)/,
    );
  });

  it("obeys what requests say: no-cache, no-store, max-age, min-fresh, max-stale, only-if-cached (5.2.1)", async () => {
    const origin = counting({ "cache-control": "max-age=100" });
    const gateway = await cached(origin.serve);
    const ask = async (directive: string) => (await gateway.ask({ headers: { "cache-control": directive } })).body;
    await gateway.ask();
    gateway.clock.pass(60);
    assert.equal(await ask("max-age=61"), "answer 1");
    assert.equal(await ask("min-fresh=39"), "answer 1");
    assert.equal(await ask("only-if-cached"), "answer 1");
    assert.equal(await ask("no-store"), "answer 2");
    assert.equal(await ask("max-age=59"), "answer 3", "and the newer one takes its place");
    gateway.clock.pass(130);
    assert.equal(await ask("max-stale=31"), "answer 3");
    assert.equal(await ask("max-stale"), "answer 3");
    assert.equal(await ask("max-stale=29"), "answer 4");
    assert.equal(await ask("min-fresh=101"), "answer 5");
    assert.equal(await ask("no-cache"), "answer 6");
    const refused = await gateway.ask({ path: "/other", headers: { "cache-control": "only-if-cached" } });
    assert.equal(refused.status, 504);
    assert.match(refused.body, /urn:switchyard:cache:onlyIfCached/);
  });

  it("takes Pragma: no-cache for Cache-Control: no-cache where there is none (5.4)", async () => {
    const origin = counting();
    const gateway = await cached(origin.serve);
    await gateway.ask();
    assert.equal((await gateway.ask({ headers: { pragma: "no-cache" } })).body, "answer 2");
    assert.equal(
      (await gateway.ask({ headers: { pragma: "no-cache", "cache-control": "max-age=9" } })).body,
      "answer 2",
    );
  });

  it("answers a HEAD from a stored GET, and does not store what a HEAD brings (4, 4.3.5)", async () => {
    const origin = counting();
    const gateway = await cached(origin.serve);
    assert.match(statusOf((await gateway.ask({ method: "HEAD" })).headers), /fwd=uri-miss/);
    await gateway.ask();
    const head = await gateway.ask({ method: "HEAD" });
    assert.deepEqual([head.body, head.headers["content-length"], origin.asked], ["", "8", 2]);
  });

  it("throws out what a HEAD tells to be another representation by now (4.3.5)", async () => {
    const origin = counting({ "cache-control": "max-age=10", etag: '"a"' });
    const gateway = await cached(origin.serve);
    await gateway.ask();
    gateway.clock.pass(20);
    origin.headers = { "cache-control": "max-age=10", etag: '"b"' };
    await gateway.ask({ method: "HEAD" });
    assert.match(statusOf((await gateway.ask()).headers), /uri-miss/);
  });

  it("asks the backend once for many that ask at the same time", async () => {
    let asked = 0;
    const arrived = signal();
    let answer: (() => void) | undefined;
    const gateway = await cached((_, response) => {
      asked++;
      answer = () => response.writeHead(200, HOUR).end("one for all");
      arrived.resolve();
    });
    const many = Array.from({ length: 20 }, () => gateway.ask());
    await arrived.promise;
    while (gateway.keeper.pending.size < 20) await new Promise((resolve) => setImmediate(resolve));
    answer?.();
    const replies = await Promise.all(many);
    assert.equal(asked, 1);
    assert.deepEqual(new Set(replies.map(({ body }) => body)), new Set(["one for all"]));
    assert.equal(replies.filter(({ headers }) => statusOf(headers).endsWith("; collapsed")).length, 19);
  });

  it("lets all go by themselves when the answer they waited for cannot be shared", async () => {
    let asked = 0;
    const arrived = signal();
    const held: (() => void)[] = [];
    const gateway = await cached((_, response) => {
      const number = ++asked;
      const answer = () => response.writeHead(200, { "cache-control": "private" }).end(`for ${number}`);
      if (number > 1) return answer();
      held.push(answer);
      arrived.resolve();
    });
    const many = Array.from({ length: 5 }, () => gateway.ask());
    await arrived.promise;
    while (gateway.keeper.pending.size < 5) await new Promise((resolve) => setImmediate(resolve));
    held[0]();
    const bodies = (await Promise.all(many)).map(({ body }) => body);
    assert.equal(new Set(bodies).size, 5);
    // Nor does anybody wait for the next one.
    await gateway.ask();
    assert.equal(asked, 6);
  });

  it("gives nobody another request's failure: who waited for one that broke asks for himself", async () => {
    let asked = 0;
    const arrived = signal();
    const held: (() => void)[] = [];
    const gateway = await cached((request, response) => {
      if (++asked > 1) return void response.writeHead(200, HOUR).end("well");
      held.push(() => void request.socket.destroy());
      response.writeHead(200, { ...HOUR, "content-length": "100" });
      response.write("half of it");
      arrived.resolve();
    });
    const first = gateway.ask().then(
      () => "whole",
      () => "broken",
    );
    await arrived.promise;
    const others = [gateway.ask(), gateway.ask()];
    while (gateway.keeper.pending.size < 3) await new Promise((resolve) => setImmediate(resolve));
    held[0]();
    assert.equal(await first, "broken");
    assert.deepEqual(
      (await Promise.all(others)).map(({ body }) => body),
      ["well", "well"],
    );
    assert.equal((await gateway.ask()).body, "well", "half an answer was not stored");
  });

  it("has another one ask when the client that all waited for has left", async () => {
    let asked = 0;
    const arrived = signal();
    const again = signal();
    const gateway = await cached((_, response) => {
      if (++asked === 1) return arrived.resolve();
      again.resolve();
      response.writeHead(200, HOUR).end("answer");
    });
    const leaving = connect(gateway.port, "127.0.0.1");
    leaving.on("error", () => {});
    leaving.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await arrived.promise;
    const waiting = [0, 1, 2].map(() => gateway.ask({ headers: { host: "a" } }));
    while (gateway.keeper.pending.size < 4) await new Promise((resolve) => setImmediate(resolve));
    leaving.resetAndDestroy();
    await again.promise;
    assert.deepEqual(
      (await Promise.all(waiting)).map(({ body }) => body),
      ["answer", "answer", "answer"],
    );
    assert.equal(asked, 2);
  });

  it("a waiting client that leaves disturbs nobody", async () => {
    let asked = 0;
    const arrived = signal();
    const held: (() => void)[] = [];
    const gateway = await cached((_, response) => {
      asked++;
      held.push(() => response.writeHead(200, HOUR).end("answer"));
      arrived.resolve();
    });
    const first = gateway.ask({ headers: { host: "a" } });
    await arrived.promise;
    const leaving = connect(gateway.port, "127.0.0.1");
    leaving.on("error", () => {});
    leaving.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const staying = gateway.ask({ headers: { host: "a" } });
    while (gateway.keeper.pending.size < 3) await new Promise((resolve) => setImmediate(resolve));
    leaving.resetAndDestroy();
    await gateway.keeper.has(1);
    held[0]();
    assert.deepEqual([(await first).body, (await staying).body, asked], ["answer", "answer", 1]);
  });

  it("answers stale at once and renews behind it, once (RFC 5861 section 3)", async () => {
    const origin = counting({ "cache-control": "max-age=10, stale-while-revalidate=60" });
    const gateway = await cached(origin.serve);
    await gateway.ask();
    gateway.clock.pass(30);
    const stale = await Promise.all([gateway.ask(), gateway.ask()]);
    assert.deepEqual(
      stale.map(({ body }) => body),
      ["answer 1", "answer 1"],
    );
    await settled(gateway, 4);
    assert.equal((await gateway.ask()).body, "answer 2");
    assert.equal(origin.asked, 2);
    gateway.clock.pass(71);
    assert.equal((await gateway.ask()).body, "answer 3", "beyond the window nothing stale is given");
  });

  it("answers stale when the backend fails or is killed, within stale-if-error (RFC 5861 section 4)", async () => {
    const origin = counting({ "cache-control": "max-age=10" });
    const gateway = await cached(origin.serve, "{ staleIfError: 60s }");
    await gateway.ask();
    gateway.clock.pass(20);
    origin.status = 503;
    const failed = await gateway.ask();
    assert.deepEqual([failed.status, failed.body], [200, "answer 1"]);
    assert.match(statusOf(failed.headers), /fwd=stale; fwd-status=503; detail=stale-if-error; ttl=-10/);
    gateway.server.closeAllConnections();
    gateway.server.close();
    await once(gateway.server, "close");
    const dead = await gateway.ask();
    assert.deepEqual([dead.status, dead.body], [200, "answer 1"]);
    gateway.clock.pass(60);
    assert.equal((await gateway.ask()).status, 502);
    const row = (await gateway.keeper.has(4)).at(-2);
    assert.deepEqual([row?.status, row?.failure], [200, 0], "the client had a good answer");
    assert.notEqual(row?.attempts.at(-1)?.failure, 0, "and the backend is still to blame");
  });

  it("throws out what unsafe requests change, also where they say it is, of the same origin only (4.4)", async () => {
    let asked = 0;
    const gateway = await cached((request, response) => {
      asked++;
      const location = request.headers["x-says"];
      response.writeHead(200, { ...HOUR, ...(typeof location === "string" ? { location } : {}) });
      response.end(`answer ${asked}`);
    });
    const post = (says: string) =>
      gateway.ask({ method: "POST", path: "/form", headers: { host: "a", "x-says": says } });
    const body = async (path: string) => (await gateway.ask({ path, headers: { host: "a" } })).body;
    const one = await body("/one");
    assert.equal(await body("/one"), one);
    await post("http://b/one");
    assert.equal(await body("/one"), one, "another origin has no say");
    await post("/one");
    assert.notEqual(await body("/one"), one);
  });

  it("does not store what was on its way while something changed it (4.4)", async () => {
    const arrived = signal();
    const held: (() => void)[] = [];
    const gateway = await cached((request, response) => {
      if (request.method === "POST") return void response.end();
      held.push(() => response.writeHead(200, HOUR).end(`answer ${held.length}`));
      if (held.length === 1) arrived.resolve();
      else held[1]();
    });
    const first = gateway.ask();
    await arrived.promise;
    await gateway.ask({ method: "POST" });
    held[0]();
    await first;
    assert.match(statusOf((await gateway.ask()).headers), /uri-miss/);
  });

  it("stays within its bytes: the least recently used goes, and what is too large is passed on unstored", async () => {
    const gateway = await cached((request, response) => {
      response.writeHead(200, HOUR);
      response.end("x".repeat(request.url === "/large" ? 20_000 : 5000));
    }, "{ maxSize: 64KiB }");
    for (let i = 0; i < 20; i++) await gateway.ask({ path: `/${i}` });
    const [store] = gateway.engine.caches.all;
    assert.ok(store.bytes <= 65_536 && store.count >= 5, `${store.count} with ${store.bytes} bytes`);
    assert.match(statusOf((await gateway.ask({ path: "/19" })).headers), /hit/);
    assert.match(statusOf((await gateway.ask({ path: "/0" })).headers), /miss/);
    const before = store.count;
    const large = await gateway.ask({ path: "/large" });
    assert.deepEqual([large.body.length, store.count], [20_000, before]);
    assert.equal(store.refused[0][1].why, "too large");
  });

  it("stays warm over an edit of its own fields and of the rest of the file, and starts anew with another key", async () => {
    const origin = counting({});
    origin.headers = {};
    const gateway = await cached(origin.serve, "{ ttl: 60s }");
    await gateway.ask();
    await gateway.serve(cachePolicy("{ ttl: 90s, maxSize: 1MiB }"));
    assert.equal((await gateway.ask()).body, "answer 1");
    await gateway.serve((port) => cachePolicy("{ ttl: 90s }")(port).replace("- name: all", "- name: other"));
    assert.equal((await gateway.ask()).body, "answer 2", "another route is another cache");
    await gateway.serve(cachePolicy("{ ttl: 90s, key: [path] }"));
    assert.equal((await gateway.ask()).body, "answer 3");
  });

  it("is purged whole, or by the beginning of URLs", async () => {
    const origin = counting();
    const gateway = await cached(origin.serve);
    for (const path of ["/a/1", "/a/2", "/b"]) await gateway.ask({ path, headers: { host: "shop.test" } });
    const { caches } = gateway.engine;
    assert.equal(caches.purge(undefined, "shop.test/a/"), 2);
    assert.equal((await gateway.ask({ path: "/b", headers: { host: "shop.test" } })).body, "answer 3");
    assert.equal(caches.purge("route/nobody", ""), 0);
    assert.equal(caches.purge("route/all", ""), 1);
    assert.equal((await gateway.ask({ path: "/b", headers: { host: "shop.test" } })).body, "answer 4");
  });

  it("keeps nothing fresh for longer because somebody set the clock, and ages what a sleeping machine held", async () => {
    const origin = counting({ "cache-control": "max-age=100" });
    const gateway = await cached(origin.serve);
    await gateway.ask();
    gateway.clock.jump(-86_400);
    gateway.clock.pass(99);
    const reply = await gateway.ask();
    assert.deepEqual([reply.body, reply.headers.age], ["answer 1", "99"]);
    gateway.clock.pass(2);
    assert.equal((await gateway.ask()).body, "answer 2");
    gateway.clock.jump(101);
    assert.equal((await gateway.ask()).body, "answer 3");
  });

  it("keeps apart what the key says, and only that", async () => {
    const origin = counting();
    const gateway = await cached(origin.serve, "{ key: [path, query.page, header.x-tenant, cookie.currency] }");
    const body = async (path: string, headers: Record<string, string> = {}) =>
      (await gateway.ask({ path, headers })).body;
    const first = await body("/list?page=1&utm=a");
    assert.equal(await body("/list?utm=b&page=1", { host: "other.test" }), first);
    assert.notEqual(await body("/list?page=2"), first);
    assert.notEqual(await body("/list?page=1", { "x-tenant": "b" }), first);
    assert.notEqual(await body("/list?page=1", { cookie: "a=b; currency=eur" }), first);
    assert.equal(await body("/list?page=1", { cookie: "theme=dark" }), first);
  });

  it("keeps variants apart by Vary, with blanks and the order of languages left out (4.1)", async () => {
    const origin = counting({ ...HOUR, vary: "accept-language, foo" });
    const gateway = await cached(origin.serve);
    const body = async (headers: Record<string, string>) => (await gateway.ask({ headers })).body;
    assert.equal(await body({ "accept-language": "en, de" }), "answer 1");
    assert.equal(await body({ "accept-language": "DE,en" }), "answer 1");
    assert.equal(await body({ foo: "1,2" }), "answer 2");
    assert.equal(await body({ foo: " 1 , 2 " }), "answer 2");
    assert.equal(await body({ "accept-language": "en, de" }), "answer 1");
  });

  it("shares no answer to a request with credentials, unless the answer allows it (3.5), nor a cookie by itself", async () => {
    const origin = counting();
    const gateway = await cached(origin.serve, "{ ttl: 60s }");
    await gateway.ask({ headers: { authorization: "Bearer a" } });
    assert.equal((await gateway.ask()).body, "answer 2");
    origin.headers = { "set-cookie": "session=1" };
    await gateway.ask({ path: "/login" });
    assert.equal((await gateway.ask({ path: "/login" })).body, "answer 4");
  });

  it("lets the policies of the reply have their say over stored answers", async () => {
    const origin = counting({ ...HOUR, "x-internal": "1" });
    const text = (port: number) =>
      cachePolicy("{}")(port).replace(
        "[{ cache: {} }]",
        "[{ cache: {} }, { responseHeaders: { remove: [x-internal], set: { x-id: '${request.id}' } } }]",
      );
    const gateway = await cached(origin.serve, "{}", text);
    const first = await gateway.ask();
    const second = await gateway.ask();
    assert.equal(origin.asked, 1);
    assert.equal(second.headers["x-internal"], undefined);
    assert.notEqual(first.headers["x-id"], second.headers["x-id"]);
  });

  it("lets no stored answer past a policy that takes something out of bodies", async () => {
    let asked = 0;
    const rewriting = "[{ cache: {} }, { responseBody: { remove: [/cost] } }]";
    const gateway = await cached(
      (_, response) => {
        asked++;
        response.writeHead(200, { ...HOUR, "content-type": "application/json" });
        response.end('{"price":19,"cost":8}');
      },
      "{}",
      (port) => cachePolicy("{}")(port).replace("[{ cache: {} }]", rewriting),
    );
    const bodies = [(await gateway.ask()).body, (await gateway.ask()).body];
    assert.deepEqual(
      bodies.map((body) => JSON.parse(body)),
      [{ price: 19 }, { price: 19 }],
    );
    assert.equal(asked, 1);
  });

  it("does nothing where its `when` is false or it stands in shadow", async () => {
    const origin = counting();
    const text = (port: number) =>
      cachePolicy("{}")(port).replace("cache: {}", "cache: { when: \"request.path == '/on'\" }");
    const gateway = await cached(origin.serve, "{}", text);
    for (const path of ["/on", "/on", "/off", "/off"]) await gateway.ask({ path });
    assert.equal(origin.asked, 3);
  });

  it("stores no trailers, and no answer without its end", async () => {
    const gateway = await cached((_, response) => {
      response.writeHead(200, { ...HOUR, trailer: "x-sum" });
      response.write("part one, ");
      response.addTrailers({ "x-sum": "7" });
      response.end("part two");
    });
    await gateway.ask();
    const stored = await gateway.ask();
    assert.equal(stored.body, "part one, part two");
    assert.equal(stored.headers["content-length"], "18");
    assert.equal(stored.headers.trailer, undefined);
  });
});
