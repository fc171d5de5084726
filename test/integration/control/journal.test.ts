/**
 * The journal of a running gateway is whole: folded over a fresh state it gives every decision that was made, and ends in
 * the state that the gateway has - over traffic, refusals, a dead backend, a drain, an emptied bucket and two saves.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import { Gateway } from "../../../src/gateway/gateway.ts";
import type { Active } from "../../../src/gateway/listen/engine.ts";
import { Decision } from "../../../src/model/decision.ts";
import { freshState } from "../../../src/model/fresh.ts";
import type { JournalEvent } from "../../../src/model/journal.ts";
import { replay, type Replayed } from "../../../src/replay/replay.ts";
import { freePort } from "../../free-port.ts";
import { policyFile, rowsEnded, stopAll } from "./helpers.ts";

/** Alive ones answer 200, and 503 where it is asked for. */
async function replica() {
  const server = createServer((request, response) => {
    request.resume();
    response.statusCode = request.url?.endsWith("/ill") === true ? 503 : 200;
    setTimeout(() => response.end("ok"), request.url?.endsWith("/slow") === true ? 40 : 0);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const SENDING = `
    retry: { attempts: 3, codes: [503], backoff: 2ms }
    hedge: { after: 10ms, max: 2 }
    mirror: { service: copies, percent: 60% }`;

const policyWith = (
  port: number,
  urls: readonly string[],
  requests: number,
  type: string,
  sending: string,
) => `version: 1
listeners:
  - { name: edge, port: ${port}, address: 127.0.0.1 }
services:
  shop:
    endpoints: [${urls.map((url) => `{ url: "${url}" }`).join(", ")}]
    loadBalancer: { type: ${type} }
    healthCheck: { passive: { consecutive5xx: 3, baseEjectionTime: 10s } }
  copies: { endpoints: [{ url: "${urls[0]}" }, { url: "${urls[1]}" }] }
routes:
  - name: all${sending}
    policies:
      - rateLimit: { key: header.x-who, requests: ${requests}, per: 1m, algorithm: tokenBucket }
    backendRefs: [{ service: shop }]
`;

/** What a recorder keeps of a decision: 32-bit floats. */
function kept(decision: Decision) {
  const { route, match, step, reason, builtIn, service, endpoint, attempts, trace } = decision;
  const numbers = [...trace.numbers.subarray(0, trace.length * 3)].map(Math.fround);
  return { route, match, step, reason, builtIn, service, endpoint, attempts, dropped: trace.dropped, numbers };
}

describe("the journal of a running gateway", () => {
  afterEach(stopAll);

  it("replays to the same decisions and the same state, over saves, resets and drains", () => replaysLive(""));

  it("replays while requests are retried, hedged and mirrored", async () => {
    const kinds = await replaysLive(SENDING);
    for (const kind of ["retry", "hedge", "drop", "copy"] as const)
      assert.ok(kinds.has(kind), `no ${kind} in the journal`);
  });

  async function replaysLive(sending: string): Promise<Set<JournalEvent["kind"]>> {
    const policy = (at: number, urls: readonly string[], requests: number, type: string) =>
      policyWith(at, urls, requests, type, sending);
    const journal: JournalEvent[] = [];
    const port = await freePort();
    const replicas = await Promise.all([replica(), replica()]);
    const dead = `http://127.0.0.1:${await freePort()}`;
    const urls = [...replicas.map(({ url }) => url), dead];
    const first = policy(port, urls, 12, "RoundRobin");
    const gateway = new Gateway({ file: policyFile(first), journal: (event) => void journal.push(event) });
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const send = (who: string, path = "/") =>
      new Promise<number>((done, failed) => {
        const sent = ask({ port, host: "127.0.0.1", path, agent, headers: { "x-who": who } }, (response) => {
          response.resume().on("end", () => done(response.statusCode ?? 0));
        });
        sent.on("error", failed).end();
      });
    const burst = (who: string, count: number, path?: string) =>
      Promise.all(Array.from({ length: count }, () => send(who, path)));
    try {
      await gateway.start(first);
      await burst("fred", 6, "/slow");
      const statuses = [...(await burst("alice", 16)), ...(await burst("bob", 8, "/ill"))];
      assert.ok(statuses.includes(429) && statuses.includes(503) && statuses.includes(200), statuses.join(" "));
      const [limit] = gateway.limitsView({ generation: "", seq: 0 }, "", 20).limits;
      gateway.changeBucket(limit.identity, "alice", { kind: "reset" });
      assert.deepEqual(new Set(await burst("alice", 3)), new Set([200]));
      gateway.setAdmin("shop", urls[0], "Drain");
      await burst("carol", 4);
      const edit = await gateway.propose(policy(port, urls, 5, "LeastRequest"), -1);
      assert.equal(edit.kind, "accepted");
      await burst("carol", 6);
      gateway.setAdmin("shop", urls[0], "Up");
      assert.equal((await gateway.propose(policy(port, urls.slice(0, 2), 9, "Random"), -1)).kind, "accepted");
      await burst("dora", 12);
      gateway.setRecording(false);
      await burst("erna", 12);
      gateway.setRecording(true);

      // Mirrored copies and hedges that lost are on their way a moment longer than their answers.
      const { recorder } = gateway;
      const ids = () => Array.from({ length: recorder.next - recorder.first }, (_, i) => recorder.first + i);
      await rowsEnded(gateway, 1);
      const archive = await gateway.exportHar("is:rejected");
      assert.ok(archive.count > 0 && archive.count === archive.matched, `${archive.count} of ${archive.matched}`);
      const [entry] = JSON.parse(archive.text).log.entries;
      assert.equal(new URL(entry.request.url).port, String(port));

      const kinds = new Set(journal.map(({ kind }) => kind));
      for (const kind of ["enter", "decide", "again", "settle", "reset", "admin", "swap"] as const)
        assert.ok(kinds.has(kind), `no ${kind} in the journal`);
      const settled = new Map<number, Replayed>();
      const planOf = (revision: number) => gateway.recorder.plans.get(revision)?.plan;
      const plan = planOf(1);
      assert.ok(plan);
      const ended = (request: Replayed) => void settled.set(request.id, request);
      const end = replay({ plan, state: freshState(plan), planOf, ended }, journal);
      const live = (Reflect.get(gateway, "engine") as { readonly active: Active }).active;
      assert.equal(end.plan, live.plan);
      assert.deepEqual(end.state, live.state);
      for (const id of ids()) {
        const place = gateway.recorder.place(id);
        assert.ok(place);
        const decided = new Decision();
        place.chunk.unpackDecision(place.index, decided);
        const again = settled.get(id);
        assert.ok(again, `request ${id} is not in the journal`);
        assert.deepEqual(kept(again.decision), kept(decided));
      }
      return kinds;
    } finally {
      agent.destroy();
      await gateway.stop(0);
      for (const { server } of replicas) server.close().closeAllConnections();
    }
  }
});
