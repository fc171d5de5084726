/**
 * Commands of the palette whose effect shows through the API, in requests that are sent, or in the trees. The ones whose
 * effect only a person at the screen sees are in test/e2e. One gateway serves all; each test leaves it as it was.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { eventually, holds } from "../e2e/window/expect.ts";
import { freePort } from "../free-port.ts";
import { gatewaysOf, KEY, type Shop } from "../e2e/window/shop.ts";
import { contextKeys, rowOf } from "./given.ts";
import { person } from "./person.ts";
import { activeTab, openShop, placeOf, replace, switchyard } from "./window.ts";

const run = (command: string, ...rest: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`switchyard.${command}`, ...rest);

const from = (text: string): string => (JSON.parse(text) as { from: string }).from;

export function describeCommands(): void {
  let shop: Shop;
  let cart: string;
  let first: string;

  /** Who answered `count` requests in a row to the two replicas of orders. */
  const answering = async (count = 6): Promise<string[]> => {
    await run("clearSimulations");
    const answers = [];
    for (let sent = 0; sent < count; sent++) answers.push(await shop.send("/open/1", {}));
    return [...new Set(answers.map(({ text }) => from(text)))].toSorted();
  };

  before(async () => {
    shop = await openShop();
    const workers = await freePort();
    const worker = vscode.Uri.file(join(switchyard().extensionPath, "examples/replicas/server.mjs"));
    await vscode.workspace.fs.copy(worker, vscode.Uri.file(join(shop.folder, "worker.mjs")), { overwrite: true });
    shop.write(
      shop.policy
        .replace(
          "policies:\n",
          `  workers:\n    run: { command: node worker.mjs, replicas: 1, port: { env: PORT, from: ${workers} } }\n\npolicies:\n`,
        )
        .concat(
          "  - name: open\n    matches:\n      - path: { prefix: /open }\n    backendRefs:\n      - { service: orders }\n",
          "  - name: cached\n    matches:\n      - path: { prefix: /cached }\n    policies:\n      - cache: { ttl: 60s }\n    backendRefs:\n      - { service: cart }\n",
          "  - name: workers\n    matches:\n      - path: { prefix: /workers }\n    backendRefs:\n      - { service: workers }\n",
        ),
    );
    cart = `cart :${shop.ports[2]}`;
    first = `orders :${shop.ports[0]}`;
    await run("start");
    await run("services.focus");
  });

  after(async () => {
    await run("stop");
    shop.write(shop.policy);
  });

  it("Drain Replica, Take Replica into Maintenance, Readmit Replica: requests go elsewhere and come back", async () => {
    assert.deepEqual(await answering(), ["orders-1", "orders-2"]);
    const row = `:${shop.ports[0]}`;
    person.picks(first);
    await run("drainReplica");
    assert.deepEqual(await answering(), ["orders-2"]);
    await eventually("the row says so", () => rowOf("switchyard.services", row, "draining"));
    person.picks(first);
    await run("takeOutReplica");
    assert.deepEqual(await answering(), ["orders-2"]);
    const held = await eventually("the row says so", () => rowOf("switchyard.services", row, "in maintenance"));
    await run("readmitReplica", held.element);
    assert.deepEqual(await answering(), ["orders-1", "orders-2"]);
  });

  it("Simulate Latency…: a request takes as long as was typed", async () => {
    person.picks(cart).types("400");
    await run("simulateLatency");
    const begun = performance.now();
    assert.equal((await shop.send("/cart/slow")).status, 200);
    assert.ok(performance.now() - begun >= 395, "the answer came too early");
    await eventually("the key for the menus is set", () => contextKeys.get("switchyard.simulating") === true);
    await eventually("the row says so", () => rowOf("switchyard.services", `:${shop.ports[2]}`, "simulated:"));
    await run("clearSimulations");
  });

  it("Simulate Errors…: the status that was typed is answered", async () => {
    person.picks(cart).types("507").types("100");
    await run("simulateErrors");
    assert.equal((await shop.send("/cart/failing")).status, 507);
    await run("clearSimulations");
  });

  it("Simulate Replica Down…, Clear Simulations: nothing answers, then it answers again", async () => {
    person.picks(cart);
    await run("simulateDown");
    assert.ok((await shop.send("/cart/down")).status >= 502);
    const row = await eventually("the row says so", () =>
      rowOf("switchyard.services", `:${shop.ports[2]}`, "simulated: down"),
    );
    assert.match(row.item.contextValue ?? "", /\.simulated/);
    await run("clearSimulations");
    await run("readmitReplica", row.element);
    await eventually("it answers", async () => (await shop.send("/cart/up")).status === 200);
    await eventually("the key is taken back", () => contextKeys.get("switchyard.simulating") === false);
  });

  it("Scale Service…: as many replicas answer as were typed", async () => {
    await eventually("one worker answers", async () => (await shop.send("/workers/1")).status === 200);
    person.types("2");
    await run("scale");
    await eventually("the row says so", () => rowOf("switchyard.services", "workers", "2/2 healthy"));
    const processes = new Set<number>();
    for (let sent = 0; sent < 8; sent++)
      processes.add((JSON.parse((await shop.send("/workers/1")).text) as { process: number }).process);
    assert.equal(processes.size, 2);
  });

  it("Open Log of Replica: what it printed is in an editor", async () => {
    person.picks("workers");
    await run("openReplicaLog");
    const editor = await eventually("the log", () => {
      const active = vscode.window.activeTextEditor;
      return active?.document.uri.scheme === "switchyard" && active;
    });
    assert.match(editor.document.getText(), /reviews listens on \d+/);
  });

  it("Stop Recording, Start Recording: only what passed while it was on is there", async () => {
    await shop.send("/cart/heard");
    await run("stopRecording");
    assert.equal(contextKeys.get("switchyard.recording"), false);
    assert.equal((await shop.send("/cart/unheard")).status, 200);
    await run("startRecording");
    assert.equal(contextKeys.get("switchyard.recording"), true);
    await shop.send("/cart/heard-again");
    person.picks("/cart/heard-again");
    await run("openRequestAsText");
    assert.ok(person.heard("GET /cart/heard "), person.said.join("\n"));
    assert.equal(person.heard("/cart/unheard"), undefined);
    await eventually("the text", () =>
      vscode.window.activeTextEditor?.document.getText().includes("/cart/heard-again"),
    );
  });

  it("Copy as cURL: the clipboard holds a line that sends it, without the secret", async () => {
    await shop.send("/orders/copied", { "x-api-key": KEY });
    person.picks("/orders/copied");
    await run("copyAsCurl");
    const copied = await vscode.env.clipboard.readText();
    assert.match(copied, /^curl .*\/orders\/copied/s);
    assert.ok(!copied.includes(KEY), copied);
  });

  it("Replay Request: it passes the gateway again, and is marked", async () => {
    await shop.send("/cart/replayed");
    person.picks("/cart/replayed");
    await run("replayRequest");
    assert.match(person.heard("GET /cart/replayed answered") ?? "", /answered 200/);
    person.picks("/cart/replayed");
    await run("openRequestAsText");
    assert.equal(person.said.filter((line) => line.includes("200 GET /cart/replayed ")).length, 2 + 1);
  });

  it("Export HAR…, Import HAR…: what one writes the other shows, marked; what is no archive is said", async () => {
    const file = join(shop.folder, "made.har");
    await shop.send("/cart/archived");
    person.types("path:/cart/archived").chooses(file);
    await run("exportHar");
    assert.ok(person.heard("1 requests exported to made.har"), person.said.join("\n"));
    const text = readFileSync(file, "utf8");
    assert.match(text, /"url": "http:\/\/[^"]*\/cart\/archived"/);
    person.chooses(file);
    await run("importHar");
    assert.ok(person.heard("1 request imported from made.har."), person.said.join("\n"));
    person.picks("/cart/archived");
    await run("openRequestAsText");
    const offered = person.said.filter((line) => line.includes("200 GET /cart/archived "));
    assert.deepEqual(
      offered.map((line) => line.includes("imported from made.har")),
      [false, true],
      person.said.join("\n"),
    );
    writeFileSync(file, text.slice(0, 100));
    person.chooses(file);
    await run("importHar");
    assert.match(person.heard("was not imported") ?? "", /made\.har was not imported\. It is no JSON/);
    rmSync(file);
  });

  it("Edit and Resend…, Send Edited Request: what was written is sent; what is no request is said by its line", async () => {
    await shop.send("/cart/drafted");
    person.picks("/cart/drafted");
    await run("editAndResend");
    const editor = await eventually("the text", () => {
      const active = vscode.window.activeTextEditor;
      return active?.document.getText().includes("GET /cart/drafted HTTP/1.1") && active;
    });
    await replace(editor.document, "GET /cart/drafted", "GET  /cart/edited");
    await run("sendEdited");
    assert.match(person.heard("line 2") ?? "", /request line is method/);
    await replace(editor.document, "GET  /cart/edited", "GET /cart/edited");
    await run("sendEdited");
    assert.match(person.heard("GET /cart/edited answered") ?? "", /answered 200/);
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  });

  it("Clear Traffic: there is nothing left to choose from", async () => {
    await shop.send("/cart/cleared");
    await run("clearTraffic");
    await run("openRequestAsText");
    assert.ok(person.heard("No request has come through the gateway yet."), person.said.join("\n"));
  });

  it("Explain Last Rejection: the cursor stands on the line that refused", async () => {
    const refused = await shop.send("/orders/unknown", {});
    const { line } = JSON.parse(refused.text) as { line: number };
    await run("explainLastRejection");
    await holds("the cursor", () => {
      const editor = vscode.window.activeTextEditor;
      assert.equal(editor?.document.uri.fsPath, shop.file);
      assert.equal(editor.selection.active.line + 1, line);
    });
    assert.ok(person.heard("401: "), person.said.join("\n"));
  });

  it("Reset Bucket…: an empty bucket is full again", async () => {
    await eventually("the limit refuses", async () => (await shop.send("/orders/77")).status === 429);
    person.picks("web");
    await run("resetBucket");
    assert.equal((await shop.send("/orders/77")).status, 200);
  });

  it("Set Bucket…, Freeze Bucket…, Thaw Bucket…: what is left is what was typed, and stays while it is frozen", async () => {
    person.picks("web").types("1");
    await run("setBucket");
    person.picks("web");
    await run("freezeBucket");
    await eventually("the row says so", () => rowOf("switchyard.limits", "web", "frozen"));
    for (let sent = 0; sent < 3; sent++) assert.equal((await shop.send("/orders/frozen")).status, 200);
    person.picks("web").types("0");
    await run("setBucket");
    assert.equal((await shop.send("/orders/empty")).status, 429);
    person.picks("web");
    await run("thawBucket");
    await eventually("it fills again", async () => (await shop.send("/orders/thawed")).status === 200);
    person.picks("web");
    await run("resetBucket");
  });

  it("Purge Cache…: what was stored is asked for again", async () => {
    await shop.send("/cached/1");
    const age = async (): Promise<unknown> => (await shop.send("/cached/1")).headers["age"];
    assert.notEqual(await age(), undefined, "the second answer comes from the cache");
    person.picks("stored").types("");
    await run("purgeCache");
    assert.equal(await age(), undefined);
  });

  it("Go to Policy: the row's line is shown", async () => {
    const row = await eventually("the row", () => rowOf("switchyard.services", "cart"));
    await run("goToPolicy", row.element);
    await holds("the line", () => {
      const editor = vscode.window.activeTextEditor;
      assert.equal(editor?.document.uri.fsPath, shop.file);
      assert.match(editor.document.lineAt(editor.selection.active.line).text, /cart/);
    });
  });

  it("Open Policy: it is in the editor", async () => {
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    await run("openPolicy");
    await holds("the editor", () => assert.equal(vscode.window.activeTextEditor?.document.uri.fsPath, shop.file));
  });

  it("Add Rate Limit: the first route gets one, unsaved, with the cursor on it", async () => {
    const saved = shop.read();
    await run("addLimit");
    await holds("the cursor", () => {
      const editor = vscode.window.activeTextEditor;
      assert.equal(editor?.document.isDirty, true);
      assert.match(editor.document.lineAt(editor.selection.active.line).text, /rateLimit/);
    });
    assert.equal(shop.read(), saved);
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  it("Compare with Serving Policy: the saved text stands beside the one that serves", async () => {
    await run("openPolicy");
    const { document } = vscode.window.activeTextEditor as vscode.TextEditor;
    const good = document.getText();
    await replace(document, "- name: cart", "- nmae: cart");
    await document.save();
    await eventually("the gateway says that it is invalid", () => contextKeys.get("switchyard.invalid") === true);
    assert.equal((await shop.send("/cart/last-good")).status, 200);
    await run("comparePolicy");
    const { original, modified } = await activeTab("the comparison", ({ input }) =>
      input instanceof vscode.TabInputTextDiff ? input : undefined,
    );
    assert.equal((await vscode.workspace.openTextDocument(original)).getText(), good);
    assert.equal(modified.fsPath, shop.file);
    await vscode.commands.executeCommand("workbench.action.closeActiveEditor");
    await replace(document, "- nmae: cart", "- name: cart");
    await document.save();
    await eventually("it is valid again", () => contextKeys.get("switchyard.invalid") === false);
    assert.equal(placeOf(document, "- name: cart").character, 2);
  });

  it("Send Test Request…: what was typed is sent, and its decision opened", async () => {
    person.types("/cart/test-request");
    await run("sendTest");
    assert.match(person.heard("GET http") ?? "", /\/cart\/test-request answered 200/);
    person.picks("/cart/test-request");
    await run("copyAsCurl");
    assert.match(await vscode.env.clipboard.readText(), /cart\/test-request/);
  });

  it("Preview Unsaved Policy: says how much would change, and changes nothing", async () => {
    const saved = shop.read();
    await shop.send("/cart/previewed");
    await run("openPolicy");
    const { document } = vscode.window.activeTextEditor as vscode.TextEditor;
    await run("previewPolicy");
    assert.ok(person.heard("would be decided the same"), person.said.join("\n"));
    await replace(document, "path: { prefix: /cart }", "path: { prefix: /basket }");
    await run("previewPolicy");
    assert.match(person.heard("would change") ?? person.said.join("\n"), /[1-9]\d* of \d+ would change: \+[1-9]/);
    person.said.length = 0;
    await Promise.all([run("previewPolicy"), run("previewPolicy")]);
    const told = person.said.filter((line) => line.includes("would change: +"));
    assert.equal(
      told.length,
      2,
      `who is overtaken by another question gets the answer too:\n${person.said.join("\n")}`,
    );
    assert.equal((await shop.send("/cart/still-served")).status, 200);
    assert.equal(shop.read(), saved);
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  it("Open Traffic in Editor: there is a tab of it", async () => {
    await run("openTrafficInEditor");
    const input = await activeTab("the tab", (tab) =>
      tab.input instanceof vscode.TabInputWebview ? tab.input : undefined,
    );
    assert.match(input.viewType, /switchyard/);
    await vscode.commands.executeCommand("workbench.action.closeActiveEditor");
  });

  it("Show Gateway Log: it is in the output", async () => {
    await run("showLog");
    await eventually("the log", () =>
      vscode.window.visibleTextEditors.find(
        ({ document }) =>
          document.uri.scheme === "output" && document.getText().includes("The gateway runs as process"),
      ),
    );
  });

  it("Show Gateway Status: what it offers works", async () => {
    const [before] = gatewaysOf(shop.folder);
    person.picks("Restart Gateway");
    await run("showStatus");
    assert.ok(person.heard(`Switchyard on http://`), person.said.join("\n"));
    const [after] = gatewaysOf(shop.folder);
    assert.notEqual(after, before);
  });

  for (const [title, command] of [
    ["Trust Local CA…", "trustCa"],
    ["Untrust Local CA…", "untrustCa"],
  ]) {
    it(`${title}: tells the steps, and changes nothing when they are copied`, async () => {
      const terminals = vscode.window.terminals.length;
      await vscode.env.clipboard.writeText("");
      person.presses("Copy Commands");
      await run(command);
      const commands = await vscode.env.clipboard.readText();
      assert.ok(commands.length > 0);
      const question = person.heard("This will be typed into a terminal") ?? person.said.join("\n");
      for (const line of commands.split("\n")) assert.ok(JSON.parse(question).detail.includes(line), question);
      assert.equal(vscode.window.terminals.length, terminals);
    });
  }
}
