/** Sticky sessions, circuit breaker and the bound on requests in flight, over real sockets. */
import assert from "node:assert/strict";
import { Circuit } from "../../../src/model/state.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { read } from "../../../src/policyfile/read.ts";
import { ask, client, get, hello, onHead, rawBackend, readReply, signal, simpleBackend } from "./harness.ts";
import { startEngine, stopEverything } from "./harness.ts";

function planOf(ports: readonly number[], service: object): Plan {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: { shop: { endpoints: ports.map((port) => ({ url: `http://127.0.0.1:${port}` })), ...service } },
    routes: [{ name: "shop", backendRefs: [{ service: "shop" }] }],
  });
  const { plan, diagnostics } = read(text, "balancing.yaml", { env: () => undefined, file: () => undefined });
  assert.ok(plan, diagnostics.map(({ message }) => message).join("\n"));
  return { ...plan, listeners: plan.listeners.map((one) => ({ ...one, port: 0 })) };
}

const replica = (word: string) =>
  simpleBackend(`HTTP/1.1 200 OK\r\nContent-Length: ${word.length}\r\nSet-Cookie: own=1\r\n\r\n${word}`);

describe("balancing, over sockets", () => {
  afterEach(stopEverything);

  it("sets the session's cookie beside the backend's own, and sends the client there again", async () => {
    const replicas = [await replica("one"), await replica("two"), await replica("three")];
    const ports = replicas.map(({ port }) => port);
    const { port } = await startEngine(planOf(ports, { sessionPersistence: { type: "Cookie", ttl: "10m" } }));
    const first = await ask(port, get());
    const token = /sy_shop=([0-9a-f]{16}); Path=\/; Max-Age=600; HttpOnly; SameSite=Lax/.exec(first.head);
    assert.ok(token, first.head);
    assert.match(first.head, /own=1/);
    for (let i = 0; i < 6; i++) {
      const next = await ask(port, get("/", `Cookie: sy_shop=${token[1]}\r\n`));
      assert.equal(next.body, first.body);
      assert.equal(next.field("set-cookie"), "own=1");
    }
  });

  it("moves a session whose replica is gone, within the request, and tells the client its new one", async () => {
    const gone = await rawBackend((socket) => socket.destroy());
    const alive = await replica("alive");
    const plan = planOf([gone.port, alive.port], { sessionPersistence: { type: "Header", name: "X-Session" } });
    const { port } = await startEngine(plan);
    const [lost, kept] = plan.services[0].endpoints.map(({ token }) => token);
    const reply = await ask(port, get("/", `X-Session: ${lost}\r\n`));
    assert.deepEqual([reply.status, reply.body, reply.field("x-session")], [200, "alive", kept]);
  });

  it("refuses with 503 and Retry-After while the circuit is open, without asking the backend", async () => {
    let asked = 0;
    const backend = await simpleBackend(() => {
      asked++;
      return "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
    });
    const service = { circuitBreaker: { minimumRequests: 2, openFor: "30s" } };
    const { port, engine } = await startEngine(planOf([backend.port], service));
    for (let i = 0; i < 2; i++) assert.equal((await ask(port, get())).status, 500);
    const refused = await ask(port, get());
    assert.equal(refused.status, 503);
    assert.match(refused.body, /urn:switchyard:balance:circuit-open/);
    assert.match(refused.body, /2 of 2 attempts failed/);
    assert.ok(Number(refused.field("retry-after")) >= 29 && Number(refused.field("retry-after")) <= 30);
    assert.equal(asked, 2);
    assert.equal(engine.active?.state.services[0].circuit?.phase, Circuit.Open);
  });

  it("lets no more than maxParallelRequests in, and the next as soon as one has ended", async () => {
    const held = signal();
    const arrived = signal();
    const backend = await rawBackend((socket) =>
      onHead(socket, () => {
        arrived.resolve();
        void held.promise.then(() => socket.end(hello.replace("\r\n", "\r\nConnection: close\r\n")));
      }),
    );
    const { port } = await startEngine(planOf([backend.port], { maxParallelRequests: 1 }));
    const first = await client(port);
    first.socket.write(get());
    await arrived.promise;
    const refused = await ask(port, get());
    assert.deepEqual([refused.status, refused.field("retry-after")], [503, "1"]);
    assert.match(refused.body, /too-many-requests-in-flight/);
    held.resolve();
    assert.equal((await readReply(first)).status, 200);
    assert.equal((await ask(port, get())).status, 200);
  });
});
