import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { freePort } from "../../free-port.ts";
import { backend, policy, policyFile, stopAll } from "./helpers.ts";
import { switchyard } from "./processes.ts";

describe("the command line", function () {
  this.timeout(300_000);
  afterEach(stopAll);

  it("checks a file: place, code, message and fix, and exits with 1", async () => {
    const file = policyFile("version: 1\nlisteners:\n  - { name: edge, prot: 8080 }\n");
    const line = switchyard(["check", file]);
    assert.equal(await line.ended, 1);
    assert.match(line.output(), /switchyard\.yaml:3:\d+: error SY101 .*prot/);
    assert.match(line.output(), /fix: /);
    assert.match(line.output(), /cannot be used: \d+ error/);
  });

  it("explains a request without sending it, in words and as JSON", async () => {
    const file = policyFile(policy(8080, 9));
    const words = switchyard(["explain", file, "GET", "/keyed/1", "-H", "x-api-key: wrong-key-here"]);
    assert.equal(await words.ended, 0);
    assert.match(words.output(), /401 by apiKey/);
    assert.match(words.output(), /switchyard\.yaml:16/);
    assert.ok(!words.output().includes("wrong-key-here"));
    const json = switchyard(["explain", file, "GET", "/open/1", "--json"]);
    assert.equal(await json.ended, 0);
    assert.equal(JSON.parse(json.output()).row.route, "open");
  });

  it("runs: follows saves of both kinds, keeps the last good policy, says a busy port, ends with 0", async () => {
    const port = await freePort();
    const target = await backend();
    const file = policyFile(policy(port, target));
    const line = switchyard(["run", file]);
    await line.says("Listening on");
    assert.equal((await fetch(`http://127.0.0.1:${port}/keyed`)).status, 401);
    await line.says(/401 GET \/keyed refused.*apiKey.*switchyard\.yaml:16/);
    writeFileSync(file, policy(port, target, 5));
    await line.says("Applied the saved policy (revision 2)");
    writeFileSync(`${file}.new`, policy(port, target, 6));
    renameSync(`${file}.new`, file);
    await line.says("(revision 3)");
    writeFileSync(file, "version: 1\nroutes: 7\n");
    await line.says("The last good policy keeps serving");
    assert.equal((await fetch(`http://127.0.0.1:${port}/open`)).status, 200);
    const second = switchyard(["run", policyFile(policy(port, target))]);
    assert.equal(await second.ended, 1);
    assert.match(second.output(), new RegExp(`port ${port} is held by .*\\d+`));
    line.child.kill("SIGTERM");
    assert.equal(await line.ended, 0);
  });

  it("ends with the input of the script that started it", async () => {
    const line = switchyard(
      ["run", policyFile(policy(await freePort(), await backend())), "--until-stdin-ends"],
      "pipe",
    );
    await line.says("Listening on");
    line.child.stdin?.end();
    assert.equal(await line.ended, 0);
  });

  it("tells what it cannot understand, and exits with 2", async () => {
    const line = switchyard(["rum"]);
    assert.equal(await line.ended, 2);
    assert.match(line.output(), /There is no command "rum"/);
  });
});
