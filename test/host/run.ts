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
  failures: { readonly name: string; readonly message: string }[];
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
  let problem = "";
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
  } catch (error) {
    problem = (error as Error).message;
    console.log(problem);
  }
  const totals: Totals = { passed: 0, failed: 0, failures: [] };
  const fail = (words: string): void => {
    console.log(`FAILED: ${suite}: ${words}`);
    totals.failed += 1;
    totals.failures.push({ name: suite, message: words });
  };
  if (existsSync(totalsFile)) Object.assign(totals, JSON.parse(readFileSync(totalsFile, "utf8")));
  if (totals.passed + totals.failed === 0) fail(`the extension host ended before mocha could report: ${problem}`);
  else if (problem !== "" && totals.failed === 0) fail(`every test passed, but the window: ${problem}`);
  const left = await leftIn(folder);
  if (left.length > 0) fail(`gateways outlive the window: processes ${left.join(", ")}`);
  else {
    console.log(`  ✔ ${suite}: no gateway outlives the window`);
    totals.passed += 1;
  }
  rmSync(scratch, { recursive: true, force: true });
  return totals;
}

/** The suites end with a gateway running: it must go with its window. Answers those that do not within a minute. */
async function leftIn(folder: string): Promise<readonly number[]> {
  const until = Date.now() + 60_000;
  for (;;) {
    const left = gatewaysOf(folder);
    if (left.length === 0 || Date.now() > until) return left;
    await delay(100);
  }
}

const wanted = process.argv.slice(2);
const executable = await findExecutable();
console.log(`In ${executable}`);
await bundleSuites();
const sum: Totals = { passed: 0, failed: 0, failures: [] };
for (const suite of SUITES) {
  if (wanted.length > 0 && !wanted.includes(suite)) continue;
  const { passed, failed, failures } = await runSuite(suite, executable);
  sum.passed += passed;
  sum.failed += failed;
  sum.failures.push(...failures);
}
const target = process.env["SWITCHYARD_TEST_TOTALS"];
if (target) writeFileSync(target, JSON.stringify(sum));
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
