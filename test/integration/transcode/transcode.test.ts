/** JSON over HTTP becomes gRPC and back: each kind of field, of rule, of answer and of failure, at a real service. */
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../free-port.ts";
import { stopEverything } from "../engine/harness.ts";
import { policy, serve, type Serving } from "../tls/running.ts";
import { DESCRIPTORS, PROTOS, startService, type Service } from "./service.ts";

interface Said {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

describe("transcode", () => {
  let service: Service;
  let directory: string;

  before(async () => {
    service = await startService();
    directory = mkdtempSync(join(tmpdir(), "switchyard-transcode-"));
    cpSync(PROTOS, directory, { recursive: true });
  });
  after(() => {
    service.stop();
    rmSync(directory, { recursive: true });
  });
  afterEach(stopEverything);

  const gateway = (
    fields = "proto: ./orders.proto",
    more: { timeouts?: string; port?: number } = {},
  ): Promise<Serving> =>
    serve(
      policy({
        url: `http://127.0.0.1:${more.port ?? service.port}`,
        route: `policies: [{ transcode: { service: shop.v1.Orders, ${fields} } }]${more.timeouts === undefined ? "" : `, timeouts: ${more.timeouts}`}`,
      }),
      directory,
    );

  async function ask(serving: Serving, target: string, body?: unknown, init: RequestInit = {}): Promise<Said> {
    const answer = await fetch(`http://127.0.0.1:${serving.port}${target}`, {
      method: body === undefined ? "GET" : "POST",
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...init,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...init.headers },
    });
    const text = await answer.text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: answer.status, headers: answer.headers, text, json };
  }

  const problem = (said: Said): string => (said.json as { detail: string }).detail;
  const seen = (said: Said): Record<string, unknown> => {
    assert.equal(said.status, 200, said.text);
    return (said.json as { request?: Record<string, unknown> }).request ?? {};
  };

  describe("requests", () => {
    it("binds the path", async () => {
      const serving = await gateway();
      assert.deepEqual(seen(await ask(serving, "/v1/orders/7%20a")), { name: "orders/7 a" });
    });

    it("binds the query: every scalar, enums by name and number, repeated and nested fields, well-known types", async () => {
      const serving = await gateway();
      const query = new URLSearchParams([
        ["state", "SHIPPED"],
        ["tags", "a b"],
        ["tags", "c&d"],
        ["limit", "-3"],
        ["since", "2026-01-02T03:04:05.5Z"],
        ["filter.customer", "ada"],
        ["filter.states", "1"],
        ["filter.states", "SHIPPED"],
        ["verbose", "true"],
        ["token", "_-8"],
        ["page", "4"],
        ["ratio", "0.5"],
        ["after", "18446744073709551615"],
      ]);
      assert.deepEqual(seen(await ask(serving, `/v1/latest?${query}`)), {
        state: "SHIPPED",
        tags: ["a b", "c&d"],
        limit: -3,
        since: "2026-01-02T03:04:05.500Z",
        filter: { customer: "ada", states: ["OPEN", "SHIPPED"] },
        verbose: true,
        token: "/+8=",
        page: 4,
        ratio: 0.5,
        after: "18446744073709551615",
      });
    });

    it("takes a further binding, and one with a method of its own", async () => {
      const serving = await gateway();
      assert.deepEqual(seen(await ask(serving, "/v1/latest")), {});
      assert.deepEqual(seen(await ask(serving, "/v1/orders/7:lock", undefined, { method: "LOCK" })), {
        name: "orders/7",
      });
    });

    for (const [query, words] of [
      ["limit=abc", /query parameter "limit": "abc" is no int32/],
      ["limit=2147483648", /is no int32/],
      ["after=-1", /is no uint64/],
      ["verbose=yes", /is no bool/],
      ["state=SHIPED", /did you mean SHIPPED/],
      ["since=yesterday", /is no google\.protobuf\.Timestamp/],
      ["token=a.b", /is no base64/],
      ["limits=1", /names no field of shop\.v1\.GetOrderRequest; did you mean limit/],
      ["filter=x", /names the message shop\.v1\.Filter/],
      ["filter.customer.x=1", /holds no fields/],
      ["limit=1&limit=2", /is there twice/],
      ["name=orders/1", /names a field that the path has set/],
      ["__proto__.x=1", /names no field/],
    ] as const) {
      it(`refuses ?${query}, and says why`, async () => {
        const serving = await gateway();
        const said = await ask(serving, `/v1/orders/7?${query}`);
        assert.equal(said.status, 400, said.text);
        assert.match(problem(said), words);
        assert.equal((said.json as { type: string }).type, "urn:switchyard:transcode:badRequest");
      });
    }

    it("reads and writes every kind of field as proto3 JSON does", async () => {
      const serving = await gateway();
      const order = {
        orderId: "7",
        state: "OPEN",
        cents: "-9223372036854775808",
        huge: "18446744073709551615",
        signature: "AP8H",
        weight: 1.5,
        gift: true,
        lines: [{ sku: "a", count: 1 }, { sku: "b" }],
        counts: { "": 1, b: 2 },
        total: { currency: "EUR", units: "5" },
        placedAt: "2026-01-02T03:04:05.000000006Z",
        took: "1.500s",
        mask: "orderId,total.units",
        maybe: "0",
        extra: { a: [1, null, { b: "c" }] },
        attachment: { "@type": "type.googleapis.com/shop.v1.Line", sku: "inside" },
        priority: 0,
        voucher: "",
        history: ["OPEN", "SHIPPED", 99],
        walletID: "w",
        nested: { note: "n", inner: { note: "m" } },
      };
      const said = await ask(serving, "/v1/echo", order);
      assert.equal(said.status, 200, said.text);
      assert.deepEqual(said.json, order);
      assert.match(said.headers.get("content-type") ?? "", /^application\/json/);
    });

    it("takes names of the .proto, numbers for 64 bits, and an empty body", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/echo", '{"order_id":"7","cents":12,"state":2}');
      assert.deepEqual(said.json, { orderId: "7", cents: "12", state: "SHIPPED" });
      assert.deepEqual((await ask(serving, "/v1/echo", "", { method: "POST" })).json, {});
    });

    it("lets no number of 64 bits lose digits in silence", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/echo", '{"huge":9007199254740993}');
      assert.equal(said.status, 400, said.text);
    });

    it("lets the path decide over the body", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/echo/8", { orderId: "7", gift: true });
      assert.deepEqual(said.json, { orderId: "8", gift: true });
    });

    it("binds one field as the body, the rest from path and query, and answers with one field", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/orders/9?update_mask=gift", { gift: true }, { method: "PATCH" });
      assert.deepEqual(said.json, { orderId: "orders/9", gift: true });
      assert.match(
        problem(await ask(serving, "/v1/orders/9?order.gift=true", {}, { method: "PATCH" })),
        /names a field that is the body/,
      );
    });

    it("binds a repeated field as the body", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/lines/7", [{ sku: "a" }, { sku: "b" }], { method: "PUT" });
      assert.deepEqual(said.json, [{ sku: "a" }, { sku: "b" }]);
      assert.deepEqual((await ask(serving, "/v1/lines/7", [], { method: "PUT" })).json, []);
    });

    it("passes raw bodies through google.api.HttpBody", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/raw", "<a/>", { headers: { "content-type": "text/xml; charset=utf-8" } });
      assert.equal(said.text, "<a/>");
      assert.equal(said.headers.get("content-type"), "text/xml; charset=utf-8");
    });

    it("calls a method without a rule by its name", async () => {
      const serving = await gateway();
      assert.deepEqual((await ask(serving, "/shop.v1.Orders/Plain", { sku: "a" })).json, { sku: "a" });
    });

    it("writes defaults, numbers of enums and names of the .proto on request, and ignores what is unknown", async () => {
      const serving = await gateway(
        "proto: ./orders.proto, unknown: ignore, json: { defaults: true, enums: numbers, fields: proto }",
      );
      const said = await ask(serving, "/v1/echo?debug=1", { orderId: "7", state: "OPEN", nosuch: 1 });
      const { order_id: id, state, cents, gift, lines } = said.json as Record<string, unknown>;
      assert.deepEqual({ id, state, cents, gift, lines }, { id: "7", state: 1, cents: "0", gift: false, lines: [] });
    });

    it("takes off a prefix, leaves others' query parameters alone, and reads + as it is told", async () => {
      const serving = await gateway("proto: ./orders.proto, prefix: /api, ignoreQuery: [api_key], plus: literal");
      assert.deepEqual(seen(await ask(serving, "/api/v1/latest?api_key=x&tags=a+b")), { tags: ["a+b"] });
      assert.equal((await ask(serving, "/v1/latest")).status, 404);
    });

    for (const [name, body, type, status, words] of [
      ["JSON that is none", "{", "application/json", 400, /body cannot be read/],
      ["an unknown field", '{"nosuch":1}', "application/json", 400, /nosuch/],
      ["a value that does not fit", '{"gift":"maybe"}', "application/json", 400, /does not fit shop\.v1\.Order/],
      ["another content type", "a=b", "application/x-www-form-urlencoded", 400, /only application\/json/],
      ["JSON nested too deep", "[".repeat(5000), "application/json", 400, /nested/],
      [
        "more than is translated",
        `[${"0,".repeat(10_000)}0]`,
        "application/json",
        413,
        /holds 10,002 values and names/,
      ],
      ["too long a body", `{"orderId":"${"x".repeat(2_000_000)}"}`, "application/json", 413, /1048576/],
    ] as const) {
      it(`refuses ${name}`, async () => {
        const serving = await gateway();
        const said = await ask(serving, "/v1/echo", body, { headers: { "content-type": type } });
        assert.equal(said.status, status, said.text.slice(0, 300));
        assert.match(problem(said), words);
      });
    }

    it("refuses a body where the rule has none", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/nothing", "{}", { method: "DELETE" });
      assert.equal(said.status, 400);
      assert.match(problem(said), /without a body/);
      assert.deepEqual((await ask(serving, "/v1/nothing", undefined, { method: "DELETE" })).json, {});
    });

    it("says what is near when no method has the path", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/order/7");
      assert.equal(said.status, 404);
      assert.match(problem(said), /the nearest is GET \/v1\/\{name=orders\/\*\} \(GetOrder\)/);
    });

    it("says which HTTP methods a path has", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/echo");
      assert.equal(said.status, 405);
      assert.equal(said.headers.get("allow"), "POST");
    });

    it("refuses a method that takes a stream", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/collect", {});
      assert.equal(said.status, 501);
      assert.match(problem(said), /Collect of shop\.v1\.Orders takes a stream/);
    });
  });

  describe("answers", () => {
    it("forwards metadata both ways, and none of the words of the protocol", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/latest", undefined, {
        headers: { "x-caller": "ada", "grpc-status": "0", "grpc-encoding": "gzip", "x-data-bin": "AP8" },
      });
      const { metadata } = said.json as { metadata: Record<string, string> };
      assert.equal(metadata["x-caller"], "ada");
      assert.equal(metadata["grpc-encoding"], undefined);
      assert.deepEqual(service.metadata()["x-data-bin"], Buffer.from([0, 255]));
      const echoed = await ask(serving, "/v1/echo", {});
      assert.equal(echoed.headers.get("x-leading"), "begin");
      assert.equal(echoed.headers.get("x-trailing"), "end");
      assert.equal(echoed.headers.get("grpc-status"), null);
    });

    for (const [code, status, name] of [
      [1, 499, "CANCELLED"],
      [2, 500, "UNKNOWN"],
      [3, 400, "INVALID_ARGUMENT"],
      [4, 504, "DEADLINE_EXCEEDED"],
      [5, 404, "NOT_FOUND"],
      [6, 409, "ALREADY_EXISTS"],
      [7, 403, "PERMISSION_DENIED"],
      [8, 429, "RESOURCE_EXHAUSTED"],
      [9, 400, "FAILED_PRECONDITION"],
      [10, 409, "ABORTED"],
      [11, 400, "OUT_OF_RANGE"],
      [12, 501, "UNIMPLEMENTED"],
      [13, 500, "INTERNAL"],
      [14, 503, "UNAVAILABLE"],
      [15, 500, "DATA_LOSS"],
      [16, 401, "UNAUTHENTICATED"],
    ] as const) {
      it(`answers ${status} to ${name}`, async () => {
        const serving = await gateway();
        const said = await ask(serving, `/v1/fail/${code}?message=not+today:+%C3%A4%25`);
        assert.equal(said.status, status);
        assert.deepEqual(said.json, { code, status: name, message: "not today: ä%" });
        assert.equal(said.headers.get("x-why"), "because");
      });
    }

    it("writes error details as JSON, and keeps those of unknown types", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/fail/3?message=no&details=true");
      assert.deepEqual((said.json as { details: unknown }).details, [
        {
          "@type": "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations: [{ field: "count", description: "is too small" }],
        },
        { "@type": "type.googleapis.com/shop.Unheard", value: "AQI=" },
      ]);
    });

    it("streams lines of JSON", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/lines?count=3&size=1");
      assert.equal(said.headers.get("content-type"), "application/x-ndjson");
      assert.equal(said.text, '{"sku":"x","count":1}\n{"sku":"x","count":2}\n{"sku":"x","count":3}\n');
      assert.equal((await ask(serving, "/v1/lines")).text, "");
    });

    it("says in the last line how a stream failed, and in the status when it failed at once", async () => {
      const serving = await gateway();
      const said = await ask(serving, "/v1/lines?count=5&fail_after=2");
      assert.deepEqual(said.text.split("\n").slice(2), [
        '{"error":{"code":10,"status":"ABORTED","message":"enough"}}',
        "",
      ]);
      assert.equal((await ask(serving, "/v1/lines?count=1&fail_after=-1")).status, 200);
    });

    it("lets a slow reader hold up the service", async () => {
      const serving = await gateway();
      const count = 3000;
      const first = await new Promise<number>((resolve, reject) => {
        const asked = httpRequest(`http://127.0.0.1:${serving.port}/v1/lines?count=${count}&size=10000`, (answer) => {
          let bytes = 0;
          let lines = 0;
          answer.once("data", (piece: Buffer) => {
            bytes += piece.length;
            answer.pause();
            // The service has stopped by itself when its count stands still.
            let last = -1;
            const look = (): void => {
              if (service.sent() === last) {
                const stopped = last;
                answer.on("data", (more: Buffer) => {
                  for (const byte of more) if (byte === 10) lines++;
                });
                answer.on("end", () => (lines >= count - 1 ? resolve(stopped) : reject(new Error(`${lines} lines`))));
                answer.resume();
                return;
              }
              last = service.sent();
              setTimeout(look, 150);
            };
            look();
          });
        });
        asked.on("error", reject);
        asked.end();
      });
      assert.ok(first < count * 0.8, `${first} of ${count} were sent to somebody who did not read`);
    }).timeout(300_000);

    it("cancels the call when the client goes", async () => {
      const serving = await gateway();
      const leaving = new AbortController();
      const asked = fetch(`http://127.0.0.1:${serving.port}/v1/wait`, { signal: leaving.signal });
      void service.waiting().then(() => leaving.abort());
      await assert.rejects(asked);
      await service.cancelled();
    });

    it("tells the service how much time there is, and answers when it is over", async () => {
      const serving = await gateway("proto: ./orders.proto", { timeouts: "{ backendRequest: 1s }" });
      const said = await ask(serving, "/v1/wait");
      assert.equal(said.status, 504, said.text);
      assert.ok(service.deadline() > 0 && service.deadline() <= 1000, String(service.deadline()));
    });

    it("refuses an answer that is longer than allowed", async () => {
      const serving = await gateway("proto: ./orders.proto, maxMessage: 1KiB");
      const said = await ask(serving, "/v1/echo", { orderId: "x".repeat(2000) });
      assert.equal(said.status, 502);
      assert.match(said.text, /longer than 1024/);
    });

    it("records what each side saw", async () => {
      const serving = await gateway();
      await ask(serving, "/v1/fail/5?message=gone");
      const [row] = await serving.keeper.has(1);
      assert.match(row.requestHead, /^GET \/v1\/fail\/5\?message=gone HTTP\/1\.1\r\n/);
      assert.match(row.upstreamHead, /^POST \/shop\.v1\.Orders\/Fail HTTP\/2\r\n/);
      assert.match(row.upstreamHead, /content-type: application\/grpc\r\n/i);
      assert.match(row.responseHead, /^HTTP\/2 200[^]*grpc-status: 5\r\n/);
      assert.match(row.replyHead, /^HTTP\/1\.1 404[^]*application\/json/);
      assert.equal(row.status, 404);
    });

    it("says so when the endpoint speaks no gRPC", async () => {
      const { createServer } = await import("node:http2");
      const server = createServer((_, answer) => {
        answer.writeHead(200, { "content-type": "text/html" });
        answer.end("<p>");
      });
      const sessions: { destroy(): void }[] = [];
      server.on("session", (session) => sessions.push(session));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      const serving = await gateway("proto: ./orders.proto", { port });
      const said = await ask(serving, "/v1/latest");
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
      assert.equal(said.status, 502);
      assert.match(said.text, /answered 200 with text\/html, which is not gRPC/);
    });
  });

  describe("where the service is described", () => {
    it("reads a descriptor set", async () => {
      writeFileSync(join(directory, "orders.binpb"), DESCRIPTORS);
      const serving = await gateway("descriptor: ./orders.binpb");
      assert.deepEqual(seen(await ask(serving, "/v1/orders/7?state=OPEN")), { name: "orders/7", state: "OPEN" });
      assert.deepEqual((await ask(serving, "/v1/echo", { walletID: "w" })).json, { walletID: "w" });
    });

    for (const version of ["v1", "v1alpha"] as const) {
      it(`asks the server by reflection ${version}`, async () => {
        const reflecting = await startService({ reflection: version });
        try {
          const serving = await gateway("reflection: true", { port: reflecting.port });
          assert.deepEqual(seen(await ask(serving, "/v1/orders/7?limit=2")), { name: "orders/7", limit: 2 });
          assert.equal((await ask(serving, "/v1/nosuch")).status, 404);
        } finally {
          reflecting.stop();
        }
      });
    }

    it("makes do with a server that describes its packages and tells neither imports nor rules", async () => {
      const reflecting = await startService({ reflection: "package" });
      try {
        const serving = await gateway("reflection: true", { port: reflecting.port });
        const said = await ask(serving, "/shop.v1.Orders/Echo", { total: { units: 5 }, took: "1s" });
        assert.deepEqual(said.json, { total: { units: "5" }, took: "1s" }, said.text);
      } finally {
        reflecting.stop();
      }
    });

    it("says so when the server has no reflection, nobody is there, or the service is unknown", async () => {
      const without = await gateway("reflection: true");
      const said = await ask(without, "/v1/latest");
      assert.equal(said.status, 503);
      assert.match(
        problem(said),
        /orders at :\d+ offers no server reflection \(neither v1 nor v1alpha\): switch it on/,
      );

      const nobody = await gateway("reflection: true", { port: await freePort() });
      assert.match(problem(await ask(nobody, "/v1/latest")), /refused the connection/);

      const reflecting = await startService({ reflection: "v1" });
      try {
        const url = `http://127.0.0.1:${reflecting.port}`;
        const other = await serve(
          policy({ url, route: "policies: [{ transcode: { service: shop.v1.Ordres, reflection: true } }]" }),
          directory,
        );
        assert.match(problem(await ask(other, "/v1/latest")), /knows no shop\.v1\.Ordres/);
      } finally {
        reflecting.stop();
      }
    });

    it("takes a changed file", async () => {
      const own = mkdtempSync(join(tmpdir(), "switchyard-transcode-"));
      cpSync(PROTOS, own, { recursive: true });
      const serving = await serve(
        policy({
          url: `http://127.0.0.1:${service.port}`,
          route: "policies: [{ transcode: { service: shop.v1.Orders, proto: ./orders.proto } }]",
        }),
        own,
      );
      assert.equal((await ask(serving, "/v2/newest")).status, 404);
      const path = join(own, "orders.proto");
      writeFileSync(path, readFileSync(path, "utf8").replace("/v1/latest", "/v2/newest"));
      let status = 404;
      for (let i = 0; i < 300 && status === 404; i++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        ({ status } = await ask(serving, "/v2/newest"));
      }
      assert.equal(status, 200);
      // Half written: what was read before serves on.
      writeFileSync(path, 'syntax = "proto3"; service {');
      await new Promise((resolve) => setTimeout(resolve, 1200));
      assert.equal((await ask(serving, "/v2/newest")).status, 200);
      rmSync(own, { recursive: true });
    }).timeout(300_000);

    for (const [name, text, words] of [
      ["a syntax error", 'syntax = "proto3"; message {', /illegal type name|cannot be read/],
      [
        "a missing type",
        'syntax = "proto3"; package shop.v1; import "gone.proto"; service Orders { rpc A(B) returns (B); }',
        /B of shop\.v1\.Orders is defined in none of the files read; not found: gone\.proto/,
      ],
      [
        "an edition",
        'edition = "2023"; package shop.v1; message M {} service Orders { rpc A(M) returns (M); }',
        /edition/,
      ],
      [
        "a template that is none",
        'syntax = "proto3"; package shop.v1; import "google/api/annotations.proto"; message M {} service Orders { rpc A(M) returns (M) { option (google.api.http).get = "v1"; } }',
        /A: the path template "v1" cannot be read: it must start with \//,
      ],
    ] as const) {
      it(`explains ${name} in a .proto file`, async () => {
        writeFileSync(join(directory, "wrong.proto"), text);
        const serving = await gateway("proto: ./wrong.proto");
        const said = await ask(serving, "/v1/latest");
        assert.equal(said.status, 503, said.text);
        assert.match(problem(said), words);
      });
    }

    it("refuses a policy file that names no file, or a service that the file has not", async () => {
      copyFileSync(join(PROTOS, "orders.proto"), join(directory, "copy.proto"));
      await assert.rejects(gateway("proto: ./gone.proto"), /gone\.proto cannot be read/);
      await assert.rejects(
        serve(
          policy({
            url: "http://127.0.0.1:1",
            route: "policies: [{ transcode: { service: Orders, proto: ./copy.proto } }]",
          }),
          directory,
        ),
        /defines no service Orders: there is shop\.v1\.Orders/,
      );
      await assert.rejects(gateway("proto: ./orders.proto, reflection: true"), /one place/);
    });
  });
});
