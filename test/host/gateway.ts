/**
 * The gateway as a child of the extension host: started by the command, seen in the trees, gone after stop.
 */
import assert from "node:assert/strict";
import * as vscode from "vscode";
import { eventually } from "../e2e/window/expect.ts";
import { gatewaysOf, type Shop } from "../e2e/window/shop.ts";
import { contextKeys, rowOf, rowsOf } from "./given.ts";
import { openShop } from "./window.ts";

export function describeGateway(): void {
  let shop: Shop;

  before(async () => {
    shop = await openShop();
    // A tree asks for nothing while nobody sees it.
    await vscode.commands.executeCommand("switchyard.services.focus");
    await vscode.commands.executeCommand("workbench.action.files.saveAll");
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });

  it("Start Gateway: there is one process, and it forwards", async () => {
    await vscode.commands.executeCommand("switchyard.start");
    assert.equal(gatewaysOf(shop.folder).length, 1);
    assert.equal((await shop.send("/orders/1")).status, 200);
    assert.equal((await shop.send("/cart/1", {})).status, 200);
    assert.equal((await shop.send("/orders/1", {})).status, 401);
    assert.equal(contextKeys.get("switchyard.running"), true);
  });

  it("shows services with their replicas, routes and limits", async () => {
    await eventually("both services", () => rowOf("switchyard.services", "cart", "1/1 healthy"));
    const services = await rowsOf("switchyard.services");
    assert.deepEqual(
      services.map(({ item }) => item.label),
      ["orders", ...shop.ports.slice(0, 2).map((port) => `:${port}`), "cart", `:${shop.ports[2]}`],
    );
    await eventually("the replicas are known to be up", () => rowOf("switchyard.services", `:${shop.ports[2]}`, "up"));
    const routes = await rowsOf("switchyard.routes");
    assert.deepEqual(
      routes.map(({ item }) => item.label),
      ["orders", "cart"],
    );
    await eventually("the bucket of web", () => rowOf("switchyard.limits", "web", "/5"));
  });

  it("Restart Gateway: it is another process", async () => {
    const [before] = gatewaysOf(shop.folder);
    await vscode.commands.executeCommand("switchyard.restart");
    const [after] = gatewaysOf(shop.folder);
    assert.notEqual(after, before);
    assert.equal((await shop.send("/cart/2")).status, 200);
  });

  it("Stop Gateway: the process is gone", async () => {
    await vscode.commands.executeCommand("switchyard.stop");
    assert.deepEqual(gatewaysOf(shop.folder), []);
    await assert.rejects(shop.send("/cart/3"));
    assert.equal(contextKeys.get("switchyard.running"), false);
    assert.deepEqual(
      await eventually("the rows are gone", async () => (await rowsOf("switchyard.services")).length === 0),
      true,
    );
  });
}
