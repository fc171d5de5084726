/**
 * `npm test`: installs what is missing, runs every stage, ends with "N passed, N failed".
 *
 *   npm test                          everything
 *   npm test -- unit laws             only these stages
 *   npm test -- --without e2e,bench   all but these; the closing lines name what was left out
 *
 * A stage that cannot run fails and says why; nothing is skipped unless a person named it.
 * Must not decide what a test means: it only starts the tools and adds up.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failureLines } from "./failures.mjs";
import { installPackages, root } from "./install.mjs";

const scratch = mkdtempSync(join(tmpdir(), "switchyard-test-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

/** Of the whole run, for its last lines. */
const failures = [];
let stage = "";

function note(name, message = "") {
  failures.push({ stage, name, message });
}

/** @returns {Promise<number>} the exit code; output goes straight to the terminal. */
function run(command, args, environment = {}, stdio = ["ignore", "inherit", "inherit"], watch = (_child) => {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio, env: { ...process.env, ...environment } });
    watch(child);
    child.once("error", (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      resolve(127);
    });
    child.once("exit", (code, signal) => {
      const ended = () => resolve(signal ? 128 : (code ?? 1));
      // What it said last may still be in the pipe; whoever it left behind may hold that open for ever.
      child.once("close", ended);
      setTimeout(ended, 2000).unref();
    });
  });
}

/** Characters of a tool's output that are kept to be told again at the end. */
const KEPT = 4000;

const bin = (name) => join(root, "node_modules", ".bin", name);

/** A tool that is one check: passed when it exits 0. */
async function check(name, command, args, environment) {
  let said = "";
  const colour = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const code = await run(command, args, { ...colour, ...environment }, ["ignore", "pipe", "pipe"], (child) => {
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ])
      from.setEncoding("utf8").on("data", (text) => {
        said = (said + text).slice(-KEPT);
        to.write(text);
      });
  });
  console.log(`${code === 0 ? "ok" : "FAILED"}: ${name}`);
  if (code === 0) return { passed: 1, failed: 0 };
  note(name, said);
  return { passed: 0, failed: 1 };
}

async function all(...checks) {
  const sum = { passed: 0, failed: 0 };
  for (const one of checks) {
    const { passed, failed } = await one();
    sum.passed += passed;
    sum.failed += failed;
  }
  return sum;
}

function filesBelow(folder, accept) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && accept(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .toSorted();
}

const isTest = (name) => name.endsWith(".test.ts");

/**
 * Mocha over the files; a run that executed nothing has failed. Its timeouts only end what hangs: each is several times
 * what a test takes on a machine that is five times slower than ours.
 */
async function mocha(name, files, { node = process.execPath, args = [], environment = {} } = {}) {
  if (files.length === 0) {
    console.log(`FAILED: ${name}: no test file was found`);
    note("no test file was found");
    return { passed: 0, failed: 1 };
  }
  const parameters = [
    "--import",
    "tsx",
    join(root, "node_modules/mocha/bin/mocha.js"),
    "--no-config",
    "--reporter",
    join(root, "scripts/mocha-reporter.cjs"),
    "--forbid-only",
    "--forbid-pending",
    "--timeout",
    "100000",
    ...args,
    ...files,
  ];
  return counted(name, node, parameters, environment);
}

/** A program that runs tests and writes where it is told how many passed and failed. */
async function counted(name, node, parameters, environment = {}) {
  const totals = join(scratch, `${name}.json`);
  const code = await run(node, parameters, { ...environment, SWITCHYARD_TEST_TOTALS: totals });
  if (!existsSync(totals)) {
    const what = `it ended with code ${code} before it could report`;
    console.log(`FAILED: ${name}: ${what}`);
    note(what);
    return { passed: 0, failed: 1 };
  }
  const { passed, failed, failures: told = [] } = JSON.parse(readFileSync(totals, "utf8"));
  for (const one of told) note(one.name, one.message);
  const silent = passed + failed === 0 || (code !== 0 && failed === 0);
  if (silent) note(`it ended with code ${code} after ${passed} tests, none of which failed`);
  return { passed, failed: failed + (silent ? 1 : 0) };
}

const setUp = (what) => check(`set up ${what}`, process.execPath, ["scripts/vscode-setup.mjs", what]);

/** Stages in order: what fails cheaply comes first. Each gives { passed, failed }. */
const stages = {
  types: () =>
    all(
      () => check("types of the pure rooms", bin("tsc"), ["-p", "tsconfig.pure.json"]),
      () => check("types of gateway, extension and tests", bin("tsc"), ["-p", "tsconfig.json"]),
      () => check("types of what drives a window", bin("tsc"), ["-p", "tsconfig.windows.json"]),
      () => check("types of the page", bin("tsc"), ["-p", "tsconfig.page.json"]),
    ),
  lint: () =>
    all(
      () => check("oxlint, zero warnings", bin("oxlint"), ["--deny-warnings"]),
      () => check("walls between the rooms", process.execPath, ["scripts/walls.mjs"]),
      () => check("formatting", bin("prettier"), ["--check", "--log-level", "warn", "."]),
      () => check("nothing unused (knip)", bin("knip"), ["--no-progress"]),
    ),
  build: () => check("bundles", process.execPath, ["scripts/build.mjs"]),
  unit: () => mocha("unit", [...filesBelow("src", isTest), ...filesBelow("webview", isTest)]),
  tooling: () => mocha("tooling", filesBelow("test/tooling", isTest), { args: ["--timeout", "300000"] }),
  laws: () => mocha("laws", filesBelow("test/laws", isTest), { args: ["--timeout", "600000"] }),
  cases: () =>
    mocha(
      "cases",
      readdirSync(join(root, "test"))
        .filter(isTest)
        .map((name) => join(root, "test", name)),
    ),
  http1: () => mocha("http1", filesBelow("test/http1", isTest), { args: ["--timeout", "600000"] }),
  integration: async () => {
    const ready = await check("set up the peers", process.execPath, ["scripts/peers-setup.mjs"]);
    if (ready.failed) return ready;
    return mocha("integration", filesBelow("test/integration", isTest), { args: ["--timeout", "300000"] });
  },
  bench: () => check("bench smoke", process.execPath, ["--import", "tsx", "bench/run.ts", "--smoke"]),
  page: async () => {
    const ready = await setUp("browser");
    return ready.failed ? ready : mocha("page", filesBelow("test/page", isTest), { args: ["--timeout", "300000"] });
  },
  /** Inside VS Code's extension host, through @vscode/test-electron. */
  host: async () => {
    const ready = await all(
      () => setUp("browser"),
      () => setUp("vscode"),
    );
    return ready.failed ? ready : counted("host", process.execPath, ["--import", "tsx", "test/host/run.ts"]);
  },
  e2e: async () => {
    const ready = await all(
      () => setUp("browser"),
      () => setUp("vscode"),
    );
    return ready.failed ? ready : mocha("e2e", filesBelow("test/e2e", isTest), { args: ["--timeout", "300000"] });
  },
  /** VS Code runs the gateway on a newer Node than the system's: the same code must hold there. */
  node24: async () => {
    const ready = await setUp("node24");
    if (ready.failed) return ready;
    const node = join(root, ".vscode-test/node24/bin/node");
    const files = [...filesBelow("src", isTest), ...filesBelow("test/integration", isTest)];
    return mocha("node24", files, { node, args: ["--timeout", "300000"] });
  },
};

/** What a stage needs to have been built before it runs alone. */
const needBuild = new Set(["integration", "page", "host", "e2e", "bench", "node24"]);

function wanted() {
  const args = process.argv.slice(2);
  const at = args.indexOf("--without");
  const without = at < 0 ? [] : (args.splice(at, 2)[1] ?? "").split(",").filter(Boolean);
  for (const name of [...args, ...without]) {
    if (name in stages) continue;
    console.error(`There is no stage "${name}". Stages: ${Object.keys(stages).join(", ")}.`);
    process.exit(2);
  }
  const names = args.length ? args : Object.keys(stages);
  const chosen = names.filter((name) => !without.includes(name));
  if (args.length && !chosen.includes("build") && chosen.some((name) => needBuild.has(name))) chosen.unshift("build");
  return { chosen, without };
}

const { chosen, without } = wanted();
installPackages();
const sum = { passed: 0, failed: 0 };
const lines = [];
for (const name of chosen) {
  stage = name;
  console.log(`\n── ${name} ${"─".repeat(Math.max(2, 70 - name.length))}`);
  const begun = Date.now();
  const { passed, failed } = await stages[name]();
  sum.passed += passed;
  sum.failed += failed;
  lines.push(
    `${name.padEnd(12)} ${String(passed).padStart(6)} passed ${String(failed).padStart(4)} failed ${((Date.now() - begun) / 1000).toFixed(1).padStart(7)} s`,
  );
}
console.log(`\n${lines.join("\n")}`);
const told = failureLines(failures);
if (told.length) console.log(`\n${told.join("\n")}\n`);
if (without.length) console.log(`Left out, as asked: ${without.join(", ")}.`);
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed || sum.passed === 0 ? 1 : 0;
