/**
 * Refusals as answers: problem+json, place in the file, header fields of policies; HEAD; bodies nobody wants; malformed requests.
 */
import assert from "node:assert/strict";
import * as z from "zod/mini";
import type { AnyPolicy, Shape, Step } from "../../../src/model/policy.ts";
import type { PlanStep } from "../../../src/model/plan.ts";
import {
  ask,
  client,
  get,
  hello,
  planOf,
  rawBackend,
  readReply,
  simpleBackend,
  startEngine,
  stopEverything,
} from "./harness.ts";

function stepOf(act: Step<unknown> | Shape, phase: PlanStep["phase"] = "limit"): PlanStep {
  const policy: AnyPolicy = {
    kind: "rateLimit",
    phase,
    summary: "",
    example: "",
    config: z.any(),
    reasons: {
      exhausted: {
        status: 429,
        title: "Rate limit reached",
        say: (_config, x, y) => `Limit of ${x} reached; the next token comes in ${y} s.`,
        fix: () => [{ title: "Raise requests to 40", path: ["requests"], value: 40 }],
      },
    },
    admits: () => "",
    compile: () => act,
    replyFields: (_config, reason, x) =>
      reason === 0
        ? [["RateLimit", `"default";r=${x}`]]
        : [
            ["Retry-After", "7"],
            ["X-Bad", "a\r\nb"],
          ],
  };
  return {
    index: 0,
    identity: "route/all/rateLimit/per-user",
    name: "per-user",
    kind: "rateLimit",
    phase,
    policy,
    config: {},
    act,
    replyFields: policy.replyFields,
    twin: 0,
    shadow: false,
    source: { file: "switchyard.yaml", line: 41, column: 5, endLine: 41, endColumn: 20, offset: 1, endOffset: 2 },
  };
}

const refusing = stepOf({ peek: (_x, _state, _now, note) => (note.put(1, 20, 7), 1) });
const admitting = stepOf({ peek: (_x, _state, _now, note) => (note.put(0, 19, 0), 0) });

describe("engine: refusals", () => {
  afterEach(stopEverything);

  it("answers with the policy's sentence, place and fix, and its header fields", async () => {
    const { port, keeper } = await startEngine(planOf({ endpoints: [1], steps: [refusing] }));
    const reply = await ask(port, get());
    assert.equal(reply.status, 429);
    assert.equal(reply.field("content-type"), "application/problem+json");
    assert.equal(reply.field("retry-after"), "7");
    assert.equal(reply.field("x-bad"), undefined, "a value that would split the head is left out");
    assert.match(reply.field("proxy-status") ?? "", /error=http_request_denied; details="Limit of 20 reached/);
    const { instance, ...document } = JSON.parse(reply.body);
    assert.match(instance, /^1-[0-9a-f]{8}$/);
    assert.deepEqual(document, {
      type: "urn:switchyard:rateLimit:exhausted",
      title: "Rate limit reached",
      status: 429,
      detail: "Limit of 20 reached; the next token comes in 7 s.",
      policy: "per-user",
      file: "switchyard.yaml",
      line: 41,
      fix: "Raise requests to 40",
    });
    const [row] = await keeper.has(1);
    assert.equal(row.decision.step, 0);
    assert.equal(row.status, 429);
    assert.match(row.replyHead, /^HTTP\/1\.1 429 Too Many Requests\r\n/);
  });

  it("adds the fields of policies that admitted to the backend's answer", async () => {
    const backend = await simpleBackend(hello);
    const { port } = await startEngine(planOf({ endpoints: [backend.port], steps: [admitting] }));
    assert.equal((await ask(port, get())).field("ratelimit"), '"default";r=19');
  });

  it("shapes the request and the reply", async () => {
    let seen = "";
    const backend = await simpleBackend((head) => ((seen = head), hello));
    const shape = stepOf(
      {
        request: (_x, edit) => {
          edit.set("X-Added", "yes");
          edit.remove("X-Secret");
          edit.path = "/rewritten";
          edit.authority = "inner.test";
        },
        response: (_x, edit) => edit.set("X-Seen", "reply"),
      },
      "shape",
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port], steps: [shape] }));
    const reply = await ask(port, get("/a?q=1", "X-Secret: 1\r\n"));
    assert.equal(reply.field("x-seen"), "reply");
    assert.match(seen, /^GET \/rewritten\?q=1 HTTP\/1\.1\r\n/);
    assert.match(seen, /\r\nHost: inner\.test\r\n/);
    assert.match(seen, /X-Added: yes\r\n/);
    assert.doesNotMatch(seen, /x-secret/i);
  });

  it("gives 404 with the nearest routes when none matches", async () => {
    const { port } = await startEngine(planOf({ endpoints: [1], prefix: "/orders" }));
    const reply = await ask(port, get("/cart"));
    assert.equal(reply.status, 404);
    assert.equal(JSON.parse(reply.body).type, "urn:switchyard:route:no-match");
  });

  it("sends no document in answer to HEAD, and keeps the connection", async () => {
    const { port } = await startEngine(planOf({ endpoints: [1], steps: [refusing] }));
    const reader = await client(port);
    reader.socket.write("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n" + get());
    const first = await readReply(reader, "HEAD");
    assert.equal(first.status, 429);
    assert.ok(Number(first.field("content-length")) > 0);
    assert.equal((await readReply(reader)).status, 429);
  });

  it("reads and drops the small body of a refused request, and serves the next one", async () => {
    const { port } = await startEngine(planOf({ endpoints: [1], steps: [refusing] }));
    const reader = await client(port);
    reader.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n01234");
    const reply = await readReply(reader);
    assert.equal(reply.status, 429);
    assert.equal(reply.field("connection"), undefined);
    reader.socket.write("56789" + get());
    assert.equal((await readReply(reader)).status, 429);
  });

  it("lets a client that is still uploading read the whole refusal, then closes", async () => {
    const { port } = await startEngine(planOf({ endpoints: [1], steps: [refusing] }));
    const reader = await client(port);
    const errors: unknown[] = [];
    reader.socket.on("error", (error) => errors.push(error));
    reader.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n");
    reader.socket.write(Buffer.alloc(300_000));
    const reply = await readReply(reader);
    assert.equal(reply.status, 429);
    assert.equal(reply.field("connection"), "close");
    assert.equal(await reader.all(), "");
    assert.deepEqual(errors, []);
  });

  it("does not invite a body with 100 when it refuses", async () => {
    const { port } = await startEngine(planOf({ endpoints: [1], steps: [refusing] }));
    const reader = await client(port);
    reader.socket.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    const reply = await readReply(reader);
    assert.equal(reply.status, 429);
    assert.equal(reply.field("connection"), "close");
  });

  for (const [name, text, status] of [
    ["two Host fields", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    [
      "a length with chunked",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
    ["too many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n".repeat(200) + "\r\n", 431],
    ["another version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505],
    ["CONNECT", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n", 501],
  ] as const) {
    it(`answers ${name} with ${status} as problem+json, records it and closes`, async () => {
      const { port, keeper } = await startEngine(planOf({ endpoints: [1] }));
      const reader = await client(port);
      reader.socket.write(text);
      const reply = await readReply(reader);
      assert.equal(reply.status, status);
      assert.match(JSON.parse(reply.body).type, /^urn:switchyard:http:/);
      assert.equal(await reader.all(), "");
      const [row] = await keeper.has(1);
      assert.match(row.refusal, /^urn:switchyard:http:/);
      assert.equal(row.status, status);
      assert.ok(row.requestHead.length > 0);
    });
  }

  it("answers what was pipelined before a malformed request, then refuses that one", async () => {
    const backend = await rawBackend((socket) => {
      socket.on("data", () => socket.write(hello));
    });
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get() + "BAD REQUEST LINE\r\n\r\n");
    assert.equal((await readReply(reader)).body, "hello");
    assert.equal((await readReply(reader)).status, 400);
    assert.equal(await reader.all(), "");
  });
});
