/**
 * The language features of a policy test file as VS Code's own commands ask for them: over the policy beside it, as it
 * stands in its editor.
 */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { eventually, holds } from "../e2e/window/expect.ts";
import { draft, placeOf, replace, workspaceFolder } from "./window.ts";

const POLICY = `version: 1
listeners:
  - { name: edge, port: 8080 }
services:
  orders:
    endpoints: [{ url: "http://127.0.0.1:3001" }]
routes:
  - name: all-orders
    backendRefs: [{ service: orders }]
`;
const TESTS = `policy: ./tested.switchyard.yaml
tests:
  - name: orders are open
    steps:
      - request: { path: /orders }
        expect: { status: 200, route: all-orders, service: orders }
`;

async function testFile(name: string, text: string): Promise<vscode.TextDocument> {
  const uri = vscode.Uri.file(join(workspaceFolder(), "drafts", `${name}.switchyard-test.yaml`));
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

function problemsOf(document: vscode.TextDocument): string[] {
  return vscode.languages.getDiagnostics(document.uri).map(({ code, message, range }) => {
    const { value } = code as { readonly value: string };
    return `${value} ${document.getText(range)}: ${message}`;
  });
}

export function describeTestFiles(): void {
  let policy: vscode.TextDocument;

  before(async () => {
    policy = await draft("tested", POLICY);
  });

  // Else the Test Explorer of a later suite would find and run them.
  after(async () => {
    await vscode.commands.executeCommand("workbench.action.files.saveAll");
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    const drafts = join(workspaceFolder(), "drafts");
    for (const name of readdirSync(drafts)) if (/switchyard-test/.test(name)) rmSync(join(drafts, name));
  });

  it("are a language of their own, and nothing is wrong with a right one", async () => {
    const document = await testFile("right", TESTS);
    assert.equal(document.languageId, "switchyard-test");
    await replace(document, "route: all-orders", "route: all-ordrs");
    await eventually("the mistake is told", () =>
      problemsOf(document).some((one) => one.startsWith("SY102 all-ordrs")),
    );
    const [problem] = vscode.languages.getDiagnostics(document.uri);
    const edit = await eventually("the quick fix", async () => {
      const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        "vscode.executeCodeActionProvider",
        document.uri,
        problem.range,
        vscode.CodeActionKind.QuickFix.value,
      );
      return actions.find(({ isPreferred }) => isPreferred)?.edit;
    });
    await vscode.workspace.applyEdit(edit);
    assert.equal(document.getText(), TESTS);
    await eventually("and gone", () => problemsOf(document).length === 0);
    await document.save();
  });

  it("complete keys, and names of the policy as it stands in its editor, not yet saved", async () => {
    const document = await testFile("completed", TESTS);
    await replace(policy, "all-orders", "every-order");
    const routes = await vscode.commands.executeCommand<vscode.CompletionList>(
      "vscode.executeCompletionItemProvider",
      document.uri,
      placeOf(document, "route: all", "route: ".length),
    );
    assert.ok(labels(routes).includes("every-order"), labels(routes).join(", "));
    await eventually("the old name is wrong now", () => problemsOf(document).some((one) => /all-orders/.test(one)));
    await vscode.window.showTextDocument(policy);
    await vscode.commands.executeCommand("workbench.action.files.revert");
    await replace(document, "        expect:", "        \n        expect:");
    const keys = await vscode.commands.executeCommand<vscode.CompletionList>(
      "vscode.executeCompletionItemProvider",
      document.uri,
      placeOf(document, "        \n", 8),
    );
    for (const key of ["repeat", "jwt", "answer"]) assert.ok(labels(keys).includes(key), labels(keys).join(", "));
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  it("explain fields and names on hover, and lead from a name to its line of the policy", async () => {
    const document = await testFile("explained", TESTS);
    const words = async (part: string) => {
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        "vscode.executeHoverProvider",
        document.uri,
        placeOf(document, part, 1),
      );
      return hovers
        .flatMap(({ contents }) => contents.map((one) => (typeof one === "string" ? one : one.value)))
        .join();
    };
    await holds("the hovers", async () => {
      assert.match(await words("expect:"), /What must come of it/);
      assert.match(await words("all-orders"), /route[^]*name: all-orders/);
    });
    await holds("the declaration", async () => {
      const found = await vscode.commands.executeCommand<vscode.Location[]>(
        "vscode.executeDefinitionProvider",
        document.uri,
        placeOf(document, "service: orders", "service: ".length + 1),
      );
      assert.deepEqual(
        found.map(({ uri, range }) => [uri.fsPath, range.start.line]),
        [[policy.uri.fsPath, placeOf(policy, "  orders:\n").line]],
      );
    });
  });

  it("have an outline of tests and steps, and fold", async () => {
    const document = await testFile("outlined", TESTS);
    const [test] = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
      "vscode.executeDocumentSymbolProvider",
      document.uri,
    );
    assert.deepEqual(
      [test.name, test.children[0].name, test.children[0].detail],
      ["orders are open", "GET /orders", "200"],
    );
    const folds = await vscode.commands.executeCommand<vscode.FoldingRange[]>(
      "vscode.executeFoldingRangeProvider",
      document.uri,
    );
    assert.ok(
      folds.some(({ start }) => start === 1),
      JSON.stringify(folds),
    );
  });
}

function labels({ items }: vscode.CompletionList): string[] {
  return items.map(({ label }) => (typeof label === "string" ? label : label.label));
}
