/**
 * Reads every open file of one language after a pause in typing, shows what is wrong, and keeps it with its fixes.
 * Must not judge a text: whoever makes one says how it is read.
 */
import * as vscode from "vscode";
import type { Diagnostic } from "../../policyfile/diagnostic.ts";
import type { CodePages } from "./code-pages.ts";
import { asDiagnostic, asEdits, asRange } from "./conversions.ts";

/** Milliseconds of silence before a text that is being typed is read. */
const DEBOUNCE = 250;

interface Reading {
  /** True for a document that is read. */
  concerns(document: vscode.TextDocument): boolean;
  read(document: vscode.TextDocument): readonly Diagnostic[];
  /** True for a document that others depend on: when it changes, all are read anew. */
  moves?(document: vscode.TextDocument): boolean;
}

export class Diagnostics implements vscode.Disposable {
  readonly #shown: vscode.DiagnosticCollection;
  readonly #read = new Map<string, { version: number; diagnostics: readonly Diagnostic[] }>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #subscriptions: vscode.Disposable[];
  readonly #pages: CodePages;
  readonly #reading: Reading;

  /** @param name of the collection. */
  constructor(pages: CodePages, name: string, reading: Reading) {
    this.#pages = pages;
    this.#reading = reading;
    this.#shown = vscode.languages.createDiagnosticCollection(name);
    this.#subscriptions = [
      this.#shown,
      vscode.workspace.onDidOpenTextDocument((document) => this.#check(document)),
      vscode.workspace.onDidSaveTextDocument((document) => this.#check(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#changed(document)),
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

  #changed(document: vscode.TextDocument): void {
    if (this.#reading.moves?.(document) === true) for (const other of vscode.workspace.textDocuments) this.#soon(other);
    else this.#soon(document);
  }

  #soon(document: vscode.TextDocument): void {
    if (!this.#reading.concerns(document)) return;
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.set(
      key,
      setTimeout(() => this.#check(document), DEBOUNCE),
    );
  }

  #check(document: vscode.TextDocument): void {
    if (!this.#reading.concerns(document) || document.isClosed) return;
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    const diagnostics = this.#reading.read(document);
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
