/**
 * What the manifest promises is there: its commands are registered, its menus, views and links name things that exist,
 * its `when` clauses ask for keys that somebody sets, and its chord is free in VS Code's own keymap.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { contextKeys } from "./given.ts";
import { activeTab, switchyard } from "./window.ts";

interface Conditional {
  readonly command?: string;
  readonly when?: string;
  readonly enablement?: string;
}
interface Contributions {
  readonly commands: readonly (Conditional & { readonly command: string; readonly title: string })[];
  readonly menus: Readonly<Record<string, readonly Conditional[]>>;
  readonly keybindings: readonly (Conditional & { readonly key: string; readonly mac?: string })[];
  readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
  readonly walkthroughs: readonly {
    readonly id: string;
    readonly steps: readonly {
      readonly media: { readonly svg: string };
      readonly completionEvents: readonly string[];
    }[];
  }[];
  readonly viewsWelcome: readonly (Conditional & { readonly view: string })[];
}

function contributions(): Contributions {
  return (switchyard().packageJSON as { contributes: Contributions }).contributes;
}

/** Every `when` and `enablement` of the manifest. */
function clauses(): string[] {
  const found: string[] = [];
  JSON.stringify(contributions(), (key, value: unknown) => {
    if ((key === "when" || key === "enablement") && typeof value === "string") found.push(value);
    return value;
  });
  return found;
}

export function describeManifest(): void {
  it("registers every command that it contributes", async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    const contributed = contributions().commands.map(({ command }) => command);
    assert.ok(contributed.length > 0);
    assert.deepEqual(
      contributed.filter((command) => !registered.has(command)),
      [],
    );
  });

  it("puts only commands that exist into menus, keys, welcome texts and the walkthrough", async () => {
    const known = new Set(await vscode.commands.getCommands(true));
    const { menus, keybindings } = contributions();
    const named = [...Object.values(menus).flat(), ...keybindings].flatMap(({ command }) => command ?? []);
    const linked = JSON.stringify(contributions()).matchAll(/(?:command|onCommand):([\w.-]+)/g);
    for (const [, command] of linked) named.push(command);
    assert.deepEqual(
      named.filter((command) => !known.has(command)),
      [],
    );
  });

  it("asks in its conditions only for context keys that it sets and views that it has", () => {
    const views = new Set(
      Object.values(contributions().views)
        .flat()
        .map(({ id }) => id),
    );
    for (const clause of clauses()) {
      for (const [, key] of clause.matchAll(/(?:^|[\s!(])(switchyard\.[\w.]+)(?!\S*\/)(?=$|[\s)])/g)) {
        const isValue = new RegExp(`==\\s*${key.replaceAll(".", "\\.")}`).test(clause);
        assert.ok(isValue || contextKeys.has(key), `${key} of "${clause}" is set by nobody`);
      }
      for (const [, view] of clause.matchAll(/\bview == (\S+)/g)) assert.ok(views.has(view), `${view} of "${clause}"`);
    }
    for (const { view } of contributions().viewsWelcome) assert.ok(views.has(view), view);
  });

  it("has a walkthrough that opens, with its pictures and with steps that can be completed", async () => {
    const [{ id, steps }] = contributions().walkthroughs;
    assert.equal(steps.length, 5);
    for (const { media, completionEvents } of steps) {
      assert.ok(existsSync(join(switchyard().extensionPath, media.svg)), media.svg);
      assert.ok(completionEvents.length > 0);
      for (const [, key] of completionEvents.join(" ").matchAll(/onContext:(\S+)/g))
        assert.ok(contextKeys.has(key), key);
    }
    await vscode.commands.executeCommand("workbench.action.openWalkthrough", `${switchyard().id}#${id}`);
    await activeTab("the walkthrough", ({ label }) => (/walkthrough|welcome|see why/i.test(label) ? label : undefined));
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });

  it("has one global chord, which means nothing else in VS Code", async () => {
    const { keybindings } = contributions();
    assert.equal(keybindings.length, 1);
    const [{ key, command }] = keybindings;
    const uri = vscode.Uri.parse("vscode://defaultsettings/keybindings.json");
    const keymap = (await vscode.workspace.openTextDocument(uri)).getText();
    const bindings = [...keymap.matchAll(/"key":\s*"([^"]+)",\s*"command":\s*"([^"]+)"/g)];
    assert.ok(bindings.length > 500, `only ${bindings.length} bindings were found`);
    const clashes = bindings.filter(
      ([, other, what]) => what !== command && (other === key || other.startsWith(`${key} `)),
    );
    assert.deepEqual(
      clashes.map(([text]) => text),
      [],
    );
    assert.ok(bindings.some(([, other, what]) => other === key && what === command));
  });
}
