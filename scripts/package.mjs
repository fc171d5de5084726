/**
 * Writes switchyard-<version>.vsix: builds the bundles (through vscode:prepublish), packs them, and refuses a file
 * that is larger than promised or lacks what runs. Must not publish anything.
 *
 *   node scripts/package.mjs [--out FILE]
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const LARGEST = 2 * 1024 * 1024;
const NEEDED = [
  "dist/extension.cjs",
  "dist/language.cjs",
  "dist/agent-tools.cjs",
  "dist/gateway.js",
  "dist/supervisor.js",
  "dist/what-if.js",
  "dist/bodies.js",
  "dist/page.js",
  "dist/page.css",
];

/** Packs and answers the path of the .vsix. Throws an Error in words. */
export function pack(out) {
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const file = out ? resolve(out) : join(root, `${name}-${version}.vsix`);
  const vsce = join(root, "node_modules/@vscode/vsce/vsce");
  // No repository address is known yet: links of the README stay as they are.
  const plain = ["--no-dependencies", "--skip-license", "--allow-missing-repository", "--no-rewrite-relative-links"];
  const parameters = ["package", ...plain, "--out", file];
  execFileSync(process.execPath, [vsce, ...parameters], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  for (const part of NEEDED) if (!existsSync(join(root, part))) throw new Error(`The package lacks ${part}.`);
  const { size } = statSync(file);
  const said = `${(size / 1024 / 1024).toFixed(2)} MiB`;
  if (size > LARGEST) throw new Error(`${file} is ${said}; at most 2 MiB are promised.`);
  console.log(`${file}: ${said}`);
  return file;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const at = process.argv.indexOf("--out");
  try {
    pack(at > 0 ? process.argv[at + 1] : undefined);
  } catch (problem) {
    console.error(problem instanceof Error ? problem.message : problem);
    process.exit(1);
  }
}
