/**
 * The programs of others that the integration tests hold the gateway against: curl, nghttp2's clients and openssl.
 * Installs what is missing where apt-get may do that; else fails and names what is missing and how to get it.
 *
 *   node scripts/peers-setup.mjs
 *
 * Must not pass while one is missing: a test that cannot run is no test that passed.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

/** Program -> Debian package. */
const peers = { curl: "curl", openssl: "openssl", nghttp: "nghttp2-client", h2load: "nghttp2-client" };

const missing = () =>
  Object.keys(peers).filter(
    (name) => spawnSync(name, [name === "openssl" ? "version" : "--version"]).error !== undefined,
  );

const before = missing();
if (before.length > 0 && process.platform === "linux") {
  const packages = [...new Set(before.map((name) => peers[name]))];
  const root = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  for (const words of [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", ...packages],
  ]) {
    const [command, ...rest] = [...root, ...words];
    spawnSync(command, rest, { stdio: "inherit", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  }
}
const after = missing();
if (after.length > 0) {
  const packages = [...new Set(after.map((name) => peers[name]))].join(" ");
  console.error(`Missing: ${after.join(", ")}. Install them, for example with: sudo apt-get install ${packages}`);
  process.exitCode = 1;
}
