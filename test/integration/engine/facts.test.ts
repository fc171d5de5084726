/**
 * Requests whose route needs facts: decided at once when they are known, awaited when they are not.
 */
import assert from "node:assert/strict";
import type { Facts } from "../../../src/model/arrival.ts";
import { Failure } from "../../../src/model/state.ts";
import { FactGatherer } from "../../../src/gateway/facts/gatherer.ts";
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
} from "./harness.ts";

const needs = [{ name: "token", kind: "token", source: { header: "authorization", algorithms: ["HS256"] } }] as const;
const fact: Facts = { token: { state: "absent" } };

function gatherer(gather: () => Facts | Promise<Facts>): FactGatherer {
  return Object.assign(new FactGatherer({ baseDirectory: "." }), { gather });
}

describe("engine: facts", () => {
  afterEach(stopEverything);

  for (const [name, gather] of [
    ["known at once", () => fact],
    ["awaited", () => new Promise<Facts>((resolve) => setImmediate(resolve, fact))],
  ] as const) {
    it(`decides with facts that are ${name}, and records them`, async () => {
      const backend = await simpleBackend(hello);
      const plan = planOf({ endpoints: [backend.port], needs });
      const { port, keeper } = await startEngine(plan, { facts: gatherer(gather) });
      const reader = await client(port);
      reader.socket.write(get("/1") + get("/2"));
      assert.equal((await readReply(reader)).body, "hello");
      assert.equal((await readReply(reader)).body, "hello");
      const rows = await keeper.has(2);
      assert.deepEqual(
        rows.map(({ facts }) => facts),
        [fact, fact],
      );
    });
  }

  it("keeps the body waiting, whole, while facts are awaited", async () => {
    let body = "";
    const backend = await rawBackend((socket) =>
      onHead(socket, async (_head, rest) => {
        body = await rest.bytes(200_000);
        socket.write(hello);
      }),
    );
    const known = signal();
    const waiting = known.promise.then(() => fact);
    const plan = planOf({ endpoints: [backend.port], needs });
    const { port } = await startEngine(plan, { facts: gatherer(() => waiting) });
    const reader = await client(port);
    reader.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200000\r\n\r\n");
    reader.socket.write("x".repeat(200_000));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(backend.accepted.length, 0);
    known.resolve();
    assert.equal((await readReply(reader)).body, "hello");
    assert.equal(body, "x".repeat(200_000));
  });

  it("forgets a request whose client goes away meanwhile", async () => {
    const backend = await simpleBackend(hello);
    const [known, asked] = [signal(), signal()];
    const waiting = known.promise.then(() => fact);
    const plan = planOf({ endpoints: [backend.port], needs });
    const gather = (): Promise<Facts> => {
      asked.resolve();
      return waiting;
    };
    const { port, keeper } = await startEngine(plan, { facts: gatherer(gather) });
    const reader = await client(port);
    reader.socket.write(get());
    await asked.promise;
    reader.socket.resetAndDestroy();
    const [row] = await keeper.has(1);
    assert.equal(row.failure, Failure.ClientGone);
    known.resolve();
    await new Promise(setImmediate);
    assert.equal(backend.accepted.length, 0);
  });

  it("answers 500 with a sentence when the look-up itself fails", async () => {
    const plan = planOf({ endpoints: [1], needs });
    const { port } = await startEngine(plan, { facts: gatherer(() => Promise.reject(new Error("no keys"))) });
    const reply = await ask(port, get());
    assert.equal(reply.status, 500);
    assert.match(JSON.parse(reply.body).detail, /could not be looked up: no keys/);
  });
});
