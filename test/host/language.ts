/**
 * The language features of a policy file as VS Code's own commands ask for them.
 */
import assert from "node:assert/strict";
import * as vscode from "vscode";
import { eventually, holds } from "../e2e/window/expect.ts";
import { draft, placeOf, replace } from "./window.ts";

const POLICY = `version: 1
listeners:
  - { name: edge, port: 8080 }
consumers:
  - { name: web, apiKey: { env: WEB_KEY } }
services:
  orders:
    endpoints:
      - { url: "http://127.0.0.1:3001" }
policies:
  per-client: { rateLimit: { key: client.ip, requests: 5, per: 20s } }
routes:
  - name: orders
    listeners: [edge]
    policies: [per-client]
    backendRefs:
      - { service: orders }
`;
/** Two letters changed places. */
const BROKEN = POLICY.replace("requests:", "reqeusts:");

function problemsOf(document: vscode.TextDocument, code: string): vscode.Diagnostic[] {
  return vscode.languages
    .getDiagnostics(document.uri)
    .filter((diagnostic) => typeof diagnostic.code === "object" && diagnostic.code.value === code);
}

async function definitionAt(document: vscode.TextDocument, at: vscode.Position): Promise<vscode.Range | undefined> {
  const found = await vscode.commands.executeCommand<(vscode.Location | vscode.LocationLink)[]>(
    "vscode.executeDefinitionProvider",
    document.uri,
    at,
  );
  const [first] = found;
  if (first === undefined) return undefined;
  return "range" in first ? first.range : (first.targetSelectionRange ?? first.targetRange);
}

export function describeLanguage(): void {
  it("shows what is wrong with a code, its place and a page that explains the code", async () => {
    const document = await draft("broken", BROKEN);
    assert.equal(document.languageId, "switchyard");
    const problem = await eventually("the diagnostic", () => problemsOf(document, "SY101")[0]);
    assert.equal(document.getText(problem.range), "reqeusts");
    assert.equal(problem.severity, vscode.DiagnosticSeverity.Error);
    assert.equal(problem.source, "Switchyard");
    const { target } = problem.code as { readonly target: vscode.Uri };
    assert.match(target.path, /policies\.md$/);
    const page = await vscode.workspace.openTextDocument(target.with({ fragment: "" }));
    assert.match(page.lineAt(Number(/^L(\d+)$/.exec(target.fragment)?.[1]) - 1).text, /SY101.*unknown key/);
  });

  it("repairs it by the quick fix, and the problem goes", async () => {
    const document = await draft("repaired", BROKEN);
    const [problem] = await eventually("the diagnostic", () => {
      const found = problemsOf(document, "SY101");
      return found.length > 0 && found;
    });
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
    assert.equal(document.getText(), POLICY);
    await eventually("the problem is gone", () => problemsOf(document, "SY101").length === 0);
    await document.save();
  });

  it("completes keys, and the names of the file where one is wanted", async () => {
    const document = await draft("completed", POLICY);
    const at = placeOf(document, "service: orders }", "service: ".length);
    const offers = (position: vscode.Position, ...wanted: readonly string[]): Promise<void> =>
      holds(`${wanted.join(", ")} are offered`, async () => {
        const { items } = await vscode.commands.executeCommand<vscode.CompletionList>(
          "vscode.executeCompletionItemProvider",
          document.uri,
          position,
        );
        const found = labels(items);
        for (const label of wanted) assert.ok(found.includes(label), found.join(", "));
      });
    await offers(at, "orders");
    await replace(document, "    listeners: [edge]\n", "    \n");
    await offers(placeOf(document, "    \n", 4), "timeouts", "listeners");
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  it("explains a field on hover", async () => {
    const document = await draft("hovered", POLICY);
    await holds("the hover", async () => {
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        "vscode.executeHoverProvider",
        document.uri,
        placeOf(document, "requests:", 2),
      );
      const text = hovers.flatMap(({ contents }) =>
        contents.map((part) => (typeof part === "string" ? part : part.value)),
      );
      assert.match(text.join("\n"), /requests/i);
    });
  });

  it("goes from a use to the declaration of a service, a policy and a listener", async () => {
    const document = await draft("defined", POLICY);
    const uses = [
      { use: placeOf(document, "service: orders", 10), declared: placeOf(document, "orders:\n") },
      { use: placeOf(document, "[per-client]", 3), declared: placeOf(document, "per-client:") },
      { use: placeOf(document, "[edge]", 2), declared: placeOf(document, "edge, port") },
    ];
    for (const { use, declared } of uses)
      await holds("the declaration", async () => {
        const range = await definitionAt(document, use);
        assert.deepEqual(range?.start, declared, document.lineAt(use.line).text);
      });
  });

  it("stays at a consumer's name, and finds every use of a service", async () => {
    const document = await draft("referenced", POLICY);
    const consumer = placeOf(document, "web, apiKey");
    await holds("the consumer's own place", async () => {
      assert.deepEqual((await definitionAt(document, consumer.translate(0, 1)))?.start, consumer);
    });
    await holds("both uses", async () => {
      const places = await vscode.commands.executeCommand<vscode.Location[]>(
        "vscode.executeReferenceProvider",
        document.uri,
        placeOf(document, "orders:\n", 1),
      );
      assert.equal(places.length, 2);
    });
  });

  it("outlines listeners, consumers, services, policies and routes", async () => {
    const document = await draft("outlined", POLICY);
    await holds("the outline", async () => {
      const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
        "vscode.executeDocumentSymbolProvider",
        document.uri,
      );
      assert.deepEqual(
        symbols.map(({ name }) => name),
        ["edge", "web", "orders", "per-client", "orders"],
      );
    });
  });
}

function labels(items: readonly vscode.CompletionItem[]): string[] {
  return items.map(({ label }) => (typeof label === "string" ? label : label.label));
}
