/**
 * `npm start`: installs and builds what is missing, starts the services of an example and the gateway over them, serves
 * the live page, and lets gentle example traffic run. Everything listens on this machine only and nothing is sent anywhere else.
 * Ctrl-C stops all of it; nothing outlives this script, not even when it is killed: its children watch their input.
 *
 *   npm start [-- [shop | layers] [--no-traffic] [--port <gateway port>] [--ui-port <page port>]]
 */
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  copyFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { installPackages, root } from "./install.mjs";

/**
 * Per example: services with their ports in the policy file and extra environment; the listeners, the one to try first;
 * files beside the policy file; what to type.
 */
const examples = {
  shop: {
    services: [
      { script: "catalog.mjs", port: 4101 },
      { script: "orders.mjs", port: 4001 },
      { script: "orders.mjs", port: 4002 },
      { script: "orders.mjs", port: 4003, env: { SLOWNESS: "60" } },
      { script: "reviews.mjs", port: 4201 },
      { script: "suggestions.mjs", port: 4301 },
    ],
    listeners: [8080],
    files: ["jwks.json", "suggestions.proto"],
    hint: (port) => `curl -i http://localhost:${port}/catalog`,
  },
  layers: {
    services: [
      { script: "orders.mjs", port: 9101 },
      { script: "orders.mjs", port: 9102 },
      { script: "words.mjs", port: 9103 },
    ],
    listeners: [9000, 9001, 9002, 9443, 9081, 9082, 9143, 9090],
    files: [],
    hint: (port) => `curl -i http://localhost:${port}/api/orders/7 -H 'x-api-key: demo-web-key'`,
  },
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "no-traffic": { type: "boolean" },
    "quiet-traffic": { type: "boolean" },
    port: { type: "string" },
    "ui-port": { type: "string" },
  },
});

const [name = "shop"] = positionals;
const example = examples[name];
if (example === undefined) {
  console.error(`There is no example ${name}: ${Object.keys(examples).join(", ")}.`);
  process.exit(2);
}
const folder = join(root, "examples", name);
const { services, listeners } = example;

const children = new Set();
let stopping = false;
let copyFolder;

installPackages();
build();
const ports = await choosePorts();
const policy = policyFile(ports);
for (const { script, port, env } of services)
  start(process.execPath, [join(folder, "services", script)], { ...env, PORT: String(ports.get(port)) }, "ignore");
await Promise.all(services.map(({ port }) => listening(ports.get(port))));
/** As a person would type it here: it stands in every message. */
const shown = relative(process.cwd(), policy).startsWith("..") ? policy : relative(process.cwd(), policy);
const gateway = start(
  process.execPath,
  [
    join(root, "dist", "cli.js"),
    "run",
    shown,
    "--ui",
    "--until-stdin-ends",
    ...(options["ui-port"] === undefined ? [] : ["--ui-port", options["ui-port"]]),
  ],
  {},
  "inherit",
);
// Enter asks the gateway for a fresh address of the page.
process.stdin.on("error", () => {}).on("data", (line) => gateway.stdin.write(line));
process.stdin.unref?.();
await listening(ports.get(listeners[0]));
if (options["no-traffic"] || options["quiet-traffic"]) {
  console.log(`No example traffic. Try: ${example.hint(ports.get(listeners[0]))}`);
} else {
  const [first, ...others] = listeners.map((port) => String(ports.get(port)));
  start(process.execPath, [join(folder, "traffic.mjs"), `http://localhost:${first}`, ...others], {}, "ignore");
  console.log(`Example traffic runs, a few requests a second; "npm start -- ${name} --no-traffic" starts without it.`);
}
console.log(`Policy: ${shown} - change it, save, and watch. Ctrl-C stops everything.`);

function build() {
  const built = join(root, "dist", "cli.js");
  const newest = Math.max(...["src", "webview", "scripts"].map((folder) => newestIn(join(root, folder))));
  if (existsSync(built) && existsSync(join(root, "dist", "page.js")) && statSync(built).mtimeMs > newest) return;
  console.log("Building ...");
  execFileSync(process.execPath, [join(root, "scripts", "build.mjs")], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function newestIn(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}

/** The ports of the policy file where they are free, else free ones. */
async function choosePorts() {
  const chosen = new Map();
  for (const wanted of [...listeners, ...services.map(({ port }) => port)]) {
    const first = wanted === listeners[0] && options.port !== undefined ? Number(options.port) : wanted;
    let port = first;
    while (!(await isFree(port)) || [...chosen.values()].includes(port)) port += 1;
    if (port !== first) console.log(`Port ${first} is in use by another program; ${port} is used instead.`);
    chosen.set(wanted, port);
  }
  return chosen;
}

function isFree(port) {
  const tryOn = (host) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once("error", (error) => resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT"));
      server.listen(port, host, () => server.close(() => resolve(true)));
    });
  return tryOn("127.0.0.1").then((free) => free && tryOn("::1"));
}

/** The example's own file; a copy of it with other ports only when some were taken. */
function policyFile(chosen) {
  const own = join(folder, "switchyard.yaml");
  if ([...chosen].every(([wanted, port]) => wanted === port)) return own;
  copyFolder = mkdtempSync(join(tmpdir(), "switchyard-example-"));
  let text = readFileSync(own, "utf8");
  text = text.replaceAll(/\bport: (\d+)/g, (whole, port) => `port: ${chosen.get(Number(port)) ?? port}`);
  text = text.replaceAll(/localhost:(\d+)/g, (whole, port) => `localhost:${chosen.get(Number(port)) ?? port}`);
  writeFileSync(join(copyFolder, "switchyard.yaml"), text);
  for (const file of example.files) copyFileSync(join(folder, file), join(copyFolder, file));
  return join(copyFolder, "switchyard.yaml");
}

function start(command, words, env, output) {
  const child = spawn(command, words, {
    cwd: process.cwd(),
    env: { ...process.env, ...env, UNTIL_STDIN_ENDS: "1" },
    stdio: ["pipe", output, "inherit"],
    // Ctrl-C reaches the whole terminal group: this script alone decides the order in which things end.
    detached: process.platform !== "win32",
  });
  children.add(child);
  child.stdin.on("error", () => {});
  child.on("error", (error) => void stop(`${words[0]}: ${error.message}`));
  child.on("exit", (code) => {
    children.delete(child);
    if (!stopping) void stop(`${relative(root, words[0])} ended by itself (code ${code}).`);
  });
  return child;
}

async function listening(port) {
  const { connect } = await import("node:net");
  for (let n = 0; n < 600; n++) {
    if (stopping) return;
    const open = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true) ?? socket.destroy());
      socket.on("error", () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The traffic ends first, the gateway drains, the services go last. */
async function stop(why) {
  if (stopping) return process.exit(1);
  stopping = true;
  if (why !== undefined) console.error(why);
  const all = [...children].toReversed();
  for (const child of all) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 12_000);
    await gone;
    clearTimeout(late);
  }
  if (copyFolder !== undefined) rmSync(copyFolder, { recursive: true, force: true });
  process.exit(why === undefined ? 0 : 1);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop());
