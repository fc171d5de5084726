/**
 * The walls are only as good as the tools that hold them: each test plants one violation in a copy of the checkout
 * and sees the tool fail, naming it. The untouched copy passes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");
const copied = [
  "src",
  "webview",
  "scripts",
  "package.json",
  "tsconfig.json",
  "tsconfig.base.json",
  "tsconfig.pure.json",
  ".oxlintrc.json",
  ".dependency-cruiser.cjs",
];

const bin = (name: string) => join(root, "node_modules/.bin", name);
const tools = {
  walls: [process.execPath, "scripts/walls.mjs", "."],
  lint: [bin("oxlint"), "--deny-warnings", "src"],
  types: [bin("tsc"), "-p", "tsconfig.pure.json"],
} as const;

describe("the walls", function () {
  let copy: string;

  before(() => {
    copy = mkdtempSync(join(tmpdir(), "switchyard-walls-"));
    for (const name of copied) cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });

  after(() => rmSync(copy, { recursive: true, force: true }));

  function run(tool: keyof typeof tools) {
    const [command, ...args] = tools[tool];
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: copy, encoding: "utf8" });
    return { status, output: stdout + stderr };
  }

  /** Plants the files, runs the tool, takes them away again. */
  function withPlanted(files: Record<string, string>, tool: keyof typeof tools) {
    const paths = Object.keys(files).map((name) => join(copy, name));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(copy, name)), { recursive: true });
      writeFileSync(join(copy, name), text);
    }
    try {
      return run(tool);
    } finally {
      for (const path of paths) rmSync(path);
    }
  }

  for (const tool of Object.keys(tools) as (keyof typeof tools)[])
    it(`stand in the checkout as it is (${tool})`, () => {
      const { status, output } = run(tool);
      assert.equal(status, 0, output);
    });

  const imports: [sentence: string, files: Record<string, string>, rule: string][] = [
    [
      "a policy must not import the decision",
      { "src/policies/planted.ts": 'import "../decide/enter.ts";\n' },
      "room-policies",
    ],
    [
      "the core must not import the gateway",
      { "src/decide/planted.ts": 'import "../gateway/main.ts";\n' },
      "room-decide",
    ],
    ["the core must not import node", { "src/decide/planted.ts": 'import "node:fs";\n' }, "pure-rooms-without-node"],
    [
      "the core must not import an unknown package",
      { "src/model/planted.ts": 'import "ws";\n' },
      "pure-rooms-with-known-packages",
    ],
    [
      "the contract must import nothing",
      { "src/contract/planted.ts": 'import "../model/basics.ts";\n' },
      "contract-imports-nothing",
    ],
    ["the codec must not open a socket", { "src/gateway/http1/planted.ts": 'import "node:net";\n' }, "codec-alone"],
    [
      "the page must not import the gateway",
      { "webview/planted.ts": 'import "../src/gateway/main.ts";\n' },
      "page-knows-only-the-contract",
    ],
    [
      "the gateway must not know the editor",
      { "src/gateway/planted.ts": 'import "vscode";\n' },
      "only-the-extension-knows-vscode",
    ],
    [
      "the extension must not import the gateway",
      { "src/extension/planted.ts": 'import "../gateway/main.ts";\n' },
      "room-extension",
    ],
    [
      "what ships must not import tests",
      { "src/decide/planted.ts": 'import "../model/draw.test.ts";\n' },
      "nothing-that-ships-imports-tests",
    ],
    [
      "two files must not import each other",
      { "src/model/one.ts": 'import "./other.ts";\n', "src/model/other.ts": 'import "./one.ts";\n' },
      "no-circles",
    ],
  ];
  for (const [sentence, files, rule] of imports)
    it(sentence, () => {
      const { status, output } = withPlanted(files, "walls");
      assert.equal(status, 1, output);
      assert.match(output, new RegExp(`planted|one\\.ts`));
      assert.ok(output.includes(rule), output);
    });

  const impure: [name: string, code: string][] = [
    ["Date.now", "export const planted = Date.now();\n"],
    ["new Date", "export const planted = new Date();\n"],
    ["performance", "export const planted = performance.now();\n"],
    ["Math.random", "export const planted = Math.random();\n"],
    ["globalThis", "export const planted = globalThis;\n"],
  ];
  for (const room of ["model", "decide", "policies", "balancers", "policyfile", "replay", "contract"])
    it(`src/${room} must not read a clock or randomness`, () => {
      for (const [name, code] of impure) {
        const { status, output } = withPlanted({ [`src/${room}/planted.ts`]: code }, "lint");
        assert.equal(status, 1, `${name} passed the linter in src/${room}:\n${output}`);
        assert.match(output, /no-restricted/);
      }
    });

  it("gives the pure rooms no names of Node or the browser", () => {
    for (const name of ["process", "Buffer", "setTimeout", "fetch", "crypto", "performance", "document"]) {
      const { status, output } = withPlanted({ "src/decide/planted.ts": `export const planted = ${name};\n` }, "types");
      assert.notEqual(status, 0, `${name} exists in the pure rooms`);
      assert.match(output, new RegExp(`Cannot find name '${name}'`));
    }
  });
});
