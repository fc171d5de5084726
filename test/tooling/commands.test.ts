/**
 * No command of the palette without a test that sees its effect: each is named by its title in a test that runs inside
 * VS Code. Exists because a command that nobody ran looks exactly like one that works.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string; readonly title: string }[] };
}

function textsOf(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(root, folder, name), "utf8"));
}

describe("the commands of the manifest", () => {
  it("are each named by a test in VS Code", () => {
    const { contributes } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
    const tests = [...textsOf("test/host"), ...textsOf("test/e2e")].join("\n");
    assert.ok(contributes.commands.length > 20);
    assert.deepEqual(
      contributes.commands
        .filter(({ title }) => !tests.includes(title))
        .map(({ command, title }) => `${command}: ${title}`),
      [],
    );
  });
});
