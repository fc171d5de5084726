/**
 * Takes pictures of the page in VS Code's four kinds of themes, its widths and its states, to be looked at:  npx tsx test/page/screenshots.ts DIR
 * They are for eyes: fonts differ between machines, so nothing compares them.
 */
import { mkdirSync } from "node:fs";
import type { Page } from "playwright-core";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { bundlePage, servePage } from "./page-server.ts";
import { THEME_NAMES, wear } from "./themes.ts";

const directory = process.argv[2] ?? "/tmp/shots";
const only = process.argv[3] ?? "";
mkdirSync(directory, { recursive: true });

interface Shot {
  readonly name: string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly act?: (page: Page) => Promise<void>;
}

/** The last round of kinds: the newest row is the rate limit refusal. */
const open = (text: string) => async (page: Page) => {
  await page.locator(".space .row", { hasText: text }).last().click();
  await page.locator(".verdict").waitFor();
};
const tab = (text: string, name: string) => async (page: Page) => {
  await open(text)(page);
  await page.getByRole("tab", { name }).click();
};
const sorted = async (page: Page) => {
  await page.getByRole("columnheader", { name: "Duration" }).getByRole("button").click();
  await page.getByText("largest first").waitFor();
};
/** A pinned row, and imported ones of which one is open where there is room. */
const kept = async (page: Page) => {
  gateway.pin(96, true);
  if (gateway.imported.length === 0) gateway.importRequests("shop.har", 0, Array(12).fill(null));
  gateway.add(0);
  await page.getByRole("combobox").fill("path:/orders/77");
  await page.locator(".row.imported").first().waitFor();
  if ((page.viewportSize()?.width ?? 0) > 500) await page.locator(".row.imported").last().click();
};
const area = (name: string) => async (page: Page) => page.getByRole("button", { name, exact: true }).click();

const SHOTS: readonly Shot[] = [
  { name: "panel", path: "/panel", width: 1280, height: 640 },
  { name: "panel-rejected", path: "/panel", width: 1280, height: 640, act: open("/orders/77") },
  { name: "panel-forwarded", path: "/panel", width: 1280, height: 760, act: open("/orders/12") },
  { name: "panel-headers", path: "/panel", width: 1280, height: 640, act: tab("/orders/12", "Headers") },
  { name: "panel-body", path: "/panel", width: 1280, height: 640, act: tab("/orders/12", "Body") },
  { name: "panel-timing", path: "/panel", width: 1280, height: 640, act: tab("/orders/12", "Timing") },
  { name: "panel-attempts", path: "/panel", width: 1280, height: 640, act: tab("/orders/12", "Attempts") },
  { name: "sidebar", path: "/sidebar", width: 300, height: 640 },
  { name: "sidebar-rejected", path: "/sidebar", width: 300, height: 900, act: open("/orders/77") },
  { name: "sidebar-headers", path: "/sidebar", width: 300, height: 640, act: tab("/orders/12", "Headers") },
  { name: "panel-sorted", path: "/panel", width: 1280, height: 480, act: sorted },
  { name: "panel-kept", path: "/panel", width: 1280, height: 640, act: kept },
  { name: "sidebar-kept", path: "/sidebar", width: 300, height: 640, act: kept },
  { name: "browser-limits", path: "/", width: 1100, height: 480, act: area("Limits") },
  { name: "browser-services", path: "/", width: 1100, height: 480, act: area("Services") },
  { name: "browser-routes", path: "/", width: 1100, height: 300, act: area("Routes") },
  { name: "browser-caches", path: "/", width: 1100, height: 480, act: area("Caches") },
  { name: "browser-analytics", path: "/", width: 1100, height: 640, act: area("Analytics") },
  {
    name: "browser-filter",
    path: "/",
    width: 1100,
    height: 480,
    act: async (page) => {
      await page.getByRole("combobox").fill("-route:orders is:r");
      await page.locator(".suggestions li").first().waitFor();
    },
  },
];

const browser = await openBrowser();
const files = await bundlePage();
console.log(
  `page.js ${(files.script.length / 1024).toFixed(0)} KiB, page.css ${(files.style.length / 1024).toFixed(0)} KiB`,
);
const gateway = new FakeGateway(96);
const server = await servePage(gateway, files);
for (const shot of SHOTS.filter((one) => one.name.includes(only))) {
  // What one remembers must not show in the next.
  const context = await browser.newContext({ timezoneId: "UTC" });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.log(`${shot.name}: ${error.stack}`));
  page.on("console", (message) => message.type() === "error" && console.log(`${shot.name}: ${message.text()}`));
  await page.setViewportSize(shot);
  await page.goto(server.url + shot.path);
  await page.locator(".space .row").first().waitFor();
  await shot.act?.(page);
  for (const theme of THEME_NAMES) {
    await wear(page, theme);
    await page.waitForTimeout(150);
    await page.screenshot({ path: `${directory}/${shot.name}-${theme.replace("vscode-", "")}.png` });
  }
  await context.close();
}
await browser.close();
await server.close();
