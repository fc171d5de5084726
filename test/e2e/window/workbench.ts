/**
 * One VS Code window, driven as a person would: palette, views, editor, status bar, notifications.
 * Only what is on the screen is looked at. Must not know anything about Switchyard's insides.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser, type Frame, type Locator, type Page } from "playwright-core";
import { findChromium } from "../../../scripts/vscode-setup.mjs";
import { LOADING, PATIENCE } from "./expect.ts";
import { EXTENSION } from "./names.ts";

let shared: Promise<Browser> | undefined;

/** The one browser of a test run. */
export function browser(): Promise<Browser> {
  shared ??= chromium.launch({
    executablePath: findChromium(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return shared;
}

export async function closeBrowser(): Promise<void> {
  const open = shared;
  shared = undefined;
  await (await open)?.close();
}

export interface WindowOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scale?: number;
}

export class Workbench {
  readonly page: Page;
  /** What the window's console said: shown when a test fails. */
  readonly console: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("console", (message) => this.console.push(`${message.type()}: ${message.text()}`));
    page.setDefaultTimeout(PATIENCE);
    page.setDefaultNavigationTimeout(LOADING);
  }

  static async open(address: string, options: WindowOptions = {}): Promise<Workbench> {
    const context = await (
      await browser()
    ).newContext({
      viewport: { width: options.width ?? 1400, height: options.height ?? 900 },
      deviceScaleFactor: options.scale ?? 1,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const window = new Workbench(await context.newPage());
    await window.page.goto(address);
    await window.ready();
    return window;
  }

  async ready(): Promise<void> {
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor({ timeout: LOADING });
    await this.page.locator(".part.activitybar").waitFor({ timeout: LOADING });
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  /** Runs a command by its title in the palette. */
  async command(title: string): Promise<void> {
    await this.#openPalette(`>${title}`);
    const row = this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first();
    // On a busy machine a click can come before the row listens: the row goes when it was heard.
    for (let attempt = 1; ; attempt++) {
      await row.click();
      try {
        return await row.waitFor({ state: "hidden", timeout: 10_000 });
      } catch (problem) {
        if (attempt === 3) throw problem;
      }
    }
  }

  /** The commands that the palette offers for `text`. */
  async offered(text: string): Promise<string[]> {
    await this.#openPalette(`>${text}`);
    await this.page.waitForTimeout(600);
    const rows = await this.page.locator(".quick-input-list .monaco-list-row .label-name").allInnerTexts();
    await this.page.keyboard.press("Escape");
    return rows.map((row) => row.trim());
  }

  /** By name, with the quick picker; asked again while the file search is not up yet. */
  async openFile(name: string): Promise<void> {
    const row = this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: name }).first();
    for (let attempt = 1; ; attempt++) {
      await this.#openPalette(name);
      try {
        await row.click({ timeout: 6000 });
        break;
      } catch (problem) {
        if (attempt === 8) throw problem;
        await this.page.keyboard.press("Escape");
      }
    }
    await this.page.locator(`.tabs-container .tab[data-resource-name="${name}"]`).waitFor();
  }

  /** Shows Switchyard's container in the sidebar. */
  async showSidebar(): Promise<void> {
    const icon = this.page.locator('.activitybar .action-item:has(a[aria-label^="Switchyard"])');
    if ((await icon.getAttribute("class"))?.includes("checked")) return;
    await icon.click();
    await this.page.locator(".sidebar .pane-header").first().waitFor();
  }

  /** A view of the sidebar, by its title. */
  pane(title: string): Locator {
    return this.page.locator(`.sidebar .pane:has(> .pane-header[aria-label^="${title}"])`);
  }

  treeRow(title: string, text: string): Locator {
    return this.pane(title).locator(".monaco-list-row").filter({ hasText: text }).first();
  }

  statusItem(): Locator {
    return this.page.locator(`.statusbar-item[id^="${EXTENSION}"]`);
  }

  notification(text: string): Locator {
    return this.page.locator(".notifications-toasts .notification-toast").filter({ hasText: text });
  }

  quickPick(text: string): Locator {
    return this.page.locator(".quick-input-widget .monaco-list-row").filter({ hasText: text }).first();
  }

  /** The page inside the webview whose content satisfies `holds`; undefined while there is none. */
  async webview(holds: (frame: Frame) => Promise<boolean>, timeout = PATIENCE): Promise<Frame> {
    const until = Date.now() + timeout;
    for (;;) {
      const outers = await this.page.locator(`iframe.webview.ready[src*="extensionId=${EXTENSION}"]`).all();
      for (const outer of outers) {
        try {
          const outerFrame = await (await outer.elementHandle({ timeout: 500 }))?.contentFrame();
          const inner = await outerFrame?.waitForSelector("iframe#active-frame", { timeout: 500, state: "attached" });
          const frame = await inner?.contentFrame();
          if (frame && (await holds(frame))) return frame;
        } catch {
          // It went away or is not ready: look again.
        }
      }
      if (Date.now() > until)
        throw new Error(`no webview of Switchyard shows what was expected (${outers.length} seen)`);
      await this.page.waitForTimeout(100);
    }
  }

  /** An entry of the menu that is open. */
  menuItem(text: string): Locator {
    return this.page.locator(".context-view .action-item:not(.disabled)").filter({ hasText: text }).first();
  }

  /** Answers the dialog that asks for a folder of the server. */
  async chooseFolder(path: string, button: string): Promise<void> {
    const box = this.page.locator(".quick-input-widget");
    const input = box.locator(".quick-input-box input");
    await input.waitFor();
    await input.fill(`${path}/`);
    await box.getByRole("button", { name: button }).click();
  }

  /** Opens the light bulb beside the cursor's line and takes the action that holds `text`. */
  async lightBulb(text: string): Promise<void> {
    await this.editor().locator('.lightBulbWidget, [class*="codicon-gutter-lightbulb"]').first().click();
    await this.page.locator(".action-widget .monaco-list-row").filter({ hasText: text }).first().click();
  }

  /** What the active editor shows. */
  async text(): Promise<string> {
    return (await this.editor().locator(".view-lines").innerText()).replaceAll("\u00a0", " ");
  }

  editor(): Locator {
    return this.page.locator(".editor-instance .monaco-editor").first();
  }

  /** What extensions wrote beside the lines of the active editor: it is drawn as generated content. */
  besideLines(): Promise<string[]> {
    return this.editor()
      .locator(".view-line span")
      .evaluateAll((spans) => spans.map((span) => getComputedStyle(span, "::after").content));
  }

  /** Line of the cursor in the active editor, from the status bar. */
  async cursorLine(): Promise<number> {
    const text = await this.page.locator('.statusbar-item[id="status.editor.selection"]').innerText();
    return Number(/Ln (\d+)/.exec(text)?.[1]);
  }

  async goToLine(line: number, column = 1): Promise<void> {
    await this.#openPalette(`:${line}:${column}`);
    const box = this.page.locator(".quick-input-widget");
    await box.getByText(`to go to line ${line} `).first().waitFor();
    await this.page.keyboard.press("Enter");
    await box.waitFor({ state: "hidden" });
  }

  async shot(name: string): Promise<void> {
    const folder = join(import.meta.dirname, "../../../out/e2e");
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  /** Typing straight after Ctrl+P fails while a webview has the focus: F1 until the box is there. */
  async #openPalette(text: string): Promise<void> {
    const box = this.page.locator(".quick-input-widget");
    const input = box.locator(".quick-input-box input");
    for (let attempt = 0; ; attempt++) {
      await this.page.keyboard.press("F1");
      try {
        await input.waitFor({ timeout: 1500 });
        break;
      } catch (problem) {
        if (attempt > 6) throw problem;
        await this.page
          .locator(".part.statusbar")
          .click({ position: { x: 500, y: 5 }, timeout: 1500 })
          .catch(() => {});
      }
    }
    await input.fill(text);
  }
}
