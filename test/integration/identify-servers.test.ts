/**
 * Facts that other servers are asked for: token introspection and external authorization, over real sockets, with servers
 * that are slow, down, wrong or asked too often.
 */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { FactGatherer } from "../../src/gateway/facts/gatherer.ts";
import type {
  AuthorityFact,
  AuthoritySource,
  IntrospectionFact,
  IntrospectionSource,
} from "../../src/model/arrival.ts";
import { passageOf } from "../../src/policies/trial.fixture.ts";

/** Epoch milliseconds. */
const WALL = 1_700_000_000_000;

let server: Server;
let url: string;
let asked: { readonly request: IncomingMessage; readonly body: string }[];
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
let clock: { at: number };
let gatherer: FactGatherer;

function setUp(): void {
  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => (body += text));
      request.on("end", () => {
        asked.push({ request, body });
        answer(request, response, body);
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ask`;
    clock = { at: 1234.5 };
    gatherer = new FactGatherer({ baseDirectory: "/nowhere", now: () => clock.at });
  });
  afterEach(() => {
    gatherer.close();
    server.closeAllConnections();
    server.close();
  });
}

const json = (value: unknown) => (_: IncomingMessage, response: ServerResponse) =>
  void response.setHeader("content-type", "application/json").end(JSON.stringify(value));

describe("introspection at the edge", () => {
  setUp();
  let source: IntrospectionSource;
  beforeEach(() => {
    const clientSecret = "s:e c&r";
    source = { header: "authorization", url, clientId: "gate way", clientSecret, cache: 30_000, timeout: 20_000 };
  });
  const gather = (token: string, wallClock = WALL) => {
    const needs = [{ name: "i", kind: "introspection", source }] as const;
    return gatherer.gather(needs, passageOf({ headers: { authorization: `Bearer ${token}` }, wallClock }));
  };
  const fact = async (token: string, wallClock?: number) => (await gather(token, wallClock)).i as IntrospectionFact;

  it("asks as RFC 7662 and RFC 6749 write it, and gives what the server knows", async () => {
    answer = json({ active: true, sub: "ann", scope: "a b", exp: WALL / 1000 + 60 });
    assert.deepEqual(await fact("opaque-1"), {
      state: "active",
      claims: { sub: "ann", scope: "a b", exp: WALL / 1000 + 60 },
    });
    const [{ request, body }] = asked;
    assert.equal(request.method, "POST");
    assert.equal(request.headers["content-type"]?.split(";")[0], "application/x-www-form-urlencoded");
    assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
      token: "opaque-1",
      token_type_hint: "access_token",
    });
    const basic = Buffer.from((request.headers.authorization ?? "").slice(6), "base64").toString();
    assert.equal(basic, "gate+way:s%3Ae+c%26r");
  });

  it("remembers for `cache`, and never beyond the token's `exp`, at once and without a promise", async () => {
    answer = json({ active: true, exp: WALL / 1000 + 10 });
    const first = await fact("t");
    assert.ok(!(gather("t") instanceof Promise));
    assert.equal(await fact("t", WALL + 9999), first);
    assert.equal(asked.length, 1);
    answer = json({ active: false });
    assert.equal((await fact("t", WALL + 10_000)).state, "inactive", "exp has passed: asked again");
    assert.equal(asked.length, 2);
    answer = json({ active: true });
    await fact("u");
    clock.at += 29_999;
    await fact("u");
    assert.equal(asked.length, 3);
    clock.at += 1;
    await fact("u");
    assert.equal(asked.length, 4, "cache has passed");
    source = { ...source, cache: 0 };
    await fact("u");
    await fact("u");
    assert.equal(asked.length, 6, "0s asks for every request");
  });

  it("remembers a no for ten seconds at most, of a thousand tokens at most", async () => {
    answer = json({ active: false });
    assert.equal((await fact("no")).state, "inactive");
    clock.at += 9999;
    await fact("no");
    assert.equal(asked.length, 1);
    clock.at += 1;
    await fact("no");
    assert.equal(asked.length, 2);
    answer = json({ active: true });
    await fact("good");
    answer = json({ active: false });
    for (let i = 0; i < 1100; i += 50) await Promise.all(Array.from({ length: 50 }, (_, k) => fact(`guess-${i + k}`)));
    const before = asked.length;
    assert.equal((await fact("good")).state, "active", "guesses do not push out what is in use");
    await fact("guess-1099");
    assert.equal(asked.length, before);
    await fact("guess-0");
    assert.equal(asked.length, before + 1, "the oldest guess was forgotten");
  });

  it("asks once for a token that comes many times at the same moment", async () => {
    answer = (request, response) => void setTimeout(() => json({ active: true })(request, response), 20);
    const facts = await Promise.all(Array.from({ length: 20 }, () => fact("same")));
    assert.equal(new Set(facts).size, 1);
    assert.equal(asked.length, 1);
  });

  it("says in words what went wrong, and does not ask a server that failed for a second", async () => {
    const problem = async (token: string): Promise<string> => {
      clock.at += 1000;
      const found = await fact(token);
      assert.equal(found.state, "unavailable", JSON.stringify(found));
      return found.state === "unavailable" ? found.problem : "";
    };
    answer = (_, response) => void response.writeHead(503).end();
    assert.match(await problem("a"), /answered 503/);
    const before = asked.length;
    for (let i = 0; i < 20; i++) assert.equal((await fact(`b${i}`)).state, "unavailable");
    assert.equal(asked.length, before);
    answer = (_, response) => void response.writeHead(401).end();
    assert.match(await problem("c"), /does not know the client gate way, or its secret/);
    for (const [body, words] of [
      ["<html>", /not valid JSON/],
      ['{"active":"true"}', /no `active`/],
      ['{"active":false,"active":true}', /names "active" twice/],
      [`{"active":true,"x":"${"x".repeat(70_000)}"}`, /larger than/],
    ] as const) {
      answer = (_, response) => void response.end(body);
      assert.match(await problem("d"), words);
    }
    answer = (_, response) => response.writeHead(302, { location: "/elsewhere" }).end();
    assert.match(await problem("e"), /redirect/);
    answer = () => {};
    source = { ...source, timeout: 300 };
    assert.match(await problem("f"), /no answer within 300 ms/);
    source = { ...source, url: "http://127.0.0.1:1/" };
    assert.match(await problem("g"), /ECONNREFUSED|bad port/);
    source = { ...source, url: "http://auth.example.com/" };
    assert.match(await problem("h"), /must be https/);
  });

  it("sends nothing that is no token", async () => {
    answer = json({ active: true });
    for (const odd of ["a b", "tok\u00e9n", "a&token=b", "", "x".repeat(20_000)]) {
      assert.equal((await fact(odd)).state, "malformed");
    }
    const nobody = await gatherer.gather([{ name: "i", kind: "introspection", source }], passageOf());
    assert.deepEqual(nobody.i, { state: "absent" });
    assert.equal(asked.length, 0);
  });
});

describe("external authorization at the edge", () => {
  setUp();
  let source: AuthoritySource;
  beforeEach(
    () => void (source = { url, timeout: 20_000, forwardHeaders: ["authorization", "x-id"], keep: ["x-user"] }),
  );
  const fact = async (headers: Record<string, string> = {}) => {
    const x = passageOf({ headers, method: "PUT", path: "/orders/1", query: "a=b", clientIp: "10.1.2.3" });
    return (await gatherer.gather([{ name: "a", kind: "authority", source }], x)).a as AuthorityFact;
  };

  it("tells the server what is asked for, with the headers that are named and no others", async () => {
    answer = (_, response) => void response.writeHead(204, { "x-user": "ann", "x-other": "no" }).end();
    assert.deepEqual(await fact({ authorization: "Bearer t", cookie: "secret=1", "x-id": "7" }), {
      state: "answered",
      status: 204,
      headers: { "x-user": "ann" },
    });
    const { headers, method } = asked[0].request;
    assert.deepEqual(
      [method, headers.authorization, headers["x-id"], headers.cookie],
      ["GET", "Bearer t", "7", undefined],
    );
    assert.deepEqual(
      ["method", "host", "uri", "for"].map((name) => headers[`x-forwarded-${name}`]),
      ["PUT", "shop.localhost", "/orders/1?a=b", "10.1.2.3"],
    );
  });

  it("takes an answer as it is, a redirect too, and asks every time", async () => {
    answer = (_, response) => void response.writeHead(302, { location: "http://evil.test/" }).end("x".repeat(1000));
    assert.equal(((await fact()) as { status: number }).status, 302);
    answer = (_, response) => void response.writeHead(401, { "www-authenticate": "Basic" }).end();
    assert.deepEqual(await fact(), { state: "answered", status: 401, headers: {}, challenge: "Basic" });
    assert.equal(asked.length, 2);
  });

  it("is unavailable, in words, when the server is slow, gone, endless or not safe to ask", async () => {
    const problem = async (): Promise<string> => {
      const found = await fact();
      assert.equal(found.state, "unavailable");
      return found.state === "unavailable" ? found.problem : "";
    };
    source = { ...source, timeout: 300 };
    answer = () => {};
    assert.match(await problem(), /no answer within 300 ms/);
    source = { ...source, timeout: 20_000 };
    answer = (_, response) => {
      const timer = setInterval(() => response.write("x".repeat(30_000)), 1);
      response.on("close", () => clearInterval(timer));
    };
    assert.match(await problem(), /larger than/);
    source = { ...source, url: "http://127.0.0.1:1/" };
    assert.match(await problem(), /ECONNREFUSED|bad port/);
    source = { ...source, url: "http://auth.example.com/" };
    assert.match(await problem(), /must be https/);
  });

  it("is not asked for a request that the policy's `when` leaves out", async () => {
    answer = (_, response) => void response.writeHead(204).end();
    const need = { name: "a", kind: "authority", source, when: () => false } as const;
    assert.deepEqual(await gatherer.gather([need], passageOf()), {});
    assert.equal(asked.length, 0);
  });
});
