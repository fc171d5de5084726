/**
 * The walls are only as good as the tools that hold them: violations are planted in a copy of the checkout, each in a file
 * of its own, and the tool names every one of them, each with its rule and its file. The untouched copy passes.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
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
  lint: [bin("oxlint"), "--deny-warnings", "--format", "unix", "src"],
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

  async function run(tool: keyof typeof tools) {
    const [command, ...args] = tools[tool];
    const child = spawn(command, args, { cwd: copy, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [out, problems, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { status, output: out + problems };
  }

  /** Plants all files at once and runs the tool over them, when the first test asks; takes them away again. */
  function planted(tool: keyof typeof tools, files: Record<string, string>) {
    let ran: ReturnType<typeof run> | undefined;
    return () =>
      (ran ??= (async () => {
        for (const [name, content] of Object.entries(files)) {
          mkdirSync(dirname(join(copy, name)), { recursive: true });
          writeFileSync(join(copy, name), content);
        }
        try {
          return await run(tool);
        } finally {
          for (const name of Object.keys(files)) rmSync(join(copy, name));
        }
      })());
  }

  for (const tool of Object.keys(tools) as (keyof typeof tools)[])
    it(`stand in the checkout as it is (${tool})`, async () => {
      const { status, output } = await run(tool);
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
      { "src/decide/planted-gateway.ts": 'import "../gateway/main.ts";\n' },
      "room-decide",
    ],
    [
      "the core must not import node",
      { "src/decide/planted-node.ts": 'import "node:fs";\n' },
      "pure-rooms-without-node",
    ],
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
      { "src/decide/planted-test.ts": 'import "../model/draw.test.ts";\n' },
      "nothing-that-ships-imports-tests",
    ],
    [
      "two files must not import each other",
      { "src/model/one.ts": 'import "./other.ts";\n', "src/model/other.ts": 'import "./one.ts";\n' },
      "no-circles",
    ],
  ];
  const walls = planted("walls", Object.assign({}, ...imports.map(([, files]) => files)));
  for (const [sentence, files, rule] of imports)
    it(sentence, async () => {
      const { status, output } = await walls();
      assert.equal(status, 1, output);
      // All that import in the violation; a circle is told once, from whichever of its files.
      const importers = output
        .split("\n")
        .filter((line) => line.includes(`: ${rule}.`))
        .flatMap((line) => line.split(": ")[0].split(" -> ").slice(0, -1));
      for (const name of Object.keys(files)) assert.ok(importers.includes(name), output);
    });

  const impure = {
    clock: "Date.now()",
    calendar: "new Date()",
    performance: "performance.now()",
    random: "Math.random()",
    surroundings: "globalThis",
  };
  const rooms = ["model", "decide", "policies", "balancers", "policyfile", "replay", "contract"];
  const placed = (room: string, name: string) => `src/${room}/planted-${name}.ts`;
  const lint = planted(
    "lint",
    Object.fromEntries(
      rooms.flatMap((room) =>
        Object.entries(impure).map(([name, code]) => [placed(room, name), `export const planted = ${code};\n`]),
      ),
    ),
  );
  for (const room of rooms)
    it(`src/${room} must not read a clock or randomness`, async () => {
      const { status, output } = await lint();
      assert.equal(status, 1, output);
      const lines = output.split("\n").filter((line) => line.includes("no-restricted"));
      for (const [name, code] of Object.entries(impure))
        assert.ok(
          lines.some((line) => line.includes(`${placed(room, name)}:`)),
          `${code} passed the linter in src/${room}:\n${output}`,
        );
    });

  it("gives the pure rooms no names of Node or the browser", async () => {
    const names = ["process", "Buffer", "setTimeout", "fetch", "crypto", "performance", "document"];
    const files = names.map((name) => [`src/decide/planted-${name}.ts`, `export const planted = ${name};\n`]);
    const { status, output } = await planted("types", Object.fromEntries(files))();
    assert.notEqual(status, 0);
    for (const name of names)
      assert.match(output, new RegExp(`^src/decide/planted-${name}\\.ts.*Cannot find name '${name}'`, "m"));
  });
});
