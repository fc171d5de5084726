/**
 * What every bundle is made of and how: dist/extension.cjs, dist/language.cjs and dist/agent-tools.cjs (VS Code),
 * dist/gateway.js, dist/cli.js and the threads and processes beside them (Node), dist/page.js and dist/page.css (webview
 * and browser). One list, so that the build and the tests that start what it makes agree.
 * Must not build: who asks decides when, and where to.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

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

/**
 * The settings of each bundle, by name.
 *
 * @param {{ development?: boolean, outdir?: string }} how `development`: readable, with source maps.
 */
export function bundles({ development = false, outdir = "dist" } = {}) {
  /** @type {import("esbuild").BuildOptions} */
  const common = {
    absWorkingDir: root,
    bundle: true,
    outdir,
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
  /** @type {(name: string, entry: string) => import("esbuild").BuildOptions} */
  const inEditor = (name, entry) => ({
    ...common,
    entryPoints: { [name]: entry },
    platform: "node",
    format: "cjs",
    target: "node20",
    outExtension: { ".js": ".cjs" },
    external: ["vscode"],
    plugins: [loadedLater],
  });
  /** @type {import("esbuild").BuildOptions} */
  const processes = {
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
  };
  /** @type {import("esbuild").BuildOptions} */
  const page = {
    ...common,
    entryPoints: { page: "webview/main.ts" },
    platform: "browser",
    format: "iife",
    target: "es2022",
    minifyIdentifiers: !development,
    loader: { ".svg": "text" },
    assetNames: "[name]",
  };
  return {
    extension: inEditor("extension", "src/extension/extension.ts"),
    language: inEditor("language", "src/extension/language.ts"),
    agents: inEditor("agent-tools", "src/extension/agents/agent-tools.ts"),
    processes,
    page,
  };
}
