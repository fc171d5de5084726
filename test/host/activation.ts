/**
 * When the extension wakes: not with the window, but with the first thing that needs it.
 */
import assert from "node:assert/strict";
import * as vscode from "vscode";
import { eventually } from "../e2e/window/expect.ts";
import { gatewaysOf } from "../e2e/window/shop.ts";
import { contextKeys } from "./given.ts";
import { person } from "./person.ts";
import { say } from "./say.ts";
import { switchyard, workspaceFolder } from "./window.ts";

export function describeActivation(): void {
  it("sleeps in a folder without a policy", () => {
    assert.equal(switchyard().isActive, false);
    assert.deepEqual(gatewaysOf(workspaceFolder()), []);
  });

  it("names no event that would wake it in every window, or search every folder", () => {
    const { activationEvents } = switchyard().packageJSON as { activationEvents: readonly string[] };
    for (const event of activationEvents) assert.doesNotMatch(event, /^\*$|^onStartupFinished$|\*\*\//);
  });

  it("is woken by a command, which says what is missing", async () => {
    const before = performance.now();
    await vscode.commands.executeCommand("switchyard.start");
    const took = performance.now() - before;
    assert.equal(switchyard().isActive, true);
    assert.ok(person.heard("There is no switchyard.yaml in the open folders."), person.said.join("\n"));
    assert.deepEqual(gatewaysOf(workspaceFolder()), []);
    say(`        activated and answered in ${took.toFixed(0)} ms`);
  });

  it("sees a policy that is written later", async () => {
    const file = vscode.Uri.joinPath(vscode.Uri.file(workspaceFolder()), "switchyard.yaml");
    assert.equal(await eventually("it has looked", () => contextKeys.has("switchyard.hasPolicy")), true);
    assert.equal(contextKeys.get("switchyard.hasPolicy"), false);
    await vscode.workspace.fs.writeFile(file, new TextEncoder().encode("version: 1\n"));
    await eventually("the policy is seen", () => contextKeys.get("switchyard.hasPolicy") === true);
    await vscode.workspace.fs.delete(file);
    await eventually("its end is seen", () => contextKeys.get("switchyard.hasPolicy") === false);
  });
}
