/**
 * Makes every bundle of scripts/bundles.mjs in dist/, and tells how large each is.
 * Must not fetch anything: what it bundles is in node_modules.
 *
 *   node scripts/build.mjs [--watch] [--development]
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { bundles } from "./bundles.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const watch = process.argv.includes("--watch");

async function build() {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  mkdirSync(join(root, "dist"), { recursive: true });
  const wanted = Object.entries(bundles({ development: process.argv.includes("--development") }));
  for (const [name, options] of wanted) {
    const entry = Object.values(options.entryPoints ?? {})[0];
    if (!existsSync(join(root, entry))) throw new Error(`bundle "${name}": its entry ${entry} is missing`);
  }
  if (watch) {
    const contexts = await Promise.all(wanted.map(([, options]) => esbuild.context(options)));
    await Promise.all(contexts.map((context) => context.watch()));
    console.log("Watching. Ctrl-C stops.");
    return;
  }
  const results = await Promise.all(wanted.map(([, options]) => esbuild.build(options)));
  const outputs = results.flatMap((result) => Object.entries(result.metafile.outputs));
  writeFileSync(
    join(root, "dist", "sizes.json"),
    JSON.stringify(Object.fromEntries(outputs.map(([path, { bytes }]) => [path, bytes])), null, 2) + "\n",
  );
  for (const [path, { bytes }] of outputs)
    if (!path.includes("chunks/") && !path.endsWith(".map"))
      console.log(`${path.padEnd(24)} ${(bytes / 1024).toFixed(0).padStart(6)} KiB`);
}

await build();
