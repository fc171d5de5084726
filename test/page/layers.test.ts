/**
 * What the page shows of layer 4, and of one request at several listeners: columns side by side, each leading to its row.
 * Must not assert on pixels, except that nothing is cut off.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import type { Detail } from "../../src/contract/detail.ts";
import type { Row } from "../../src/contract/traffic.ts";
import { violations } from "./accessibility.ts";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { connectionOf, layersOf } from "./made-up-layers.ts";
import { makeDetail } from "./made-up-traffic.ts";
import { bundlePage, servePage, type PageFiles } from "./page-server.ts";

/** Row 1 is a connection, row 2 the request that it carried. */
class LayeredGateway extends FakeGateway {
  constructor() {
    super(12);
    const tcp: Row = {
      ...this.rowsAll[0]!,
      protocol: "tcp",
      method: "TCP",
      path: "127.0.0.1:9000",
      status: 0,
      state: "ok",
    };
    this.rowsAll[0] = { ...tcp, host: "", termination: "CD", client: "127.0.0.1", why: "the client aborted it" };
  }

  override detail(id: number, reveal: boolean): Detail | undefined {
    const row = this.rowsAll[id - 1];
    if (row === undefined) return undefined;
    const detail = makeDetail(row, reveal);
    if (id > 2) return detail;
    return { ...detail, layers: layersOf(id), ...(id === 1 ? { connection: connectionOf(), curl: "" } : {}) };
  }
}

describe("the page and layers", function () {
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

  async function open(width: number): Promise<Page> {
    const server = await servePage(new LayeredGateway(), files);
    const context = await browser.newContext({ viewport: { width, height: 700 }, timezoneId: "UTC" });
    context.setDefaultTimeout(120_000);
    opened.push(context, server);
    const page = await context.newPage();
    await page.goto(`${server.url}/panel`);
    await page.locator("#row-1").click();
    await page.locator(".verdict").waitFor();
    return page;
  }

  it("shows a connection with its ends, its termination state, and what this layer cannot see", async () => {
    const page = await open(1280);
    assert.match(await page.locator("#row-1").innerText(), /TCP[\s\S]*127\.0\.0\.1:9000/u);
    assert.equal(await page.getByRole("tab", { name: "Body" }).count(), 0);
    await page.getByRole("tab", { name: "Connection" }).click();
    const words = await page.locator(".connection").innerText();
    for (const part of ["127.0.0.1:50122", "albs :9081", "PROXY 127.0.0.1", "CD", "the client aborted it", "path"])
      assert.ok(words.includes(part), part);
  });

  for (const width of [1280, 340]) {
    it(`shows the layers of one request side by side, and leads from one to the other, ${width} px wide`, async () => {
      const page = await open(width);
      await page.getByRole("tab", { name: "Layers" }).click();
      const columns = page.locator(".layer");
      assert.equal(await columns.count(), 2);
      assert.match(
        await columns.nth(0).innerText(),
        /nlb[\s\S]*layer 4[\s\S]*Could not know[\s\S]*path[\s\S]*albs :9081[\s\S]*4 earlier/u,
      );
      assert.match(
        await columns.nth(1).innerText(),
        /alb-a[\s\S]*same client[\s\S]*403[\s\S]*ipFilter: 127\.0\.0\.1 is denied[\s\S]*nobody/u,
      );
      const wide = await page.evaluate<boolean>("document.documentElement.scrollWidth > window.innerWidth");
      assert.equal(wide, false);
      assert.deepEqual(await violations(page, "layers"), []);
      await columns.nth(1).getByRole("button", { name: "Show This Layer" }).click();
      await page.locator(".layer.current", { hasText: "alb-a" }).waitFor();
    });
  }

  it("has no layers to show for a request of one listener, whatever tab was open", async () => {
    const page = await open(1280);
    await page.getByRole("tab", { name: "Layers" }).click();
    await page.locator("#row-5").click();
    await page.locator("#tab-Decision[aria-selected=true]").waitFor();
    assert.equal(await page.getByRole("tab", { name: "Layers" }).count(), 0);
    await page.getByText("Balancer: where should it go?").waitFor();
  });
});
