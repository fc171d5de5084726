/**
 * What the running gateway says in the editor of its policy: lenses, numbers on hover, and the smallest edit that would
 * have let a refused request pass; and names that are renamed everywhere at once.
 */
import assert from "node:assert/strict";
import * as vscode from "vscode";
import { eventually, holds } from "../e2e/window/expect.ts";
import type { Shop } from "../e2e/window/shop.ts";
import { openShop, placeOf } from "./window.ts";

/** Titles by line, from 1. */
async function lensesOf(document: vscode.TextDocument): Promise<Map<number, string>> {
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    "vscode.executeCodeLensProvider",
    document.uri,
    100,
  );
  const lines = new Map<number, string>();
  for (const { range, command } of lenses) {
    const line = range.start.line + 1;
    const title = (command?.title ?? "").replaceAll("\u2007", " ");
    lines.set(line, lines.has(line) ? `${lines.get(line)} │ ${title}` : title);
  }
  return lines;
}

export function describeLiveEditor(): void {
  let shop: Shop;
  let document: vscode.TextDocument;
  const lineOf = (part: string): number => placeOf(document, part).line + 1;

  before(async () => {
    shop = await openShop();
    document = await vscode.workspace.openTextDocument(vscode.Uri.file(shop.file));
    await vscode.window.showTextDocument(document);
  });

  after(async () => {
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand("workbench.action.files.revert");
    await vscode.commands.executeCommand("switchyard.stop");
  });

  it("says above each block that the gateway is stopped, then its numbers", async () => {
    // For two seconds after a change of the text the lenses stay as they were: it may just have been read anew.
    await eventually(
      "the lens says that it is stopped",
      async () => (await lensesOf(document)).get(lineOf("  orders:\n")) === "▸ — gateway stopped │ Start",
    );
    await vscode.commands.executeCommand("switchyard.start");
    for (let k = 0; k < 8; k++) await shop.send(`/orders/${k}`);
    await eventually("the service is healthy", async () =>
      /2\/2 healthy/.test((await lensesOf(document)).get(lineOf("  orders:\n")) ?? ""),
    );
    const route = await eventually("the route has traffic", async () => {
      const words = (await lensesOf(document)).get(lineOf("name: orders\n"));
      return words !== undefined && /rps.*rejected/.test(words) && words;
    });
    assert.match(route, /^▸ +\d+\.\d rps.* rejected │ Traffic │ What-if$/);
    const limit = await eventually("the limit is used", async () => {
      const words = (await lensesOf(document)).get(lineOf("per-consumer: {"));
      return words !== undefined && /full/.test(words) && words;
    });
    assert.match(limit, /^▸ +\d+% full · [01]\/1 keys empty/);
  });

  it("says the numbers of a limit on hover", async () => {
    await holds("the numbers", async () => {
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        "vscode.executeHoverProvider",
        document.uri,
        placeOf(document, "per-consumer: {", 2),
      );
      const words = hovers.flatMap(({ contents }) =>
        contents.map((part) => (typeof part === "string" ? part : part.value)),
      );
      assert.match(
        words.join("\n"),
        /\*\*5 per 20s by consumer.*\*\* on route orders · 5 min [▁▂▃▄▅▆▇█]{5} · .*`web`.*\[Keys\]\(command:.*\[Docs\]\(file:.*policies\.md/,
      );
    });
  });

  it("offers the smallest limit that lets the refused request pass, as an edit that undo takes back", async () => {
    const before = document.getText();
    const line = document.lineAt(lineOf("per-consumer: {") - 1);
    const actions = await eventually("the quick fix", async () => {
      const found = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        "vscode.executeCodeActionProvider",
        document.uri,
        line.range,
        vscode.CodeActionKind.QuickFix.value,
      );
      const passing = found.filter(({ title }) => title.startsWith("Smallest passing limit"));
      return passing.length > 0 && passing;
    });
    const [{ title, edit }] = actions;
    assert.match(
      title,
      /^Smallest passing limit: \d+ per 20s.*lets GET \/orders\/\d pass; \d+ more admitted of \d+\)$/,
    );
    assert.ok(edit);
    await vscode.workspace.applyEdit(edit);
    const value = Number(/requests: (\d+)/.exec(document.getText())?.[1]);
    assert.ok(value > 5, document.getText());
    assert.equal(document.getText().replace(/requests: \d+/, "requests: 5"), before);
    assert.ok(document.isDirty);
    // Undo is the focused editor's: a view that has just opened may take the focus once.
    await eventually("undo takes it back", async () => {
      await vscode.window.showTextDocument(document);
      await vscode.commands.executeCommand("undo");
      return document.getText() === before;
    });
  });

  it("renames a service wherever it is used", async () => {
    await holds("the renaming", async () => {
      const change = await vscode.commands.executeCommand<vscode.WorkspaceEdit>(
        "vscode.executeDocumentRenameProvider",
        document.uri,
        placeOf(document, "  orders:\n", 4),
        "shop-orders",
      );
      assert.equal(change.get(document.uri).length, document.getText().match(/service: orders/g)!.length + 1);
    });
  });

  it("folds blocks of several lines", async () => {
    await holds("the folds", async () => {
      const folds = await vscode.commands.executeCommand<vscode.FoldingRange[]>(
        "vscode.executeFoldingRangeProvider",
        document.uri,
      );
      assert.ok(
        folds.some(({ start }) => start + 1 === lineOf("services:")),
        JSON.stringify(folds),
      );
    });
  });
}
