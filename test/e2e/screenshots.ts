/**
 * Takes the pictures of the README: sidebar, policy and traffic table over the example shop, in three themes.
 * No test: nothing is compared, somebody looks at them.
 *
 *   node --import tsx test/e2e/screenshots.ts [output folder]
 */
import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { setup } from "../../scripts/vscode-setup.mjs";
import { eventually } from "./window/expect.ts";
import { packaged } from "./window/packaged.ts";
import { CodeServer } from "./window/server.ts";
import { closeBrowser, Workbench } from "./window/workbench.ts";

const THEMES = { dark: "Dark Modern", light: "Light Modern", "high-contrast": "Default High Contrast" } as const;
/** Milliseconds of traffic before each picture. */
const TRAFFIC = 20_000;

const root = join(import.meta.dirname, "../..");
const output = process.argv[2] ?? join(root, "media/screenshots");

function startShop(folder: string): ChildProcess[] {
  const programs: [string, Record<string, string>][] = [
    ["services/catalog.mjs", { PORT: "4101" }],
    ["services/orders.mjs", { PORT: "4001" }],
    ["services/orders.mjs", { PORT: "4002" }],
    ["services/orders.mjs", { PORT: "4003", SLOWNESS: "40" }],
    ["services/reviews.mjs", { PORT: "4201" }],
    ["services/suggestions.mjs", { PORT: "4301" }],
    ["traffic.mjs", {}],
  ];
  return programs.map(([script, environment]) =>
    spawn(process.execPath, [join(folder, script)], {
      env: { ...process.env, ...environment, UNTIL_STDIN_ENDS: "1" },
      stdio: ["pipe", "ignore", "inherit"],
    }),
  );
}

async function take(server: CodeServer, folder: string, name: string, theme: string): Promise<void> {
  server.setTheme(theme);
  const window = await Workbench.open(server.address(folder), { width: 1500, height: 940 });
  try {
    await window.openFile("switchyard.yaml");
    await window.showSidebar();
    await window.command("Switchyard: Start Gateway");
    await window.statusItem().filter({ hasText: ":8080" }).waitFor();
    await window.command("Switchyard: Focus Traffic");
    await delay(TRAFFIC);
    await eventually("the last rejection, explained in the editor and in the page", async () => {
      await window.command("Switchyard: Explain Last Rejection");
      await delay(4000);
      const frame = await window.webview(
        async (page) => (await page.getByText("Open switchyard.yaml").count()) > 0,
        5000,
      );
      return frame !== undefined && (await window.besideLines()).some((text) => text.includes("■"));
    });
    await window.page.mouse.move(900, 5);
    await window.page.screenshot({ path: join(output, `${name}.png`) });
    console.log(join(output, `${name}.png`));
    await window.command("Switchyard: Stop Gateway");
    await window.statusItem().filter({ hasText: "Switchyard off" }).waitFor();
  } catch (problem) {
    await window.shot(`failed-picture-${name}`);
    throw problem;
  } finally {
    await window.close();
  }
}

await setup(["browser", "vscode"]);
mkdirSync(output, { recursive: true });
const folder = join(mkdtempSync(join(tmpdir(), "switchyard-pictures-")), "shop");
cpSync(join(root, "examples/shop"), folder, { recursive: true });
const programs = startShop(folder);
const server = await CodeServer.start({ vsix: packaged() });
try {
  for (const [name, theme] of Object.entries(THEMES)) await take(server, folder, name, theme);
} finally {
  for (const program of programs) program.kill();
  await closeBrowser();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
