/**
 * Aggregates over real sockets: parts at once and after each other, what is optional and missing, what fails the whole,
 * bounds, and what becomes of the parts when the client leaves.
 */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { signal } from "../engine/harness.ts";
import { cached, stopCaches, type Cached } from "./cached.fixture.ts";

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

/** @param fields of the aggregate, one a line, indented by ten. */
function gathering(serve: Serve, fields: string): Promise<Cached> {
  const text = (port: number) => `version: 1
listeners:
  - { name: edge, port: 8080, address: 127.0.0.1 }
services:
  origin: { endpoints: [{ url: "http://127.0.0.1:${port}" }] }
  dead: { endpoints: [{ url: "http://127.0.0.1:1" }] }
routes:
  - name: page
    policies:
      - aggregate:
${fields}
    backendRefs: []
`;
  return cached(serve, "", text);
}

const SHOP = `          parts:
            product: { service: origin, path: "/products/\${path.2}" }
            price: { service: origin, path: "/prices/\${product.sku}?in=\${query.currency}", after: [product], optional: true }
            stock: { service: origin, path: /stock, optional: true }`;

describe("an aggregate", () => {
  afterEach(stopCaches);

  it("asks at once what may be asked at once, and the rest with what earlier parts say", async () => {
    const asked: string[] = [];
    const gateway = await gathering((request, response) => {
      asked.push(request.url ?? "");
      json(response, { url: request.url, sku: "a/b ü" });
    }, SHOP);
    const reply = await gateway.ask({ path: "/page/7?currency=eur" });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers["content-type"], "application/json");
    assert.deepEqual(Object.keys(JSON.parse(reply.body)), ["product", "price", "stock"]);
    assert.deepEqual(asked.slice(0, 2).toSorted(), ["/products/7", "/stock"]);
    assert.equal(asked[2], "/prices/a%2Fb%20%C3%BC?in=eur");
  });

  it("gives each part a row of its own, decided under the request that it is a part of", async () => {
    const gateway = await gathering((_, response) => json(response, { sku: 1 }), SHOP);
    await gateway.ask({ path: "/page/7?currency=eur" });
    const rows = await gateway.keeper.has(4);
    assert.deepEqual(rows.map(({ path }) => path).toSorted(), ["/page/7", "/prices/1", "/products/7", "/stock"]);
    const names = rows.map(({ decision }) => gateway.plan.routes[decision.route].name);
    assert.equal(names.filter((name) => name.startsWith("page/part ")).length, 3);
  });

  it("names what is missing: an optional part that fails, and what would have needed it", async () => {
    const gateway = await gathering(
      (request, response) => json(response, {}, request.url === "/stock" ? 503 : 200),
      SHOP,
    );
    const { product, price, stock, errors } = JSON.parse((await gateway.ask({ path: "/page/7" })).body);
    assert.deepEqual([product, price, stock], [{}, null, null]);
    const byName = new Map(errors.map((one: { part: string }) => [one.part, one]));
    assert.deepEqual(byName.get("stock"), { part: "stock", status: 503, detail: "answered 503" });
    assert.deepEqual(byName.get("price"), { part: "price", status: 424, detail: "${product.sku} is not there" });
  });

  for (const [status, whole, reason] of [
    [404, 404, "notFound"],
    [401, 401, "unauthorized"],
    [403, 403, "forbidden"],
    [500, 502, "failed"],
  ] as const) {
    it(`answers ${whole} when a part that is needed says ${status}`, async () => {
      const gateway = await gathering((_, response) => json(response, {}, status), SHOP);
      const reply = await gateway.ask({ path: "/page/7" });
      assert.equal(reply.status, whole);
      assert.match(reply.body, new RegExp(`urn:switchyard:aggregate:${reason}`));
      assert.match(reply.body, /part product of origin/);
    });
  }

  it("takes no answer for JSON that is none", async () => {
    const gateway = await gathering((request, response) => {
      if (request.url !== "/stock") return json(response, { sku: 1 });
      response.writeHead(200, { "content-type": "text/html" }).end("<p>");
    }, SHOP);
    const { errors } = JSON.parse((await gateway.ask({ path: "/page/7?currency=a" })).body);
    assert.deepEqual(errors, [{ part: "stock", status: 502, detail: "answered text/html, not JSON" }]);
  });

  it("joins no answer that is made to hurt: nested without end, or of more values than are read in one go", async () => {
    for (const [answer, words] of [
      [`${"[".repeat(2000)}${"]".repeat(2000)}`, /^answered JSON that is not joined: it is nested/],
      [`[${"0,".repeat(70_000)}0]`, /^answered with 70002 values and names, and 60000 are joined at most$/],
    ] as const) {
      const gateway = await gathering((request, response) => {
        if (request.url !== "/stock") return json(response, { sku: 1 });
        response.writeHead(200, { "content-type": "application/json" }).end(answer);
      }, SHOP);
      const { errors } = JSON.parse((await gateway.ask({ path: "/page/7?currency=a" })).body);
      assert.match(errors[0].detail, words);
    }
  });

  it("asks for each element of a list, and keeps their order", async () => {
    const gateway = await gathering(
      (request, response) => json(response, request.url === "/list" ? { ids: [3, 1, "..", 2] } : { at: request.url }),
      `          parts:
            list: { service: origin, path: /list }
            items: { service: origin, path: "/items/\${item}", after: [list], forEach: list.ids, optional: true }`,
    );
    const { items, errors } = JSON.parse((await gateway.ask()).body);
    assert.deepEqual(items, [{ at: "/items/3" }, { at: "/items/1" }, null, { at: "/items/2" }]);
    assert.deepEqual(errors, [
      { part: "items[2]", status: 424, detail: '${item} is "..", which is no part of a path' },
    ]);
  });

  it("fills a template, in which values keep their types", async () => {
    const gateway = await gathering(
      (_, response) => json(response, { name: "Lamp", price: 19, tags: ["a"] }),
      `          parts:
            p: { service: origin, path: /p }
          template: { title: "\${p.name}, today", price: "\${p.price}", tags: "\${p.tags}", none: "\${p.no}", id: "\${path.1}" }`,
    );
    const value = JSON.parse((await gateway.ask({ path: "/lamp" })).body);
    assert.deepEqual(value, { title: "Lamp, today", price: 19, tags: ["a"], none: null, id: "lamp" });
  });

  it("passes on the trace and what the policy names, and nothing else of the caller", async () => {
    const seen: IncomingMessage["headers"][] = [];
    const gateway = await gathering((request, response) => {
      seen.push(request.headers);
      json(response, {});
    }, "          parts: { p: { service: origin, path: /p } }");
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const headers = { traceparent: trace, authorization: "Bearer a", cookie: "s=1", "x-other": "1" };
    await gateway.ask({ headers });
    assert.equal(seen[0].traceparent, trace);
    assert.equal(seen[0].authorization, "Bearer a");
    assert.deepEqual(
      [seen[0].cookie, seen[0]["x-other"], seen[0]["accept-encoding"]],
      [undefined, undefined, undefined],
    );
  });

  it("holds no more than maxBody of all answers together", async () => {
    const gateway = await gathering(
      (_, response) => json(response, "x".repeat(700)),
      `          parts: { a: { service: origin, path: /a, optional: true }, b: { service: origin, path: /b, optional: true } }
          maxBody: 1KiB`,
    );
    const value = JSON.parse((await gateway.ask()).body);
    assert.equal([value.a, value.b].filter((one) => one === null).length, 1);
    assert.match(value.errors[0].detail, /larger than 1024 bytes together/);
  });

  it("gives up a part after its time, and the whole when it is needed", async () => {
    const late = signal();
    const gateway = await gathering(
      (request) => request.url === "/slow" && late.resolve(),
      "          parts: { slow: { service: origin, path: /slow, timeout: 200ms } }",
    );
    const reply = gateway.ask();
    await late.promise;
    gateway.clock.pass(1);
    assert.equal((await reply).status, 504);
  });

  it("cancels every part when the client leaves", async () => {
    const both = signal();
    const closed: Promise<unknown>[] = [];
    const gateway = await gathering((request) => {
      closed.push(once(request.socket, "close"));
      if (closed.length === 2) both.resolve();
    }, "          parts: { a: { service: origin, path: /a }, b: { service: origin, path: /b } }");
    const client = connect(gateway.port, "127.0.0.1");
    client.on("error", () => {});
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await both.promise;
    client.resetAndDestroy();
    await Promise.all(closed);
    const rows = await gateway.keeper.has(3);
    assert.equal(gateway.keeper.pending.size, 0);
    assert.deepEqual(
      rows.map(({ status }) => status),
      [0, 0, 0],
    );
  });

  it("is read with GET and HEAD only", async () => {
    const gateway = await gathering(
      (_, response) => json(response, {}),
      "          parts: { p: { service: origin, path: /p } }",
    );
    assert.equal((await gateway.ask({ method: "HEAD" })).status, 200);
    const reply = await gateway.ask({ method: "POST", body: "a" });
    assert.deepEqual([reply.status, reply.headers.allow], [405, "GET, HEAD"]);
  });
});
