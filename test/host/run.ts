/**
 * Runs the suites of this folder inside VS Code's extension host, through @vscode/test-electron: in a desktop VS Code
 * where there is one (VSCODE_EXECUTABLE, else a download where a display is there), otherwise in the npm-installed
 * server, which scripts/vscode-shim.mjs dresses as one. Then looks whether anything outlived the window.
 * Must not believe an exit code: a killed extension host reports 0, so the totals that mocha writes last are demanded.
 *
 *   node --import tsx test/host/run.ts [empty-folder] [opened-folder]     SWITCHYARD_HOST_GREP picks tests
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { downloadAndUnzipVSCode, runTests } from "@vscode/test-electron";
import { build } from "esbuild";
import { places } from "../../scripts/vscode-setup.mjs";
import { gatewaysOf } from "../e2e/window/shop.ts";

/** Each is a window of its own: whether the extension was active before differs. */
const SUITES = ["empty-folder", "opened-folder"] as const;
type Suite = (typeof SUITES)[number];

const root = join(import.meta.dirname, "../..");
const bundle = join(root, "out/host/index.cjs");

interface Totals {
  passed: number;
  failed: number;
}

/** VS Code's executable; the server's stand-in where no desktop VS Code can be had. */
async function findExecutable(): Promise<string> {
  const named = process.env["VSCODE_EXECUTABLE"];
  if (named) return named;
  const display = process.platform !== "linux" || process.env["DISPLAY"] || process.env["WAYLAND_DISPLAY"];
  if (display) {
    try {
      const cachePath = join(places.home, "desktop");
      const downloaded = await downloadAndUnzipVSCode({ cachePath, extensionDevelopmentPath: root });
      // What was downloaded may lack libraries of the system.
      await promisify(execFile)(downloaded, ["--version"], { timeout: 30_000 });
      return downloaded;
    } catch (problem) {
      console.log(`No desktop VS Code: ${(problem as Error).message.split("\n")[0]}`);
    }
  }
  return join(root, "scripts/vscode-shim.mjs");
}

async function bundleSuites(): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ["test/host/index.ts"],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    sourcemap: "inline",
    external: ["vscode", "mocha"],
    logLevel: "warning",
  });
}

/** Runs one suite in a window of its own; every way to end without totals counts as one failure. */
async function runSuite(suite: Suite, vscodeExecutablePath: string): Promise<Totals> {
  const scratch = mkdtempSync(join(tmpdir(), "switchyard-host-"));
  const folder = join(realpathSync(scratch), "workspace");
  const totalsFile = join(scratch, "totals.json");
  mkdirSync(folder);
  if (suite === "opened-folder") writeFileSync(join(folder, "switchyard.yaml"), "version: 1\n");
  let code = 0;
  try {
    await runTests({
      vscodeExecutablePath,
      extensionDevelopmentPath: root,
      extensionTestsPath: bundle,
      launchArgs: [folder],
      extensionTestsEnv: {
        SWITCHYARD_HOST_SUITE: suite,
        SWITCHYARD_TEST_REPORTER: join(root, "scripts/mocha-reporter.cjs"),
        SWITCHYARD_TEST_TOTALS: totalsFile,
        SWITCHYARD_DATA: join(scratch, "data"),
        NODE_OPTIONS: undefined,
      },
    });
  } catch (problem) {
    code = 1;
    console.log((problem as Error).message);
  }
  const totals: Totals = { passed: 0, failed: 0 };
  if (existsSync(totalsFile)) Object.assign(totals, JSON.parse(readFileSync(totalsFile, "utf8")));
  else console.log(`FAILED: ${suite}: the extension host ended before mocha could report`);
  if (totals.passed + totals.failed === 0 || (code !== 0 && totals.failed === 0)) totals.failed += 1;
  const clean = await leavesNothing(folder);
  console.log(`${clean ? "  ✔" : "FAILED:"} ${suite}: no gateway outlives the window`);
  totals[clean ? "passed" : "failed"] += 1;
  rmSync(scratch, { recursive: true, force: true });
  return totals;
}

/** The suites end with a gateway running: it must go with its window. */
async function leavesNothing(folder: string): Promise<boolean> {
  for (let waited = 0; waited < 15_000; waited += 100) {
    if (gatewaysOf(folder).length === 0) return true;
    await delay(100);
  }
  return false;
}

const wanted = process.argv.slice(2);
const executable = await findExecutable();
console.log(`In ${executable}`);
await bundleSuites();
const sum: Totals = { passed: 0, failed: 0 };
for (const suite of SUITES) {
  if (wanted.length > 0 && !wanted.includes(suite)) continue;
  const { passed, failed } = await runSuite(suite, executable);
  sum.passed += passed;
  sum.failed += failed;
}
const target = process.env["SWITCHYARD_TEST_TOTALS"];
if (target) writeFileSync(target, JSON.stringify(sum));
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
