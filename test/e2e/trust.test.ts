/**
 * A folder that nobody has trusted yet: its policy can be read, but nothing of it runs.
 */
import assert from "node:assert/strict";
import { packaged } from "./window/packaged.ts";
import { CodeServer } from "./window/server.ts";
import { gatewaysOf, Shop } from "./window/shop.ts";
import { closeBrowser, Workbench } from "./window/workbench.ts";

describe("Switchyard in an untrusted folder", function () {
  this.timeout(600_000);
  let shop: Shop;
  let server: CodeServer;
  let window: Workbench;

  before(async () => {
    shop = await Shop.open();
    const settings = { "security.workspace.trust.startupPrompt": "never", "switchyard.autoStart": true };
    server = await CodeServer.start({ vsix: packaged(), trust: true, settings });
    window = await Workbench.open(server.address(shop.folder));
    await window.showSidebar();
  });

  after(async () => {
    await window?.close();
    await closeBrowser();
    await server?.stop();
    await shop?.close();
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await window?.shot("failed-untrusted");
  });

  it("starts no process, not even when asked to, and says why", async () => {
    await window.pane("Services").getByText("not trusted").first().waitFor();
    await window.command("Switchyard: Start Gateway");
    await window.notification("no gateway is started").waitFor();
    assert.deepEqual(gatewaysOf(shop.folder), []);
  });

  it("still checks the policy", async () => {
    await window.openFile("switchyard.yaml");
    await window.goToLine(shop.lineOf("- name: cart"), 5);
    await window.page.keyboard.type("nmae: x, ");
    await window.editor().locator(".squiggly-error").first().waitFor();
    assert.deepEqual(gatewaysOf(shop.folder), []);
  });
});
