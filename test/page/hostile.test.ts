/**
 * Texts of strangers - paths, headers, names, messages of errors, fields of an archive - through every place where the page
 * shows text: none becomes markup, none runs, and the page's content security policy has nothing to stop.
 * Every word that a gateway may send is poisoned, but for those that the contract enumerates.
 */
import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { Detail } from "../../src/contract/detail.ts";
import { eventually } from "../e2e/window/expect.ts";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { connectionOf, layersOf } from "./made-up-layers.ts";
import { bundlePage, servePage } from "./page-server.ts";

const HOSTILE = `"'\`><img src=x onerror=hacked()><script>hacked()</script><svg onload=hacked()>\${7*7}{{7*7}}&lt;b&gt;javascript:hacked()`;

/** Fields whose words the contract enumerates, or that are not text: the page chooses by them and shows none of them. */
const ENUMERATED = new Set(
  "state kind verdict health side generation severity protocol speaks window change base64 contentEncoding by admin type identity".split(
    " ",
  ),
);

/** The same with every text made hostile. Spans of a waterfall have names that are enumerated too. */
function poisoned<Value>(value: Value, field = "", within = ""): Value {
  if (typeof value === "string") {
    const enumerated = ENUMERATED.has(field) || (field === "name" && within === "timing");
    return (enumerated ? value : value + HOSTILE) as Value;
  }
  if (Array.isArray(value)) return value.map((one) => poisoned(one as unknown, field, within || field)) as Value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, poisoned(one as unknown, name, field)]);
  return Object.fromEntries(entries) as Value;
}

const HTML_BODY = `<!doctype html><b id="hostile-body">${HOSTILE}</b>`;

/** What it says of anything is poisoned; what it is asked stays what it is. */
class HostileGateway extends FakeGateway {
  constructor() {
    super(24);
    this.invalid = true;
    const [tcp] = this.rowsAll;
    this.rowsAll[0] = { ...tcp!, protocol: "tls", host: "shop.test", termination: "CD" };
    this.rowsAll.forEach((row, k) => {
      const { tags, track } = row;
      this.rowsAll[k] = { ...poisoned({ ...row, tags: [] }), tags, track: { ...poisoned(track) } };
    });
  }

  override detail(id: number, reveal: boolean): Detail | undefined {
    const detail = super.detail(id, reveal);
    if (detail === undefined) return undefined;
    const { row, requestBody, responseBody, children: _children, ...rest } = detail;
    const html = { contentType: "text/html", base64: Buffer.from(HTML_BODY).toString("base64") };
    return {
      ...poisoned({ ...rest, layers: layersOf(id), ...(id === 1 ? { connection: connectionOf() } : {}) }),
      row,
      children: [{ ...row, parent: row.id }],
      requestBody,
      responseBody: { ...responseBody, ...html, size: HTML_BODY.length, captured: HTML_BODY.length },
    };
  }
}

/** Answers that are told by a question alone. */
const POISONED = [
  "services",
  "limits",
  "analytics",
  "caches",
  "status",
  "suggest",
  "parseFilter",
  "passingFixes",
] as const;

describe("the page and what strangers write", function () {
  this.timeout(300_000);
  let browser: Browser;

  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  it("shows every text as text, in every place, at every width", async () => {
    const gateway = new HostileGateway();
    for (const name of POISONED) {
      const answer = (gateway[name] as (...given: unknown[]) => unknown).bind(gateway);
      Object.assign(gateway, { [name]: (...given: unknown[]) => poisoned(answer(...given)) });
    }
    const server = await servePage(gateway, await bundlePage());
    const context = await browser.newContext({ viewport: { width: 1500, height: 800 }, timezoneId: "UTC" });
    context.setDefaultTimeout(60_000);
    try {
      const page = await context.newPage();
      const bad: string[] = [];
      page.on("dialog", (dialog) => void dialog.dismiss().then(() => bad.push(`dialog ${dialog.message()}`)));
      page.on("pageerror", (error) => bad.push(error.message));
      page.on("request", (request) => {
        if (!/\/(page\.(?:js|css))?$|^ws:/u.test(new URL(request.url()).pathname))
          bad.push(`asked for ${request.url()}`);
      });
      await page.addInitScript(
        `window.bad = []; window.hacked = () => window.bad.push("it ran");
        document.addEventListener("securitypolicyviolation", (event) =>
          window.bad.push(event.violatedDirective + " " + event.blockedURI));`,
      );
      await page.goto(`${server.url}/`);
      await page.locator("#row-24").waitFor();
      const places: string[] = [];
      const check = async (place: string): Promise<void> => {
        const seen = await page.evaluate<string[]>(
          `[...document.querySelectorAll("img, script:not([src='/page.js']), iframe, object, embed, [onload], [onerror], #hostile-body, a[href]")]
            .map((element) => element.outerHTML.slice(0, 120)).concat(window.bad)`,
        );
        bad.push(...seen.map((what) => `${place}: ${what}`));
        const shown = await page.evaluate<boolean>(
          `document.body.textContent.includes("<img src=x onerror=hacked()>")`,
        );
        places.push(`${place} ${shown ? "shows" : "hides"}`);
      };
      await check("list");
      gateway.preview();
      await page.getByRole("status", { name: "Unsaved policy" }).waitFor();
      await check("what if");
      for (const id of [24, 1]) {
        await page.locator(`#row-${id}`).click();
        await page.locator(".verdict").waitFor();
        for (const tab of await page.getByRole("tab").allInnerTexts()) {
          await page.getByRole("tab", { name: tab, exact: true }).click();
          if (tab === "Body") await page.locator("pre.body").waitFor();
          await page.evaluate(`document.querySelectorAll(".step details").forEach((fold) => (fold.open = true))`);
          await check(`${tab} of ${id}`);
        }
      }
      const sorts = page.getByRole("columnheader", { name: "Path" }).getByRole("button");
      await sorts.click();
      await page.getByText("A to Z").waitFor();
      await check("sorted");
      const box = page.getByRole("combobox");
      await box.focus();
      await box.pressSequentially("is:r");
      await page.getByRole("option").first().waitFor();
      await check("suggestions");
      await box.fill(HOSTILE);
      await eventually("it is painted", async () => (await page.locator(".paint").textContent()) === HOSTILE);
      await check("filter");
      await page.keyboard.press("Escape");
      gateway.importRequests(HOSTILE, 0, [{}]);
      for (const area of ["Services", "Routes", "Limits", "Caches", "Analytics"]) {
        await page.getByRole("button", { name: area, exact: true }).click();
        await page.locator(".area-body :is(section, table)").first().waitFor();
        await check(area);
      }
      await page.getByRole("button", { name: "Traffic", exact: true }).click();
      await page.setViewportSize({ width: 300, height: 800 });
      await page.locator(".grid.narrow").waitFor({ state: "attached" });
      await check("narrow");
      assert.deepEqual(bad, []);
      // A place that hid the text would have proved nothing.
      assert.deepEqual(
        places.filter((place) => place.endsWith("hides")),
        [],
      );
    } finally {
      await context.close();
      await server.close();
    }
  });
});
