/**
 * Quotas outlive the gateway: over a kill -9 at any moment at most a second of counting is lost, and the file that is
 * left is whole. Buckets that people reset, set, freeze and put back are journaled: replay gives the same state.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DurableStates } from "../../../src/gateway/control/durable-state.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import type { Active } from "../../../src/gateway/listen/engine.ts";
import { freshState } from "../../../src/model/fresh.ts";
import type { JournalEvent } from "../../../src/model/journal.ts";
import { replay } from "../../../src/replay/replay.ts";
import { freePort } from "../../free-port.ts";
import { until } from "../../until.ts";
import { backend, policyFile, rowsEnded, stopAll } from "./helpers.ts";
import { forkGateway } from "./processes.ts";

const text = (port: number, target: number, policies: string): string => `version: 1
listeners: [{ name: edge, port: ${port}, address: 127.0.0.1 }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:${target}" }] } }
routes:
  - name: all
    policies: [${policies}]
    backendRefs: [{ service: shop }]
`;
const QUOTA = "{ quota: { key: header.x-who, requests: 100000, per: month } }";

const send = async (port: number, who: string): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { "x-who": who } });
  await response.arrayBuffer();
  return response.status;
};

describe("quotas", function () {
  this.timeout(300_000);
  let data: string;
  let before: string | undefined;
  beforeEach(() => {
    before = process.env.SWITCHYARD_DATA;
    data = mkdtempSync(join(tmpdir(), "switchyard-data-"));
    process.env.SWITCHYARD_DATA = data;
  });
  afterEach(async () => {
    await stopAll();
    if (before === undefined) delete process.env.SWITCHYARD_DATA;
    else process.env.SWITCHYARD_DATA = before;
    rmSync(data, { recursive: true, force: true });
  });

  it("survive kill -9 but for the last second, and the file is whole whenever the kill comes", async () => {
    const port = await freePort();
    const file = policyFile(text(port, await backend(), QUOTA));
    let counted = 0;
    for (const lifetime of [2100, 1700]) {
      const { child, gateway } = await forkGateway(file);
      const kept = async () => (await gateway.limits("", 20)).limits[0].keys.find(({ key }) => key === "ann");
      const found = await kept();
      const began = found === undefined ? 0 : found.capacity - found.left;
      assert.ok(began <= counted, `${began} of ${counted}`);
      /** When each request was answered: those of more than a second ago must be kept. */
      const answered: number[] = [];
      /** Milliseconds that a busy machine let nobody run, or nothing reach its disk: for so long nothing was kept either. */
      let standstill = 0;
      const end = performance.now() + lifetime;
      const disk = (async () => {
        for (; performance.now() < end; await delay(50)) {
          const begun = performance.now();
          const probe = await open(join(data, "probe"), "w");
          await probe.writeFile(text(port, 0, QUOTA));
          await probe.datasync();
          await probe.close();
          standstill = Math.max(standstill, performance.now() - begun);
        }
      })();
      while (performance.now() < end) {
        assert.equal(await send(port, "ann"), 200);
        const now = performance.now();
        standstill = Math.max(standstill, now - (answered.at(-1) ?? now));
        answered.push(now);
      }
      const killed = performance.now();
      child.kill("SIGKILL");
      await once(child, "exit");
      await disk;
      const [name, ...others] = readdirSync(join(data, "quotas")).filter((one) => one.endsWith(".json"));
      assert.deepEqual(others, []);
      const left = JSON.parse(readFileSync(join(data, "quotas", name), "utf8"));
      const used: number = left.kept[0].entries[0][1];
      const owed = began + answered.filter((at) => at < killed - 1000 - standstill).length;
      counted = began + answered.length;
      assert.ok(used >= owed && used <= counted, `kept ${used}, of ${counted}, and ${owed} are older than a second`);
    }
    const { gateway } = await forkGateway(file);
    const [ann] = (await gateway.limits("ann", 20)).limits[0].keys;
    assert.ok(ann.capacity - ann.left > 0);
  });

  it("begin afresh, and say so, when the file is damaged or cannot be written", async () => {
    const port = await freePort();
    const policy = text(port, await backend(), QUOTA);
    const file = policyFile(policy);
    const { path } = new DurableStates({ file, active: () => undefined });
    mkdirSync(dirname(path), { recursive: true });
    for (const damaged of ["{", '{"version":1,"kept":[{"identity":1}]}', '{"version":2}', "null"]) {
      writeFileSync(path, damaged);
      const gateway = new Gateway({ file });
      try {
        await gateway.start(policy);
        const view = gateway.limitsView({ generation: "", seq: 0 }, "", 20);
        assert.match(view.problem ?? "", /damaged/);
        assert.equal(await send(port, "ann"), 200);
      } finally {
        await gateway.stop(0);
      }
      const kept = JSON.parse(readFileSync(path, "utf8"));
      assert.deepEqual(kept.kept[0].entries, [["ann", 1]], "and is whole again");
    }
    rmSync(dirname(path), { recursive: true });
    writeFileSync(dirname(path), "a file where a folder should be");
    const gateway = new Gateway({ file });
    try {
      await gateway.start(policy);
      await send(port, "ann");
      await until(() => /cannot be kept/.test(gateway.limitsView({ generation: "", seq: 0 }, "", 20).problem ?? ""));
    } finally {
      await gateway.stop(0);
    }
  });
});

describe("buckets changed by hand", function () {
  this.timeout(300_000);
  let data: string;
  before(() => {
    data = mkdtempSync(join(tmpdir(), "switchyard-data-"));
    process.env.SWITCHYARD_DATA = data;
  });
  after(() => {
    delete process.env.SWITCHYARD_DATA;
    rmSync(data, { recursive: true, force: true });
  });
  afterEach(stopAll);

  it("are journaled: a replay from nothing ends in the same state, over a restart too", async () => {
    const port = await freePort();
    const limits =
      "{ rateLimit: { key: header.x-who, requests: 3, per: 1h } }, { quota: { key: header.x-who, requests: 20, per: day } }, { concurrency: { key: client.ip, max: 9 } }";
    const policy = text(port, await backend(), limits);
    const file = policyFile(policy);
    for (const round of [1, 2]) {
      const journal: JournalEvent[] = [];
      const gateway = new Gateway({ file, journal: (event) => void journal.push(event) });
      try {
        await gateway.start(policy);
        const status = async (who: string) => send(port, who);
        const view = () => gateway.limitsView({ generation: "", seq: 0 }, "", 20);
        const [rate, quota, concurrency] = view().limits;
        assert.deepEqual([rate.adjustable, quota.adjustable, concurrency.adjustable], [true, true, undefined]);
        for (let i = 0; i < 3; i++) assert.equal(await status("ann"), 200);
        assert.equal(await status("ann"), 429);
        const { token, undoable } = gateway.changeBucket(rate.identity, "ann", { kind: "reset" });
        assert.ok(undoable);
        assert.equal(await status("ann"), 200);
        gateway.undoBucket(token);
        assert.equal(await status("ann"), 429, "as it was before the reset");
        assert.throws(() => gateway.undoBucket(token), /too late/);
        gateway.changeBucket(rate.identity, "ann", { kind: "set", left: 2 });
        const frozen = gateway.changeBucket(rate.identity, "ann", { kind: "freeze" });
        for (let i = 0; i < 5; i++) assert.equal(await status("ann"), 200, "frozen with two left");
        assert.deepEqual(gateway.statusView({ generation: "", seq: 0 }).frozen, [
          { identity: rate.identity, key: "ann", name: "rateLimit" },
        ]);
        assert.equal(view().limits[0].keys[0].frozen, true);
        gateway.undoBucket(frozen.token);
        assert.deepEqual(gateway.statusView({ generation: "", seq: 0 }).frozen, []);
        gateway.changeBucket(rate.identity, "bob", { kind: "set", left: 0 });
        gateway.changeBucket(rate.identity, "bob", { kind: "freeze" });
        const { next } = gateway.recorder;
        assert.equal(await status("bob"), 429);
        await rowsEnded(gateway, next);
        assert.match(gateway.lastRejection()?.verdict.sentence ?? "", /frozen by hand with 0\.0 of 3 left/);
        gateway.changeBucket(rate.identity, "bob", { kind: "thaw" });
        gateway.changeBucket(quota.identity, "ann", { kind: "set", left: 15 });
        assert.throws(() => gateway.changeBucket(concurrency.identity, "x", { kind: "freeze" }), /can be reset only/);
        assert.throws(() => gateway.changeBucket("route/none", "x", { kind: "reset" }), /There is no limit/);

        const plan = gateway.recorder.plans.get(1)?.plan;
        assert.ok(plan);
        const planOf = (revision: number) => gateway.recorder.plans.get(revision)?.plan;
        const live = (Reflect.get(gateway, "engine") as { readonly active: Active }).active;
        await until(() => live.state.services[0].endpoints[0].inFlight === 0);
        const end = replay({ plan, state: freshState(plan), planOf }, journal);
        assert.deepEqual(end.state, live.state);
        assert.equal(
          journal.some((event) => event.kind === "limit" && event.change.kind === "whole"),
          round === 2,
          "what came back from the disk is in the journal",
        );
      } finally {
        await gateway.stop(0);
      }
    }
  });
});
