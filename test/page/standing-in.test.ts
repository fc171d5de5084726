/**
 * A token for a refused request and what a mock answered, as the page shows them in a browser: offered where it helps, copied
 * and not shown; marked in the table. In VS Code the window does the rest.
 */
import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { Detail } from "../../src/contract/detail.ts";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { bundlePage, servePage } from "./page-server.ts";

class RefusingGateway extends FakeGateway {
  constructor() {
    super(3);
    const [first, second] = this.rowsAll;
    if (first === undefined || second === undefined) throw new Error("There are three rows.");
    this.rowsAll[0] = { ...first, state: "rejected", status: 401 };
    this.rowsAll[1] = { ...second, state: "ok", status: 200, tags: ["mock"] };
  }

  override detail(id: number, reveal: boolean): Detail | undefined {
    const detail = super.detail(id, reveal);
    if (detail === undefined || id > 2) return detail;
    const verdict = { ...detail.verdict, refused: id === 1, status: id === 1 ? 401 : 200, fixes: [] };
    return { ...detail, verdict: { ...verdict, type: id === 1 ? "urn:switchyard:jwt:missing" : undefined } } as Detail;
  }
}

describe("the page and what stands in", function () {
  this.timeout(300_000);
  let browser: Browser;

  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  it("copies a token for what was refused, without showing it, and marks what a mock answered", async () => {
    const gateway = new RefusingGateway();
    const server = await servePage(gateway, await bundlePage());
    const context = await browser.newContext({
      viewport: { width: 1280, height: 700 },
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(120_000);
    try {
      const page = await context.newPage();
      await page.goto(`${server.url}/panel`);
      assert.equal(await page.locator('#row-2 [title="answered by a mock"]').count(), 1);
      await page.locator("#row-2").click();
      await page.locator(".verdict").waitFor();
      assert.equal(await page.getByRole("button", { name: "Mint Passing Token" }).count(), 0);
      await page.locator("#row-1").click();
      await page.getByRole("button", { name: "Mint Passing Token" }).click();
      await page.getByText("Token copied: signed with dev-key.json, passes user-jwt").waitFor();
      assert.deepEqual(gateway.acts, ["mint 1 for dev"]);
      assert.equal(await page.evaluate<string>("navigator.clipboard.readText()"), "e30.e30.c2ln");
      assert.ok(!(await page.locator("body").innerText()).includes("e30.e30"));
    } finally {
      await context.close();
      await server.close();
    }
  });
});
