/**
 * Opens VS Code on the example shop with the extension loaded: desktop `code` where it is found (or VSCODE_EXECUTABLE),
 * else the VS Code server from npm, whose address is printed. The shop is a copy, and the profile its own.
 * Must not touch the person's own settings.
 *
 *   npm run vscode [-- --server]      --server takes the npm-installed server even where `code` is found
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pack } from "./package.mjs";
import { places, setup } from "./vscode-setup.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const profile = join(root, ".vscode-test", "try");
const folder = join(profile, "switchyard-shop");

function findDesktop() {
  if (process.argv.includes("--server")) return undefined;
  if (process.env.VSCODE_EXECUTABLE) return process.env.VSCODE_EXECUTABLE;
  const name = process.platform === "win32" ? "code.cmd" : "code";
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((part) => join(part, name))
    .find(existsSync);
}

async function freePort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function prepare() {
  mkdirSync(join(profile, "user/User"), { recursive: true });
  mkdirSync(join(profile, "home"), { recursive: true });
  if (!existsSync(folder)) cpSync(join(root, "examples/shop"), folder, { recursive: true });
  const settings = join(profile, "user/User/settings.json");
  const plain = {
    "workbench.startupEditor": "none",
    "chat.disableAIFeatures": true,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "remote.autoForwardPorts": false,
  };
  if (!existsSync(settings)) writeFileSync(settings, JSON.stringify(plain, undefined, 2));
}

async function openServer() {
  await setup(["vscode"]);
  const vsix = pack(join(profile, "switchyard.vsix"));
  const environment = { ...process.env, HOME: join(profile, "home"), EXTENSIONS_GALLERY: "{}" };
  const folders = ["--extensions-dir", join(profile, "extensions"), "--user-data-dir", join(profile, "user")];
  const node = (parameters, stdio) => spawn(places.node, [places.entry, ...parameters], { env: environment, stdio });
  const install = ["--install-extension", vsix, "--force"];
  execFileSync(places.node, [places.entry, ...folders, ...install], { env: environment, stdio: "ignore" });
  const port = await freePort();
  const bind = ["--bind-addr", `127.0.0.1:${port}`, "--auth", "none", "--disable-workspace-trust"];
  const quiet = ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"];
  const server = node([...bind, ...quiet, "--ignore-last-opened", ...folders], ["ignore", "ignore", "inherit"]);
  for (let tries = 0; tries < 300 && server.exitCode === null; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (answer?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  console.log(`\nVS Code with Switchyard:  http://127.0.0.1:${port}/?folder=${encodeURI(folder)}`);
  console.log(`Run "Switchyard: Start Demo" from the palette (F1). Ctrl-C here ends it.\n`);
  return server;
}

function openDesktop(code) {
  execFileSync(process.execPath, [join(root, "scripts/build.mjs")], { stdio: "inherit" });
  const parameters = ["--extensionDevelopmentPath", root, "--new-window", "--wait", folder];
  console.log(`Opening ${code}. Run "Switchyard: Start Demo" from the palette.`);
  return spawn(code, parameters, { stdio: "inherit", shell: process.platform === "win32" });
}

prepare();
const desktop = findDesktop();
const opened = desktop ? openDesktop(desktop) : await openServer();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => opened.kill("SIGTERM"));
const [code] = await once(opened, "exit");
process.exitCode = code ?? 0;
