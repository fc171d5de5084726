/**
 * Hedging: a slow request is sent to a second endpoint, the first good answer counts, and the other attempt is called off.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { until } from "../../until.ts";
import { connect } from "node:net";
import { ask, backend, start, stopAll } from "./harness.ts";

const quick = (name: string) => backend((_, response) => response.end(name));
const slow = (name: string, after = 2000) =>
  backend((_, response) => void setTimeout(() => response.end(name), after).unref());

/** Milliseconds in which an answer that was given has reached the gateway, which runs in this process. */
const AWHILE = 200;
/** The hedge has arrived: nobody has to guess when its time is over. */
const asked = (backend: { readonly asked: readonly unknown[] }) => () => backend.asked.length > 0;

describe("hedges", function () {
  this.timeout(300_000);
  afterEach(stopAll);

  it("win when they answer first: the slow attempt is called off, and both are shown", async () => {
    const [first, second] = [await slow("slow"), await quick("quick")];
    const running = await start([first.port, second.port], "hedge: { after: 40ms }");
    const { text } = await ask(running.port);
    assert.equal(text, "quick");
    await until(() => first.aborted === 1);
    const [row] = await running.rows(1);
    assert.equal(row.endpoint, `:${second.port}`);
    assert.deepEqual(row.tags, ["hedged"]);
    assert.match(row.why, new RegExp(`^hedged: :${first.port} called off`));
    const { attempts, balancer, verdict } = running.detail(row);
    assert.match(attempts[0].outcome, /^called off: another attempt answered first in /);
    assert.match(attempts[1].outcome, /^200 in .* \(hedge\)$/);
    assert.deepEqual(
      attempts.map(({ failed }) => failed),
      [false, false],
    );
    const told = balancer.filter(({ label }) => label === "hedge").map(({ sentence }) => sentence);
    assert.deepEqual(told, [
      "no answer after 40 ms: sent once more, 1 of 1",
      `:${first.port} called off: another attempt answered first`,
    ]);
    assert.match(verdict.title, new RegExp(`orders :${second.port}`));
    const { endpoints } = running.gateway.servicesView({ generation: "", seq: 0 }).services[0];
    assert.deepEqual(
      endpoints.map(({ inFlight }) => inFlight),
      [0, 0],
    );
  });

  it("lose when the first attempt answers after all", async () => {
    const second = await slow("second");
    const first = await backend((_, response) => void until(asked(second)).then(() => response.end("first")));
    const running = await start([first.port, second.port], "hedge: { after: 30ms }");
    assert.equal((await ask(running.port)).text, "first");
    await until(() => second.aborted === 1);
    const [row] = await running.rows(1);
    assert.equal(row.endpoint, `:${first.port}`);
  });

  it("are not sent when the first attempt is quick enough, has a body, or is not safe", async () => {
    const one = await slow("one", 60);
    const other = await quick("other");
    const running = await start([one.port, one.port + 0 === other.port ? 1 : other.port], "hedge: { after: 30ms }");
    for (const [method, body] of [
      ["POST", "x"],
      ["DELETE", undefined],
      ["PUT", "x"],
    ] as const) {
      await ask(running.port, { method }, body);
    }
    const rows = await running.rows(3);
    assert.deepEqual(
      rows.map(({ attempts }) => attempts),
      [1, 1, 1],
    );
  });

  it("do not take a 5xx for an answer while the other attempt is on its way", async () => {
    const bad = await backend((_, response) => response.writeHead(500).end("bad"));
    const good = (response: ServerResponse) => void setTimeout(() => response.end("good"), AWHILE);
    const first = await backend((_, response) => void until(asked(bad)).then(() => good(response)));
    const running = await start([first.port, bad.port], "hedge: { after: 30ms }");
    assert.equal((await ask(running.port)).text, "good");
    assert.equal(bad.asked.length, 1);
    const [row] = await running.rows(1);
    const { attempts } = running.detail(row);
    assert.match(attempts[1].outcome, /^500 in/);
    assert.equal(row.status, 200);
  });

  it("give the last answer when none is good", async () => {
    const bad = await backend((_, response) => response.writeHead(500).end("bad"));
    const late = (response: ServerResponse) => void setTimeout(() => response.writeHead(502).end("late"), AWHILE);
    const first = await backend((_, response) => void until(asked(bad)).then(() => late(response)));
    const running = await start([first.port, bad.port], "hedge: { after: 30ms }");
    const { status, text } = await ask(running.port);
    assert.deepEqual([status, text], [502, "late"]);
  });

  it("outlive a first attempt that dies", async () => {
    const second = await slow("second", AWHILE);
    const first = await backend(({ socket }) => void until(asked(second)).then(() => socket.resetAndDestroy()));
    const running = await start([first.port, second.port], "hedge: { after: 30ms }");
    assert.equal((await ask(running.port)).text, "second");
    const [row] = await running.rows(1);
    assert.equal(running.detail(row).attempts.length, 2);
  });

  it("are tried again when both attempts die, where the route retries", async () => {
    const second = await backend(({ socket }) => void setTimeout(() => socket.resetAndDestroy(), AWHILE));
    const first = await backend(({ socket }) => void until(asked(second)).then(() => socket.resetAndDestroy()));
    const ports = [first.port, second.port, (await quick("third")).port];
    const running = await start(ports, "hedge: { after: 20ms }, retry: { backoff: 0s }");
    assert.equal((await ask(running.port)).text, "third");
  });

  it("may be up to three, and stop at the budget", async () => {
    const backends = await Promise.all([slow("a"), slow("b"), slow("c"), quick("d")]);
    const running = await start(
      backends.map(({ port }) => port),
      "hedge: { after: 20ms, max: 3 }",
    );
    assert.equal((await ask(running.port)).text, "d");
    await until(() => backends.slice(0, 3).every(({ aborted }) => aborted === 1));
    const alone = await slow("alone", 500);
    const none = await start([alone.port, backends[3].port], "hedge: { after: 20ms, budget: 0% }");
    await ask(none.port);
    const [row] = await none.rows(1);
    assert.equal(row.attempts, 1);
    assert.match(
      none.detail(row).balancer.at(-1)?.sentence ?? "",
      /^not sent twice: hedge budget spent, 0% of 1 request/,
    );
  });

  it("are called off with the first attempt when the client goes away", async () => {
    const both = [await slow("a"), await slow("b")];
    const running = await start(
      both.map(({ port }) => port),
      "hedge: { after: 20ms }",
    );
    const socket = connect(running.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await until(() => both.every(({ asked }) => asked.length === 1));
    socket.destroy();
    await until(() => both.every(({ aborted }) => aborted === 1));
    const [row] = await running.rows(1);
    assert.equal(row.state, "aborted");
    const { endpoints } = running.gateway.servicesView({ generation: "", seq: 0 }).services[0];
    assert.deepEqual(
      endpoints.map(({ inFlight }) => inFlight),
      [0, 0],
    );
  });
});
