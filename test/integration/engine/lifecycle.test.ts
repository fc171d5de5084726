/**
 * Swapping the plan under load, draining, and health that follows replicas as they die and return.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { freshState } from "../../../src/model/fresh.ts";
import { Probe } from "../../../src/model/state.ts";
import { carry } from "../../../src/policyfile/carry.ts";
import { ListenProblem } from "../../../src/gateway/listen/engine.ts";
import { freePort } from "../../free-port.ts";
import {
  ask,
  client,
  get,
  hello,
  onHead,
  planOf,
  rawBackend,
  readReply,
  signal,
  simpleBackend,
  startEngine,
  stopEverything,
  type Backend,
} from "./harness.ts";

/** Settles once `holds` does; the engine tells of every change. */
function watch(): { changed(): void; until(holds: () => boolean): Promise<void> } {
  let wake: (() => void) | undefined;
  return {
    changed: () => wake?.(),
    async until(holds) {
      while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** Answers every read, on a given port. */
function backendAt(port: number): Promise<Backend> {
  return rawBackend(
    (socket) => {
      socket.on("data", () => socket.write(hello));
      socket.on("end", () => socket.end());
    },
    "127.0.0.1",
    port,
  );
}

describe("engine: swapping the plan", () => {
  afterEach(stopEverything);

  it("drops no request in 100 swaps under load, and every in-flight count returns to zero", async () => {
    const backend = await simpleBackend(hello);
    const options = { endpoints: [backend.port], listenPort: await freePort() };
    const { engine, port } = await startEngine(planOf(options));
    const load = { stop: false, answered: 0 };
    const clients = Array.from({ length: 8 }, async () => {
      const reader = await client(port);
      while (!load.stop) {
        reader.socket.write(get());
        assert.equal((await readReply(reader)).body, "hello");
        load.answered++;
      }
    });
    for (let revision = 2; revision <= 101; revision++) {
      const next = planOf(options);
      await engine.apply(
        next,
        (old) => (old === undefined ? freshState(next) : carry(old.state, old.plan, next, performance.now())),
        revision,
      );
      const before = load.answered;
      while (load.answered <= before) await new Promise(setImmediate);
    }
    load.stop = true;
    await Promise.all(clients);
    assert.equal(engine.active?.revision, 101);
    assert.equal(engine.active?.state.services[0].endpoints[0].inFlight, 0);
    assert.ok(load.answered >= 100);
  });

  it("finishes a request of the old plan against the old pair", async () => {
    const asked = signal();
    const release = signal();
    const slow = await rawBackend((socket) =>
      onHead(socket, async () => {
        asked.resolve();
        await release.promise;
        socket.write(hello);
      }),
    );
    const other = await simpleBackend("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother");
    const listenPort = await freePort();
    const { engine, port, keeper } = await startEngine(planOf({ endpoints: [slow.port], listenPort }));
    const first = engine.active;
    const reader = await client(port);
    reader.socket.write(get());
    await asked.promise;
    const next = planOf({ endpoints: [other.port], listenPort });
    await engine.apply(next, freshState(next), 2);
    assert.equal((await ask(port, get())).body, "other");
    release.resolve();
    assert.equal((await readReply(reader)).body, "hello");
    reader.socket.write(get());
    assert.equal((await readReply(reader)).body, "other");
    const rows = await keeper.has(3);
    assert.deepEqual(rows.map(({ revision }) => revision).toSorted(), [1, 2, 2]);
    assert.equal(first?.state.services[0].endpoints[0].inFlight, 0);
  });

  it("opens a new listener, closes the old one, and lets its request finish with Connection: close", async () => {
    const asked = signal();
    const release = signal();
    const backend = await rawBackend((socket) =>
      onHead(socket, async () => {
        asked.resolve();
        await release.promise;
        socket.write(hello);
      }),
    );
    const [before, after] = [await freePort(), await freePort()];
    const { engine } = await startEngine(planOf({ endpoints: [backend.port], listenPort: before }));
    const idle = await client(before);
    const busy = await client(before);
    busy.socket.write(get());
    await asked.promise;
    const next = planOf({ endpoints: [backend.port], listenPort: after });
    await engine.apply(next, freshState(next), 2);
    assert.equal(await idle.all(), "", "an idle connection of a closed listener ends");
    await assert.rejects(client(before));
    release.resolve();
    const reply = await readReply(busy);
    assert.equal(reply.body, "hello");
    assert.equal(reply.field("connection")?.toLowerCase(), "close");
    await client(after);
  });

  it("keeps the old pair serving when a port is taken, and says which", async () => {
    const backend = await simpleBackend(hello);
    const taken = createServer();
    taken.listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port: busy } = taken.address() as AddressInfo;
    const { engine, port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const next = planOf({ endpoints: [backend.port], listenPort: busy });
    await assert.rejects(engine.apply(next, freshState(next), 2), (error: unknown) => {
      assert.ok(error instanceof ListenProblem);
      assert.equal(error.code, "EADDRINUSE");
      assert.equal(error.port, busy);
      assert.match(error.message, new RegExp(`Listener edge cannot open 127\\.0\\.0\\.1:${busy}: another program`));
      return true;
    });
    assert.equal(engine.active?.revision, 1);
    assert.equal((await ask(port, get())).body, "hello");
    await new Promise((resolve) => taken.close(resolve));
  });
});

describe("engine: draining", () => {
  afterEach(stopEverything);

  it("stops accepting, finishes what is on its way, and then is gone", async () => {
    const asked = signal();
    const release = signal();
    const backend = await rawBackend((socket) =>
      onHead(socket, async () => {
        asked.resolve();
        await release.promise;
        socket.write(hello);
      }),
    );
    const { engine, port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    await asked.promise;
    const drained = engine.drain(10_000);
    await new Promise(setImmediate);
    await assert.rejects(client(port));
    release.resolve();
    const reply = await readReply(reader);
    assert.equal(reply.body, "hello");
    assert.equal(reply.field("connection")?.toLowerCase(), "close");
    reader.socket.end();
    await drained;
  });

  it("destroys what has not finished when the time is over", async () => {
    const asked = signal();
    const backend = await rawBackend((socket) => onHead(socket, () => asked.resolve()));
    const { engine, port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    await asked.promise;
    await engine.drain(20);
    assert.equal(await reader.all(), "");
    assert.equal((await keeper.has(1)).length, 1);
    assert.equal(engine.active?.state.services[0].endpoints[0].inFlight, 0);
  });
});

describe("engine: health", () => {
  afterEach(stopEverything);

  const active = { path: "/healthz", interval: 30, timeout: 500, healthyThreshold: 1, unhealthyThreshold: 2 };

  it("takes an endpoint out that fails its probes, and back in when it passes one", async () => {
    let healthy = true;
    let path = "";
    const backend = await simpleBackend((head) => {
      if (!head.includes("/healthz")) return hello;
      path = head.split("\r\n")[0];
      return `HTTP/1.1 ${healthy ? 200 : 503} X\r\nContent-Length: 0\r\n\r\n`;
    });
    const events = watch();
    const plan = planOf({ endpoints: [backend.port], service: { active } });
    const { engine, port } = await startEngine(plan, { changed: events.changed });
    const probe = (): number => engine.active?.state.services[0].endpoints[0].probe ?? -1;
    await events.until(() => probe() === Probe.Up);
    assert.equal(path, "GET /healthz HTTP/1.1");
    healthy = false;
    await events.until(() => probe() === Probe.Down);
    assert.equal((await ask(port, get())).status, 503);
    healthy = true;
    await events.until(() => probe() === Probe.Up);
    assert.equal((await ask(port, get())).body, "hello");
  });

  it("probes nothing where no active check is configured", async () => {
    const backend = await simpleBackend(hello);
    await startEngine(planOf({ endpoints: [backend.port] }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(backend.accepted.length, 0);
  });

  it("fails no GET when a replica dies, and readmits it within a knock of its return", async () => {
    const steady = await simpleBackend(hello);
    const mortal = await simpleBackend(hello);
    const events = watch();
    const passive = { consecutive5xx: 3, baseEjectionTime: 600_000, maxEjectionPercent: 50 };
    const plan = planOf({ endpoints: [steady.port, mortal.port], service: { passive } });
    const { engine, port } = await startEngine(plan, { changed: events.changed });
    const reader = await client(port);
    const one = async (): Promise<void> => {
      reader.socket.write(get());
      assert.equal((await readReply(reader)).body, "hello");
    };
    for (let i = 0; i < 4; i++) await one();
    for (const socket of mortal.accepted) socket.resetAndDestroy();
    await new Promise((resolve) => mortal.server.close(resolve));
    const seen = engine.active?.state.services[0].endpoints[1];
    assert.ok(seen);
    while (seen.ejectedUntil < performance.now()) await one();
    const returned = await backendAt(mortal.port);
    await events.until(() => seen.ejectedUntil <= performance.now());
    while (returned.accepted.length < 2) await one();
  });
});
