/**
 * The language features of a policy file, in a bundle of their own that is loaded with the first such document:
 * diagnostics while typing, completion, hover, quick fixes, definitions, references, outline.
 * All knowledge is policyfile's; here it is only put into VS Code's words. What the gateway knows comes from editor/.
 */
import { dirname, resolve } from "node:path";
import * as vscode from "vscode";
import { plainTextOr } from "../machine/plain-file.ts";
import { complete } from "../policyfile/complete.ts";
import { appendItem, setValue } from "../policyfile/edit.ts";
import { developmentIssuer } from "../policyfile/development-issuer.ts";
import { foldings } from "../policyfile/folding.ts";
import { hover } from "../policyfile/hover.ts";
import { mockName, mockRoute, mocksIn, withoutMock, type Mock, type Mocked } from "../policyfile/mock-route.ts";
import { definition, names, namedBlocks, references, type NameKind } from "../policyfile/names.ts";
import { read, type Sources } from "../policyfile/read.ts";
import { rename, renamed } from "../policyfile/rename.ts";
import { Tree } from "../policyfile/tree.ts";
import { CodePages } from "./editor/code-pages.ts";
import { asEdits, asHover, asItem, asRange, COMPLETES_AFTER } from "./editor/conversions.ts";
import { Diagnostics } from "./editor/diagnostics.ts";
import { LiveEditor, type EditorHost } from "./editor/live-editor.ts";
import { registerTestFiles } from "./editor/test-files.ts";

// They need the same YAML reader.
export { portHints, startScripts } from "./detect/hints.ts";
export { secretsIn } from "./editor/policy-secrets.ts";

const QUICK_FIXES = { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] };
const SELECTOR: vscode.DocumentSelector = { language: "switchyard" };
const FOLDED: vscode.DocumentSelector = [{ language: "switchyard" }, { language: "switchyard-test" }];

/** @param extension where media/policies.md is, which explains the codes. */
export function register(extension: vscode.Uri, host: EditorHost): vscode.Disposable {
  const pages = new CodePages(vscode.Uri.joinPath(extension, "media", "policies.md"));
  const reading = (document: vscode.TextDocument) => read(document.getText(), document.uri.fsPath, sourcesOf(document));
  const diagnostics = new Diagnostics(pages, "switchyard", {
    concerns: isPolicy,
    read: (document) => reading(document).diagnostics,
  });
  const live = new LiveEditor(host, pages, (document) => reading(document).plan);
  return vscode.Disposable.from(
    diagnostics,
    live,
    registerTestFiles(pages, sourcesOf),
    vscode.languages.registerCodeLensProvider(SELECTOR, live),
    vscode.languages.registerRenameProvider(SELECTOR, { prepareRename, provideRenameEdits }),
    vscode.languages.registerFoldingRangeProvider(FOLDED, { provideFoldingRanges }),
    vscode.languages.registerCompletionItemProvider(
      SELECTOR,
      { provideCompletionItems: completions },
      ...COMPLETES_AFTER,
    ),
    vscode.languages.registerHoverProvider(SELECTOR, {
      provideHover: async (document, position) =>
        provideHover(document, position, await live.hover(document, position)),
    }),
    vscode.languages.registerDefinitionProvider(SELECTOR, { provideDefinition }),
    vscode.languages.registerReferenceProvider(SELECTOR, { provideReferences }),
    vscode.languages.registerDocumentSymbolProvider(SELECTOR, { provideDocumentSymbols }),
    vscode.languages.registerCodeActionsProvider(
      SELECTOR,
      { provideCodeActions: (document, range) => diagnostics.fixes(document, range) },
      QUICK_FIXES,
    ),
    // Apart from those: what the gateway must be asked for may be slow or fail, and must not take the others along.
    vscode.languages.registerCodeActionsProvider(
      SELECTOR,
      { provideCodeActions: (document, range, _context, token) => live.passing(document, range, token) },
      QUICK_FIXES,
    ),
    vscode.languages.registerCodeActionsProvider(
      SELECTOR,
      { provideCodeActions: (document, range, _context, token) => live.minting(document, range, token) },
      QUICK_FIXES,
    ),
    vscode.languages.registerCodeActionsProvider(
      SELECTOR,
      { provideCodeActions: (document, range) => live.adding(document, range) },
      QUICK_FIXES,
    ),
  );
}

/** Gives a listener another port, keeping everything around it. undefined = the text has no such listener. */
export function portEdit(document: vscode.TextDocument, listener: string, port: number): vscode.TextEdit[] | undefined {
  const text = document.getText();
  const listeners = names(text, document.fileName).filter(
    ({ kind, role }) => kind === "listener" && role === "declaration",
  );
  const at = listeners.findIndex(({ name }) => name === listener);
  return asEdits(document, setValue(text, ["listeners", Math.max(0, at), "port"], port));
}

/** Puts an endpoint at the end of a service's. undefined = there is no place for one. */
export function endpointEdit(
  document: vscode.TextDocument,
  service: string,
  url: string,
): vscode.TextEdit[] | undefined {
  return asEdits(document, appendItem(document.getText(), ["services", service, "endpoints"], { url }));
}

/** Puts a rate limit at the end of a route's policies. undefined = the text has no route. */
export function limitEdit(document: vscode.TextDocument): vscode.TextEdit[] | undefined {
  const limit = { rateLimit: { key: "client.ip", requests: 60, per: "1m" } };
  return asEdits(document, appendItem(document.getText(), ["routes", 0, "policies"], limit));
}

/** Appends a policy test to a test file. @returns undefined when there is no place for it. */
export function testEdit(document: vscode.TextDocument, test: object): vscode.TextEdit[] | undefined {
  return asEdits(document, appendItem(document.getText(), ["tests"], test));
}

/** Puts an issuer for development beside the one of the policy that stands there. undefined = there is no such policy. */
export function issuerEdit(
  document: vscode.TextDocument,
  place: vscode.Position,
  keySet: string,
): vscode.TextEdit[] | undefined {
  return asEdits(document, developmentIssuer(document.getText(), document.offsetAt(place), keySet));
}

export function mockNameFor(document: vscode.TextDocument, method: string, path: string): string {
  return mockName(document.getText(), method, path);
}

/** Puts a mock before the first route. undefined = there is no place for it. */
export function mockEdit(document: vscode.TextDocument, name: string, mocked: Mocked): vscode.TextEdit[] | undefined {
  return asEdits(document, mockRoute(document.getText(), name, mocked));
}

/** Takes a mock away. undefined = there is no route of that name. */
export function mockRemoval(document: vscode.TextDocument, name: string): vscode.TextEdit[] | undefined {
  return asEdits(document, withoutMock(document.getText(), name));
}

export function mocksOf(document: vscode.TextDocument): Mock[] {
  return mocksIn(document.getText());
}

/** Names of the tests that a test file has. */
export function testNames(document: vscode.TextDocument): string[] {
  const { tests } = (new Tree(document.getText(), "").value ?? {}) as {
    readonly tests?: readonly { name?: unknown }[];
  };
  return Array.isArray(tests) ? tests.map((test: { name?: unknown } | null) => String(test?.name)) : [];
}

function isPolicy(document: vscode.TextDocument): boolean {
  return document.languageId === "switchyard" && document.uri.scheme !== "git";
}

/** What the policy refers to, as the gateway would see it: this process's environment, files beside the policy. */
function sourcesOf(document: Pick<vscode.TextDocument, "uri">): Sources {
  const folder = dirname(document.uri.fsPath);
  return {
    env: (name) => process.env[name],
    file: (path) => plainTextOr(resolve(folder, path)),
  };
}

function completions(document: vscode.TextDocument, position: vscode.Position): vscode.CompletionItem[] {
  return complete(document.getText(), document.offsetAt(position)).map((one) => asItem(document, one));
}

/** @param live what the running gateway knows of the place. */
function provideHover(
  document: vscode.TextDocument,
  position: vscode.Position,
  live: vscode.MarkdownString | undefined,
): vscode.Hover | undefined {
  const found = hover(document.getText(), document.offsetAt(position));
  if (found === undefined) return live && new vscode.Hover(live);
  return asHover(found, live);
}

function prepareRename(document: vscode.TextDocument, position: vscode.Position): vscode.Range {
  const place = renamed(document.getText(), document.fileName, document.offsetAt(position));
  if (place === undefined)
    throw new Error("Only names of services, policies, listeners, consumers and routes are renamed.");
  return asRange(place.range);
}

function provideRenameEdits(
  document: vscode.TextDocument,
  position: vscode.Position,
  newName: string,
): vscode.WorkspaceEdit {
  const edits = rename(document.getText(), document.fileName, document.offsetAt(position), newName);
  if (typeof edits === "string") throw new Error(edits);
  const change = new vscode.WorkspaceEdit();
  change.set(document.uri, asEdits(document, edits) ?? []);
  return change;
}

function provideFoldingRanges(document: vscode.TextDocument): vscode.FoldingRange[] {
  return foldings(document.getText()).map(
    ({ line, endLine, comment }) =>
      new vscode.FoldingRange(line - 1, endLine - 1, comment ? vscode.FoldingRangeKind.Comment : undefined),
  );
}

function provideDefinition(document: vscode.TextDocument, position: vscode.Position): vscode.Location | undefined {
  const found = definition(document.getText(), document.fileName, document.offsetAt(position));
  return found === undefined ? undefined : new vscode.Location(document.uri, asRange(found.range));
}

function provideReferences(
  document: vscode.TextDocument,
  position: vscode.Position,
  { includeDeclaration }: vscode.ReferenceContext,
): vscode.Location[] {
  return references(document.getText(), document.fileName, document.offsetAt(position))
    .filter(({ role }) => includeDeclaration || role === "use")
    .map(({ range }) => new vscode.Location(document.uri, asRange(range)));
}

const SYMBOL = {
  service: vscode.SymbolKind.Class,
  policy: vscode.SymbolKind.Function,
  listener: vscode.SymbolKind.Interface,
  consumer: vscode.SymbolKind.Object,
  route: vscode.SymbolKind.Event,
} as const satisfies Record<NameKind, vscode.SymbolKind>;

function provideDocumentSymbols(document: vscode.TextDocument): vscode.DocumentSymbol[] {
  return namedBlocks(document.getText(), document.fileName).map(
    ({ kind, name, detail, range, block }) =>
      new vscode.DocumentSymbol(name || kind, detail, SYMBOL[kind], asRange(block), asRange(range)),
  );
}
