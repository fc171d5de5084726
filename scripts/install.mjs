/**
 * Brings node_modules to what package-lock.json says, when it is not there yet. For the two commands on a fresh machine.
 * Must not run when nothing changed: a second `npm start` should not wait for npm.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Every package of the lock file that this platform wants is there in that version. */
function complete() {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional || installed[path]?.version === version,
  );
}

/** Ends the process with a sentence when Node is too old or npm fails. */
export function installPackages() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Switchyard needs Node 20.19 or later; this is ${process.version}.`);
    process.exit(1);
  }
  if (complete()) return;
  console.log("Installing packages (npm ci), about a minute …");
  // No package of ours needs its install script: native parts come as packages of their own.
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    console.error("npm ci failed: the lines above say why. Is the npm registry reachable?");
    process.exit(1);
  }
}
