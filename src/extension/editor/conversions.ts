/**
 * What policyfile and replay answer, in VS Code's words: places, edits, completions, hovers, diagnostics.
 * Must not know a language feature by itself: language.ts and test-files.ts ask and answer.
 */
import * as vscode from "vscode";
import type { SourceRange } from "../../model/basics.ts";
import type { Completion } from "../../policyfile/complete.ts";
import type { Diagnostic, TextFix } from "../../policyfile/diagnostic.ts";
import type { Hover } from "../../policyfile/hover.ts";
import type { CodePages } from "./code-pages.ts";

/** What asks for completion by itself: a value begins, a key begins, an item begins, a field of a variable. */
export const COMPLETES_AFTER = [":", " ", "-", "."];

export function asRange({ line, column, endLine, endColumn }: SourceRange): vscode.Range {
  return new vscode.Range(line - 1, column - 1, endLine - 1, endColumn - 1);
}

function span(document: vscode.TextDocument, offset: number, endOffset: number): vscode.Range {
  return new vscode.Range(document.positionAt(offset), document.positionAt(endOffset));
}

export function asEdits(
  document: vscode.TextDocument,
  edits: TextFix["edits"] | undefined,
): vscode.TextEdit[] | undefined {
  return edits?.map(({ offset, endOffset, newText }) =>
    vscode.TextEdit.replace(span(document, offset, endOffset), newText),
  );
}

const SEVERITY = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  hint: vscode.DiagnosticSeverity.Information,
} as const;

export function asDiagnostic({ code, severity, message, range }: Diagnostic, pages: CodePages): vscode.Diagnostic {
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

export function asItem(document: vscode.TextDocument, completion: Completion): vscode.CompletionItem {
  const { label, kind, insert, snippet, offset, endOffset, detail, sort, documentation } = completion;
  const item = new vscode.CompletionItem(label, COMPLETION[kind]);
  item.insertText = snippet ? new vscode.SnippetString(insert) : insert;
  item.range = span(document, offset, endOffset);
  item.detail = detail;
  item.sortText = sort;
  if (documentation !== undefined) item.documentation = new vscode.MarkdownString(documentation);
  return item;
}

/** @param before what stands above the documentation. */
export function asHover({ markdown, range }: Hover, before?: vscode.MarkdownString): vscode.Hover {
  const documentation = new vscode.MarkdownString(markdown);
  return new vscode.Hover(before === undefined ? documentation : [before, documentation], asRange(range));
}
