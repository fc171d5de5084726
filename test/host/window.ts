/**
 * The window that a suite runs in: its folder, the extension under test, the shop in the folder, and documents.
 * Must not assert anything.
 */
import { join } from "node:path";
import * as vscode from "vscode";
import { EXTENSION } from "../e2e/window/names.ts";
import { eventually } from "../e2e/window/expect.ts";
import { Shop } from "../e2e/window/shop.ts";

let shop: Promise<Shop> | undefined;

export function switchyard(): vscode.Extension<unknown> {
  const extension = vscode.extensions.getExtension(EXTENSION);
  if (extension === undefined) throw new Error(`VS Code does not know ${EXTENSION}`);
  return extension;
}

export function workspaceFolder(): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (folder === undefined) throw new Error("No folder is open");
  return folder;
}

/** The shop of end-to-end tests in this window's folder; its services end with the extension host. */
export function openShop(): Promise<Shop> {
  shop ??= Shop.open(workspaceFolder());
  return shop;
}

/** A policy beside the window's own, in an editor; it is not started by anything. */
export async function draft(name: string, text: string): Promise<vscode.TextDocument> {
  const uri = vscode.Uri.file(join(workspaceFolder(), "drafts", `${name}.switchyard.yaml`));
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

/** Where `part` begins in the document, moved by `by` characters. */
export function placeOf(document: vscode.TextDocument, part: string, by = 0): vscode.Position {
  const at = document.getText().indexOf(part);
  if (at < 0) throw new Error(`"${part}" is not in ${document.fileName}`);
  return document.positionAt(at + by);
}

export async function replace(document: vscode.TextDocument, old: string, by: string): Promise<void> {
  const change = new vscode.WorkspaceEdit();
  const range = new vscode.Range(placeOf(document, old), placeOf(document, old, old.length));
  change.replace(document.uri, range, by);
  await vscode.workspace.applyEdit(change);
}

/** The active tab of any kind that satisfies `holds`. */
export function activeTab<T>(what: string, holds: (tab: vscode.Tab) => T | undefined): Promise<T> {
  return eventually(what, () => {
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    return tab === undefined ? undefined : holds(tab);
  });
}
