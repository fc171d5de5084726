/**
 * The built page in a real browser over a fake gateway: what a person sees, types and clicks.
 * One browser for all; every test has its own gateway and page. Must not assert on times or pixels.
 */
import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { PageIntent } from "../../src/contract/page.ts";
import { eventually } from "../e2e/window/expect.ts";
import { violations } from "./accessibility.ts";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { bundlePage, servePage, type PageFiles, type PageServer } from "./page-server.ts";

interface Opened {
  readonly gateway: FakeGateway;
  readonly server: PageServer;
  readonly page: Page;
  readonly errors: string[];
}

const rowsOf = (page: Page) => page.locator(".space .row:not(.blank)");

const openRow = async (page: Page, text: string): Promise<void> => {
  await rowsOf(page).filter({ hasText: text }).last().click();
  await page.locator(".verdict").waitFor();
};

/** What the window sends to have a request shown. */
const intent = (wish: PageIntent): string => JSON.stringify({ t: "q", m: "intent", a: [wish] });

describe("the page", function () {
  this.timeout(300_000);
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

  async function open(rows: number, path = "/panel", options: BrowserContextOptions = {}): Promise<Opened> {
    const gateway = new FakeGateway(rows);
    const server = await servePage(gateway, files);
    const context = await browser.newContext({ viewport: { width: 1280, height: 640 }, timezoneId: "UTC", ...options });
    context.setDefaultTimeout(120_000);
    opened.push(context, server);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy|Uncaught/u.test(message.text())) errors.push(message.text());
    });
    await page.goto(server.url + path);
    await page
      .getByText(rows === 0 ? "No traffic yet." : "refused")
      .first()
      .waitFor();
    return { gateway, server, page, errors };
  }

  it("is small enough to load at once", () => {
    assert.ok(files.script.length < 300 * 1024, `page.js has ${files.script.length} bytes`);
  });

  it("shows the newest requests, each with its status, reason and a track that has words", async () => {
    const { page, errors } = await open(96);
    const last = rowsOf(page).last();
    await last.waitFor();
    assert.match(await last.innerText(), /POST[\s\S]*\/orders\/77[\s\S]*429[\s\S]*per-user/u);
    assert.equal(await last.locator("svg.track").getAttribute("aria-label"), "stopped at the rate limit (per-user)");
    assert.equal(await page.getByRole("grid").getAttribute("aria-rowcount"), "97");
    assert.deepEqual(errors, []);
  });

  it("keeps a window of 100,000 requests and asks for the rest where one scrolls", async () => {
    const { page, gateway } = await open(100_000);
    await page.getByRole("grid").press("Home");
    await page.locator("#row-1").waitFor();
    assert.ok((await rowsOf(page).count()) < 80);
    assert.ok(gateway.asked.every((query) => query.count <= 500));
    const held = await page.evaluate<number>("document.querySelector('traffic-table').store.held");
    assert.ok(held < 400, `${held} rows are held`);
    await page.getByRole("grid").press("End");
    await page.locator("#row-100000").waitFor();
  });

  it("follows new requests, and counts them once the person has scrolled away", async () => {
    const { page, gateway } = await open(96);
    gateway.add(3);
    await page.locator("#row-99").waitFor();
    await page.getByRole("grid").press("Home");
    gateway.add(7);
    const pill = page.getByRole("button", { name: "7 new" });
    await pill.waitFor();
    await pill.click();
    await page.locator("#row-106").waitFor();
    assert.equal(await pill.count(), 0);
  });

  it("changes a pending row in place when it ends", async () => {
    const { page, gateway } = await open(12);
    const row = gateway.rowsAll[11]!;
    gateway.change({ ...row, state: "pending", status: 0, duration: -1 });
    await page.locator("#row-12", { hasText: "pending" }).waitFor();
    gateway.change(row);
    await page.locator("#row-12", { hasText: "429" }).waitFor();
  });

  it("asks for a snapshot when a message was lost", async () => {
    const { page, gateway } = await open(12);
    gateway.loseOne(2);
    gateway.add(1);
    await page.locator("#row-15").waitFor();
    await page.locator("#row-13").waitFor();
  });

  it("starts afresh when the gateway is another one", async () => {
    const { page, gateway } = await open(24);
    gateway.generation = "g2";
    gateway.rowsAll.length = 0;
    gateway.add(1);
    await eventually("one row", async () => (await rowsOf(page).count()) === 1);
  });

  it("freezes the view while recording goes on", async () => {
    const { page, gateway } = await open(24);
    await page.locator("#row-24").waitFor();
    await page.getByRole("grid").press("f");
    await page.getByRole("button", { name: "Freeze", pressed: true }).waitFor();
    gateway.add(5);
    await page.getByRole("button", { name: "5 new" }).waitFor();
    assert.equal(await page.locator("#row-25").count(), 0);
    assert.equal(gateway.recording, true);
    await page.getByRole("grid").press("f");
    await page.locator("#row-29").waitFor();
  });

  it("stops recording on its own button, and says so when nothing is there", async () => {
    const { page, gateway } = await open(0);
    await page.getByText("No traffic yet.").waitFor();
    await page.getByText("curl -i http://localhost:8080/").waitFor();
    await page.getByRole("button", { name: "Recording" }).click();
    await page.getByText("Recording is stopped.").waitFor();
    assert.equal(gateway.recording, false);
    await page.getByRole("button", { name: "Start Recording" }).click();
    await page.getByText("No traffic yet.").waitFor();
  });

  it("filters while one types, and keeps the last good filter when the text is wrong", async () => {
    const { page } = await open(96);
    const box = page.getByRole("combobox");
    await page.getByRole("grid").press("/");
    await box.fill("is:rejected");
    await page.getByText("32 of 96").first().waitFor();
    await box.fill("is:rejected rout:orders");
    await page.getByText('unknown key "rout"').waitFor();
    assert.equal(await box.getAttribute("aria-invalid"), "true");
    assert.equal(await page.getByText("32 of 96").count(), 2);
    await page.getByRole("button", { name: "Clear Filter" }).click();
    await page.getByText("96 requests").waitFor();
  });

  it("suggests what can be typed, with how much it would leave", async () => {
    const { page } = await open(96);
    const box = page.getByRole("combobox");
    await box.focus();
    await box.pressSequentially("is:r");
    await page.getByRole("option", { name: "is:rejected 32" }).waitFor();
    await box.press("ArrowDown");
    await box.press("Enter");
    assert.equal(await box.inputValue(), "is:rejected");
    await page.getByText("32 of 96").first().waitFor();
  });

  it("says what the filter hides when nothing is left", async () => {
    const { page } = await open(96);
    await page.getByRole("combobox").fill("path:/nowhere");
    await page.getByText("96 hidden by the filter.").waitFor();
    await page.locator(".empty-state").getByRole("button", { name: "Clear Filter" }).click();
    await rowsOf(page).first().waitFor();
  });

  it("includes a cell on Alt+click and excludes it on Alt+Shift+click", async () => {
    const { page } = await open(96);
    const cell = page.locator("#row-96 .cell", { hasText: "429" });
    await cell.click({ modifiers: ["Alt"] });
    await eventually("status:429", async () => (await page.getByRole("combobox").inputValue()) === "status:429");
    await page.getByText("8 of 96").first().waitFor();
    await page.locator("#row-96 .cell", { hasText: "429" }).click({ modifiers: ["Alt", "Shift"] });
    await page.getByText("88 of 96").first().waitFor();
    assert.equal(await page.getByRole("combobox").inputValue(), "-status:429");
  });

  it("is driven by the keyboard alone", async () => {
    const { page } = await open(96, "/panel", { permissions: ["clipboard-read", "clipboard-write"] });
    await page.locator("#row-96").waitFor();
    const grid = page.getByRole("grid");
    await grid.press("Home");
    await grid.press("j");
    await grid.press("ArrowDown");
    await grid.press("k");
    await page.locator("#row-2.selected").waitFor();
    assert.equal(await grid.getAttribute("aria-activedescendant"), "row-2");
    await grid.press("Enter");
    await page.locator(".verdict").waitFor();
    await grid.press("]");
    await page.getByRole("tab", { name: "Headers", selected: true }).waitFor();
    await grid.press("[");
    await page.getByRole("tab", { name: "Decision", selected: true }).waitFor();
    await grid.press("c");
    await page.getByText("Copied").waitFor();
    assert.match(await page.evaluate<string>("navigator.clipboard.readText()"), /^curl -i -X GET/u);
    await grid.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await grid.press("Escape");
    await eventually("the detail is closed", async () => (await page.locator(".verdict").count()) === 0);
  });

  it("opens the line of the policy that refused", async () => {
    const { page } = await open(96, "/panel", { permissions: ["clipboard-read", "clipboard-write"] });
    await openRow(page, "/orders/77");
    await page.getByRole("grid").press("w");
    await page.getByText("Copied switchyard.yaml:41").waitFor();
  });

  it("explains a rejection to its line, with the steps that were not reached and the buckets of the limit", async () => {
    const { page } = await open(96);
    await openRow(page, "/orders/77");
    const verdict = page.getByRole("region", { name: "Verdict" });
    assert.match(await verdict.innerText(), /429[\s\S]*Rate limit used up by per-user[\s\S]*switchyard\.yaml:41/u);
    assert.equal(
      await page
        .locator(".step.stop .phase")
        .innerText()
        .then((text) => text.trim()),
      "limit",
    );
    assert.deepEqual(await page.locator(".step.off .phase").allInnerTexts(), ["split", "pick"]);
    await page.getByRole("meter", { name: "alice tokens left" }).waitFor();
    await page.locator(".step summary", { hasText: "route" }).click();
    await page.getByText("less specific: prefix /").waitFor();
  });

  it("explains a forwarded request: every replica with why it was chosen, lost or excluded", async () => {
    const { page } = await open(96);
    await openRow(page, "/orders/12");
    const words = await page.locator(".replica").allInnerTexts();
    assert.equal(words.length, 3);
    assert.match(words[0]!, /:4001[\s\S]*excluded[\s\S]*ejected after 5 failures/u);
    assert.match(words[1]!, /:4002[\s\S]*chosen[\s\S]*2 in flight/u);
    await page.getByRole("tab", { name: "Attempts" }).click();
    await page.getByText("502 in 9 ms").waitFor();
    await page.getByRole("tab", { name: "Timing" }).click();
    await page.getByText("Wait for first byte").first().waitFor();
    await page.getByRole("tab", { name: "Body" }).click();
    await page.getByText('"total"').waitFor();
    await page.getByRole("button", { name: "Hex" }).click();
    await page.getByText(/000000 {2}7b 22/u).waitFor();
  });

  it("exports what the filter lets through as an HTTP Archive, and says how much", async () => {
    const { page } = await open(96);
    await page.getByRole("button", { name: "More" }).click();
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export HAR" }).click();
    assert.equal((await saving).suggestedFilename(), "switchyard.har");
    await page.getByText("Exported 96 requests, secrets masked").waitFor();
  });

  it("sends a request again: asks once before what may change something, opens the new row, says why not", async () => {
    const { page, gateway } = await open(96);
    await openRow(page, "/orders/12");
    await page.getByRole("button", { name: "Replay" }).click();
    await page.locator("#row-97[aria-selected=true]").waitFor();
    await page.locator("#row-97", { hasText: "replay" }).waitFor();
    await openRow(page, "/orders/77");
    await page.getByRole("grid").press("r");
    const question = page.getByRole("dialog", { name: "Send again" });
    await question.getByRole("button", { name: "Cancel" }).click();
    assert.equal(gateway.acts.length, 1);
    await page.getByRole("grid").press("r");
    assert.deepEqual(await violations(page, "the question"), []);
    await question.getByRole("button", { name: "Send Again" }).click();
    await page.getByText("Its head was not kept whole.").waitFor();
    await page.getByRole("grid").press("r");
    await eventually("it is not asked again", () => gateway.acts.length === 3);
    assert.match(gateway.acts.join(), /^replay GET \d+,replay POST \d+,replay POST \d+$/u);
  });

  it("lets a request be edited where there is no editor, and says which line is wrong", async () => {
    const { page, gateway } = await open(96, "/");
    await openRow(page, "/orders/12");
    await page.getByRole("button", { name: "Edit & Resend" }).click();
    const text = page.getByRole("textbox", { name: "HTTP request" });
    await text.fill("GET /orders/12 HTTP/1.1\n\n");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByText("Line 3: It has no Host.").waitFor();
    assert.deepEqual(await violations(page, "edit"), []);
    await text.fill("GET /orders/12 HTTP/1.1\nHost: shop.test\n\n");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.locator("#row-97[aria-selected=true]").waitFor();
    assert.match(gateway.acts[1] ?? "", /Host: shop\.test/u);
  });

  it("copies a line for PowerShell too", async () => {
    const { page } = await open(96, "/panel", { permissions: ["clipboard-read", "clipboard-write"] });
    await openRow(page, "/orders/12");
    await page.getByRole("button", { name: "Copy cURL for PowerShell" }).click();
    await page.getByText("Copied").waitFor();
    assert.match(await page.evaluate<string>("navigator.clipboard.readText()"), /^curl\.exe /u);
  });

  it("shows who changed which header, and masks secrets until asked - once", async () => {
    const { page, gateway } = await open(96);
    await openRow(page, "/orders/12");
    await page.getByRole("tab", { name: "Headers" }).click();
    assert.match(
      await page.locator(".fields tr.removed").first().innerText(),
      /authorization[\s\S]*masked[\s\S]*user-jwt/u,
    );
    await page.getByRole("button", { name: "Reveal Secrets" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    assert.equal(gateway.revealed, 0);
    await page.getByRole("button", { name: "Reveal Secrets" }).click();
    await page.getByRole("button", { name: "Show Secrets" }).click();
    await page.getByText("Bearer eyJ").waitFor();
    await openRow(page, "/orders/11");
    await page.getByRole("button", { name: "Reveal Secrets" }).click();
    await page.getByText("Secrets are shown").waitFor();
    assert.equal(gateway.revealed, 2);
  });

  it("refills the gauges by itself, and resets a bucket", async () => {
    const { page, gateway } = await open(24, "/");
    await page.getByRole("button", { name: "Limits" }).click();
    const meter = page.getByRole("meter", { name: "alice tokens left" });
    await meter.waitFor();
    await eventually("a token came back", async () => Number(await meter.getAttribute("aria-valuenow")) >= 1);
    await page.getByRole("button", { name: "Reset bucket alice" }).click();
    await eventually("the bucket is full", async () => (await meter.getAttribute("aria-valuenow")) === "60");
    assert.deepEqual(gateway.resets, ["reset route/orders/rateLimit/per-user alice"]);
    await page.getByRole("button", { name: "Undo" }).click();
    await eventually("it is as before", async () => Number(await meter.getAttribute("aria-valuenow")) < 60);
    await page.getByRole("button", { name: "Set bucket alice", exact: true }).click();
    await page.getByRole("spinbutton").fill("33");
    await page.getByRole("button", { name: "Set", exact: true }).click();
    await eventually("33 are left", async () => Number(await meter.getAttribute("aria-valuenow")) >= 33);
    await page.getByRole("button", { name: "Freeze bucket alice" }).click();
    await eventually("it arrived", async () => gateway.frozen.length === 1);
    gateway.tell.statusChanged?.(gateway.status());
    await page.getByText("Frozen:").waitFor();
    await page.getByText("per-user alice. It ends with the gateway.").waitFor();
    await page.getByRole("button", { name: "Thaw bucket alice" }).click();
    await eventually("that too", async () => gateway.frozen.length === 0);
    gateway.tell.statusChanged?.(gateway.status());
    await eventually("the banner goes", async () => (await page.getByText("Frozen:").count()) === 0);
    await page.getByRole("textbox", { name: "Search keys" }).fill("bo");
    await eventually("one key", async () => (await page.getByRole("meter").count()) === 1);
  });

  it("shows what happened in a window, and what each policy costs", async () => {
    const { page } = await open(24, "/");
    await page.getByRole("button", { name: "Analytics", exact: true }).click();
    const orders = page.getByRole("region", { name: "Routes" }).getByRole("row", { name: /^orders/ });
    await orders.waitFor();
    assert.match((await orders.textContent()) ?? "", /600.*1\.2%.*20%.*4\.2 ms.*31 ms.*184 ms.*20 KiB.*3\.0 MiB/s);
    await page.getByRole("img", { name: "orders, requests by 10 s, oldest first: 0, 4, 9, 3, 8, 6" }).first().waitFor();
    await page.getByRole("button", { name: "15 min" }).click();
    await page.getByRole("row", { name: /^orders 6,000/ }).waitFor();
    assert.equal(await page.getByRole("button", { name: "15 min" }).getAttribute("aria-pressed"), "true");
    // A consumer's name is a stranger's word.
    await page.getByRole("rowheader", { name: "<b>alice</b>" }).waitFor();
    const policy = page.getByRole("row", { name: /^per-user/ });
    assert.match((await policy.textContent()) ?? "", /81,204.*1,700.*3 in shadow.*0\.84 µs.*2\.10 µs/s);
  });

  it("shows services and routes where there are no native trees", async () => {
    const { page } = await open(96, "/");
    await page.getByRole("button", { name: "Services" }).click();
    assert.match(
      await page.getByRole("region", { name: "Service orders" }).innerText(),
      /2 of 3 healthy[\s\S]*ejected/u,
    );
    await page.getByRole("button", { name: "Routes" }).click();
    await page.getByRole("button", { name: "catalog" }).click();
    await page.getByText("24 of 96").first().waitFor();
  });

  it("drains, scales and simulates, and never hides that something is simulated", async () => {
    const { page, gateway } = await open(24, "/");
    await page.getByRole("button", { name: "Services" }).click();
    const menu = page.getByRole("combobox", { name: "Act on :4002 of orders" });
    await menu.selectOption("Drain");
    await eventually("the drain arrived", async () => gateway.acts.includes("Drain orders http://localhost:4002"));
    await page.getByRole("button", { name: "One replica more" }).click();
    await eventually("the scaling arrived", async () => gateway.acts.includes("scale catalog 2"));
    await menu.selectOption("Down");
    await eventually("the simulation arrived", async () => gateway.simulations.length === 1);
    gateway.tell.statusChanged?.(gateway.status());
    const banner = page.getByText("Simulating 1.");
    await banner.waitFor();
    await page.getByRole("button", { name: "Traffic", exact: true }).click();
    await banner.waitFor();
    await page.getByRole("button", { name: "End", exact: true }).click();
    await eventually("the simulation ended", async () => gateway.simulations.length === 0);
  });

  it("says what an unsaved policy would change, and shows the requests that it would", async () => {
    const { page, gateway } = await open(96, "/");
    await page.locator("#row-96").waitFor();
    gateway.preview();
    const line = page.getByRole("status", { name: "Unsaved policy" });
    await line.waitFor();
    const words = (await line.innerText()).replaceAll(/\s+/gu, " ");
    assert.match(words, /Δ \d+ of 96 · \+1 rejected · −\d+ · \d+ same/u);
    assert.match(words, /Assumed: clients would not have retried differently\./u);
    // A browser has no editor in which anything could be saved.
    assert.equal(await line.getByRole("button", { name: "Save to Apply" }).count(), 0);
    await line.getByRole("button", { name: "Show" }).click();
    await eventually("the changed ones alone", async () => gateway.topics.traffic?.filter === "is:changed");
    await page.getByText("Δ200→429").waitFor();
    await page.getByText("per-user 0 of 40").waitFor();
    assert.deepEqual(await violations(page, "what if"), []);
    gateway.endWhatIf();
    await line.waitFor({ state: "detached" });
  });

  it("offers the smallest edit that lets a refused request pass", async () => {
    const { page } = await open(24);
    await openRow(page, "429");
    const fix = page.getByRole("button", { name: "Smallest passing limit: 74 per 1m" });
    await fix.waitFor();
    assert.match((await fix.getAttribute("title")) ?? "", /Of 96 recorded requests 3 more would pass and 0 fewer\./u);
  });

  it("says that the gateway is lost, keeps what it showed, and comes back", async () => {
    const { page, server } = await open(24);
    await page.locator("#row-24").waitFor();
    server.down();
    await page.getByText("Gateway lost.").waitFor();
    await page.getByText(/Shown as of \d\d:\d\d:\d\d/u).waitFor();
    assert.ok((await rowsOf(page).count()) > 0);
    await page.getByRole("button", { name: "Connect Again" }).waitFor();
    server.up();
    await eventually("connected", async () => (await page.getByText("Gateway lost.").count()) === 0);
    await page.locator("#row-24").waitFor();
  });

  it("says what it reads, why it could not, and reads it again when asked", async () => {
    const { page, gateway } = await open(24);
    const answer = gateway.detail.bind(gateway);
    let fail = (_error: Error): void => {};
    const held = new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
    gateway.detail = () => held as never;
    await rowsOf(page).last().click();
    await rowsOf(page).last().press("Enter");
    await page.getByText("Reading request 24 …").waitFor();
    fail(new Error("too busy"));
    await page.getByText("Request 24 could not be read: too busy").waitFor();
    gateway.detail = answer;
    await page.getByRole("button", { name: "Retry" }).click();
    await page.locator(".verdict").waitFor();
    assert.equal(await page.getByText("could not be read").count(), 0);
  });

  it("says so when the request that it is to show has left the ring", async () => {
    const { page, server } = await open(24);
    server.sendRaw(intent({ kind: "detail", id: 7000 }));
    await page.getByText("This request has left the ring.").waitFor();
  });

  it("obeys the last wish that came before the gateway answered", async () => {
    const gateway = new FakeGateway(24);
    const hello = gateway.hello();
    let greet = (): void => {};
    let greeted = false;
    const held = new Promise<void>((resolve) => {
      greet = resolve;
    });
    gateway.hello = () => {
      greeted = true;
      return held.then(() => hello) as never;
    };
    const server = await servePage(gateway, files);
    const context = await browser.newContext({ viewport: { width: 1280, height: 640 } });
    opened.push(context, server);
    const page = await context.newPage();
    await page.goto(`${server.url}/panel`);
    await eventually("the page says hello", () => greeted);
    server.sendRaw(intent({ kind: "detail", id: 3 }));
    server.sendRaw(intent({ kind: "detail", id: 24 }));
    greet();
    await page.locator(".verdict").waitFor();
    await page.getByRole("article", { name: /\/orders\/77/u }).waitFor();
  });

  it("asks again for the detail that was cut off with the gateway", async () => {
    const { page, gateway, server } = await open(24);
    const answer = gateway.detail.bind(gateway);
    gateway.detail = () => new Promise<never>(() => {}) as never;
    server.sendRaw(intent({ kind: "detail", id: 24 }));
    await page.getByText("Reading request 24 …").waitFor();
    server.down();
    await page.getByText("Gateway lost.").waitFor();
    gateway.detail = answer;
    server.up();
    await page.locator(".verdict").waitFor();
  });

  for (const path of ["/panel", "/sidebar"])
    it(`forgets what it showed of a gateway once another one answers (${path})`, async () => {
      const { page, gateway, server } = await open(24, path);
      server.sendRaw(intent({ kind: "detail", id: 24 }));
      await page.locator(".verdict").waitFor();
      server.down();
      await page.getByText("Gateway lost.").waitFor();
      gateway.generation = "g2";
      gateway.rowsAll.length = 0;
      gateway.add(1);
      server.up();
      await eventually("one row", async () => (await rowsOf(page).count()) === 1);
      await page.locator(".verdict").waitFor({ state: "detached" });
      assert.equal(await page.locator('[role="row"][aria-selected="true"]').count(), 0);
    });

  it("says that the policy is invalid and which version serves", async () => {
    const { page, gateway } = await open(24);
    gateway.invalid = true;
    gateway.tell.statusChanged?.(gateway.status());
    await page.getByText(/Line 41: Unknown key "requets"/u).waitFor();
    await page.getByText(/12:01:11 version/u).waitFor();
  });

  it("refuses a gateway of another version in words", async () => {
    const gateway = new FakeGateway(1);
    gateway.version = 99;
    const server = await servePage(gateway, files);
    const context = await browser.newContext();
    opened.push(context, server);
    const page = await context.newPage();
    await page.goto(server.url);
    await page.getByText("This page speaks version 1, the gateway 99.").waitFor();
  });

  it("asks for nothing while hidden, and for what it shows when shown again", async () => {
    const { page, gateway } = await open(24);
    const hide = (value: boolean): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, "hidden", { value: ${value}, configurable: true });` +
          `document.dispatchEvent(new Event("visibilitychange"))`,
      );
    await hide(true);
    await eventually("no topics", () => Object.keys(gateway.topics).length === 0);
    gateway.add(3);
    await hide(false);
    await page.locator("#row-27").waitFor();
  });

  it("is not harmed by messages that are none", async () => {
    const { page, gateway, server, errors } = await open(24);
    await page.locator("#row-24").waitFor();
    const bad: unknown[] = [
      null,
      7,
      [],
      {},
      { t: "s", i: "nobody", r: 1 },
      { t: "q", m: "traffic", a: [] },
      { t: "q", m: "traffic", a: [null] },
      { t: "q", m: "traffic", a: [{ stamp: {}, appended: [{}], appendedAt: "x", changed: 3 }] },
      { t: "q", m: "limitsChanged", a: [{ limits: [{}] }] },
      { t: "q", m: "servicesChanged", a: [{ services: 1 }] },
      { t: "q", m: "statusChanged", a: [{ policy: null }] },
      { t: "q", m: "intent", a: ["x"] },
      { t: "q", m: "hostState", a: [{}] },
      { t: "q", m: "constructor", a: [] },
      { t: "q", m: "__proto__", i: "1" },
      { t: "q" },
    ];
    for (const message of bad) server.sendRaw(JSON.stringify(message));
    server.sendRaw("{");
    server.sendRaw("<script>alert(1)</script>");
    gateway.add(1);
    await page.locator("#row-25").waitFor();
    assert.deepEqual(errors, []);
  });

  it("draws a request as text, whatever it holds", async () => {
    const { page, gateway, errors } = await open(12);
    const row = gateway.rowsAll[11]!;
    gateway.change({ ...row, path: `/<img src=x onerror=alert(1)>"'&`, why: "<b>bold</b>" });
    await page.getByText("<b>bold</b>").waitFor();
    assert.equal(await page.locator(".space img, .space b").count(), 0);
    assert.deepEqual(errors, []);
  });

  it("has nothing that axe finds wrong, dark and light, with high contrast too", async function () {
    // Fourteen states, each looked over whole.
    this.timeout(600_000);
    const { page } = await open(96, "/");
    await rowsOf(page).first().waitFor();
    const found: string[] = [];
    const look = async (what: string): Promise<void> => {
      for (const colorScheme of ["dark", "light"] as const)
        for (const forcedColors of ["none", "active"] as const) {
          await page.emulateMedia({ colorScheme, forcedColors });
          // These differ in colours alone: everything else is judged once.
          const rules = colorScheme === "dark" && forcedColors === "none" ? undefined : ["color-contrast"];
          found.push(...(await violations(page, `${what}, ${colorScheme}, forced colours ${forcedColors}`, rules)));
        }
    };
    await look("list");
    await openRow(page, "/orders/77");
    await look("rejection");
    await openRow(page, "/orders/12");
    for (const tab of ["Headers", "Body", "Timing", "Attempts"]) {
      await page.getByRole("tab", { name: tab }).click();
      await look(tab);
    }
    for (const name of ["Services", "Routes", "Limits", "Caches", "Analytics"]) {
      await page.getByRole("button", { name, exact: true }).click();
      await page.locator(".area-body :is(section, table)").first().waitFor();
      await look(name);
    }
    await page.getByRole("button", { name: "Traffic", exact: true }).click();
    await page.getByRole("grid").press("F1");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await look("keys");
    await page.keyboard.press("Escape");
    await page.getByRole("combobox").fill("rout:x");
    await page.getByText('unknown key "rout"').waitFor();
    await look("invalid filter");
    await page.setViewportSize({ width: 300, height: 640 });
    await page.locator(".grid.narrow").waitFor({ state: "attached" });
    await look("narrow");
    assert.deepEqual(found, []);
  });

  for (const path of ["/sidebar", "/panel", "/"])
    it(`needs no horizontal scrolling at 300 px (${path})`, async () => {
      const { page } = await open(96, path, { viewport: { width: 300, height: 640 } });
      const overflow = (): Promise<number> =>
        page.evaluate<number>(
          `Math.max(...[document.documentElement, ...document.querySelectorAll(".grid, .detail-page, .area-body")]` +
            `.map((element) => element.scrollWidth - element.clientWidth))`,
        );
      assert.equal(await overflow(), 0);
      await openRow(page, "/orders/77");
      for (const tab of ["Decision", "Headers", "Body", "Timing", "Attempts"]) {
        await page.getByRole("tab", { name: tab }).click();
        assert.equal(await overflow(), 0, tab);
      }
      await page.getByRole("button", { name: "Back to the list" }).click();
      await rowsOf(page).first().waitFor();
    });
});
