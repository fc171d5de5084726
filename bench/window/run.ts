/**
 * `npm run bench:window`: the budgets of the page, measured inside the webview of a real VS Code window: packaged
 * extension, its gateway under 5,000 requests a second, Chromium without a graphics card.
 *
 *   npm run bench:window               needs an idle machine for a while: two processors carry all of it
 *   npm run bench:window -- --smoke    a second of it: proves that it still runs
 *
 * Prints figures with the machine's load beside them. Must not assert on any.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Frame } from "playwright-core";
import { setup } from "../../scripts/vscode-setup.mjs";
import { packaged } from "../../test/e2e/window/packaged.ts";
import { CodeServer } from "../../test/e2e/window/server.ts";
import { Shop } from "../../test/e2e/window/shop.ts";
import { closeBrowser, Workbench } from "../../test/e2e/window/workbench.ts";
import { quantile, table } from "../bench.ts";

const smoke = process.argv.includes("--smoke");
const RATE = 5000;
const SECONDS = smoke ? 1 : 10;
const ROUNDS = smoke ? 1 : 3;
const FILL = smoke ? 2000 : 100_000;

/** Milliseconds between the frames that the page was given. As text: what tsx makes of a named function runs only here. */
const frames = (page: Frame, seconds: number): Promise<number[]> =>
  page.evaluate<number[]>(`new Promise((resolve) => {
    const gaps = [];
    const start = performance.now();
    let last = start;
    requestAnimationFrame(function next() {
      const at = performance.now();
      gaps.push(at - last);
      last = at;
      if (at - start < ${seconds * 1000}) requestAnimationFrame(next);
      else resolve(gaps.slice(1));
    });
  })`);

const load = (): string =>
  loadavg()
    .map((one) => one.toFixed(1))
    .join(" ");

const frameRow = (name: string, gaps: readonly number[], more: string): string[] => {
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (share: number): string => quantile(sorted, share).toFixed(1);
  return [name, at(0.5), at(0.95), at(0.99), (sorted.at(-1) ?? 0).toFixed(0), more, load()];
};

/** Requests in the ring, as the page's footer knows them. */
const total = (page: Frame): Promise<number> =>
  page.evaluate(() => {
    const { store } = document.querySelector("traffic-table") as unknown as {
      store: { counts?: { total: number; dropped: number } };
    };
    return (store.counts?.total ?? 0) + (store.counts?.dropped ?? 0);
  });

/** Sends at a steady rate from a process of its own, until it is told to stop. */
class Sender {
  readonly #child: ChildProcess;

  constructor(port: number) {
    this.#child = fork(join(import.meta.dirname, "sender.mjs"), [String(port)]);
  }

  /** @param count undefined = until the next order. */
  send(perSecond: number, count?: number): Promise<unknown> {
    const sent = once(this.#child, "message");
    this.#child.send({ perSecond, count });
    return sent;
  }

  stop(): void {
    this.#child.kill();
  }
}

async function panel(window: Workbench): Promise<Frame> {
  await window.command("Switchyard: Focus Traffic");
  const rows = "body[data-place=panel] .space .row:not(.blank)";
  // On a machine that is busy with everything else the page is late: that is a figure, not a failure.
  return window.webview(async (frame) => (await frame.locator(rows).count()) > 0, 180_000);
}

/** Milliseconds from the page's start to its first paint and to its first rows. */
async function opening(page: Frame): Promise<[number, number]> {
  return page.evaluate(() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN;
    const rows = performance.getEntriesByName("switchyard:rows")[0]?.startTime ?? NaN;
    return [paint, rows] as [number, number];
  });
}

/** Milliseconds from the last key to the filtered count, the 120 ms for which typing is awaited among them. */
async function filtering(page: Frame, text: string): Promise<number> {
  return page.evaluate(async (wanted) => {
    const box = document.querySelector("filter-box") as unknown as { set(text: string): void };
    const app = document.querySelector("switchyard-app") as unknown as {
      session: { traffic: { filter: string; counts?: unknown; span: { end: number; first: number } } };
    };
    const start = performance.now();
    box.set(wanted);
    const { traffic } = app.session;
    const before = traffic.counts;
    while (traffic.filter !== wanted || traffic.counts === before)
      await new Promise((resolve) => requestAnimationFrame(resolve));
    return performance.now() - start;
  }, text);
}

async function measure(window: Workbench, shop: Shop, sender: Sender): Promise<void> {
  await window.showSidebar();
  await window.command("Switchyard: Start Gateway");
  await window
    .statusItem()
    .filter({ hasText: `:${shop.port}` })
    .waitFor();
  await sender.send(2000, FILL);
  const rows: string[][] = [["frames, ms", "p50", "p95", "p99", "max", "rows/s", "load"]];
  let page = await panel(window);
  const openings: [number, number][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await window.command("View: Toggle Panel Visibility");
    await delay(500);
    page = await panel(window);
    await delay(1000);
    openings.push(await opening(page));
  }
  console.log(`${await total(page)} requests recorded`);
  rows.push(frameRow("idle, following", await frames(page, Math.min(SECONDS, 5)), "0"));
  for (let round = 0; round < ROUNDS; round++) {
    const before = await total(page);
    void sender.send(RATE);
    await delay(1500);
    const [from, start] = [await total(page), Date.now()];
    const gaps = await frames(page, SECONDS);
    const perSecond = ((await total(page)) - from) / ((Date.now() - start) / 1000);
    void sender.send(0);
    await delay(1500);
    rows.push(frameRow(`${RATE}/s, following`, gaps, perSecond.toFixed(0)));
    if ((await total(page)) === before) console.log("nothing arrived");
  }
  const filters: string[] = [];
  for (const text of ["path:/cart/77*", "status:404 dur>250ms", "path~/cart/\\d*7$"])
    filters.push(`${text} ${(await filtering(page, text)).toFixed(0)}`);
  for (const line of table(rows)) console.log(line);
  const best = (k: 0 | 1): string => openings.map((one) => one[k].toFixed(0)).join(", ");
  console.log(`first paint ms (bar 150): ${best(0)}; first rows ms (bar 300): ${best(1)}`);
  console.log(`filter over the whole ring, from the text to the drawn count, ms: ${filters.join("; ")}`);
}

await setup(["browser", "vscode"]);
const [processor] = cpus();
console.log(
  `${cpus().length} x ${processor?.model.trim()}, load ${load()}${smoke ? ", smoke run: figures mean nothing" : ""}`,
);
const shop = await Shop.open();
const server = await CodeServer.start({ vsix: packaged() });
const sender = new Sender(shop.port);
try {
  const window = await Workbench.open(server.address(shop.folder));
  try {
    await measure(window, shop, sender);
  } catch (problem) {
    await window.shot("failed-bench-window");
    throw problem;
  }
  await window.close();
} finally {
  sender.stop();
  await closeBrowser();
  await server.stop();
  await shop.close();
}
