import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Gateway } from "../../../src/gateway/gateway.ts";
import type { JournalEvent } from "../../../src/model/journal.ts";
import { until } from "../../until.ts";
import { policyFile, rowsEnded, stopAll } from "./helpers.ts";

const stamp = { generation: "", seq: 0 };

describe("drain, readmit and simulate on single replicas", function () {
  this.timeout(60_000);
  const servers: Server[] = [];
  const gateways: Gateway[] = [];
  /** Answers to what was asked for slowly: given when a test says so. */
  const held: (() => void)[] = [];
  const answerHeld = () => held.splice(0).forEach((answer) => answer());

  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((gateway) => gateway.stop(0)));
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
    await stopAll();
  });

  async function replica(name: string): Promise<string> {
    const server = createServer((request, response) => {
      request.resume();
      if (request.url === "/slow") held.push(() => response.end(name));
      else response.end(name);
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  interface Scene {
    readonly gateway: Gateway;
    readonly a: string;
    readonly b: string;
    readonly journal: JournalEvent[];
    readonly text: (endpoints: readonly string[], more?: string) => string;
    ask(path?: string, method?: string): Promise<{ status: number; text: string }>;
  }

  async function scene(more = ""): Promise<Scene> {
    const [a, b] = [await replica("a"), await replica("b")];
    const text = (endpoints: readonly string[], extra = ""): string => `version: 1
listeners: [{ name: edge, port: 0, address: 127.0.0.1 }]
services:
  shop:
    endpoints: [${endpoints.map((url) => `{ url: "${url}" }`).join(", ")}]
${extra}routes: [{ name: all, backendRefs: [{ service: shop }] }]
`;
    const journal: JournalEvent[] = [];
    const file = policyFile(text([a, b], more));
    const gateway = new Gateway({ file: join(file), journal: (event) => void journal.push(event) });
    gateways.push(gateway);
    await gateway.start(text([a, b], more));
    const ask = async (path = "/", method = "GET") => {
      const answer = await fetch(`${gateway.statusView(stamp).listeners[0].url}${path}`, { method });
      return { status: answer.status, text: await answer.text() };
    };
    return { gateway, a, b, journal, text, ask };
  }

  const views = (gateway: Gateway) => gateway.servicesView(stamp).services[0].endpoints;
  const whys = (gateway: Gateway, id: number) =>
    gateway.detail(id, false)?.balance?.candidates.map(({ verdict, why }) => `${verdict}: ${why}`) ?? [];

  it("a drained one gets no new requests, ends those it has, and comes back", async () => {
    const { gateway, a, journal, ask } = await scene();
    const slow = [ask("/slow"), ask("/slow")];
    await until(() => views(gateway).every(({ inFlight }) => inFlight === 1) && held.length === 2);
    gateway.setAdmin("shop", a, "Drain");
    assert.deepEqual(
      (await Promise.all([ask(), ask(), ask()])).map(({ text }) => text),
      ["b", "b", "b"],
    );
    answerHeld();
    assert.deepEqual((await Promise.all(slow)).map(({ text }) => text).toSorted(), ["a", "b"]);
    assert.equal(views(gateway)[0].health, "drain");
    await rowsEnded(gateway, 5);
    assert.ok(whys(gateway, 3).includes("excluded: is being drained: it gets no new requests"));
    gateway.setAdmin("shop", a, "Up");
    const texts = new Set((await Promise.all([ask(), ask(), ask(), ask()])).map(({ text }) => text));
    assert.deepEqual([...texts].toSorted(), ["a", "b"]);
    assert.deepEqual(
      journal.flatMap((event) => (event.kind === "admin" ? [event.admin] : [])),
      [1, 0],
    );
  });

  it("a drain by hand outlives an edit of something else", async () => {
    const { gateway, a, b, text } = await scene();
    gateway.setAdmin("shop", a, "Maintenance");
    await gateway.propose(text([a, b], "    panicThreshold: 10%\n"), -1);
    assert.deepEqual(
      views(gateway).map(({ health }) => health),
      ["maintenance", "unknown"],
    );
  });

  it("readmits an ejected one at once", async () => {
    const passive =
      "    healthCheck: { passive: { consecutive5xx: 1, baseEjectionTime: 1h, maxEjectionPercent: 50 } }\n";
    const { gateway, a, ask } = await scene(passive);
    await gateway.simulate("shop", a, { kind: "errors", status: 500, percent: 100 });
    await until(async () => {
      await ask("/", "POST");
      return views(gateway)[0].health === "ejected";
    });
    gateway.clearSimulations();
    gateway.setAdmin("shop", a, "Up");
    assert.equal(views(gateway)[0].health, "up");
  });

  it("simulated down: attempts are refused, another replica answers, and everything says that it is simulated", async () => {
    const { gateway, a, ask } = await scene();
    await gateway.simulate("shop", a, { kind: "down" });
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask()));
    assert.deepEqual([...new Set(answers.map(({ text }) => text))], ["b"]);
    await rowsEnded(gateway, 6);
    const row = Array.from({ length: 6 }, (_, i) => gateway.row(i + 1)).find((each) =>
      each?.tags.includes("simulated"),
    );
    assert.ok(row, "a row is tagged");
    const detail = gateway.detail(row.id, false);
    assert.match(detail?.attempts[0].outcome ?? "", /^connection refused in .* \(simulated\)$/);
    assert.equal(detail?.attempts[1].endpoint, views(gateway)[1].label);
    assert.equal(views(gateway)[0].simulation, "down");
    assert.equal(gateway.statusView(stamp).simulations?.[0].words, "down");
    assert.equal(gateway.lists.parseFilter("is:simulated").ok, true);
    await gateway.simulate("shop", a, null);
    assert.deepEqual(gateway.statusView(stamp).simulations, []);
    assert.equal(views(gateway)[0].simulation, undefined);
  });

  it("simulated down fails active checks too, and the verdict comes back with the replica", async () => {
    const active = "    healthCheck: { active: { path: /, interval: 50ms, unhealthyThreshold: 2 } }\n";
    const { gateway, a } = await scene(active);
    await until(() => views(gateway).every(({ health }) => health === "up"));
    await gateway.simulate("shop", a, { kind: "down" });
    await until(() => views(gateway)[0].health === "down");
    gateway.clearSimulations();
    await until(() => views(gateway)[0].health === "up");
  });

  it("simulated errors take the road of real ones", async () => {
    const { gateway, a, b, text, ask } = await scene();
    await gateway.simulate("shop", a, { kind: "errors", status: 503, percent: 100 });
    await gateway.simulate("shop", b, { kind: "errors", status: 418, percent: 100 });
    const answers = await Promise.all([ask("/", "POST"), ask("/", "POST")]);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [418, 503]);
    assert.match(answers[0].text, /Simulated by Switchyard/);
    assert.equal(gateway.statusView(stamp).simulations?.[0].words, "503 for every request");
    await gateway.propose(text([a, b], "    panicThreshold: 10%\n"), -1);
    assert.equal(gateway.statusView(stamp).simulations?.length, 2, "an edit keeps them");
  });

  it("simulated errors for a share of the requests follow the seed", async () => {
    const { gateway, a, b, ask } = await scene();
    for (const url of [a, b]) await gateway.simulate("shop", url, { kind: "errors", status: 404, percent: 50 });
    const statuses: number[] = [];
    for (let i = 0; i < 100; i++) statuses.push((await ask()).status);
    const failed = statuses.filter((status) => status === 404).length;
    assert.ok(failed > 20 && failed < 80, `${failed} of 100`);
  });

  it("simulated latency comes before the attempt, and counts for its timeout", async () => {
    const { gateway, a, b, ask } = await scene();
    for (const url of [a, b]) await gateway.simulate("shop", url, { kind: "latency", milliseconds: 150 });
    assert.equal((await ask()).status, 200);
    await rowsEnded(gateway, 1);
    const [span] = gateway.detail(1, false)?.timing.filter(({ name }) => name === "connect") ?? [];
    assert.ok(span.duration >= 149, `${span.duration} ms`);
    assert.match(gateway.detail(1, false)?.attempts[0].outcome ?? "", /^200 in .* \(simulated\)$/);
  });

  it("simulated down at layer 4: connections go to the other replica, and errors are refused", async () => {
    const [a, b] = [await replica("a"), await replica("b")];
    const text = `version: 1
listeners:
  - name: wire
    port: 0
    address: 127.0.0.1
    protocol: TCP
    backendRefs: [{ service: shop }]
services:
  shop:
    endpoints: [{ url: "tcp://${new URL(a).host}" }, { url: "tcp://${new URL(b).host}" }]
`;
    const gateway = new Gateway({ file: policyFile(text) });
    gateways.push(gateway);
    await gateway.start(text);
    const [{ url }] = views(gateway);
    await gateway.simulate("shop", url, { kind: "down" });
    const { port } = gateway.statusView(stamp).listeners[0];
    for (let i = 0; i < 4; i++) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
      assert.equal(await answer.text(), "b");
    }
    await rowsEnded(gateway, 4);
    const rows = Array.from({ length: 4 }, (_, i) => gateway.row(i + 1));
    assert.ok(rows.some((row) => row?.tags.includes("simulated")));
    await assert.rejects(
      gateway.simulate("shop", url, { kind: "errors", status: 503, percent: 100 }),
      /No HTTP request goes to "shop"/,
    );
  });

  it("an endpoint that leaves the file ends what it has, and gets no retry any more", async () => {
    const { gateway, a, b, text, ask } = await scene();
    const slow = [ask("/slow"), ask("/slow")];
    await until(() => views(gateway).every(({ inFlight }) => inFlight === 1) && held.length === 2);
    await gateway.propose(text([b]), -1);
    answerHeld();
    assert.deepEqual((await Promise.all(slow)).map(({ text: said }) => said).toSorted(), ["a", "b"]);
    assert.deepEqual([(await ask()).text, (await ask()).text], ["b", "b"]);
    assert.ok(a !== b);
  });

  it("cuts what an endpoint that left does not end within `drain`", async () => {
    const { gateway, a, b, text, ask } = await scene("    drain: 50ms\n");
    const slow = [ask("/slow"), ask("/slow")];
    await until(() => views(gateway).every(({ inFlight }) => inFlight === 1) && held.length === 2);
    await gateway.propose(text([b], "    drain: 50ms\n"), -1);
    // Whichever was with the endpoint that left; the other is still waiting for its answer.
    await Promise.race(slow);
    answerHeld();
    const answers = await Promise.all(slow);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 503]);
    assert.match(answers.find(({ status }) => status === 503)?.text ?? "", /left the service/);
    assert.ok(a !== b);
  });

  it("what is not there is named, with what is", async () => {
    const { gateway, a } = await scene();
    assert.throws(
      () => gateway.setAdmin("shop", "http://elsewhere", "Drain"),
      /shop has no replica at http:\/\/elsewhere: there are http/,
    );
    assert.throws(() => gateway.setAdmin("nobody", a, "Drain"), /no service "nobody": there are shop/);
    await assert.rejects(gateway.simulate("nobody", a, { kind: "down" }), /no service "nobody"/);
  });
});
