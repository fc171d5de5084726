/** Answers that a policy gives by itself, over real sockets, from the text of a policy file to the recorded story. */
import assert from "node:assert/strict";
import { explain } from "../../../src/decide/explain.ts";
import type { Story } from "../../../src/decide/story.ts";
import type { Arrival, Passage } from "../../../src/model/arrival.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { read } from "../../../src/policyfile/read.ts";
import { ask, client, hello, readReply, simpleBackend, startEngine, stopEverything, type Kept } from "./harness.ts";

/** One route with these policies, on a listener with those. */
async function planWith(route: string, listener = "[]", methods = "[GET, PUT]"): Promise<Plan> {
  const backend = await simpleBackend(hello.replace("\r\n\r\n", "\r\nAccess-Control-Allow-Origin: *\r\n\r\n"));
  const text = `
version: 1
listeners: [{ name: edge, port: 8080, policies: ${listener} }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:${backend.port}" }] } }
routes:
  - name: shop
    matches: [{ path: { prefix: /shop }, methods: ${methods} }]
    policies: ${route}
    backendRefs: [{ service: shop }]
`;
  const { plan, diagnostics } = read(text, "answers.yaml", { env: () => undefined, file: (path) => `<${path}>` });
  assert.ok(plan, diagnostics.map(({ message }) => message).join("\n"));
  return { ...plan, listeners: plan.listeners.map((one) => ({ ...one, port: 0 })) };
}

/** The story of a recorded request, worded from what was kept of it. */
function storyOf(plan: Plan, kept: Kept, headers: Readonly<Record<string, string>> = {}): Story {
  const arrival: Arrival = {
    layer: 7,
    listener: 0,
    clientIp: "127.0.0.1",
    clientPort: 1,
    method: kept.method ?? "",
    path: kept.path ?? "",
    header: (name) => headers[name],
  };
  const seen: Passage = {
    arrival,
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed: kept.seed,
    tried: 0,
    wallClock: kept.at,
    requestId: () => "",
  };
  return explain(kept.decision, plan, seen, { status: kept.status, failure: kept.failure });
}

const CORS = "[{ cors: { origins: ['https://shop.example'], methods: [PUT] } }";
const asPage = { origin: "https://shop.example", "access-control-request-method": "PUT" };

function request(method: string, path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nHost: a.test\r\n${lines.join("")}\r\n`;
}

describe("an answer of cors", () => {
  afterEach(stopEverything);

  it("comes before anybody asks for a key, on the route of the method that the page asks for", async () => {
    const plan = await planWith(`${CORS}, { apiKey: {} }]`);
    const { port, keeper } = await startEngine(plan);
    const reply = await ask(port, request("OPTIONS", "/shop/1", asPage));
    assert.equal(reply.status, 204);
    assert.equal(reply.field("access-control-allow-origin"), "https://shop.example");
    assert.equal(reply.field("access-control-allow-methods"), "PUT");
    assert.equal(reply.field("content-length"), undefined);
    const [kept] = await keeper.has(1);
    assert.equal(kept.decision.refused, false);
    assert.equal(kept.attempts.length, 0);
    const story = storyOf(plan, kept, asPage);
    assert.equal(story.title, "Answered with 204 by cors");
    assert.equal(story.why, "answered by cors: preflight: pages of https://shop.example may use PUT");
    assert.equal(story.track.say, "answered by cors");
    assert.deepEqual(story.track.phases, ["route", "screen"]);
    assert.equal(story.gateway.find(({ label }) => label === "apiKey")?.sentence, "not reached");
    assert.equal(story.balancer.at(-1)?.sentence, "not asked: cors answered");
  });

  it("lets the page read refusals of the policies behind it, and the backend's answer without its own words", async () => {
    const { port } = await startEngine(await planWith(`${CORS}, { apiKey: {} }]`));
    const refused = await ask(port, request("GET", "/shop", { origin: "https://shop.example" }));
    assert.equal(refused.status, 401);
    assert.equal(refused.field("access-control-allow-origin"), "https://shop.example");
    const open = await startEngine(await planWith(`${CORS}]`));
    const passed = await ask(open.port, request("GET", "/shop", { origin: "https://shop.example" }));
    assert.equal(passed.body, "hello");
    assert.equal(passed.field("access-control-allow-origin"), "https://shop.example");
    const foreign = await ask(open.port, request("GET", "/shop", { origin: "https://evil.example" }));
    assert.equal(foreign.field("access-control-allow-origin"), undefined);
  });

  it("stands on a listener as well, before any route is looked for, and keeps the connection", async () => {
    const plan = await planWith("[]", `${CORS}]`);
    const { port, keeper } = await startEngine(plan);
    const reader = await client(port);
    for (const path of ["/shop", "/nowhere"]) {
      reader.socket.write(request("OPTIONS", path, asPage));
      assert.equal((await readReply(reader, "OPTIONS")).status, 204);
    }
    reader.socket.write(request("GET", "/shop"));
    assert.equal((await readReply(reader)).body, "hello");
    const [kept] = await keeper.has(3);
    assert.equal(storyOf(plan, kept, asPage).gateway.find(({ phase }) => phase === "route")?.sentence, "not reached");
  });

  it("is a refusal with a reason when the page may not", async () => {
    const plan = await planWith(`${CORS}]`);
    const { port } = await startEngine(plan);
    const reply = await ask(port, request("OPTIONS", "/shop", { ...asPage, origin: "https://evil.example" }));
    assert.equal(reply.status, 403);
    assert.match(reply.body, /urn:switchyard:cors:originNotAllowed/);
    assert.equal(reply.field("access-control-allow-origin"), undefined);
  });

  it("changes nothing while it is only tried out", async () => {
    const { port } = await startEngine(
      await planWith(CORS.replace("cors: {", "cors: { shadow: true,") + "]", "[]", "[GET, OPTIONS]"),
    );
    const reply = await ask(port, request("OPTIONS", "/shop", asPage));
    assert.equal(reply.body, "hello");
    assert.equal(reply.field("access-control-allow-origin"), "*");
  });
});

describe("an answer of directResponse, redirect and fault", () => {
  afterEach(stopEverything);

  it("is sent whole, in UTF-8, with the fields of the shapes behind it, and without a body to HEAD", async () => {
    const shape = "{ responseHeaders: { set: { x-served-by: switchyard }, remove: [x-secret] } }";
    const mock = "{ directResponse: { status: 418, headers: { x-secret: a, content-length: '1' }, body: größer } }";
    const plan = await planWith(`[${mock}, ${shape}]`, "[]", "[GET, HEAD]");
    const { port, keeper } = await startEngine(plan);
    const reader = await client(port);
    reader.socket.write(request("HEAD", "/shop"));
    const head = await readReply(reader, "HEAD");
    assert.deepEqual([head.status, head.field("content-length")], [418, "8"]);
    reader.socket.write(request("GET", "/shop"));
    const reply = await readReply(reader);
    assert.equal(Buffer.from(reply.body, "latin1").toString("utf8"), "größer");
    assert.equal(reply.field("x-served-by"), "switchyard");
    assert.equal(reply.field("x-secret"), undefined);
    assert.equal(reply.field("content-type"), "text/plain; charset=utf-8");
    const kept = (await keeper.has(2))[1];
    assert.equal(kept.status, 418);
    assert.equal(kept.responseBody.kept?.toString("utf8"), "größer");
    assert.equal(storyOf(plan, kept).title, "Answered with 418 by directResponse");
  });

  it("comes after the limits have counted it", async () => {
    const limit = "{ rateLimit: { key: client.ip, requests: 1, per: 1h } }";
    const { port } = await startEngine(await planWith(`[{ redirect: { path: /shop/new } }, ${limit}]`));
    const first = await ask(port, request("GET", "/shop/old?a=1"));
    assert.deepEqual([first.status, first.field("location")], [302, "/shop/new?a=1"]);
    assert.match(first.field("ratelimit") ?? "", /r=0/);
    assert.equal((await ask(port, request("GET", "/shop/old"))).status, 429);
  });

  it("waits before it asks the backend", async () => {
    const plan = await planWith("[{ fault: { delay: 120ms } }]");
    const { port, keeper } = await startEngine(plan);
    assert.equal((await ask(port, request("GET", "/shop"))).body, "hello");
    const [kept] = await keeper.has(1);
    assert.ok(
      kept.attempts[0].startedAt - kept.decision.decidedAt >= 100,
      "nothing was sent before the delay was over",
    );
    assert.match(storyOf(plan, kept).gateway.find(({ label }) => label === "fault")?.sentence ?? "", /^waits 120ms/);
  });

  it("breaks the connection when the fault is one, and is told so", async () => {
    const plan = await planWith("[{ fault: { reset: true } }]");
    const { port, keeper } = await startEngine(plan);
    const reader = await client(port);
    reader.socket.write(request("GET", "/shop"));
    assert.equal(await reader.all(), "");
    const [kept] = await keeper.has(1);
    assert.equal(kept.status, 0);
    assert.equal(storyOf(plan, kept).title, "Cut off by fault");
  });
});
