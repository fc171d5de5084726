/**
 * Retries: which failures, how often, how long apart, with which body, and what is said of each.
 */
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { draw, DrawOf } from "../../../src/model/draw.ts";
import { freePort } from "../../free-port.ts";
import { ask, backend, start, stopAll, type Started } from "./harness.ts";

const failing = (status: number) => backend((_, response) => response.writeHead(status).end("no"));
const good = () => backend((_, response) => response.end("yes"));
const dying = () => backend((incoming) => incoming.socket.resetAndDestroy());

const thens = (running: Started, row: Awaited<ReturnType<Started["rows"]>>[number]) =>
  running.detail(row).attempts.map(({ then }) => then);

describe("retries", function () {
  this.timeout(300_000);
  afterEach(stopAll);

  it("try another endpoint when the answer is one of `codes`, and tell it in the row, the attempts and the timeline", async () => {
    const [bad, fine] = [await failing(503), await good()];
    const running = await start([bad.port, fine.port], "retry: { attempts: 2, codes: [503], backoff: 20ms }");
    const { status, text } = await ask(running.port, { path: "/x" });
    assert.deepEqual([status, text], [200, "yes"]);
    const [row] = await running.rows(1);
    assert.match(row.why, /^retry 1\/2 ←503; /);
    assert.deepEqual(row.tags, ["retried"]);
    const { attempts, balancer } = running.detail(row);
    assert.deepEqual(
      attempts.map(({ endpoint, failed }) => [endpoint, failed]),
      [
        [`:${bad.port}`, true],
        [`:${fine.port}`, false],
      ],
    );
    assert.match(
      attempts[0].then,
      new RegExp(
        `^retry 1 of 2 after \\d+ ms \\(drawn from 0 to 20 ms\\); 1 of 10 retries in 10 s \\(20% of 1 request\\), on :${fine.port}$`,
      ),
    );
    const step = balancer.find(({ label }) => label === "retry");
    assert.match(step?.sentence ?? "", new RegExp(`^:${bad.port} answered 503: retry 1 of 2 after`));
    assert.equal(step?.location?.line, 8);
  });

  it("give the last answer through when all attempts are made", async () => {
    const [one, two] = [await failing(503), await failing(502)];
    const running = await start([one.port, two.port], "retry: { attempts: 3, backoff: 0s }");
    const { status, text } = await ask(running.port);
    assert.deepEqual([status === 502 || status === 503, text], [true, "no"]);
    assert.equal(one.asked.length + two.asked.length, 4);
    const [row] = await running.rows(1);
    assert.equal(thens(running, row).at(-1), "not tried again: 3 of 3 retries were made");
  });

  it("leave answers that are not in `codes` alone", async () => {
    const [one, two] = [await failing(500), await good()];
    const running = await start([one.port, two.port], "retry: { codes: [503] }");
    assert.equal((await ask(running.port)).status, 500);
    assert.equal(two.asked.length, 0);
  });

  it("stop when the budget is spent, and say so with the numbers", async () => {
    const bad = await failing(503);
    const running = await start([bad.port], "retry: { attempts: 1, backoff: 0s }");
    for (let i = 0; i < 60; i++) assert.equal((await ask(running.port)).status, 503);
    const rows = await running.rows(60);
    const retried = rows.filter(({ tags }) => tags.includes("retried"));
    assert.equal(retried.length, 12, "ten at once, then a fifth of all requests");
    assert.equal(bad.asked.length, 72);
    const refused = rows.find(({ why }) => why.includes("retry budget spent"));
    assert.ok(refused);
    assert.equal(
      thens(running, refused)[0],
      "not tried again: retry budget spent: 20% of 11 requests in 10 s allow 10 retries, and 10 were made",
    );
  });

  it("wait as long as the seed draws, and no longer than the bound", async () => {
    const bad = await failing(503);
    const running = await start([bad.port], "retry: { attempts: 3, backoff: 60ms }");
    await ask(running.port);
    const [row] = await running.rows(1);
    const { recorder } = running.gateway;
    const { chunk, index } = recorder.place(row.id)!;
    const attempts = chunk.unpackAttempts(index);
    for (let n = 1; n <= 3; n++) {
      const drawn = draw(chunk.seed[index], DrawOf.Backoff + n) * 60 * 2 ** (n - 1);
      const waited = attempts[n].startedAt - attempts[n - 1].endedAt;
      assert.ok(waited >= drawn - 2, `${waited} ms, and ${drawn} were drawn`);
    }
  });

  it("give up an attempt that takes longer than `perTry`, and try another endpoint", async () => {
    const silent = await backend(() => {});
    const fine = await good();
    const running = await start([silent.port, fine.port], "retry: { perTry: 500ms, backoff: 0s }");
    assert.equal((await ask(running.port)).text, "yes");
    const [row] = await running.rows(1);
    assert.match(row.why, /^retry 1\/2 ←timeout/);
    assert.match(running.detail(row).attempts[0].outcome, /^did not answer within the time of one attempt in /);
  });

  it("name `retry.perTry` when it is what ended the last attempt", async () => {
    const silent = await backend(() => {});
    const running = await start([silent.port], "retry: { attempts: 1, perTry: 60ms, backoff: 0s }");
    const { status, text } = await ask(running.port);
    assert.equal(status, 504);
    const problem = JSON.parse(text);
    assert.equal(problem.type, "urn:switchyard:forward:try-timeout");
    assert.match(
      problem.detail,
      /sent no response head within 60 ms \(retry\.perTry of route r\)\. No other attempt followed: 1 of 1 retries were made\.$/,
    );
  });

  it("do not go past a circuit that the failure has opened, and say so", async () => {
    const bad = await failing(503);
    const breaker = "    circuitBreaker: { errorRate: 0.5, minimumRequests: 1, openFor: 30s }\n";
    const running = await start([bad.port], "retry: { backoff: 5ms }", "", breaker);
    const { status, text } = await ask(running.port);
    const { type, detail } = JSON.parse(text);
    assert.deepEqual([status, type], [503, "urn:switchyard:forward:bad-answer"]);
    assert.match(
      detail,
      /^orders at :\d+ answered 503\. No other attempt followed: the circuit breaker of orders is open: 1 of 1 attempts failed; /,
    );
    assert.equal(bad.asked.length, 1);
  });

  it("never repeat a POST that was sent, and say why", async () => {
    for (const [make, route] of [
      [dying, "retry: {}"],
      [() => failing(503), "retry: {}"],
      [dying, "name: r"],
    ] as const) {
      const [bad, fine] = [await make(), await good()];
      const running = await start([bad.port, fine.port], route === "name: r" ? "timeouts: {}" : route);
      const { status } = await ask(running.port, { method: "POST" }, "order one");
      assert.ok(status >= 502);
      assert.equal(fine.asked.length, 0);
      const [row] = await running.rows(1);
      assert.deepEqual(thens(running, row), ["not tried again: POST is not idempotent, and the request had been sent"]);
    }
  });

  it("repeat a POST of which nothing was sent, whole", async () => {
    const fine = await good();
    const running = await start([await freePort(), fine.port], "retry: {}");
    const { text } = await ask(running.port, { method: "POST" }, "order two");
    assert.equal(text, "yes");
    assert.deepEqual(
      fine.asked.map(({ body }) => body),
      ["order two"],
    );
    const [row] = await running.rows(1);
    assert.match(row.why, /^retry 1\/2 ←refused/);
  });

  it("repeat a POST where the route says that it may be", async () => {
    const [bad, fine] = [await failing(503), await good()];
    const running = await start([bad.port, fine.port], "retry: { methods: [POST], backoff: 0s }");
    assert.equal((await ask(running.port, { method: "POST" }, "order three")).text, "yes");
    assert.equal(fine.asked[0].body, "order three");
  });

  for (const [name, route] of [
    ["with `retry`", "retry: { backoff: 0s }"],
    ["without", "timeouts: {}"],
  ]) {
    it(`give a PUT's body to the next backend when one dies with it, ${name}`, async () => {
      const body = "x".repeat(50_000);
      for (const chunked of [false, true]) {
        const [bad, fine] = [await dying(), await good()];
        const running = await start([bad.port, fine.port], route);
        const headers = chunked ? { "transfer-encoding": "chunked" } : { "content-length": String(body.length) };
        const { status } = await ask(running.port, { method: "PUT", headers }, body);
        assert.equal(status, 200);
        assert.equal(bad.asked[0].body.length, 50_000);
        assert.equal(fine.asked[0].body, body);
        await stopAll();
      }
    });
  }

  it("cannot repeat a body that was too long to be kept, and say so", async () => {
    const [bad, fine] = [await dying(), await good()];
    const running = await start([bad.port, fine.port], "retry: {}");
    const { status, text } = await ask(running.port, { method: "PUT" }, "x".repeat(200_000));
    assert.equal(status, 502);
    assert.match(JSON.parse(text).detail, /No other attempt followed: its body was sent and too long to be kept/);
    assert.equal(fine.asked.length, 0);
  });

  it("go on with a body that is still coming", async () => {
    const early = await new Promise<number>((resolve) => {
      // Dies with the first half of the body.
      const server = createServer((socket) => {
        socket.on("error", () => {});
        let text = "";
        socket.on("data", (bytes) => {
          text += bytes.toString("latin1");
          if (text.endsWith("first half, ")) socket.resetAndDestroy();
        });
      });
      server.unref().listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
    const fine = await good();
    const running = await start([early, fine.port], "retry: { backoff: 30ms }");
    const socket = connect(running.port, "127.0.0.1");
    socket.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 24\r\n\r\nfirst half, ");
    await wait(150);
    socket.write("second half.");
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
    assert.equal(fine.asked[0].body, "first half, second half.");
    socket.destroy();
  });

  it("leave nothing behind when the client goes away in the middle of a wait", async () => {
    const bad = await failing(503);
    const running = await start([bad.port], "retry: { attempts: 5, backoff: 60s, budget: 100% }");
    // A wait that is drawn short would be over before the client goes.
    const sockets = Array.from({ length: 5 }, () => connect(running.port, "127.0.0.1"));
    for (const socket of sockets) socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    while (bad.asked.length < 5) await wait(5);
    await wait(50);
    for (const socket of sockets) socket.destroy();
    const rows = await running.rows(5);
    assert.ok(rows.some(({ state }) => state === "aborted"));
    const asked = bad.asked.length;
    await wait(150);
    assert.equal(bad.asked.length, asked);
    const [endpoint] = running.gateway.servicesView({ generation: "", seq: 0 }).services[0].endpoints;
    assert.equal(endpoint.inFlight, 0);
  });

  it("are given up with the whole request when `timeouts.request` is over", async () => {
    const bad = await failing(503);
    const running = await start(
      [bad.port],
      "retry: { attempts: 9, backoff: 2s, budget: 100% }, timeouts: { request: 150ms }",
    );
    const { status, text } = await ask(running.port);
    assert.equal(status, 504);
    assert.equal(JSON.parse(text).type, "urn:switchyard:forward:request-timeout");
  });

  it("go elsewhere when no connection stands in time, and name `timeouts.connect` when there is nobody else", async () => {
    // Takes the connection, and never says a word of TLS.
    const mute = createServer((socket) => void socket.on("error", () => {})).unref();
    await new Promise<void>((done) => mute.listen(0, "127.0.0.1", done));
    const place = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    const alone = await start([place], "timeouts: { connect: 60ms }");
    const { status, text } = await ask(alone.port);
    const { type, detail } = JSON.parse(text);
    assert.deepEqual([status, type], [504, "urn:switchyard:forward:connect-timeout"]);
    assert.match(detail, /accepted no connection within 60 ms \(timeouts\.connect of route r\)\./);
    const fine = await good();
    const running = await start([place, fine.port], "timeouts: { connect: 500ms }");
    assert.equal((await ask(running.port, { method: "POST" }, "x")).text, "yes");
  });
});
