/**
 * "What if" over a real gateway: the same policy changes nothing, another limit refuses who it would have refused, the
 * page sees which rows, and the smallest passing limit is the one that passes.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import { deserialize } from "node:v8";
import { Gateway } from "../../../src/gateway/gateway.ts";
import type { Active } from "../../../src/gateway/listen/engine.ts";
import { BlockReader } from "../../../src/gateway/what-if/packed.ts";
import type { JournalView } from "../../../src/gateway/what-if/traffic-journal.ts";
import { Decision } from "../../../src/model/decision.ts";
import type { State } from "../../../src/model/state.ts";
import { applyEdits } from "../../../src/policyfile/edit.ts";
import { replay } from "../../../src/replay/replay.ts";
import { freePort } from "../../free-port.ts";
import { policyFile, stopAll } from "./helpers.ts";

const policy = (port: number, url: string, requests: number) => `version: 1
listeners:
  - { name: edge, port: ${port}, address: 127.0.0.1 }
services:
  shop: # the shop
    endpoints: [{ url: "${url}" }]
routes:
  - name: all
    policies:
      - rateLimit: { key: header.x-who, requests: ${requests}, per: 1h, algorithm: fixedWindow } # per caller
    backendRefs: [{ service: shop }]
`;

describe("what if, in a running gateway", function () {
  // The thread compiles TypeScript when it starts.
  this.timeout(300_000);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const server = createServer((request, response) => {
    request.resume().on("end", () => void setTimeout(() => response.end("ok"), request.url === "/slow" ? 25 : 0));
  });
  let port = 0;
  let url = "";
  let gateway: Gateway;

  const send = (who: string, path = "/", more: Readonly<Record<string, string>> = {}) =>
    new Promise<number>((done, failed) => {
      const headers = { "x-who": who, ...more };
      const sent = ask({ port, host: "127.0.0.1", path, agent, headers }, (response) => {
        response.resume().on("end", () => done(response.statusCode ?? 0));
      });
      sent.on("error", failed).end();
    });

  beforeEach(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    port = await freePort();
    const text = policy(port, url, 10);
    gateway = new Gateway({ file: policyFile(text) });
    await gateway.start(text);
  });

  afterEach(async () => {
    agent.destroy();
    await gateway.stop(0);
    server.close().closeAllConnections();
    await stopAll();
  });

  it("has its thread started and everything read before the first question, when a policy is opened", async () => {
    for (let i = 0; i < 12; i++) await send("alice");
    gateway.whatIfs.prepare();
    gateway.whatIfs.prepare();
    const text = policy(port, url, 10);
    const first = await gateway.whatIfs.whatIf(text.replace("requests: 10", "requests: 4"), false);
    assert.ok(first.kind === "compared");
    assert.equal(first.view.rejected, 6);
    assert.equal(gateway.whatIfs.view, null);
    const start = performance.now();
    const next = await gateway.whatIfs.whatIf(text.replace("requests: 10", "requests: 5"), false);
    assert.ok(next.kind === "compared");
    // A thread that compiles itself from its source takes seconds.
    assert.ok(performance.now() - start < 1000, `${Math.round(performance.now() - start)} ms`);
  });

  it("says which recorded requests another limit would refuse, and none for the same", async () => {
    for (let i = 0; i < 12; i++) await send("alice");
    for (let i = 0; i < 6; i++) await send("bob");
    const same = await gateway.whatIfs.whatIf(policy(port, url, 10), true);
    assert.ok(same.kind === "compared");
    assert.deepEqual([same.view.total, same.view.same, same.shifts.length], [18, 18, 0]);

    const tighter = await gateway.whatIfs.whatIf(policy(port, url, 4), true);
    assert.ok(tighter.kind === "compared");
    assert.deepEqual([tighter.view.rejected, tighter.view.admitted, tighter.view.same], [8, 0, 10]);
    assert.deepEqual(new Set(tighter.shifts.map(({ before, after }) => `${before} ${after}`)), new Set(["200 429"]));
    assert.match(tighter.shifts[0].why, /^rateLimit 0 of 4/);
    const view = gateway.openView("is:changed");
    view.catchUp();
    assert.equal(view.matched, 8);
    view.close();
    assert.deepEqual(gateway.row(tighter.shifts[0].id)?.whatIf?.after, 429);

    const wider = await gateway.whatIfs.whatIf(policy(port, url, 11), true);
    assert.ok(wider.kind === "compared");
    assert.deepEqual([wider.view.rejected, wider.view.admitted], [0, 1]);
    // What the backend would have said nobody knows.
    assert.deepEqual([wider.shifts[0].before, wider.shifts[0].after, wider.shifts[0].assumed], [429, 0, true]);
    assert.ok(
      wider.view.assumptions.some((one) => one.includes("1 request would end")),
      wider.view.assumptions.join(),
    );

    assert.equal((await gateway.whatIfs.whatIf("version: 1\nroutes: {", true)).kind, "invalid");
    gateway.whatIfs.end();
    assert.equal(gateway.row(tighter.shifts[0].id)?.whatIf, undefined);
  });

  it("finds the smallest limit that lets a refused request pass, as an edit that keeps the comments", async () => {
    for (let i = 0; i < 17; i++) await send("alice");
    const refused = gateway.recorder.lastRejection;
    const [fix] = await gateway.whatIfs.passingFixes(refused, null);
    assert.equal(fix.title, "Smallest passing limit: 17 per 1h by header.x-who");
    assert.equal(applyEdits(gateway.policy, fix.edits), policy(port, url, 17));
    assert.deepEqual([fix.view.admitted, fix.view.rejected, fix.line], [7, 0, 10]);
    const exempts = async () =>
      (await gateway.whatIfs.passingFixes(gateway.recorder.lastRejection, null))
        .map(({ title }) => title)
        .filter((title) => title.startsWith("Exempt"));
    assert.deepEqual(await exempts(), ["Exempt / from rateLimit"]);
    await send("alice", "/reset/t0ken-of-hers", { authorization: "Bearer t0ken-of-hers" });
    assert.deepEqual(await exempts(), [], "no fix writes a caller's secret into the policy file");
  });

  it("keeps a journal that replays from its snapshot to the very decisions that were recorded", async () => {
    let next = 0;
    let until = 0;
    const worker = async () => {
      while (next < until) await send(`caller-${next++ % 250}`, next % 7 === 0 ? "/slow" : "/");
    };
    // In parts, as a person asks again and again: each part is what is new, and all of them make the journal.
    const readers = new Map<number, BlockReader>();
    let state: Uint8Array | undefined;
    let view: JournalView | undefined;
    let again = 0;
    for (const part of [500, 501, 1500, 3400]) {
      until = part;
      await Promise.all(Array.from({ length: 8 }, worker));
      view = gateway.whatIfs.journal.handOver();
      state = view?.snapshot.state ?? state;
      for (const block of view?.blocks ?? []) {
        if (typeof block === "number") continue;
        const reader = readers.get(block.number) ?? new BlockReader();
        readers.set(block.number, reader.take(block));
        if (block.from > 0) again++;
      }
    }
    assert.ok(view && state);
    assert.ok(again >= 2, "a block was handed over as it grew");
    const kept = view.blocks.map((block) => (typeof block === "number" ? block : block.number));
    const journal = kept.flatMap((number) => readers.get(number)?.events ?? []);
    const plan = gateway.recorder.plans.get(view.snapshot.revision)?.plan;
    assert.ok(plan);
    assert.ok(
      journal.some(({ kind }) => kind === "resume"),
      "requests were in flight at the snapshot",
    );
    let checked = 0;
    const end = replay(
      {
        plan,
        state: deserialize(state) as State,
        ended: ({ id, decision }) => {
          const place = gateway.recorder.place(id);
          assert.ok(place);
          const recorded = new Decision();
          place.chunk.unpackDecision(place.index, recorded);
          const { route, step, reason, service, endpoint, attempts } = decision;
          const { route: a, step: b, reason: c, service: d, endpoint: e, attempts: f } = recorded;
          assert.deepEqual([route, step, reason, service, endpoint, attempts], [a, b, c, d, e, f]);
          checked++;
        },
      },
      journal,
    );
    assert.ok(checked >= 2048, `${checked} requests`);
    assert.deepEqual(end.state, (Reflect.get(gateway, "engine") as { readonly active: Active }).active.state);
  });

  it("drops the answer to a text that is old by now", async () => {
    await send("alice");
    const answers = await Promise.all([1, 2, 3].map((limit) => gateway.whatIfs.whatIf(policy(port, url, limit), true)));
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ["superseded", "superseded", "compared"],
    );
  });

  it("survives that nothing is recorded, and that recording was off", async () => {
    assert.equal((await gateway.whatIfs.whatIf(policy(port, url, 3), true)).kind, "nothing");
    await send("alice");
    gateway.setRecording(false);
    await Promise.all([send("alice"), send("alice")]);
    gateway.setRecording(true);
    await send("alice");
    const answer = await gateway.whatIfs.whatIf(policy(port, url, 3), true);
    assert.ok(answer.kind === "compared");
    // The two that nobody recorded have taken from alice's bucket all the same.
    assert.deepEqual([answer.view.total, answer.view.rejected], [1, 1]);
  });
});
