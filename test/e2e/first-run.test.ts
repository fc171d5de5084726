/**
 * The first minutes of a person: an empty folder, the demo, and the policy of the demo edited with what the editor
 * offers. All through the screen: the folder dialog, the light bulb, the menu of a row.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./window/expect.ts";
import { packaged } from "./window/packaged.ts";
import { CodeServer } from "./window/server.ts";
import { gatewaysOf } from "./window/shop.ts";
import { closeBrowser, Workbench } from "./window/workbench.ts";

describe("The first minutes with Switchyard", function () {
  this.timeout(600_000);
  let home: string;
  let server: CodeServer;
  let window: Workbench;
  /** Where the demo was put: the folder that the window shows. */
  const shop = (): string => new URL(window.page.url()).searchParams.get("folder") ?? "";
  const lineOf = (part: string): number =>
    readFileSync(join(shop(), "switchyard.yaml"), "utf8")
      .split("\n")
      .findIndex((text) => text.includes(part)) + 1;

  /** The filter of the table in the panel. */
  const filtered = async (text: string): Promise<void> => {
    await window.webview(
      async (page) =>
        (await page.locator("body[data-place=panel]").count()) > 0 &&
        (
          await page.locator("input").evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value))
        ).some((value) => value.includes(text)),
    );
  };

  before(async () => {
    home = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-first-")));
    mkdirSync(join(home, "empty"));
    server = await CodeServer.start({ vsix: packaged() });
    window = await Workbench.open(server.address(join(home, "empty")));
    await window.showSidebar();
  });

  after(async () => {
    await window?.close();
    await closeBrowser();
    await server?.stop();
    if (home) rmSync(home, { recursive: true, force: true });
  });

  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    await window?.shot(`failed-${this.currentTest.title.replaceAll(/\W+/g, "-").slice(0, 60)}`);
    console.error(window?.console.slice(-8).join("\n"), server?.said.slice(-2000));
  });

  it("Start Demo: asks where, and a minute later the shop's traffic is explained", async () => {
    await window.pane("Services").getByRole("button", { name: "Start Demo" }).first().waitFor();
    await window.command("Switchyard: Start Demo");
    await window.chooseFolder(home, "Put the Demo Here");
    await window.page.locator('.tab.active[data-resource-name="switchyard.yaml"]').waitFor();
    await window.statusItem().filter({ hasText: ":8080" }).waitFor();
    assert.ok(shop().startsWith(home) && shop().endsWith("/switchyard-shop"), shop());
    assert.equal(gatewaysOf(shop()).length, 1);
    await window.treeRow("Services", "orders").filter({ hasText: "3/3 healthy" }).waitFor();
    await window.webview(async (frame) => (await frame.getByText("/orders/").count()) > 0);
  });

  it("repairs a key by the light bulb", async () => {
    await window.goToLine(lineOf("listeners:"), 1);
    await window.page.keyboard.type("x");
    await window.editor().locator(".squiggly-error").first().waitFor();
    await window.lightBulb("listeners");
    await eventually("the key is as it was", async () => !(await window.text()).includes("xlisteners"));
    await eventually("nothing is wrong", async () => (await window.editor().locator(".squiggly-error").count()) === 0);
    await window.command("File: Revert File");
  });

  it("goes from a route's service to its declaration", async () => {
    const declared = lineOf("  orders:");
    const text = readFileSync(join(shop(), "switchyard.yaml"), "utf8");
    const use = text.split("\n").findIndex((part) => /service: orders\b/.test(part)) + 1;
    await window.goToLine(use, text.split("\n")[use - 1].indexOf("service: orders") + "service: ".length + 2);
    await window.page.keyboard.press("F12");
    await eventually("the cursor stands on the declaration", async () => (await window.cursorLine()) === declared);
  });

  it("Show Traffic: the menu of a service filters the table by it", async () => {
    await window.treeRow("Services", "catalog").click({ button: "right" });
    await window.menuItem("Show Traffic").click();
    await filtered("service:catalog");
  });

  it("Show Changed Decisions: the table is filtered by what an edit would change", async () => {
    await window.command("Switchyard: Show Changed Decisions");
    await filtered("is:changed");
  });

  it("the walkthrough knows that the gateway was started", async () => {
    await window.command("Welcome: Open Walkthrough...");
    await window.quickPick("Switchyard: see why").click();
    const step = window.page.locator(".getting-started-step").filter({ hasText: "Start the gateway" });
    await step.waitFor();
    // VS Code hears of completion from when the walkthrough was first opened.
    await window.command("Switchyard: Stop Gateway");
    await window.statusItem().filter({ hasText: "Switchyard off" }).waitFor();
    await window.command("Switchyard: Start Gateway");
    await step.locator(".codicon-getting-started-step-checked").waitFor();
    await window.page.getByText("Try an edit before you save it").first().waitFor();
  });

  it("ends the shop's services and the gateway with the window", async () => {
    const folder = shop();
    await window.close();
    await eventually("the gateway is gone", () => gatewaysOf(folder).length === 0);
    await eventually("nothing answers at the shop's ports", async () => {
      const answers = [4001, 4101, 4201].map((port) => fetch(`http://127.0.0.1:${port}/`).catch(() => undefined));
      return (await Promise.all(answers)).every((answer) => answer === undefined);
    });
  });
});
