import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { join } from "node:path";
import { freePort } from "../../free-port.ts";
import { GATEWAY } from "../../processes.ts";
import { until } from "../../until.ts";
import { backend, policy, policyFile, stopAll } from "./helpers.ts";
import { forkGateway } from "./processes.ts";

describe("the gateway as a forked process", function () {
  this.timeout(300_000);
  afterEach(stopAll);

  it("tells its watcher what happens, explains a refusal to its line, and masks keys", async () => {
    const port = await freePort();
    const { gateway, deltas, wire } = await forkGateway(policyFile(policy(port, await backend())));
    assert.equal((await gateway.hello(1)).status.listeners[0].port, port);
    await gateway.watch({ traffic: { filter: "" } });
    assert.equal((await fetch(`http://127.0.0.1:${port}/open/1`)).status, 200);
    const headers = { "x-api-key": "a-wrong-key-entirely" };
    assert.equal((await fetch(`http://127.0.0.1:${port}/keyed/1`, { headers })).status, 401);
    const good = { "x-api-key": "alices-own-key-4711" };
    assert.equal((await fetch(`http://127.0.0.1:${port}/keyed/2`, { headers: good })).status, 200);
    await until(() => deltas.some(({ total }) => total === 3));
    await until(async () => (await gateway.rows({ filter: "is:ok", from: 0, count: 0 })).matched === 2, "rows end");
    const refusal = await gateway.lastRejection();
    assert.equal(refusal?.row.status, 401);
    assert.equal(refusal?.verdict.location?.line, 16);
    const window = await gateway.rows({ filter: "is:ok", from: -10, count: 10 });
    assert.deepEqual(
      window.rows.map((row) => row.path),
      ["/open/1", "/keyed/2"],
    );
    for (const { id } of window.rows) await gateway.detail(id, false);
    for (const secret of ["a-wrong-key-entirely", "alices-own-key-4711"])
      assert.ok(!wire.some((text) => text.includes(secret)), `${secret} left the gateway`);
  });

  it("takes an edit, refuses a bad and a stale one, and keeps serving", async () => {
    const port = await freePort();
    const target = await backend();
    const { gateway } = await forkGateway(policyFile(policy(port, target)));
    const accepted = await gateway.propose(policy(port, target, 5), 1);
    assert.deepEqual([accepted.kind, accepted.kind === "accepted" && accepted.revision], ["accepted", 2]);
    assert.equal((await gateway.propose(policy(port, target, 6), 1)).kind, "conflict");
    const invalid = await gateway.propose("version: 1\nroutes: [{ nmae: x }]\n", -1);
    assert.equal(invalid.kind, "invalid");
    assert.equal((await gateway.status()).policy.invalid, true);
    assert.equal((await gateway.status()).policy.revision, 2);
    assert.equal((await fetch(`http://127.0.0.1:${port}/open`)).status, 200);
  });

  it("answers calls that are malformed with an error, and lives on", async () => {
    const { gateway, child } = await forkGateway(policyFile(policy(await freePort(), await backend())));
    child.send({ session: 5, data: 7 });
    child.send({ session: "x", data: { t: "q", m: "nothing", i: "1", a: [] } });
    await assert.rejects(async () => gateway.rows({ filter: "", from: 0, count: 100_000 }), /from 0 to 500/);
    await assert.rejects(async () => gateway.watch({ traffic: { filter: "statsu:4" } }), /Did you mean/);
    assert.equal((await gateway.status()).state, "running");
  });

  it("says which port is busy", async () => {
    const port = await freePort();
    const target = await backend();
    await forkGateway(policyFile(policy(port, target)));
    await assert.rejects(forkGateway(policyFile(policy(port, target))), { code: "EADDRINUSE", port });
  });

  it("drains and ends with 0 on SIGTERM", async () => {
    const { child } = await forkGateway(policyFile(policy(await freePort(), await backend())));
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
  });

  it("does not outlive a parent that was killed", async () => {
    const port = await freePort();
    const file = policyFile(policy(port, await backend()));
    const parent = fork(join(import.meta.dirname, "parent.fixture.mjs"), [GATEWAY, file], { execArgv: [] });
    await new Promise((done) => parent.once("message", done));
    assert.equal((await fetch(`http://127.0.0.1:${port}/open`)).status, 200);
    parent.kill("SIGKILL");
    await until(async () =>
      fetch(`http://127.0.0.1:${port}/open`).then(
        () => false,
        () => true,
      ),
    );
  });

  it("drops no request while the policy is saved a hundred times under load", async () => {
    const port = await freePort();
    const target = await backend();
    const { gateway } = await forkGateway(policyFile(policy(port, target)));
    const load = { on: true };
    let sent = 0;
    const failures: string[] = [];
    const client = async () => {
      while (load.on) {
        sent++;
        const answer = await fetch(`http://127.0.0.1:${port}/open/${sent}`).catch((error: unknown) => String(error));
        if (typeof answer === "string" || answer.status !== 200) failures.push(JSON.stringify(answer));
        else await answer.text();
      }
    };
    const clients = [client(), client(), client(), client()];
    for (let n = 1; n <= 100; n++)
      assert.equal((await gateway.propose(policy(port, target, 1000 + n), -1)).kind, "accepted");
    load.on = false;
    await Promise.all(clients);
    assert.deepEqual(failures, []);
    assert.ok(sent > 20, `${sent} requests`);
    assert.equal((await gateway.status()).policy.revision, 101);
  });
});
