/**
 * The main job, end to end: start from the palette, watch traffic in the sidebar, be told which line refused, see the
 * limit empty and fill, edit and save. The packaged extension in a real VS Code, real requests, real services.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { Frame } from "playwright-core";
import { eventually } from "./window/expect.ts";
import { packaged } from "./window/packaged.ts";
import { CodeServer } from "./window/server.ts";
import { gatewaysOf, KEY, Shop } from "./window/shop.ts";
import { closeBrowser, Workbench } from "./window/workbench.ts";

describe("Switchyard in VS Code", function () {
  this.timeout(600_000);
  let shop: Shop;
  let server: CodeServer;
  let window: Workbench;

  before(async () => {
    shop = await Shop.open();
    server = await CodeServer.start({ vsix: packaged() });
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
    if (this.currentTest?.state !== "failed") return;
    await window?.shot(`failed-${this.currentTest.title.replaceAll(/\W+/g, "-").slice(0, 60)}`);
    console.error(window?.console.slice(-8).join("\n"), server?.said.slice(-2000));
  });

  const live = (text: string): Promise<Frame> =>
    window.webview(
      async (frame) => (await frame.locator("body[data-place=sidebar]").count()) > 0 && (await shows(frame, text)),
    );

  const inPanel = (holds: (frame: Frame) => Promise<boolean>): Promise<Frame> =>
    window.webview(async (frame) => (await frame.locator("body[data-place=panel]").count()) > 0 && holds(frame));

  it("starts no process before somebody asks, and says that the gateway is off", async () => {
    await window.statusItem().filter({ hasText: "Switchyard off" }).waitFor();
    await window.pane("Services").getByRole("button", { name: "Start Gateway" }).first().waitFor();
    assert.deepEqual(gatewaysOf(shop.folder), []);
  });

  it("starts from the palette and shows where it listens and who is healthy", async () => {
    await window.command("Switchyard: Start Gateway");
    await window
      .statusItem()
      .filter({ hasText: `:${shop.port}` })
      .waitFor();
    await window.treeRow("Services", "orders").filter({ hasText: "2/2 healthy" }).waitFor();
    await window.treeRow("Routes", "cart").waitFor();
    assert.equal(gatewaysOf(shop.folder).length, 1);
  });

  it("shows in the sidebar where each request went", async () => {
    const answers = [await shop.send("/orders/12"), await shop.send("/cart/7")];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const page = await live("/orders/12");
    await page.getByText("/cart/7").first().waitFor();
    await window.treeRow("Services", `:${shop.ports[0]}`).filter({ hasText: "up" }).waitFor();
  });

  it("shows a limit's gauge fall, a rejection, and the gauge fill again", async () => {
    const row = window.treeRow("Limits", "web").filter({ hasText: "0/5" }).filter({ hasText: "rejected" });
    // It fills all the time: on a slow machine it would not be empty any more when it is drawn.
    await eventually("the gauge of a limit that refuses is empty", async () => {
      const { status } = await shop.send("/orders/77");
      return status === 429 && (await row.count()) > 0;
    });
    await live("/orders/77");
    await window.treeRow("Limits", "web").filter({ hasText: "5/5" }).waitFor();
  });

  it("explains the last rejection at the line that refused", async () => {
    const refused = await eventually("a refusal", async () => {
      const answer = await shop.send("/orders/explain-me");
      return answer.status === 429 && answer;
    });
    const { line } = JSON.parse(refused.text) as { line: number };
    await window.command("Switchyard: Explain Last Rejection");
    await window.editor().waitFor();
    assert.equal(line, shop.lineOf("per-consumer: {"));
    await eventually("the cursor stands on the line", async () => (await window.cursorLine()) === line);
    await eventually("the reason stands beside the line", async () =>
      (await window.besideLines()).some((text) => /429: .*GET \/orders\/explain-me/.test(text)),
    );
    await live("tokens left");
  });

  it("refuses an unknown client and names the policy in the page", async () => {
    const answer = await shop.send("/orders/1", {});
    assert.equal(answer.status, 401);
    await live("known-clients");
  });

  it("applies a saved edit to the next decision", async () => {
    const line = shop.lineOf("per-consumer: {");
    const column = shop.read().split("\n")[line - 1].indexOf("requests: 5") + "requests: ".length + 1;
    await window.openFile("switchyard.yaml");
    await window.goToLine(line, column);
    await window.page.keyboard.press("Delete");
    await window.page.keyboard.type("60");
    await window.page.keyboard.press("Escape");
    await window.page.keyboard.press("Control+s");
    await eventually("the file is saved", () => shop.read().includes("requests: 60"));
    await window.treeRow("Limits", "per-consumer").filter({ hasText: "60 per 20s" }).waitFor();
    await eventually("twelve requests in a row pass", async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => shop.send("/orders/after-edit")));
      return answers.every(({ status }) => status === 200);
    });
  });

  it("says while somebody types what an edit would change, shows it, takes it back, and saves it", async () => {
    const saved = shop.read();
    const line = shop.lineOf("per-consumer: {");
    const column = saved.split("\n")[line - 1].indexOf("requests: 60") + "requests: ".length + 1;
    const type = async (): Promise<void> => {
      await window.openFile("switchyard.yaml");
      await window.goToLine(line, column);
      await window.page.keyboard.press("Delete");
      await window.page.keyboard.press("Delete");
      await window.page.keyboard.type("1");
      await window.page.keyboard.press("Escape");
      await eventually("the ghost text stands beside the line", async () =>
        (await window.besideLines()).some((text) => /▲ \d+ more rejected of \d+/.test(text)),
      );
    };
    await type();
    await window
      .statusItem()
      .filter({ hasText: /\+\d+\/−0/ })
      .waitFor();
    await window.command("Switchyard: Show Changed Decisions");
    const changed = await inPanel(async (page) => (await page.getByText("Δ200→429").count()) > 0);
    assert.equal(await changed.locator("input").first().inputValue(), "is:changed");
    await changed.getByRole("button", { name: "Revert" }).click();
    await eventually("the edit is taken back", async () => (await window.text()).includes("requests: 60"));
    await inPanel(async (page) => (await page.getByRole("status", { name: "Unsaved policy" }).count()) === 0);
    assert.equal(shop.read(), saved);

    await type();
    const again = await inPanel(
      async (page) => (await page.getByRole("button", { name: "Save to Apply" }).count()) > 0,
    );
    await again.getByRole("button", { name: "Save to Apply" }).click();
    await eventually("the file is saved", () => shop.read().includes("requests: 1,"));
    await window.treeRow("Limits", "per-consumer").filter({ hasText: "1 per 20s" }).waitFor();
    await inPanel(async (page) => (await page.getByRole("status", { name: "Unsaved policy" }).count()) === 0);
    // Nothing is changed any more: the way out of the filter that the command set stands where the rows were.
    const emptied = await inPanel(
      async (page) => (await page.getByRole("button", { name: "Clear Filter" }).count()) > 0,
    );
    await emptied.getByRole("button", { name: "Clear Filter" }).first().click();
    shop.write(saved);
    await window.treeRow("Limits", "per-consumer").filter({ hasText: "60 per 20s" }).waitFor();
  });

  it("keeps the last good policy serving when a save is invalid, says so, and shows the problem", async () => {
    const good = shop.read();
    await window.goToLine(shop.lineOf("- name: cart"), 5);
    await window.page.keyboard.type("nmae: x, ");
    await window.page.keyboard.press("Escape");
    await window.page.keyboard.press("Control+s");
    await eventually("the file is saved", () => shop.read() !== good);
    await window.statusItem().filter({ hasText: "policy invalid: serving last good" }).waitFor();
    await window.editor().locator(".squiggly-error").first().waitFor();
    assert.equal((await shop.send("/cart/still-here")).status, 200);
    await window.command("Switchyard: Compare with Serving Policy");
    await window.page.locator(".tab").filter({ hasText: "serves ↔ saved" }).waitFor();
    await window.page.keyboard.press("Control+w");
    shop.write(good);
    await window
      .statusItem()
      .filter({ hasText: `:${shop.port}` })
      .waitFor();
  });

  it("completes keys and explains them on hover", async () => {
    await window.openFile("switchyard.yaml");
    await eventually("the editor shows the file as it is on the disk", async () =>
      (await window.editor().innerText()).replaceAll("\u00a0", " ").includes("- name: cart"),
    );
    await window.goToLine(shop.lineOf("      - { service: cart }") + 1);
    await window.page.keyboard.type("    ti");
    await window.page.keyboard.press("Control+Space");
    await window.page.locator(".suggest-widget .monaco-list-row").filter({ hasText: "timeouts" }).first().waitFor();
    await window.page.keyboard.press("Escape");
    await window.command("File: Revert File");
    await window.goToLine(shop.lineOf("loadBalancer"), 8);
    await window.command("Show or Focus Hover");
    await window.page
      .locator(".monaco-hover")
      .filter({ hasText: /balanc/i })
      .first()
      .waitFor();
    await window.page.keyboard.press("Escape");
  });

  it("takes another port when its own is held, and says by whom", async () => {
    await window.command("Switchyard: Stop Gateway");
    await window.statusItem().filter({ hasText: "Switchyard off" }).waitFor();
    const intruder: Server = createServer();
    intruder.listen(shop.port, "127.0.0.1");
    await once(intruder, "listening");
    try {
      await window.command("Switchyard: Start Gateway");
      const message = window.notification(`:${shop.port} held by`);
      await message.filter({ hasText: `(${process.pid})` }).waitFor();
      const use = message.getByRole("button", { name: /^Use \d+$/ });
      const port = Number(/\d+/.exec(await use.innerText())?.[0]);
      await use.click();
      await window
        .statusItem()
        .filter({ hasText: `:${port}` })
        .waitFor();
      assert.equal((await shop.send("/cart/1", {}, port)).status, 200);
      assert.match(shop.read(), new RegExp(`port: ${port} `));
    } finally {
      intruder.close();
    }
    await window.command("Switchyard: Stop Gateway");
    await window.statusItem().filter({ hasText: "Switchyard off" }).waitFor();
    shop.write(shop.policy);
    await window.command("Switchyard: Start Gateway");
    await window
      .statusItem()
      .filter({ hasText: `:${shop.port}` })
      .waitFor();
  });

  it("shows a lost gateway as lost, and starts it again", async () => {
    const [processId] = gatewaysOf(shop.folder);
    process.kill(processId, "SIGKILL");
    await window.statusItem().filter({ hasText: "gateway lost" }).waitFor();
    await window.pane("Services").getByText("Gateway lost. As of").first().waitFor();
    await window.command("Switchyard: Restart Gateway");
    await window
      .statusItem()
      .filter({ hasText: `:${shop.port}` })
      .waitFor();
    assert.equal((await shop.send("/cart/back")).status, 200);
    await live("/cart/back");
  });

  it("resets a bucket", async () => {
    for (let sent = 0; sent < 6; sent++) await shop.send("/orders/reset");
    await window.command("Switchyard: Reset Bucket…");
    await window.quickPick("web").click();
    await window.page.locator(".statusbar").getByText("The bucket of web is full again").waitFor();
    assert.equal((await shop.send("/orders/reset")).status, 200);
  });

  it("opens a request as text and copies it as cURL, with the secret masked", async () => {
    await shop.send("/orders/as-text", { "x-api-key": KEY });
    await window.command("Switchyard: Open Request as Text");
    await window.quickPick("/orders/as-text").click();
    const text = window.page.locator(".editor-instance .view-lines").filter({ hasText: "who" }).first();
    await text.waitFor();
    assert.ok(!(await text.innerText()).includes(KEY), "the key is not shown");
    await window.command("Switchyard: Copy as cURL");
    await window.quickPick("/orders/as-text").click();
    await window.page.locator(".statusbar").getByText("as cURL").waitFor();
    const copied = await window.page.evaluate<string>("navigator.clipboard.readText()");
    assert.match(copied, /^curl .*\/orders\/as-text/s);
    assert.ok(!copied.includes(KEY), "the key is not copied");
  });

  it("stops and starts the recording, and clears what was recorded", async () => {
    await window.command("Switchyard: Stop Recording");
    await window.page.locator(".statusbar").getByText("Recording stopped").waitFor();
    await window.command("Switchyard: Start Recording");
    await window.page.locator(".statusbar").getByText("Recording requests").waitFor();
    const back = (await live("")).getByRole("button", { name: "Back to the list" });
    if ((await back.count()) > 0) await back.first().click();
    await shop.send("/cart/before-clear");
    await live("/cart/before-clear");
    await window.command("Switchyard: Clear Traffic");
    await eventually("the rows are gone", async () => !(await shows(await live(""), "/cart/before-clear")));
  });

  it("shows the traffic table in the panel and in an editor tab", async () => {
    await shop.send("/cart/in-the-panel");
    await window.command("Switchyard: Focus Traffic");
    await inPanel((frame) => shows(frame, "/cart/in-the-panel"));
    await window.command("Switchyard: Freeze View");
    await shop.send("/cart/while-frozen");
    await window.webview(async (frame) => {
      const pressed = (await frame.locator("body[data-place=panel] .freeze[aria-pressed=true]").count()) > 0;
      return pressed && !(await shows(frame, "/cart/while-frozen"));
    });
    await window.command("Switchyard: Freeze View");
    await inPanel((frame) => shows(frame, "/cart/while-frozen"));
    await window.command("Switchyard: Open Traffic in Editor");
    await window.page.locator(".tab").filter({ hasText: "Traffic" }).waitFor();
  });

  it("opens the log, the policy and the state of the gateway", async () => {
    await window.command("Switchyard: Show Gateway Log");
    const log = window.page.locator(".panel .view-lines").filter({ hasText: "gateway" }).first();
    await log.waitFor();
    await log.click();
    await window.page.keyboard.press("Control+Home");
    const activated = await eventually("the time of activation", async () =>
      /Activated\sin\s[\d.]+\sms/.exec(await log.innerText()),
    );
    console.log(`      ${activated[0]}`);
    await window.command("Switchyard: Open Policy");
    await window.page.locator('.tab.active[data-resource-name="switchyard.yaml"]').waitFor();
    await window.command("Switchyard: Show Gateway Status");
    await window.quickPick("Stop Gateway").waitFor();
    await window.page.keyboard.press("Escape");
  });

  it("adds a limit to the policy without saving it", async () => {
    const saved = shop.read();
    await window.command("Switchyard: Add Rate Limit");
    await window.page.locator('.tab.dirty[data-resource-name="switchyard.yaml"]').waitFor();
    assert.equal(shop.read(), saved);
    await window.command("File: Revert File");
  });

  it("offers only the commands that have an effect now", async () => {
    const offers = async (one: string, other: string): Promise<boolean> => {
      const titles = await window.offered("Switchyard:");
      return titles.some((title) => title.includes(one)) && !titles.some((title) => title.includes(other));
    };
    await eventually("what a running gateway can do", () => offers("Explain Last Rejection", "Start Gateway"));
    await window.command("Switchyard: Stop Gateway");
    await window.statusItem().filter({ hasText: "Switchyard off" }).waitFor();
    await eventually("what can be done without one", () => offers("Start Gateway", "Clear Traffic"));
  });

  it("keeps the table's filter, columns and order over a reload of the window", async () => {
    await window.command("Switchyard: Start Gateway");
    await window
      .statusItem()
      .filter({ hasText: `:${shop.port}` })
      .waitFor();
    await shop.send("/cart/before-reload");
    await window.command("Switchyard: Focus Traffic");
    const page = await inPanel(async (frame) => (await frame.locator("input").count()) > 0);
    const filter = page.locator("input").first();
    await filter.fill("status:200 path:/cart/*");
    await filter.press("Enter");
    await page.getByText("/cart/before-reload").first().waitFor();
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: "Newest First" }).click();
    await page.locator('button[aria-pressed="true"]').filter({ hasText: "Newest First" }).waitFor();
    await page.getByRole("button", { name: "Protocol" }).click();
    await page.getByRole("columnheader", { name: "Protocol" }).waitFor();
    await page.locator("body").press("Escape");
    // Another page, which begins with what the window was told to remember: from then on it may go.
    await window.command("View: Toggle Panel Visibility");
    await window.command("Switchyard: Focus Traffic");
    await inPanel(async (frame) => (await frame.getByRole("columnheader", { name: "Protocol" }).count()) > 0);

    await window.page.reload();
    await window.ready();
    await window.showSidebar();
    await window.command("Switchyard: Start Gateway");
    await window
      .statusItem()
      .filter({ hasText: `:${shop.port}` })
      .waitFor();
    await shop.send("/cart/after-reload");
    await window.command("Switchyard: Focus Traffic");
    const reloaded = await inPanel((frame) => shows(frame, "/cart/after-reload"));
    assert.equal(await reloaded.locator("input").first().inputValue(), "status:200 path:/cart/*");
    await reloaded.getByRole("columnheader", { name: "Protocol" }).waitFor();
    await reloaded.getByRole("button", { name: "More" }).click();
    await reloaded.locator('button[aria-pressed="true"]').filter({ hasText: "Newest First" }).waitFor();
  });

  it("ends the gateway with the window", async () => {
    assert.equal(gatewaysOf(shop.folder).length, 1);
    await window.close();
    await eventually("the gateway's process is gone", () => gatewaysOf(shop.folder).length === 0);
  });
});

/** Whether a text is on the page, also inside its components. */
async function shows(frame: Frame, text: string): Promise<boolean> {
  return text === "" || (await frame.getByText(text).count()) > 0;
}
