/**
 * What the page says when something is amiss, with the ways on that a window offers; and every state of the page looked
 * over by axe in VS Code's four kinds of themes. One page, whose colours are swapped: all else is the same in each.
 */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import type { Detail } from "../../src/contract/detail.ts";
import type { GatewayStatus } from "../../src/contract/status.ts";
import { eventually } from "../e2e/window/expect.ts";
import { violations } from "./accessibility.ts";
import { openBrowser } from "./browser.ts";
import { FakeGateway } from "./fake-gateway.ts";
import { connectionOf, layersOf } from "./made-up-layers.ts";
import { bundlePage, servePage, type PageFiles } from "./page-server.ts";
import { THEME_NAMES, wear } from "./themes.ts";
import { WindowStandIn } from "./window-stand-in.ts";

/** Its rows are of every kind that there is; its bodies are longer than what was kept. */
class EveryGateway extends FakeGateway {
  more: Partial<GatewayStatus> = {};

  constructor() {
    super(24);
    const [tcp, mock, replayed, pending, gone] = this.rowsAll;
    this.rowsAll[0] = { ...tcp!, protocol: "tcp", method: "TCP", path: "127.0.0.1:9000", host: "", termination: "CD" };
    this.rowsAll[1] = { ...mock!, tags: ["mock"] };
    this.rowsAll[2] = { ...replayed!, tags: ["replay"] };
    this.rowsAll[3] = { ...pending!, state: "pending", status: 0, duration: -1 };
    this.rowsAll[4] = { ...gone!, evicted: true };
  }

  override status(): GatewayStatus {
    return { ...super.status(), ...this.more };
  }

  /** Tells a status that differs from the usual one by this alone. */
  becomes(more: Partial<GatewayStatus>): void {
    this.more = { unhealthy: [], ...more };
    this.tell.statusChanged?.(this.status());
  }

  override detail(id: number, reveal: boolean): Detail | undefined {
    const detail = super.detail(id, reveal);
    if (detail === undefined) return undefined;
    const responseBody = { ...detail.responseBody, size: 1_258_291, captured: 65_536 };
    const base64 = Buffer.alloc(20_000, "x1,").toString("base64");
    return {
      ...detail,
      responseBody: { ...responseBody, contentType: "text/plain", base64 },
      ...(id === 1 ? { connection: connectionOf(), curl: "" } : {}),
      ...(id <= 2 ? { layers: layersOf(id) } : {}),
    };
  }
}

describe("the page's states", function () {
  this.timeout(600_000);
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

  async function open(gateway: FakeGateway, state?: WindowStandIn["state"]) {
    const server = await servePage(gateway, files);
    const context = await browser.newContext({ viewport: { width: 1280, height: 700 }, timezoneId: "UTC" });
    context.setDefaultTimeout(120_000);
    opened.push(context, server);
    const page = await context.newPage();
    const window = new WindowStandIn(gateway, state);
    await window.around(page);
    await page.goto(`${server.url}/panel`);
    return { page, window };
  }

  it("offers in each banner and empty state what the window can do about it", async () => {
    const gateway = new EveryGateway();
    const { page, window } = await open(gateway, { gateway: "stopped", trusted: false });
    const press = async (name: string, wish: string): Promise<void> => {
      await page.getByRole("button", { name, exact: true }).click();
      await eventually(wish, () => window.wishes.includes(wish));
    };
    await page.getByText("This workspace is in Restricted Mode.").waitFor();
    await press("Manage Trust", "runCommand manageTrust");
    window.becomes({ gateway: "stopped", trusted: true });
    await press("Start", "startGateway");
    window.becomes({ gateway: "running", trusted: true });
    await page.locator("#row-24").waitFor();
    gateway.invalid = true;
    gateway.becomes({});
    await press("Go to Line", "openLocation [object Object]");
    await press("Diff", "runCommand comparePolicy");
    gateway.invalid = false;
    gateway.becomes({ unhealthy: ["orders 0/3", "catalog 1/2"] });
    await page.getByText("orders: none of 3 healthy.").waitFor();
    await press("Run Script", "runCommand runScripts");
    gateway.becomes({ listeners: [{ name: "edge", url: "http://localhost:8080", port: 8080, problem: "in use" }] });
    await page.getByText("http://localhost:8080: in use").waitFor();
    await press("Log", "runCommand showLog");
    gateway.becomes({});
    gateway.rowsAll.length = 0;
    gateway.generation = "g2";
    gateway.add(0);
    await press("Send Test", "runCommand sendTest");
    window.becomes({ gateway: "lost", trusted: true });
    await page.getByText("Gateway lost.").waitFor();
    window.wishes.length = 0;
    await press("Log", "runCommand showLog");
    await press("Restart", "startGateway");
  });

  it("says how much of a body was kept, and draws all of that when asked", async () => {
    const { page } = await open(new EveryGateway());
    await page.locator("#row-24").click();
    await page.getByRole("tab", { name: "Body" }).click();
    await page.getByText("The first 64 KiB were kept, 1.1 MiB were not.").waitFor();
    await page.getByRole("button", { name: "Hex" }).click();
    const dump = page.locator("pre.body");
    assert.doesNotMatch(await dump.innerText(), /^004e10/mu);
    await page.getByRole("button", { name: "Load Rest (3.5 KiB)" }).click();
    await eventually("the last line", async () => /^004e10/mu.test(await dump.innerText()));
    assert.equal(await page.getByRole("button", { name: /Load Rest/u }).count(), 0);
  });

  it("has nothing that axe finds wrong in any state in any kind of theme", async () => {
    const gateway = new EveryGateway();
    const { page, window } = await open(gateway);
    await page.locator("#row-24").waitFor();
    const found: string[] = [];
    const look = async (what: string): Promise<void> => {
      for (const theme of THEME_NAMES) {
        await wear(page, theme);
        // Themes differ in colours alone: everything else is judged once.
        const rules = theme === THEME_NAMES[0] ? undefined : ["color-contrast"];
        found.push(...(await violations(page, `${what}, ${theme}`, rules)));
      }
    };
    for (const [what, show] of stages(page, gateway, window)) {
      await show();
      await look(what);
    }
    assert.equal(found.join("\n"), "");
  });
});

type Stage = readonly [string, () => Promise<void>];

/** In this order: each begins where the one before it ended. */
function stages(page: Page, gateway: EveryGateway, window: WindowStandIn): Stage[] {
  const row = async (id: number): Promise<void> => {
    await page.locator(`#row-${id}`).click();
    await page.locator(".verdict").waitFor();
  };
  const tab = async (name: string): Promise<void> => {
    await page.getByRole("tab", { name, exact: true }).click();
    await page.locator(`[role=tab][aria-selected=true]`, { hasText: name }).waitFor();
  };
  const banner = async (words: string, more: Partial<GatewayStatus>): Promise<void> => {
    gateway.becomes(more);
    await page.getByText(words).first().waitFor();
  };
  const frozen = [{ identity: "x", key: "alice", name: "per-user" }];
  const simulations = [
    { service: "orders", url: "http://localhost:4001", label: ":4001", simulation: { kind: "down" }, words: "down" },
  ] as const;
  return [
    [
      "rows: pinned, imported, mocked, replayed, pending, evicted, layer 4; columns moved and sorted",
      async () => {
        gateway.pin(20, true);
        gateway.importRequests("shop.har", 0, [{}, {}]);
        gateway.generation = "g2";
        gateway.add(0);
        await page.locator(".row.imported").first().waitFor();
        await page.getByRole("columnheader", { name: "Path" }).getByRole("button").focus();
        await page.keyboard.press("Shift+ArrowLeft");
        await page.getByRole("columnheader", { name: "Status" }).getByRole("button").click();
        await page.getByText("largest first").waitFor();
      },
    ],
    ["imported", async () => row(-2)],
    [
      "by time again",
      async () => {
        await page.getByRole("button", { name: "By Time" }).click();
        await row(24);
        await page.locator(".passing").waitFor();
      },
    ],
    ["a body of which a part was kept", () => tab("Body")],
    ["headers", () => tab("Headers")],
    [
      "layer 4",
      async () => {
        await row(1);
        await tab("Connection");
      },
    ],
    ["layers", () => tab("Layers")],
    [
      "mocked",
      async () => {
        await row(2);
        await tab("Decision");
      },
    ],
    [
      "what an unsaved policy would change",
      async () => {
        gateway.preview();
        await page.getByRole("status", { name: "Unsaved policy" }).getByRole("button", { name: "Show" }).click();
        await page.locator(".row.changed").first().waitFor();
      },
    ],
    [
      "a policy that is invalid, a frozen bucket, a simulation",
      async () => {
        gateway.invalid = true;
        await banner("Policy invalid.", { frozen, simulations });
        gateway.invalid = false;
      },
    ],
    ["a service that is down", () => banner("A service is down.", { unhealthy: ["orders 0/3"] })],
    [
      "a port that is taken",
      () => banner("in use", { listeners: [{ name: "edge", url: "http://localhost:1", port: 1, problem: "in use" }] }),
    ],
    ["draining", () => banner("Draining:", { state: "draining" })],
    [
      "nothing left by the filter",
      async () => {
        gateway.becomes({});
        await page.getByRole("combobox").fill("path:/nowhere");
        await page.getByText("hidden by the filter.").waitFor();
      },
    ],
    [
      "at 300 px",
      async () => {
        await page.getByRole("combobox").fill("");
        await page.setViewportSize({ width: 300, height: 700 });
        const back = page.getByRole("button", { name: "Back to the list" });
        if ((await back.count()) > 0) await back.click();
        await page.locator(".grid.narrow").waitFor();
        await page.locator("#row-24").waitFor();
      },
    ],
    [
      "lost",
      async () => {
        window.becomes({ gateway: "lost", trusted: true });
        await page.getByText("Gateway lost.").waitFor();
      },
    ],
    [
      "stopped",
      async () => {
        window.becomes({ gateway: "stopped", trusted: true });
        await page.getByText("Gateway stopped.").waitFor();
      },
    ],
    [
      "not trusted",
      async () => {
        window.becomes({ gateway: "stopped", trusted: false });
        await page.getByText("Restricted Mode").waitFor();
      },
    ],
    [
      "no traffic yet",
      async () => {
        gateway.rowsAll.length = 0;
        gateway.generation = "g3";
        window.becomes({ gateway: "running", trusted: true });
        await page.getByText("No traffic yet.").waitFor();
      },
    ],
    [
      "not recording",
      async () => {
        await page.getByRole("button", { name: "Recording" }).click();
        await page.getByText("Recording is stopped.").waitFor();
      },
    ],
  ];
}
