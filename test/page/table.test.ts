/**
 * The traffic table as a person works with it: columns by mouse and keyboard, sorting, pins, clearing, archives.
 * The built page in a real browser over a fake gateway. Must not assert on times or pixels.
 */
import assert from "node:assert/strict";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { eventually } from "../e2e/window/expect.ts";
import { violations } from "./accessibility.ts";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { bundlePage, servePage, type PageFiles } from "./page-server.ts";

const titlesOf = async (page: Page): Promise<string[]> =>
  (await page.getByRole("columnheader").allInnerTexts()).map((text) => text.trim());
const headOf = (page: Page, title: string): Locator =>
  page.getByRole("columnheader", { name: title, exact: true }).getByRole("button");
const widthOf = async (page: Page, title: string): Promise<number> =>
  (await page.getByRole("columnheader", { name: title, exact: true }).boundingBox())?.width ?? 0;
const firstRow = (page: Page): Locator => page.locator('.space .row[aria-rowindex="2"]');

describe("the traffic table", function () {
  this.timeout(240_000);
  let browser: Browser;
  let files: PageFiles;
  const opened: { close(): Promise<void> }[] = [];

  before(async () => {
    [browser, files] = await Promise.all([openBrowser(), bundlePage()]);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });
  after(() => browser.close());

  async function open(rows: number, path = "/panel", width = 1280) {
    const gateway = new FakeGateway(rows);
    const server = await servePage(gateway, files);
    const context: BrowserContext = await browser.newContext({ viewport: { width, height: 640 }, timezoneId: "UTC" });
    context.setDefaultTimeout(60_000);
    opened.push(context, server);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(server.url + path);
    await page.locator(".space .row:not(.blank)").first().waitFor();
    return { gateway, page, errors, url: server.url + path };
  }

  it("is sorted by a column, says as of when, does not follow, and goes back to time", async () => {
    const { page, gateway, errors } = await open(96);
    await headOf(page, "Duration").click();
    await page.getByText("Duration, largest first").waitFor();
    await page.getByText("96 requests as of 12:04:31").waitFor();
    assert.match(await firstRow(page).innerText(), /2\.2 s/);
    assert.equal(await page.getByRole("columnheader", { name: "Duration" }).getAttribute("aria-sort"), "descending");
    gateway.add(3);
    await page.getByRole("button", { name: "3 new" }).waitFor();
    await page.getByRole("grid").press("End");
    assert.equal(await page.locator("#row-99").count(), 0, "it does not follow");
    await page.getByRole("button", { name: "Sort Again" }).click();
    await page.getByText("99 requests as of 12:04:31").waitFor();
    assert.equal(await page.getByRole("button", { name: "3 new" }).count(), 0);
    await headOf(page, "Duration").click();
    await page.getByText("Duration, smallest first").waitFor();
    assert.deepEqual(
      gateway.sorts.map(({ descending }) => descending),
      [true, true, false],
    );
    await page.getByRole("button", { name: "By Time" }).click();
    await page.locator("#row-99").waitFor();
    gateway.add(1);
    await page.locator("#row-100").waitFor();
    assert.equal(await page.getByRole("status", { name: "Order" }).count(), 0);
    assert.deepEqual(errors, []);
  });

  it("sorted, reads only its window of 20,000 and says which rows are gone", async () => {
    const { page, gateway } = await open(20_000);
    gateway.lost = 11;
    await headOf(page, "Duration").click();
    await page.getByText("20,000 requests as of").waitFor();
    await page.getByText("left the ring since it was sorted").waitFor();
    const held = await page.evaluate<number>("document.querySelector('traffic-table').store.held");
    assert.ok(held < 400, `${held} rows are held`);
    const row = page.locator(".space .row:not(.blank)").nth(2);
    await row.click();
    await page.locator(".verdict").waitFor();
    assert.equal(await page.locator(".space .row.selected").count(), 1);
  });

  it("has columns that are moved, widened and set back by keyboard, and remembers them", async () => {
    const { page, url } = await open(24);
    const before = await titlesOf(page);
    await page.getByRole("grid").press("Home");
    await headOf(page, "Time").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate("document.activeElement.textContent.trim()"), "Path");
    await page.keyboard.press("Shift+ArrowLeft");
    await eventually("Path stands second", async () => (await titlesOf(page))[1] === "Path");
    assert.equal(await page.evaluate("document.activeElement.textContent.trim()"), "Path");
    const width = await widthOf(page, "Status");
    await headOf(page, "Status").focus();
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    await eventually("it is wider", async () => Math.round((await widthOf(page, "Status")) - width) === 20);
    await page.goto(url);
    await page.locator(".space .row:not(.blank)").first().waitFor();
    assert.deepEqual((await titlesOf(page)).slice(0, 3), ["Time", "Path", "Method"]);
    assert.equal(Math.round((await widthOf(page, "Status")) - width), 20);
    await headOf(page, "Status").focus();
    await page.keyboard.press("0");
    await eventually("it is as before", async () => Math.round(await widthOf(page, "Status")) === Math.round(width));
    await page.keyboard.press("ArrowDown");
    await page.locator(".space .row.selected").waitFor();
    assert.notDeepEqual(await titlesOf(page), before);
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: "Default Columns" }).click();
    await eventually("all are back", async () => (await titlesOf(page)).join() === before.join());
  });

  it("has columns that are dragged by their head and by their edge, which sorts nothing", async () => {
    const { page, gateway } = await open(24);
    const middle = async (title: string) => {
      const box = await page.getByRole("columnheader", { name: title, exact: true }).boundingBox();
      return { x: (box?.x ?? 0) + (box?.width ?? 0) / 2, y: (box?.y ?? 0) + (box?.height ?? 0) / 2, box: box! };
    };
    const from = await headOf(page, "Status").boundingBox();
    const to = await middle("Method");
    await page.mouse.move(from!.x + 8, from!.y + 6);
    await page.mouse.down();
    await page.mouse.move(from!.x - 30, from!.y + 6, { steps: 3 });
    await page.mouse.move(to.x - 10, to.y, { steps: 5 });
    await page.locator(".drop-before").waitFor();
    await page.mouse.up();
    await eventually("Status stands second", async () => (await titlesOf(page))[1] === "Status");
    assert.deepEqual(gateway.sorts, []);
    const { box } = await middle("Method");
    await page.mouse.move(box.x + box.width + 3, box.y + 5);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width + 43, box.y + 5, { steps: 4 });
    await page.mouse.up();
    await eventually("wider", async () => Math.abs((await widthOf(page, "Method")) - box.width - 40) <= 2);
    await headOf(page, "Status").click();
    await page.getByText("Status, largest first").waitFor();
  });

  it("shows the columns that are asked for: caller, policy, attempts, first byte, client, size, trace, protocol", async () => {
    const { page } = await open(24, "/panel", 1900);
    for (const title of [
      "Caller",
      "Policy",
      "Attempts",
      "First byte",
      "Client",
      "Request size",
      "Trace ID",
      "Protocol",
    ]) {
      await page.getByRole("button", { name: "More" }).click();
      await page.locator("#more-menu").getByRole("button", { name: title, exact: true }).click();
      await page.keyboard.press("Escape");
      await page.getByRole("columnheader", { name: title, exact: true }).waitFor();
    }
    const cells = await page.locator("#row-24").innerText();
    assert.match(cells, /alice[\s\S]*per-user[\s\S]*127\.0\.0\.1[\s\S]*143 B[\s\S]*http\/1\.1[\s\S]*4bf92f3577b34da6/);
    await page.locator("#row-24 .cell", { hasText: "4bf92f" }).click({ modifiers: ["Alt"] });
    await eventually("its trace", async () =>
      (await page.getByRole("combobox").inputValue()).startsWith("trace:4bf92f3577b34da6a3ce929d"),
    );
  });

  it("pins with p, marks the row, filters by it, and says why not", async () => {
    const { page, gateway } = await open(96);
    await page.locator("#row-96").click();
    await page.locator(".verdict").waitFor();
    await page.getByRole("grid").press("p");
    await page.getByText("Pinned: kept when the ring lets go of it; 1 of 200 pinned").waitFor();
    await page.locator("#row-96 .kept").waitFor();
    assert.match((await page.locator("#row-96").textContent()) ?? "", /pinned/);
    await page.getByRole("button", { name: "Pinned", pressed: true }).waitFor();
    await page.getByRole("combobox").fill("is:pinned");
    await page.getByText("1 of 96").first().waitFor();
    assert.deepEqual(await violations(page, "table"), []);
    await page.getByRole("grid").press("p");
    await page.getByText("Unpinned; 0 of 200 pinned").waitFor();
    assert.deepEqual(gateway.pinned, []);
    await page.getByRole("combobox").fill("");
    await page.locator(".space .row", { hasText: "/admin/users" }).last().click();
    await page.getByRole("grid").press("p");
    await page.getByText("200 requests are pinned, and more are not kept.").waitFor();
  });

  it("clears what the filter shows apart from everything, and keeps what is pinned", async () => {
    const { page, gateway } = await open(96);
    await page.locator("#row-96").click();
    await page.getByRole("grid").press("p");
    await page.locator("#row-96 .kept").waitFor();
    await page.getByRole("button", { name: "More" }).click();
    assert.equal(await page.getByRole("button", { name: "Clear Filtered" }).count(), 0);
    await page.keyboard.press("Escape");
    await page.getByRole("combobox").fill("is:rejected");
    await page.getByText("32 of 96").first().waitFor();
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: "Clear Filtered" }).click();
    await page.getByText("31 requests cleared; 1 pinned stay").waitFor();
    await page.getByText("1 of 65").first().waitFor();
    assert.equal(gateway.rowsAll.length, 65);
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: "Clear Traffic" }).click();
    await page.getByText("No traffic yet.").waitFor();
  });

  it("imports an archive: its rows are marked and filtered for, and their detail says that they are not live", async () => {
    const { page, gateway, errors } = await open(24, "/");
    await page.getByRole("button", { name: "More" }).click();
    const choosing = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Import HAR…" }).click();
    const file = (text: string) => ({ name: "shop.har", mimeType: "application/json", buffer: Buffer.from(text) });
    await (await choosing).setFiles(file("{"));
    await page.getByText(/shop\.har was not imported\. It is no JSON/).waitFor();
    await page.getByRole("button", { name: "More" }).click();
    const again = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Import HAR…" }).click();
    await (
      await again
    ).setFiles(file(JSON.stringify({ log: { version: "1.2", entries: Array.from({ length: 12 }, () => ({})) } })));
    await page.getByText("12 requests imported from shop.har.").waitFor();
    assert.equal(await page.getByRole("combobox").inputValue(), "is:imported");
    await page.getByText("12 of 36").first().waitFor();
    assert.deepEqual(gateway.imported, ["shop.har 0 12"]);
    const row = page.locator(".space .row.imported").last();
    await row.click();
    await page.getByRole("note").getByText("Imported from shop.har.").waitFor();
    await page.locator(".verdict").waitFor();
    assert.equal(await page.getByRole("button", { name: "Replay" }).count(), 0);
    assert.equal(await page.getByRole("button", { name: "Reveal Secrets" }).count(), 0);
    assert.match((await row.textContent()) ?? "", /imported/);
    assert.deepEqual(await violations(page, "table"), []);
    assert.deepEqual(errors, []);
  });

  it("says how many older requests were dropped, and comes back to the newest with End", async () => {
    const { page, gateway } = await open(96);
    gateway.dropped = 4096;
    gateway.add(1);
    await page.getByText("4,096 older dropped").waitFor();
    await page.getByRole("grid").press("Home");
    gateway.add(5);
    await page.getByRole("button", { name: "5 new" }).waitFor();
    await page.getByRole("grid").press("End");
    await page.locator("#row-102").waitFor();
    gateway.add(1);
    await page.locator("#row-103").waitFor();
    await page.getByRole("grid").press("F1");
    const keys = page.getByRole("dialog", { name: "Keys" });
    for (const words of ["pin: keep it", "move the column", "newest, and follow"])
      await keys.getByText(words).waitFor();
  });
});
