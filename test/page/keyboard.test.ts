/**
 * The whole page by keyboard alone: every stop of the Tab key can be seen, nothing traps it, and what opens gives the focus
 * back when it closes. Must not use a pointer.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { eventually } from "../e2e/window/expect.ts";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { bundlePage, servePage, type PageFiles } from "./page-server.ts";

/** Name of what has the focus, and whether that can be seen: by its outline, or the border of what holds it. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return undefined;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const outlined = outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  const bordered = element.closest(".filter") !== null;
  const row = element.matches(".grid[aria-activedescendant]");
  const name = element.getAttribute("aria-label") ?? element.textContent.trim().replace(/\\s+/g, " ");
  return { name: name.slice(0, 60), seen: outlined || bordered || row };
})()`;

interface Stop {
  readonly name: string;
  readonly seen: boolean;
}

const focused = (page: Page): Promise<Stop | undefined> => page.evaluate<Stop | undefined>(FOCUSED);
const nameOfFocus = async (page: Page): Promise<string> => (await focused(page))?.name ?? "";

/** Tabs until `name` has the focus. */
async function tabTo(page: Page, name: string, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    if ((await nameOfFocus(page)).startsWith(name)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${name} cannot be reached by ${key}`);
}

describe("the page by keyboard", function () {
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

  async function open(width = 1280) {
    const gateway = new FakeGateway(24);
    const server = await servePage(gateway, files);
    const context = await browser.newContext({ viewport: { width, height: 700 }, timezoneId: "UTC" });
    context.setDefaultTimeout(60_000);
    opened.push(context, server);
    const page = await context.newPage();
    await page.goto(`${server.url}/`);
    await page.locator("#row-24").waitFor();
    return { page, gateway };
  }

  it("comes to everything by Tab, shows where it is, and leaves the page at its end", async () => {
    const { page } = await open();
    await tabTo(page, "Requests");
    for (const key of ["Home", "Enter"]) await page.keyboard.press(key);
    await page.locator(".verdict").waitFor();
    await page.locator(".passing").waitFor();
    await tabTo(page, "Traffic", "Shift+Tab");
    const stops: Stop[] = [];
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press("Tab");
      const stop = await focused(page);
      if (stop === undefined || (stop.name === stops[0]?.name && stops.length > 1)) break;
      stops.push(stop);
    }
    const names = stops.map(({ name }) => name);
    assert.ok(stops.length < 80, names.join(", "));
    assert.deepEqual(
      stops.filter(({ seen }) => !seen),
      [],
    );
    const all =
      "Services,Limits,Filter requests,Recording,Freeze,More,Time,Requests,Width of the detail,Close the detail," +
      "Copy switchyard.yaml:41,Replay,Pin,Decision,route";
    for (const wanted of all.split(","))
      assert.ok(
        names.some((name) => name.startsWith(wanted)),
        `${wanted} is not among ${names.join(", ")}`,
      );
  });

  it("opens menus, dialogs and lists, and gives the focus back", async () => {
    const { page } = await open();
    await tabTo(page, "Requests");
    await page.keyboard.press("F1");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    assert.equal(await nameOfFocus(page), "Close");
    await page.keyboard.press("Escape");
    await eventually("back in the table", async () => (await nameOfFocus(page)) === "Requests");
    await tabTo(page, "More", "Shift+Tab");
    await page.keyboard.press("Enter");
    await tabTo(page, "Keys");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Enter");
    await eventually("back at the menu's button", async () => (await nameOfFocus(page)) === "More");
    await tabTo(page, "Filter requests", "Shift+Tab");
    await page.keyboard.type("is:r");
    await page.getByRole("option", { name: "is:rejected" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByText("8 of 24").first().waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await eventually("down into the table", async () => (await nameOfFocus(page)) === "Requests");
    for (const key of ["Home", "Enter"]) await page.keyboard.press(key);
    await page.locator(".verdict").waitFor();
    await tabTo(page, "Decision");
    await page.keyboard.press("ArrowRight");
    await eventually("the next tab", async () => (await nameOfFocus(page)) === "Headers");
    await page.keyboard.press("Escape");
    await eventually("back once more", async () => (await nameOfFocus(page)) === "Requests");
  });

  it("changes a bucket and takes it back, acts on a replica, and scales", async () => {
    const { page, gateway } = await open();
    await tabTo(page, "Limits");
    await page.keyboard.press("Enter");
    await tabTo(page, "Reset bucket alice");
    await page.keyboard.press("Enter");
    await page.getByText("Bucket alice reset").waitFor();
    assert.equal(await nameOfFocus(page), "Reset bucket alice");
    await page.keyboard.press("Control+z");
    await page.getByText("Bucket alice is as it was before").waitFor();
    await tabTo(page, "Set bucket alice");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Set bucket" }).waitFor();
    await page.keyboard.press("Control+a");
    await page.keyboard.type("33");
    await page.keyboard.press("Enter");
    await eventually("it is set", () => gateway.resets.some((one) => one.startsWith("set")));
    await eventually("back at its button", async () => (await nameOfFocus(page)) === "Set bucket alice");
    await tabTo(page, "Services", "Shift+Tab");
    await page.keyboard.press("Enter");
    await tabTo(page, "Act on :4002 of orders");
    await page.keyboard.press("d");
    await eventually("it drains", () => gateway.acts.includes("Drain orders http://localhost:4002"));
    await tabTo(page, "One replica more");
    await page.keyboard.press("Enter");
    await eventually("it scales", () => gateway.acts.includes("scale catalog 2"));
    await tabTo(page, "Traffic", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator("#row-24").waitFor();
  });

  it("goes into the detail and back out where there is room for one of both", async () => {
    const { page } = await open(300);
    await tabTo(page, "Requests");
    for (const key of ["ArrowDown", "Enter"]) await page.keyboard.press(key);
    await eventually("at the way back", async () => (await nameOfFocus(page)) === "Back to the list");
    await tabTo(page, "Decision");
    await page.keyboard.press("Escape");
    await eventually("in the list again", async () => (await nameOfFocus(page)) === "Requests");
  });
});
