/**
 * The language features of `*.switchyard-test.yaml`: diagnostics while typing, completion, hover, quick fixes, outline,
 * and the way from a name to its place in the policy that is tested, as it stands in its editor.
 * All knowledge is replay's; here it is only put into VS Code's words. Must not run a test: the Test Explorer does.
 */
import { dirname, resolve } from "node:path";
import * as vscode from "vscode";
import type { Sources } from "../../policyfile/read.ts";
import {
  completeTests,
  diagnoseTests,
  hoverTests,
  policyOf,
  policyPlaceOf,
  testedPolicy,
  testSymbols,
  type TestSymbol,
} from "../../replay/policy-test-language.ts";
import type { TestedPolicy } from "../../replay/policy-test-names.ts";
import type { CodePages } from "./code-pages.ts";
import { asHover, asItem, asRange, COMPLETES_AFTER } from "./conversions.ts";
import { Diagnostics } from "./diagnostics.ts";

const LANGUAGE = "switchyard-test";
const SELECTOR: vscode.DocumentSelector = { language: LANGUAGE };

/** @param sourcesOf what a file beside the document holds, and the environment. */
export function registerTestFiles(
  pages: CodePages,
  sourcesOf: (document: Pick<vscode.TextDocument, "uri">) => Sources,
): vscode.Disposable {
  const policies = new TestedPolicies(sourcesOf);
  const diagnostics = new Diagnostics(pages, "switchyard-tests", {
    concerns: ({ languageId, uri }) => languageId === LANGUAGE && uri.scheme !== "git",
    read: (document) => diagnoseTests(document.getText(), document.uri.fsPath, policies.of(document)),
    moves: ({ languageId }) => languageId === "switchyard",
  });
  return vscode.Disposable.from(
    diagnostics,
    vscode.languages.registerCompletionItemProvider(
      SELECTOR,
      {
        provideCompletionItems: (document, position) =>
          completeTests(document.getText(), document.offsetAt(position), policies.of(document)).map((one) =>
            asItem(document, one),
          ),
      },
      ...COMPLETES_AFTER,
    ),
    vscode.languages.registerHoverProvider(SELECTOR, {
      provideHover(document, position) {
        const found = hoverTests(document.getText(), document.offsetAt(position), policies.of(document));
        return found && asHover(found);
      },
    }),
    vscode.languages.registerDefinitionProvider(SELECTOR, {
      provideDefinition(document, position) {
        const place = policyPlaceOf(document.getText(), document.offsetAt(position), policies.of(document));
        if (place === undefined) return undefined;
        const range = place === "file" ? new vscode.Range(0, 0, 0, 0) : asRange(place);
        return new vscode.Location(policyUri(document), range);
      },
    }),
    vscode.languages.registerDocumentSymbolProvider(SELECTOR, {
      provideDocumentSymbols: (document) => testSymbols(document.getText()).map((one) => symbolOf(one)),
    }),
    vscode.languages.registerCodeActionsProvider(
      SELECTOR,
      { provideCodeActions: (document, range) => diagnostics.fixes(document, range) },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
  );
}

/** The policy that a test file names, read again only when its text is another. */
class TestedPolicies {
  readonly #sourcesOf: (document: Pick<vscode.TextDocument, "uri">) => Sources;
  #latest: { readonly path: string; readonly text: string; readonly policy: TestedPolicy } | undefined;

  constructor(sourcesOf: (document: Pick<vscode.TextDocument, "uri">) => Sources) {
    this.#sourcesOf = sourcesOf;
  }

  /** undefined = it is not there. */
  of(document: vscode.TextDocument): TestedPolicy | undefined {
    const uri = policyUri(document);
    const path = uri.fsPath;
    const open = vscode.workspace.textDocuments.find((other) => other.uri.toString() === uri.toString());
    const text = open?.getText() ?? this.#sourcesOf(document).file(path);
    if (text === undefined) return undefined;
    if (this.#latest?.path !== path || this.#latest.text !== text)
      this.#latest = { path, text, policy: testedPolicy(text, path, this.#sourcesOf({ uri })) };
    return this.#latest.policy;
  }
}

function policyUri(document: vscode.TextDocument): vscode.Uri {
  return vscode.Uri.file(resolve(dirname(document.uri.fsPath), policyOf(document.getText())));
}

function symbolOf(
  { name, detail, range, block, steps }: TestSymbol,
  kind = vscode.SymbolKind.Method,
): vscode.DocumentSymbol {
  const symbol = new vscode.DocumentSymbol(name, detail, kind, asRange(block), asRange(range));
  symbol.children = steps.map((step) => symbolOf(step, vscode.SymbolKind.Event));
  return symbol;
}
