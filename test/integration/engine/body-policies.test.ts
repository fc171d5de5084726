/** Policies that work on bodies, over real sockets: what the backend sees, what the caller sees, and what is told of it. */
import assert from "node:assert/strict";
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { get } from "node:http";
import { connect } from "node:net";
import type { Worked } from "../../../src/gateway/facts/answer-work.ts";
import { FactGatherer } from "../../../src/gateway/facts/gatherer.ts";
import { BodyState } from "../../../src/model/body.ts";
import { Failure } from "../../../src/model/state.ts";
import { until } from "../../until.ts";
import { json, serving, stop } from "./body-policies.fixture.ts";

const posted = (body: string | Buffer | readonly (string | Buffer)[], headers: Record<string, string> = {}) =>
  ({ method: "POST", headers: { "content-type": "application/json", ...headers }, body }) as const;

const problem = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe("maxBody over sockets", () => {
  afterEach(stop);

  it("refuses by Content-Length at once, and by counting when none is said, with its numbers, line and fix", async () => {
    const gateway = await serving("[{ maxBody: 1KiB }]", json({}));
    const announced = await gateway.send(posted("x".repeat(2000)));
    assert.equal(announced.status, 413);
    assert.match(String(problem(announced.text).detail), /2,000 bytes, and at most 1KiB/);
    assert.equal(problem(announced.text).fix, "Take up to 1MiB");
    const chunked = await gateway.send(posted(["x".repeat(600), "x".repeat(600)], { "transfer-encoding": "chunked" }));
    assert.equal(chunked.status, 413);
    assert.equal(problem(chunked.text).type, "urn:switchyard:maxBody:outgrew");
    assert.equal((await gateway.send(posted(["{", "}"]))).status, 200);
    const rows = await gateway.keeper.has(3);
    assert.match(gateway.story(rows[1]).sentence, /cut off after/);
    assert.equal(rows[1].status, 413);
  });

  it("lets 10 MB stream through without collecting them", async () => {
    const gateway = await serving("[{ maxBody: 20MiB }]", (_request, response, body) =>
      response.end(String(body.length)),
    );
    const piece = Buffer.alloc(1_000_000, 97);
    const reply = await gateway.send(posted(Array.from({ length: 10 }, () => piece)));
    assert.equal(reply.text, "10000000");
  });

  it("only tells in shadow", async () => {
    const gateway = await serving("[{ maxBody: { size: 10B, shadow: true } }]", json({}));
    assert.equal((await gateway.send(posted(["123456", "7890123"]))).status, 200);
    const [row] = await gateway.keeper.has(1);
    assert.match(
      JSON.stringify(gateway.story(row).gateway),
      /would have refused \(shadow\): the body announced no length/,
    );
  });
});

describe("requestSchema over sockets", () => {
  afterEach(stop);
  const policies =
    "[{ requestSchema: { schema: { type: object, required: [id], properties: { id: { type: integer }, tags: { items: { type: string } } } } } }]";

  it("refuses with every violation and its pointer, in the document and in the story", async () => {
    const gateway = await serving(policies, json({}));
    const reply = await gateway.send(posted('{"id":"1","tags":["a",2]}'));
    assert.equal(reply.status, 422);
    assert.deepEqual(problem(reply.text).errors, [
      { pointer: "/id", detail: "must be an integer, not a string" },
      { pointer: "/tags/1", detail: "must be a string, not a number" },
    ]);
    const [row] = await gateway.keeper.has(1);
    const step = gateway.story(row).gateway.find(({ label }) => label === "requestSchema");
    assert.equal(step?.state, "stop");
    assert.deepEqual(step?.facts.at(-1), { name: "/tags/1", value: "must be a string, not a number" });
    assert.equal(gateway.seen.length, 0);
    const fine = await gateway.send(posted('{"id":1}'));
    assert.equal(fine.status, 200);
    assert.equal(gateway.seen[0].body.toString(), '{"id":1}');
  });

  for (const [what, body, headers, status] of [
    ["no JSON", "{", {}, 400],
    ["another type", "<a/>", { "content-type": "text/xml" }, 415],
    ["invalid UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), {}, 400],
    ["a member named twice", '{"id":1,"id":"x"}', {}, 400],
    ["a depth of 100,000", "[".repeat(100_000) + "]".repeat(100_000), {}, 400],
    ["10 MB", Buffer.alloc(10_000_000, 32), {}, 413],
    ["a gzip bomb", gzipSync(Buffer.alloc(50_000_000, 32)), { "content-encoding": "gzip" }, 413],
    ["an unknown coding", "{}", { "content-encoding": "compress" }, 400],
    ["nothing", "", {}, 400],
  ] as const) {
    it(`refuses ${what} with ${status} and without a stall`, async () => {
      const gateway = await serving(policies, json({}));
      const reply = await gateway.send(posted(body, headers));
      assert.equal(reply.status, status);
      assert.ok(String(problem(reply.text).detail).length > 20);
      assert.equal(gateway.seen.length, 0);
    });
  }
});

describe("responseBody over sockets", () => {
  afterEach(stop);

  it("takes away what is internal, recomputes the length, weakens the tag, asks the backend for plain JSON", async () => {
    const gateway = await serving(
      "[{ responseBody: { remove: [/internal, /items/*/cost], rename: { /n: name } } }]",
      (_q, response) => {
        response.setHeader("content-type", "application/json");
        response.setHeader("etag", '"v1"');
        response.setHeader("content-md5", "abc");
        response.end('{"n":"x","internal":{"a":1},"items":[{"id":1,"cost":2}],"big":12345678901234567890}');
      },
    );
    const reply = await gateway.send({ headers: { "accept-encoding": "gzip", range: "bytes=0-3" } });
    const value = JSON.parse(reply.text) as Record<string, unknown>;
    assert.deepEqual(Object.keys(value), ["name", "items", "big"]);
    assert.deepEqual(value.items, [{ id: 1 }]);
    assert.equal(reply.headers["content-length"], String(reply.body.length));
    assert.equal(reply.headers.etag, 'W/"v1"');
    assert.equal(reply.headers["content-md5"], undefined);
    assert.equal(gateway.seen[0].head.headers["accept-encoding"], "identity");
    assert.equal(gateway.seen[0].head.headers.range, undefined);
    if (Number(process.versions.node.split(".", 1)[0]) >= 22) assert.match(reply.text, /12345678901234567890/);
  });

  it("decodes what comes encoded all the same, and leaves HEAD, 204 and what is no JSON alone", async () => {
    const gateway = await serving("[{ responseBody: { keep: [/id] } }]", (request, response) => {
      if (request.url === "/text") return void response.end("plain");
      if (request.url === "/none") return void response.writeHead(204).end();
      response.setHeader("content-type", "application/json");
      response.setHeader("content-encoding", "gzip");
      response.end(request.method === "HEAD" ? "" : gzipSync('{"id":1,"secret":2}'));
    });
    const reply = await gateway.send({});
    assert.equal(reply.text, '{"id":1}');
    assert.equal(reply.headers["content-encoding"], undefined);
    assert.equal((await gateway.send({ path: "/text" })).text, "plain");
    assert.equal((await gateway.send({ path: "/none" })).status, 204);
    const head = await gateway.send({ method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.headers["content-length"], undefined);
  });

  it("waits for a thread's work, serves others meanwhile, and forgets it when the client has gone", async () => {
    const facts = new FactGatherer({ baseDirectory: process.cwd() });
    const waiting: ((worked: Worked) => void)[] = [];
    // As if each body were large.
    facts.bodies.work = () => new Promise((tell) => waiting.push(tell));
    const gateway = await serving("[{ responseBody: { remove: [/secret] } }]", json({ secret: 1 }), {}, "", { facts });
    const leaving = connect(gateway.port, "127.0.0.1");
    leaving.write("GET /left HTTP/1.1\r\nhost: a\r\n\r\n");
    await until(() => waiting.length === 1);
    leaving.destroy();
    const asked = gateway.send({});
    const refused = gateway.send({});
    await until(() => waiting.length === 3);
    assert.equal((await gateway.keeper.has(1))[0].failure, Failure.ClientGone, "whoever leaves is not waited for");
    waiting[0]({ found: [], bytes: Buffer.from('{"nobody":1}') });
    waiting[2]({ found: [{ step: 0, verdict: { reason: 3, x: 5_000_000, y: BodyState.Busy } }], bytes: undefined });
    waiting[1]({ found: [], bytes: Buffer.from('{"changed":1}') });
    const replies = [await asked, await refused].toSorted((a, b) => a.status - b.status);
    assert.equal(replies[0].text, '{"changed":1}');
    assert.equal(replies[0].headers["content-length"], "13");
    assert.equal(replies[1].status, 503);
    assert.equal(problem(replies[1].text).type, "urn:switchyard:responseBody:unjudged");
    assert.match(String(problem(replies[1].text).detail), /so many answers are being read/);
  });

  it("refuses rather than lets out what it cannot rewrite, unless told to pass it", async () => {
    const large = (_q: unknown, response: { setHeader(n: string, v: string): void; end(b: string): void }) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ secret: "s", fill: "x".repeat(5000) }));
    };
    const strict = await serving("[{ responseBody: { remove: [/secret], most: 1KiB } }]", large as never);
    const refused = await strict.send({});
    assert.equal(refused.status, 502);
    assert.equal(problem(refused.text).type, "urn:switchyard:responseBody:tooLarge");
    const [row] = await strict.keeper.has(1);
    assert.equal(strict.story(row).refusal?.policy, "responseBody");
    const open = await serving(
      "[{ responseBody: { remove: [/secret], most: 1KiB, otherwise: pass } }]",
      large as never,
    );
    assert.equal(JSON.parse((await open.send({})).text).secret, "s");
    const broken = await serving("[{ responseBody: { remove: [/secret] } }]", (_q, response) => {
      response.setHeader("content-type", "application/json");
      response.end('{"secret": "s"');
    });
    assert.equal((await broken.send({})).status, 502);
  });

  it("rewrites what a policy of the gateway answers", async () => {
    const gateway = await serving(
      '[{ directResponse: { body: \'{"a":1,"b":2}\' } }, { responseBody: { remove: [/a] } }]',
      json({}),
    );
    assert.equal((await gateway.send({})).text, '{"b":2}');
  });
});

describe("requestBody over sockets", () => {
  afterEach(stop);

  it("rewrites what the backend sees, whatever framing and coding it came in", async () => {
    const gateway = await serving("[{ requestBody: { set: { /by: '${client.ip}' }, remove: [/role] } }]", json({}));
    await gateway.send(posted(['{"role":"admin",', '"x":1}']));
    await gateway.send(posted(gzipSync('{"role":1}'), { "content-encoding": "gzip" }));
    await gateway.send(posted("plain", { "content-type": "text/plain" }));
    const sent = gateway.seen.map(({ body }) => body.toString());
    assert.deepEqual(sent, ['{"x":1,"by":"127.0.0.1"}', '{"by":"127.0.0.1"}', "plain"]);
    assert.equal(gateway.seen[0].head.headers["content-length"], String(sent[0].length));
    assert.equal(gateway.seen[1].head.headers["content-encoding"], undefined);
    assert.equal((await gateway.send(posted("{"))).status, 400);
  });
});

describe("compression over sockets", () => {
  afterEach(stop);
  const text = JSON.stringify({ words: "compress me ".repeat(500) });

  it("encodes by what the caller likes best, and says so", async () => {
    const gateway = await serving("[{ compression: {} }]", (_q, response) => {
      response.setHeader("content-type", "application/json");
      response.setHeader("etag", '"a"');
      response.end(text);
    });
    const br = await gateway.send({ headers: { "accept-encoding": "gzip, br" } });
    assert.equal(br.headers["content-encoding"], "br");
    assert.equal(brotliDecompressSync(br.body).toString(), text);
    assert.equal(br.headers.vary, "Accept-Encoding");
    assert.equal(br.headers.etag, 'W/"a"');
    assert.equal(br.headers["content-length"], undefined);
    const gzip = await gateway.send({ headers: { "accept-encoding": "br;q=0.5, gzip" } });
    assert.equal(gunzipSync(gzip.body).toString(), text);
    const plain = await gateway.send({ headers: { "accept-encoding": "br;q=0" } });
    assert.equal(plain.text, text);
    assert.equal(plain.headers.vary, "Accept-Encoding");
    const head = await gateway.send({ method: "HEAD", headers: { "accept-encoding": "br" } });
    assert.equal(head.headers["content-encoding"], "br");
    assert.equal(head.headers["content-length"], undefined);
  });

  it("leaves event streams, no-transform, parts and what is encoded already as they are", async () => {
    const gateway = await serving("[{ compression: { types: ['*/*'], minSize: 1B } }]", (request, response) => {
      const kind = request.url ?? "";
      response.setHeader("content-type", kind === "/events" ? "text/event-stream" : "text/plain");
      if (kind === "/fixed") response.setHeader("cache-control", "public, no-transform");
      if (kind === "/gzip") response.setHeader("content-encoding", "gzip");
      if (kind === "/part") response.writeHead(206, { "content-range": "bytes 0-3/9" });
      response.end(kind === "/gzip" ? gzipSync(text) : text.slice(0, 900));
    });
    for (const path of ["/events", "/fixed", "/part"]) {
      assert.equal((await gateway.send({ path, headers: { "accept-encoding": "br" } })).text, text.slice(0, 900), path);
    }
    const gzip = await gateway.send({ path: "/gzip", headers: { "accept-encoding": "br" } });
    assert.equal(gunzipSync(gzip.body).toString(), text);
  });

  it("lets a stream's pieces through as they come", async () => {
    let more: (() => void) | undefined;
    const gateway = await serving("[{ compression: { algorithms: [gzip] } }]", (_q, response) => {
      response.setHeader("content-type", "text/plain");
      response.write("first ");
      more = () => response.end("second");
    });
    const got = await new Promise<Buffer>((resolve, reject) => {
      get(
        { port: gateway.port, host: "127.0.0.1", headers: { "accept-encoding": "gzip" }, agent: false },
        (response) => {
          const pieces: Buffer[] = [];
          response.on("data", (bytes: Buffer) => {
            pieces.push(bytes);
            // The backend goes on only once its first piece has arrived here.
            if (Buffer.concat(pieces).length > 20) more?.();
          });
          response.on("end", () => resolve(Buffer.concat(pieces)));
        },
      ).on("error", reject);
    });
    assert.equal(gunzipSync(got).toString(), "first second");
  });

  it("streams 10 MB with back-pressure, whole", async () => {
    const gateway = await serving("[{ compression: { algorithms: [gzip] } }]", (_q, response) => {
      response.setHeader("content-type", "text/plain");
      response.end(Buffer.alloc(10_000_000, "abcdefghij"));
    });
    const reply = await gateway.send({ headers: { "accept-encoding": "gzip" } });
    assert.equal(gunzipSync(reply.body).length, 10_000_000);
  });
});

describe("fault.bandwidth over sockets", () => {
  afterEach(stop);

  it("lets so many bytes through in a second, whole", async () => {
    const gateway = await serving("[{ fault: { bandwidth: 100KiB } }]", (_q, response) =>
      response.end(Buffer.alloc(40_000, 98)),
    );
    const before = performance.now();
    const reply = await gateway.send({});
    assert.equal(reply.body.length, 40_000);
    assert.ok(performance.now() - before > 300);
  });
});

describe("cookies over sockets", () => {
  afterEach(stop);

  it("makes cookies work on localhost, both ways", async () => {
    const gateway = await serving("[{ cookies: { path: / } }]", (_q, response) => {
      response.setHeader("set-cookie", [
        "a=1; Domain=shop.example; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; SameSite=None",
        "__Host-sid=2; Path=/; Secure; HttpOnly",
      ]);
      response.end();
    });
    const reply = await gateway.send({ headers: { cookie: "x=1; http-host-sid=2" } });
    assert.deepEqual(reply.headers["set-cookie"], [
      "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; SameSite=Lax; Path=/",
      "http-host-sid=2; HttpOnly; Path=/",
    ]);
    assert.equal(gateway.seen[0].head.headers.cookie, "x=1; __Host-sid=2");
  });
});

describe("apiVersion over sockets", () => {
  afterEach(stop);
  const policies = `
      - apiVersion:
          from: header
          name: x-api-version
          default: "2"
          versions: { "1": { service: old, deprecated: "2026-01-01", sunset: "2027-01-01" }, "2": { service: shop } }`;
  const more =
    '  old: { endpoints: [{ url: "http://127.0.0.1:{port}" }], policies: [{ requestHeaders: { set: { x-old: "1" } } }] }';

  it("chooses the service, announces the end of old ones, refuses what there is not with the list", async () => {
    const gateway = await serving(policies, json({}), {}, more);
    const old = await gateway.send({ headers: { "x-api-version": "1" } });
    assert.equal(old.headers.deprecation, "@1767225600");
    assert.equal(old.headers.sunset, "Fri, 01 Jan 2027 00:00:00 GMT");
    assert.equal(gateway.seen[0].head.headers["x-old"], "1");
    const latest = await gateway.send({});
    assert.equal(latest.headers.deprecation, undefined);
    assert.equal(gateway.seen[1].head.headers["x-old"], undefined);
    const unknown = await gateway.send({ headers: { "x-api-version": "3" } });
    assert.equal(unknown.status, 400);
    assert.match(unknown.text, /there are 1, 2/);
    const [row] = await gateway.keeper.has(3);
    assert.match(
      JSON.stringify(gateway.story(row)),
      /version 1 \(said in the header x-api-version\): old, which ends on 2027-01-01/,
    );
  });
});

describe("graphqlLimit over sockets", () => {
  afterEach(stop);

  it("judges POST, GET and lists by depth, cost, operation and introspection", async () => {
    const gateway = await serving(
      "[{ graphqlLimit: { depth: 3, cost: 20, operations: [query], batch: 2 } }]",
      json({}),
    );
    const ask = async (query: string) => (await gateway.send(posted(JSON.stringify({ query })))).status;
    assert.equal(await ask("{ a { b { c } } }"), 200);
    assert.equal(await ask("{ a { b { c { d } } } }"), 400);
    assert.equal(await ask("{ a(first: 100) { b } }"), 400);
    assert.equal(await ask("mutation { a }"), 403);
    assert.equal(await ask("{ __schema { types { name } } }"), 403);
    assert.equal(await ask("{ a { "), 400);
    const get = await gateway.send({ path: `/?query=${encodeURIComponent("{a{b{c{d}}}}")}` });
    assert.equal(problem(get.text).type, "urn:switchyard:graphqlLimit:tooDeep");
    const list = await gateway.send(posted(JSON.stringify(Array.from({ length: 3 }, () => ({ query: "{a}" })))));
    assert.equal(problem(list.text).type, "urn:switchyard:graphqlLimit:batch");
    assert.equal(await ask(`{${"{a".repeat(50_000)}`), 400);
  });
});

describe("openapi over sockets", () => {
  afterEach(stop);
  const document = JSON.stringify({
    openapi: "3.1.0",
    paths: {
      "/orders/{id}": {
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "integer" } }],
        get: {
          parameters: [{ name: "limit", in: "query", schema: { type: "integer", maximum: 10 } }],
          responses: { "200": { content: { "application/json": { schema: { $ref: "./order.json" } } } } },
        },
        put: {
          requestBody: { required: true, content: { "application/json": { schema: { $ref: "./order.json" } } } },
          responses: {},
        },
      },
      "/orders/latest": { get: { responses: { "200": { description: "any" } } } },
    },
  });
  const files = {
    "./api.json": document,
    "./order.json": '{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}',
  };

  it("judges path, method, parameters and bodies, by files beside each other", async () => {
    const gateway = await serving("[{ openapi: { document: ./api.json } }]", json({ id: 1 }), files);
    assert.equal((await gateway.send({ path: "/orders/7?limit=5" })).status, 200);
    assert.equal((await gateway.send({ path: "/orders/latest" })).status, 200);
    const wrong = await gateway.send({ path: "/orders/x?limit=50" });
    assert.deepEqual(problem(wrong.text).errors, [
      { pointer: "path/id", detail: "must be an integer, not a string" },
      { pointer: "query/limit", detail: "must be at most 10" },
    ]);
    assert.equal((await gateway.send({ path: "/nothing" })).status, 404);
    const method = await gateway.send({ path: "/orders/7", method: "DELETE" });
    assert.equal(method.status, 405);
    assert.equal(method.headers.allow, "GET, PUT");
    const body = await gateway.send({ ...posted('{"id":"x"}'), path: "/orders/7", method: "PUT" });
    assert.deepEqual(problem(body.text).errors, [{ pointer: "/id", detail: "must be an integer, not a string" }]);
    assert.equal(
      (await gateway.send({ ...posted("<a/>", { "content-type": "text/xml" }), path: "/orders/7", method: "PUT" }))
        .status,
      415,
    );
  });

  it("tells of answers that break the document, or refuses them when it shall", async () => {
    const warned = await serving("[{ openapi: { document: ./api.json, responses: warn } }]", json({ id: "no" }), files);
    assert.equal((await warned.send({ path: "/orders/7" })).text, '{"id":"no"}');
    const [row] = await warned.keeper.has(1);
    assert.match(
      JSON.stringify(warned.story(row).gateway),
      /answer does not fit GET \/orders\/\{id\} in 1 place: \/id must be an integer/,
    );
    const strict = await serving(
      "[{ openapi: { document: ./api.json, responses: enforce } }]",
      json({ id: "no" }),
      files,
    );
    const refused = await strict.send({ path: "/orders/7" });
    assert.equal(refused.status, 502);
    assert.deepEqual(problem(refused.text).errors, [{ pointer: "/id", detail: "must be an integer, not a string" }]);
    assert.equal(problem(refused.text).line, 10);
  });

  it("judges the head of an answer, whether it has a body or not", async () => {
    const paths = {
      "/a": {
        get: {
          responses: {
            200: {
              headers: { "X-Left": { required: true, schema: { type: "integer" } } },
              content: { "text/plain": {} },
            },
            204: { headers: { "X-Tags": { schema: { type: "array", items: { enum: ["a", "b"] } } } } },
          },
        },
      },
    };
    const document = { "./api.json": JSON.stringify({ openapi: "3.1.0", paths }) };
    const wanted: { status: number; fields: Record<string, string>; body: string }[] = [];
    const gateway = await serving(
      "[{ openapi: { document: ./api.json, responses: enforce } }]",
      (_request, response) => {
        const { status, fields, body } = wanted[0];
        response.writeHead(status, fields).end(body);
      },
      document,
    );
    const text = { "content-type": "text/plain" };
    for (const [status, fields, body, pointer, detail] of [
      [200, { ...text, "x-left": "5" }, "ok", undefined, ""],
      [200, { ...text, "x-left": "x" }, "ok", "header/X-Left", "must be an integer, not a string"],
      [200, text, "ok", "header/X-Left", "is required and missing"],
      [200, { "x-left": "5", "content-type": "text/html" }, "ok", "", "must not be text/html: declared is text/plain"],
      [204, { "x-tags": "a, b" }, "", undefined, ""],
      [204, { "x-tags": "a, c" }, "", "header/X-Tags/1", 'must be one of "a", "b"'],
      [201, text, "ok", "", "must not have the status 201: it is not declared"],
    ] as const) {
      wanted[0] = { status, fields, body };
      const reply = await gateway.send({ path: "/a" });
      if (pointer === undefined) assert.equal(reply.status, status);
      else {
        assert.equal(reply.status, 502, detail);
        assert.deepEqual(problem(reply.text).errors, [{ pointer, detail }], reply.text);
      }
    }
  });
});
