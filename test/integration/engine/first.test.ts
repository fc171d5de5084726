import assert from "node:assert/strict";
import { ask, get, hello, planOf, simpleBackend, startEngine, stopEverything } from "./harness.ts";

describe("engine, first light", () => {
  afterEach(stopEverything);
  it("forwards a request", async () => {
    const backend = await simpleBackend(hello);
    const { port, keeper } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reply = await ask(port, get());
    assert.equal(reply.status, 200);
    assert.equal(reply.body, "hello");
    const [row] = await keeper.has(1);
    console.log(row.upstreamHead, row.replyHead, row.attempts);
  });
});
