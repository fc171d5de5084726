/**
 * The language features of a policy file, in a bundle of their own that is loaded with the first such document:
 * diagnostics while typing, completion, hover, quick fixes, definitions, references, outline.
 * All knowledge is policyfile's; here it is only put into VS Code's words. What the gateway knows comes from editor/.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as vscode from "vscode";
import type { SourceRange } from "../model/basics.ts";
import { complete, type Completion } from "../policyfile/complete.ts";
import type { Diagnostic, TextFix } from "../policyfile/diagnostic.ts";
import { appendItem, setValue } from "../policyfile/edit.ts";
import { foldings } from "../policyfile/folding.ts";
import { hover } from "../policyfile/hover.ts";
import { definition, names, namedBlocks, references, type NameKind } from "../policyfile/names.ts";
import { read, type Sources } from "../policyfile/read.ts";
import { rename, renamed } from "../policyfile/rename.ts";
import { Tree } from "../policyfile/tree.ts";
import { LiveEditor, type EditorHost } from "./editor/live-editor.ts";

// They need the same YAML reader.
export { portHints, startScripts } from "./detect/hints.ts";
export { secretsIn } from "./editor/policy-secrets.ts";

/** Milliseconds of silence before a text that is being typed is read. */
const DEBOUNCE = 250;
/** Bytes of a file beside the policy that are read at most (keys, certificates). */
const LARGEST = 1024 * 1024;

const QUICK_FIXES = { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] };
const SELECTOR: vscode.DocumentSelector = { language: "switchyard" };

/** @param extension where media/policies.md is, which explains the codes. */
export function register(extension: vscode.Uri, host: EditorHost): vscode.Disposable {
  const pages = new CodePages(vscode.Uri.joinPath(extension, "media", "policies.md"));
  const diagnostics = new Diagnostics(pages);
  const live = new LiveEditor(host, (code) => pages.of(code));
  return vscode.Disposable.from(
    diagnostics,
    live,
    vscode.languages.registerCodeLensProvider(SELECTOR, live),
    vscode.languages.registerRenameProvider(SELECTOR, { prepareRename, provideRenameEdits }),
    vscode.languages.registerFoldingRangeProvider(SELECTOR, { provideFoldingRanges }),
    vscode.languages.registerCompletionItemProvider(
      SELECTOR,
      { provideCompletionItems: completions },
      ":",
      " ",
      "-",
      ".",
    ),
    vscode.languages.registerHoverProvider(SELECTOR, {
      provideHover: (document, position) => provideHover(document, position, live.hover(document, position)),
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

/** Puts a rate limit at the end of a route's policies. undefined = the text has no route. */
export function limitEdit(document: vscode.TextDocument): vscode.TextEdit[] | undefined {
  const limit = { rateLimit: { key: "client.ip", requests: 60, per: "1m" } };
  return asEdits(document, appendItem(document.getText(), ["routes", 0, "policies"], limit));
}

/** Appends a policy test to a test file. @returns undefined when there is no place for it. */
export function testEdit(document: vscode.TextDocument, test: object): vscode.TextEdit[] | undefined {
  return asEdits(document, appendItem(document.getText(), ["tests"], test));
}

/** Names of the tests that a test file has. */
export function testNames(document: vscode.TextDocument): string[] {
  const { tests } = (new Tree(document.getText(), "").value ?? {}) as {
    readonly tests?: readonly { name?: unknown }[];
  };
  return Array.isArray(tests) ? tests.map((test: { name?: unknown } | null) => String(test?.name)) : [];
}

function asEdits(document: vscode.TextDocument, edits: TextFix["edits"] | undefined): vscode.TextEdit[] | undefined {
  return edits?.map(({ offset, endOffset, newText }) =>
    vscode.TextEdit.replace(span(document, offset, endOffset), newText),
  );
}

/** Where each code is explained: the page, and the line of the code in it. */
class CodePages {
  readonly #page: vscode.Uri;
  #lines: readonly string[] | undefined;

  constructor(page: vscode.Uri) {
    this.#page = page;
  }

  of(code: string): vscode.Uri {
    this.#lines ??= readFileSync(this.#page.fsPath, "utf8").split("\n");
    const line = this.#lines.findIndex((text) => text.includes(`id="${code.toLowerCase()}"`)) + 1;
    return line > 0 ? this.#page.with({ fragment: `L${line}` }) : this.#page;
  }
}

/** Reads every open policy after a pause in typing, and keeps what was said with its fixes. */
class Diagnostics implements vscode.Disposable {
  readonly #shown = vscode.languages.createDiagnosticCollection("switchyard");
  readonly #read = new Map<string, { version: number; diagnostics: readonly Diagnostic[] }>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #subscriptions: vscode.Disposable[];
  readonly #pages: CodePages;

  constructor(pages: CodePages) {
    this.#pages = pages;
    this.#subscriptions = [
      this.#shown,
      vscode.workspace.onDidOpenTextDocument((document) => this.#check(document)),
      vscode.workspace.onDidSaveTextDocument((document) => this.#check(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#soon(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.#forget(document)),
    ];
    for (const document of vscode.workspace.textDocuments) this.#check(document);
  }

  fixes(document: vscode.TextDocument, range: vscode.Range): vscode.CodeAction[] {
    const known = this.#read.get(document.uri.toString());
    if (known?.version !== document.version) this.#check(document);
    const diagnostics = this.#read.get(document.uri.toString())?.diagnostics ?? [];
    return diagnostics
      .filter((diagnostic) => asRange(diagnostic.range).intersection(range) !== undefined)
      .flatMap((diagnostic) =>
        diagnostic.fixes.map((fix, at) => {
          const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
          action.diagnostics = [asDiagnostic(diagnostic, this.#pages)];
          action.isPreferred = at === 0;
          action.edit = new vscode.WorkspaceEdit();
          action.edit.set(document.uri, asEdits(document, fix.edits) ?? []);
          return action;
        }),
      );
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #soon(document: vscode.TextDocument): void {
    if (!isPolicy(document)) return;
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.set(
      key,
      setTimeout(() => this.#check(document), DEBOUNCE),
    );
  }

  #check(document: vscode.TextDocument): void {
    if (!isPolicy(document) || document.isClosed) return;
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    const { diagnostics } = read(document.getText(), document.uri.fsPath, sourcesOf(document));
    this.#read.set(key, { version: document.version, diagnostics });
    this.#shown.set(
      document.uri,
      diagnostics.map((diagnostic) => asDiagnostic(diagnostic, this.#pages)),
    );
  }

  #forget(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#read.delete(key);
    this.#shown.delete(document.uri);
  }
}

function isPolicy(document: vscode.TextDocument): boolean {
  return document.languageId === "switchyard" && document.uri.scheme !== "git";
}

/** What the policy refers to, as the gateway would see it: this process's environment, files beside the policy. */
function sourcesOf(document: vscode.TextDocument): Sources {
  const folder = dirname(document.uri.fsPath);
  return {
    env: (name) => process.env[name],
    file(path) {
      try {
        // Whoever wrote the policy may be a stranger: a pipe would hold up every extension, and a device never ends.
        const whole = resolve(folder, path);
        const looks = statSync(whole);
        return !looks.isFile() || looks.size > LARGEST ? undefined : readFileSync(whole, "utf8");
      } catch {
        return undefined;
      }
    },
  };
}

function asRange({ line, column, endLine, endColumn }: SourceRange): vscode.Range {
  return new vscode.Range(line - 1, column - 1, endLine - 1, endColumn - 1);
}

function span(document: vscode.TextDocument, offset: number, endOffset: number): vscode.Range {
  return new vscode.Range(document.positionAt(offset), document.positionAt(endOffset));
}

const SEVERITY = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  hint: vscode.DiagnosticSeverity.Information,
} as const;

function asDiagnostic({ code, severity, message, range }: Diagnostic, pages: CodePages): vscode.Diagnostic {
  const diagnostic = new vscode.Diagnostic(asRange(range), message, SEVERITY[severity]);
  diagnostic.code = { value: code, target: pages.of(code) };
  diagnostic.source = "Switchyard";
  return diagnostic;
}

const COMPLETION = {
  key: vscode.CompletionItemKind.Property,
  value: vscode.CompletionItemKind.Value,
  policy: vscode.CompletionItemKind.Module,
  reference: vscode.CompletionItemKind.Reference,
  snippet: vscode.CompletionItemKind.Snippet,
} as const satisfies Record<Completion["kind"], vscode.CompletionItemKind>;

function completions(document: vscode.TextDocument, position: vscode.Position): vscode.CompletionItem[] {
  const found = complete(document.getText(), document.offsetAt(position));
  return found.map((completion) => {
    const item = new vscode.CompletionItem(completion.label, COMPLETION[completion.kind]);
    item.insertText = completion.snippet ? new vscode.SnippetString(completion.insert) : completion.insert;
    item.range = span(document, completion.offset, completion.endOffset);
    item.detail = completion.detail;
    item.sortText = completion.sort;
    if (completion.documentation !== undefined)
      item.documentation = new vscode.MarkdownString(completion.documentation);
    return item;
  });
}

/** @param live what the running gateway knows of the place. */
function provideHover(
  document: vscode.TextDocument,
  position: vscode.Position,
  live: vscode.MarkdownString | undefined,
): vscode.Hover | undefined {
  const found = hover(document.getText(), document.offsetAt(position));
  if (found === undefined) return live && new vscode.Hover(live);
  const documentation = new vscode.MarkdownString(found.markdown);
  return new vscode.Hover(live === undefined ? documentation : [live, documentation], asRange(found.range));
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
