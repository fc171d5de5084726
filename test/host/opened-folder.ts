/**
 * The suite of a window whose folder has a policy from the start: that wakes the extension. It ends with a gateway
 * running, and test/host/run.ts looks whether that goes with the window.
 */
import assert from "node:assert/strict";
import * as vscode from "vscode";
import { eventually } from "../e2e/window/expect.ts";
import { gatewaysOf } from "../e2e/window/shop.ts";
import { person } from "./person.ts";
import { openShop, switchyard, workspaceFolder } from "./window.ts";

person.sitDown();

describe("Switchyard in a folder with a policy", () => {
  it("is active without being asked, and has started no process", async () => {
    await eventually("the extension is active", () => switchyard().isActive);
    assert.deepEqual(gatewaysOf(workspaceFolder()), []);
  });

  it("starts on what the folder has, and leaves the rest to the end of the window", async () => {
    const shop = await openShop();
    await vscode.commands.executeCommand("switchyard.start");
    assert.deepEqual(
      person.said.filter((text) => text.includes("not started")),
      [],
    );
    assert.equal((await shop.send("/cart/1")).status, 200);
    assert.equal(gatewaysOf(shop.folder).length, 1);
  });
});
