/**
 * Brings node_modules to what package-lock.json says, when it is not there yet. For the two commands on a fresh machine.
 * Must not run when nothing changed: a second `npm start` should not wait for npm.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const stamp = join(root, "node_modules", ".switchyard-lock");

function lockDigest() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

/** Ends the process with a sentence when Node is too old or npm fails. */
export function installPackages() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Switchyard needs Node 20.19 or later; this is ${process.version}.`);
    process.exit(1);
  }
  const digest = lockDigest();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  console.log("Installing packages (npm ci) …");
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    console.error("npm ci failed: the lines above say why. Is the npm registry reachable?");
    process.exit(1);
  }
  writeFileSync(stamp, digest);
}
