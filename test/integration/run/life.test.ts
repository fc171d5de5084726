import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { rowsEnded, stopAll as stopOthers } from "../control/helpers.ts";
import { switchyard } from "../control/processes.ts";
import { freePort } from "../../free-port.ts";
import { until } from "../../until.ts";
import { ask, isAlive, NODE, policy, Running, stopAll, workspace } from "./helpers.ts";

interface Answer {
  readonly pid: number;
  readonly port: string;
  readonly say?: string;
}

async function answer(running: Running): Promise<Answer> {
  return JSON.parse((await ask(running.port, "/")).text);
}

/** A server that has nothing to do with the gateway, which itself may be trying whether the port is free at this moment. */
async function squat(port: number): Promise<Server> {
  const server = createServer((_, response) => response.end("a stranger"));
  const listens = () =>
    new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
  await until(listens, `port ${port} for a stranger`);
  return server;
}

describe("the life of a replica", function () {
  this.timeout(300_000);
  afterEach(async () => {
    await stopAll();
    await stopOthers();
  });

  it("begins without requests until somebody listens, and the refusal says that it is starting", async () => {
    const folder = workspace();
    const held = join(folder, "held");
    writeFileSync(held, "");
    const running = await Running.start(policy({ from: await freePort() }), {}, folder);
    const { status } = await ask(running.port, "/");
    assert.equal(status, 503);
    await rowsEnded(running.gateway, 1);
    const [candidate] = running.gateway.detail(1, false)?.balance?.candidates ?? [];
    assert.deepEqual(
      [candidate.verdict, candidate.why],
      ["excluded", "is starting: it gets requests once it is healthy"],
    );
    rmSync(held);
    await running.serving(1);
    assert.equal((await ask(running.port, "/")).status, 200);
  });

  it("waits for the active check when the service has one", async () => {
    const folder = workspace();
    // Listens at once, but says 503 until it was asked three times.
    const script = `let asked = 0;
      require("node:http").createServer((q, r) => { r.statusCode = q.url === "/ready" && ++asked < 3 ? 503 : 200; r.end(String(asked)); })
        .listen(Number(process.env.PORT), "127.0.0.1");`;
    writeFileSync(join(folder, "slow.cjs"), script);
    const more = "    healthCheck: { active: { path: /ready, interval: 1h } }\n";
    const running = await Running.start(
      policy({ from: await freePort(), command: `${NODE} slow.cjs`, more }),
      {},
      folder,
    );
    await running.serving(1);
    assert.ok(Number((await ask(running.port, "/")).text) >= 3);
  });

  it("starts again after it died, after longer and longer pauses, and requests say why they went elsewhere", async () => {
    const folder = workspace();
    const running = await Running.start(policy({ from: await freePort(), replicas: 2 }), {}, folder);
    await running.serving(2);
    const before = await answer(running);
    const broken = join(folder, "broken");
    writeFileSync(broken, "");
    await assert.doesNotReject(ask(running.port, "/die/3", { method: "POST" }));
    await until(() => running.endpoints.some(({ health }) => health === "restarting"));
    const dead = running.endpoints.find(({ health }) => health === "restarting");
    assert.match(dead?.sentence ?? "", /^restarting in \d+ ms after exit code 3$/);
    // It dies again and again, so that one of the requests meets it in a pause.
    const whys: string[] = [];
    for (let id = 2; !whys.some((why) => /^is restarting in .* after exit code 3$/.test(why)); id++) {
      assert.ok(id < 5000, whys.join("\n"));
      assert.equal((await ask(running.port, `/${id}`)).status, 200);
      for (const { why } of running.gateway.detail(id, false)?.balance?.candidates ?? []) whys.push(why);
    }
    rmSync(broken);
    await running.serving(2);
    assert.ok(before.pid > 0);
    assert.ok(running.remarks.some((remark) => /restarting in 500 ms after exit code 3/.test(remark)));
  });

  it("doubles the pause while a command keeps failing", async () => {
    const running = await Running.start(policy({ from: await freePort(), command: "exit 7" }));
    await until(() => running.remarks.filter((remark) => remark.includes("restarting in")).length >= 3);
    const pauses = running.remarks.flatMap((remark) => /restarting in (.*) after exit code 7/.exec(remark)?.[1] ?? []);
    assert.deepEqual(pauses.slice(0, 3), ["500 ms", "1 s", "2 s"]);
  });

  it("is not taken for another process that holds its port", async () => {
    const folder = workspace();
    const running = await Running.start(policy({ from: await freePort() }), {}, folder);
    const [{ url }] = await running.serving(1);
    const port = Number(new URL(url).port);
    const { pid } = await answer(running);
    // Dies, and somebody else is quicker to take the port: it does not listen again until it may.
    const broken = join(folder, "broken");
    writeFileSync(broken, "");
    process.kill(pid, "SIGKILL");
    await until(() => running.endpoints[0].health === "restarting");
    assert.match(running.endpoints[0].sentence, /after SIGKILL$/);
    const squatter = await squat(port);
    rmSync(broken);
    await until(() => running.remarks.some((remark) => remark.includes(`port ${port} is held by another process`)));
    assert.equal((await ask(running.port, "/")).status, 503);
    await new Promise((done) => squatter.close(done));
    await running.serving(1);
    assert.equal(typeof (await answer(running)).pid, "number");
  });

  it("takes the next free port when the first is somebody's", async () => {
    const from = await freePort();
    const squatter = await squat(from);
    try {
      const running = await Running.start(policy({ from }));
      const [{ url }] = await running.serving(1);
      assert.ok(Number(new URL(url).port) > from);
      assert.equal(JSON.parse((await ask(running.port, "/")).text).port, new URL(url).port);
    } finally {
      await new Promise((done) => squatter.close(done));
    }
  });

  it("goes on over an edit of something else, and rolls over when its command changes, without a failed request", async () => {
    const from = await freePort();
    const running = await Running.start(policy({ from, replicas: 2 }));
    await running.serving(2);
    const before = new Set([(await answer(running)).pid, (await answer(running)).pid]);
    assert.equal(before.size, 2);
    const remark = await running.gateway.propose(`${policy({ from, replicas: 2 })}# nothing\n`, -1);
    assert.equal(remark.kind, "accepted");
    assert.ok(before.has((await answer(running)).pid));

    const load = { going: true };
    const statuses = new Set<number>();
    const worker = async (): Promise<void> => {
      while (load.going) statuses.add((await ask(running.port, "/slow/5")).status);
    };
    const workers = [worker(), worker(), worker()];
    const edit = await running.gateway.propose(policy({ from, replicas: 2, env: "{ SAY: new }" }), -1);
    assert.equal(edit.kind, "accepted");
    await until(async () => (await answer(running)).say === "new" && (await answer(running)).say === "new");
    await until(() => [...before].every((pid) => !isAlive(pid)), "the old ones ended");
    await running.serving(2);
    load.going = false;
    await Promise.all(workers);
    assert.deepEqual([...statuses], [200]);
  });

  it("keeps the old ones serving while a changed command does not work", async () => {
    const from = await freePort();
    const running = await Running.start(policy({ from }));
    await running.serving(1);
    const { pid } = await answer(running);
    await running.gateway.propose(policy({ from, command: "exit 1" }), -1);
    await until(() => running.endpoints.some(({ health }) => health === "restarting"));
    assert.equal((await answer(running)).pid, pid);
    await running.gateway.propose(policy({ from }), -1);
    await running.serving(1);
  });

  it("keeps what its process said, across its deaths, and remarks of its own between", async () => {
    const running = await Running.start(policy({ from: await freePort() }));
    const [{ url }] = await running.serving(1);
    const log = (): string => running.gateway.replicaLog("reviews", url) ?? "";
    await until(() => log().includes(`listening on ${new URL(url).port}`));
    process.kill((await answer(running)).pid, "SIGKILL");
    await until(() => log().split("listening on").length === 3);
    assert.match(log(), /── starting on port \d+: .*replica\.mjs/);
    assert.match(log(), /── restarting in 500 ms after SIGKILL/);
    assert.equal(running.gateway.replicaLog("reviews", "http://localhost:1"), undefined);
  });

  it("does not begin where commands of the file may not be run", async () => {
    const running = await Running.start(policy({ from: await freePort() }), { mayRun: false });
    assert.equal(running.endpoints[0].health, "forbidden");
    assert.equal((await ask(running.port, "/")).status, 503);
    assert.deepEqual(running.remarks, []);
  });
});

describe("the end of a gateway", function () {
  this.timeout(300_000);
  afterEach(async () => {
    await stopAll();
    await stopOthers();
  });

  /** Through a shell that waits, with a grandchild that listens: three processes per replica. */
  async function gatewayWithGrandchildren() {
    const folder = workspace();
    const file = join(folder, "switchyard.yaml");
    writeFileSync(
      file,
      policy({
        from: await freePort(),
        replicas: 2,
        command: `sh -c "${process.execPath} replica.mjs; echo gone" ; echo over`,
      }),
    );
    const line = switchyard(["run", file]);
    await line.says("Listening on");
    const url = /Listening on (\S+)/.exec(line.output())?.[1] ?? "";
    const pids = new Set<number>();
    await until(async () => {
      const { status, text } = await ask(Number(new URL(url).port), "/");
      if (status === 200) pids.add(JSON.parse(text).pid);
      return pids.size === 2;
    });
    return { line, pids: [...pids] };
  }

  it("by SIGKILL leaves no replica, no shell and no grandchild", async () => {
    const { line, pids } = await gatewayWithGrandchildren();
    line.child.kill("SIGKILL");
    await line.ended;
    await until(() => pids.every((pid) => !isAlive(pid)), "all ended");
  });

  it("by a signal ends replicas politely", async () => {
    const { line, pids } = await gatewayWithGrandchildren();
    line.child.kill("SIGTERM");
    assert.equal(await line.ended, 0);
    await until(() => pids.every((pid) => !isAlive(pid)), "all ended");
    assert.match(line.output(), /reviews :\d+ \| polite end/);
  });

  it("is not needed for that: when the supervisor is killed, its replicas end and start again", async () => {
    const running = await Running.start(policy({ from: await freePort() }));
    await running.serving(1);
    const { pid } = await answer(running);
    process.kill(running.gateway.supervisorId ?? 0, "SIGKILL");
    await until(() => !isAlive(pid), "the replica ended");
    await until(() => running.remarks.some((remark) => remark.includes("the supervisor of the replicas has died")));
    await running.serving(1);
    assert.notEqual((await answer(running)).pid, pid);
  });
});
