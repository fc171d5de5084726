import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, freeSpan } from "../../free-port.ts";
import { until } from "../../until.ts";
import { agent, ask, isAlive, policy, Running, stopAll, workspace } from "./helpers.ts";

describe("scaling replicas that the gateway runs", function () {
  this.timeout(300_000);
  afterEach(stopAll);

  it("3 to 8 to 2 under load, and no request fails", async () => {
    const running = await Running.start(policy({ from: await freeSpan(8), replicas: 3 }));
    await running.serving(3);
    const { port } = running;
    const connections = agent(16);
    const statuses = new Map<number, number>();
    const failures: string[] = [];
    const processes = new Set<number>();
    const load = { going: true };
    const worker = async (n: number): Promise<void> => {
      for (let i = 0; load.going; i++) {
        const method = (n + i) % 3 === 0 ? "POST" : "GET";
        const path = i % 5 === 0 ? "/slow/40" : "/quick";
        try {
          const { status, text } = await ask(port, path, {
            method,
            agent: connections,
            body: method === "POST" ? "x".repeat(2000) : undefined,
          });
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (status === 200) processes.add(JSON.parse(text).pid);
          else failures.push(`${method} ${path}: ${status} ${text}`);
        } catch (error) {
          failures.push(`${method} ${path}: ${String(error)}`);
        }
      }
    };
    const workers = Array.from({ length: 16 }, (_, n) => worker(n));
    await running.gateway.scale("reviews", 8);
    await running.serving(8);
    await until(() => processes.size === 8, "all eight answered");
    await running.gateway.scale("reviews", 2);
    const [first, second] = await running.serving(2);
    await until(() => [...processes].filter(isAlive).length === 2, "six processes ended");
    const before = statuses.get(200) ?? 0;
    await until(() => (statuses.get(200) ?? 0) > before + 100, "requests after the scaling");
    load.going = false;
    await Promise.all(workers);
    assert.deepEqual(failures, []);
    assert.deepEqual([...statuses.keys()], [200]);
    assert.deepEqual([first.health, second.health], ["up", "up"]);
    assert.equal(running.service.scale, 2);
  });

  it("lets a request on its way end before its replica is told to", async () => {
    const folder = workspace();
    const running = await Running.start(policy({ from: await freePort(), replicas: 2 }), {}, folder);
    await running.serving(2);
    const held = join(folder, "held");
    writeFileSync(held, "");
    const slow = [ask(running.port, "/held"), ask(running.port, "/held")];
    await until(() => running.endpoints.every(({ inFlight }) => inFlight === 1));
    await running.gateway.scale("reviews", 1);
    const leaving = running.endpoints.find(({ health }) => health === "leaving");
    assert.match(leaving?.sentence ?? "", /^leaving: 1 request may still end$/);
    rmSync(held);
    for (const { status } of await Promise.all(slow)) assert.equal(status, 200);
    await running.serving(1);
  });

  it("cuts off what takes longer than the service's drain, and says so", async () => {
    const running = await Running.start(policy({ from: await freePort(), replicas: 2, more: "    drain: 200ms\n" }));
    await running.serving(2);
    const slow = [
      ask(running.port, "/slow/20000", { method: "POST" }),
      ask(running.port, "/slow/20000", { method: "POST" }),
    ];
    await until(() => running.endpoints.every(({ inFlight }) => inFlight === 1));
    await running.gateway.scale("reviews", 1);
    const { status, text } = await Promise.race(slow);
    assert.equal(status, 503);
    assert.equal(JSON.parse(text).type, "urn:switchyard:forward:deregistered");
    await running.gateway.stop(0);
    await Promise.allSettled(slow);
  });

  it("is refused for a service that it does not run, and beyond 32", async () => {
    const running = await Running.start(policy({ from: await freePort() }));
    await assert.rejects(running.gateway.scale("nobody", 2), /does not run the replicas of "nobody"/);
    for (const count of [0, 33, 1.5])
      await assert.rejects(running.gateway.scale("reviews", count), /has 1 to 32 replicas/);
  });

  it("leaves edits that were based on the same text welcome", async () => {
    const text = policy({ from: await freePort() });
    const running = await Running.start(text);
    await running.gateway.scale("reviews", 2);
    const result = await running.gateway.propose(`${text}# a remark\n`, 1);
    assert.equal(result.kind, "accepted");
    assert.equal(running.service.scale, 2, "an edit that says nothing of replicas keeps the scaling");
  });
});
