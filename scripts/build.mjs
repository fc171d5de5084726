/**
 * Makes every bundle: dist/extension.cjs, dist/language.cjs and dist/agent-tools.cjs (VS Code), dist/gateway.js and dist/cli.js (Node),
 * dist/page.js and dist/page.css (webview and browser). One script, so that all of them agree on target and version.
 * Must not fetch anything: what it bundles is in node_modules.
 *
 *   node scripts/build.mjs [--watch] [--development]
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const development = process.argv.includes("--development");
const watch = process.argv.includes("--watch");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** @type {esbuild.BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  outdir: "dist",
  minifySyntax: !development,
  minifyWhitespace: !development,
  // Names stay as written, for stack traces that people send us. Not by `keepNames`: it defines a property on every
  // closure that is made, which costs the gateway microseconds a request.
  minifyIdentifiers: false,
  sourcemap: development ? "inline" : false,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  define: { SWITCHYARD_VERSION: JSON.stringify(version) },
};

/**
 * Keeps the language features and the agents' tools in bundles of their own, loaded when the first policy file is opened
 * or the first tool is called.
 */
const loadedLater = {
  name: "loaded-later",
  setup(build) {
    build.onResolve({ filter: /\/(language|agent-tools)\.ts$/ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path: `./${basename(path, ".ts")}.cjs`, external: true } : undefined,
    );
  },
};

/**
 * The agents' protocol library would bring a JSON Schema compiler of 180 KiB that our server never asks: what its tools
 * are given is judged by their own declarations. So the library gets the small one that it has for browsers.
 */
const smallSchemaChecker = {
  name: "small-schema-checker",
  setup(build) {
    build.onResolve({ filter: /^@modelcontextprotocol\/server\/_shims$/ }, () => ({
      path: join(root, "node_modules/@modelcontextprotocol/server/dist/shimsBrowser.mjs"),
    }));
  },
};

/** @type {Record<string, esbuild.BuildOptions>} */
const bundles = {
  extension: {
    ...common,
    entryPoints: { extension: "src/extension/extension.ts" },
    platform: "node",
    format: "cjs",
    target: "node20",
    outExtension: { ".js": ".cjs" },
    external: ["vscode"],
    plugins: [loadedLater],
  },
  language: {
    ...common,
    entryPoints: { language: "src/extension/language.ts" },
    platform: "node",
    format: "cjs",
    target: "node20",
    outExtension: { ".js": ".cjs" },
    external: ["vscode"],
  },
  agents: {
    ...common,
    entryPoints: { "agent-tools": "src/extension/agents/agent-tools.ts" },
    platform: "node",
    format: "cjs",
    target: "node20",
    outExtension: { ".js": ".cjs" },
    external: ["vscode"],
    plugins: [loadedLater],
  },
  processes: {
    ...common,
    entryPoints: {
      gateway: "src/gateway/main.ts",
      cli: "src/cli/main.ts",
      supervisor: "src/gateway/run/supervisor.ts",
      "what-if": "src/gateway/what-if/worker.ts",
      bodies: "src/gateway/facts/body-thread.ts",
    },
    platform: "node",
    format: "esm",
    target: "node20",
    splitting: true,
    plugins: [smallSchemaChecker],
    chunkNames: "chunks/[name]-[hash]",
    // CommonJS packages (ws) ask for node's modules with require, which an ES module does not have.
    banner: {
      js: `import { createRequire as switchyardRequire } from "node:module"; const require = switchyardRequire(import.meta.url);`,
    },
  },
  page: {
    ...common,
    entryPoints: { page: "webview/main.ts" },
    platform: "browser",
    format: "iife",
    target: "es2022",
    minifyIdentifiers: !development,
    loader: { ".svg": "text" },
    assetNames: "[name]",
  },
};

async function build() {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  mkdirSync(join(root, "dist"), { recursive: true });
  const wanted = Object.entries(bundles);
  for (const [name, options] of wanted) {
    const entry = Object.values(options.entryPoints)[0];
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
