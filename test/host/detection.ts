/**
 * Detect Running Services, over real processes in the window's folder: two replicas of one package and another service.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { eventually } from "../e2e/window/expect.ts";
import { freePort } from "../free-port.ts";
import { gatewaysOf } from "../e2e/window/shop.ts";
import { rowOf } from "./given.ts";
import { person } from "./person.ts";
import { workspaceFolder } from "./window.ts";

const SERVER = `
const { createServer } = require("node:http");
const port = Number(process.argv.at(-1));
createServer((request, response) => {
  if (request.method !== "GET") process.exit(1);
  response.statusCode = request.url === "/healthz" ? 200 : 404;
  response.end(JSON.stringify({ port, url: request.url }));
}).listen(port, "127.0.0.1");
process.stdin.resume().on("end", () => process.exit());
`;

const detect = (): Thenable<unknown> => vscode.commands.executeCommand("switchyard.detectServices");

export function describeDetection(): void {
  const children: ChildProcess[] = [];
  const policy = (): string => join(workspaceFolder(), "switchyard.yaml");
  let ports: number[];

  const start = async (name: string, port: number): Promise<void> => {
    const cwd = join(workspaceFolder(), name);
    mkdirSync(cwd, { recursive: true });
    writeFileSync(
      join(cwd, "package.json"),
      JSON.stringify({ name: `@detected/${name}`, scripts: { dev: "node server.cjs" } }),
    );
    writeFileSync(join(cwd, "server.cjs"), SERVER);
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
    children.push(
      spawn(process.execPath, ["server.cjs", String(port)], { cwd, env, stdio: ["pipe", "ignore", "ignore"] }),
    );
    await eventually(`${name} listens`, async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok);
  };
  const end = async (): Promise<void> => {
    for (const child of children.splice(0)) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    }
  };

  before(async () => {
    ports = [await freePort(), await freePort(), await freePort()];
  });

  after(async () => {
    await end();
    await vscode.commands.executeCommand("switchyard.stop");
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    rmSync(policy(), { force: true });
    for (const name of ["baskets", "prices"]) rmSync(join(workspaceFolder(), name), { recursive: true, force: true });
  });

  it("writes nothing when the preview is left", async () => {
    await start("baskets", ports[0]);
    await start("baskets", ports[1]);
    await start("prices", ports[2]);
    person.keeps();
    await detect();
    assert.ok(
      person.heard(
        `baskets :${ports
          .slice(0, 2)
          .toSorted((a, b) => a - b)
          .join(" :")}`,
      ),
      person.said.join("\n"),
    );
    assert.match(vscode.window.activeTextEditor?.document.getText() ?? "", /baskets: # package\.json in .*2 processes/);
    assert.equal(vscode.window.activeTextEditor?.document.languageId, "switchyard");
    assert.equal(existsSync(policy()), false);
    assert.deepEqual(gatewaysOf(workspaceFolder()), []);
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  });

  it("writes the previewed policy, starts on a free port, and one request lands", async () => {
    person.keeps().presses("Write and Start");
    await detect();
    const text = readFileSync(policy(), "utf8");
    for (const port of ports)
      assert.match(text, new RegExp(`http://127\\.0\\.0\\.1:${port}" } # process \\d+: \\S*node\\S* server\\.cjs`));
    assert.match(
      person.heard("answered 200") ?? person.said.join("\n"),
      /GET http:\S+\/(baskets|prices)\/healthz answered 200/,
    );
    assert.equal(gatewaysOf(workspaceFolder()).length, 1);
    await vscode.commands.executeCommand("switchyard.services.focus");
    await eventually("both replicas", () => rowOf("switchyard.services", "baskets", "2/2 healthy"));
    assert.equal(vscode.window.activeTextEditor?.document.isDirty ?? false, false);
  });

  it("only shows a new policy where there is one already", async () => {
    const before = readFileSync(policy(), "utf8");
    person.picks("prices");
    await detect();
    assert.ok(person.heard("There is a switchyard.yaml already"), person.said.join("\n"));
    assert.doesNotMatch(vscode.window.activeTextEditor?.document.getText() ?? "baskets", /baskets/);
    assert.equal(readFileSync(policy(), "utf8"), before);
  });

  it("adds a replica that listens, by the quick fix at a service of which one is down", async () => {
    const [down] = children.splice(0, 1);
    const gone = new Promise((resolve) => down.once("exit", resolve));
    down.kill("SIGKILL");
    await gone;
    await eventually("one is down", () => rowOf("switchyard.services", "baskets", "1/2 healthy"));
    const another = await freePort();
    await start("baskets", another);
    const document = await vscode.workspace.openTextDocument(policy());
    const editor = await vscode.window.showTextDocument(document);
    const line = document.positionAt(document.getText().indexOf("baskets: #")).line;
    const fix = await eventually("the quick fix", async () => {
      const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        "vscode.executeCodeActionProvider",
        document.uri,
        new vscode.Range(line, 0, line, 0),
      );
      return actions.find(({ title }) => title === "Add a listening replica to baskets…");
    });
    const saved = document.getText();
    person.picks(`:${another}`);
    await vscode.commands.executeCommand(fix.command?.command ?? "", ...((fix.command?.arguments ?? []) as unknown[]));
    assert.ok(person.heard("is a replica of baskets once the policy is saved"), person.said.join("\n"));
    assert.ok(document.isDirty);
    assert.equal(document.getText().split(`url: "http://127.0.0.1:${another}"`).length, 2);
    await document.save();
    await eventually("it is a replica", () => rowOf("switchyard.services", "baskets", "2/3 healthy"));
    assert.notEqual(document.getText(), saved);
    await vscode.window.showTextDocument(editor.document);
    await vscode.commands.executeCommand("workbench.action.closeActiveEditor");
  });

  it("offers the folder's own scripts when nothing runs", async () => {
    await end();
    const known = new Set(vscode.window.terminals);
    person.picks("baskets");
    await detect();
    assert.ok(person.heard("Nothing that runs in this folder listens"), person.said.join("\n"));
    const started = vscode.window.terminals.filter((terminal) => !known.has(terminal));
    assert.deepEqual(
      started.map(({ name }) => name),
      ["npm run dev"],
    );
    for (const terminal of started) terminal.dispose();
  });
}
