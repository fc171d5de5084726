/**
 * What the commands share: the gateway, the pages, the texts, and how a place in the policy is shown.
 * Must not decide when to do any of it.
 */
import * as vscode from "vscode";
import type { Location } from "../contract/location.ts";
import type { Controller } from "./controller.ts";
import type { Pages } from "./pages/pages.ts";
import { choosePolicyFile, locate, type PolicyFile } from "./policy-file.ts";
import type { TextDocuments } from "./text-documents.ts";
import type { Leaf } from "./trees/leaf.ts";

export interface Window {
  readonly context: vscode.ExtensionContext;
  readonly controller: Controller;
  readonly pages: Pages;
  readonly texts: TextDocuments;
  /** The row behind an element that a tree's menu hands over. */
  leaf(id: unknown): Leaf | undefined;
}

/** The running gateway's policy, else the one that would be started. */
export async function policyOf(window: Pick<Window, "context" | "controller">): Promise<PolicyFile | undefined> {
  const { state, file } = window.controller;
  if (file !== undefined && state !== "stopped") return file;
  return choosePolicyFile(window.context.workspaceState);
}

export async function showLocation(
  policy: PolicyFile,
  location: Location,
  options: { readonly preserveFocus?: boolean } = {},
): Promise<vscode.TextEditor> {
  const { uri, range } = locate(policy, location);
  const editor = await vscode.window.showTextDocument(uri, {
    selection: range,
    preserveFocus: options.preserveFocus ?? false,
    viewColumn: columnOf(uri),
  });
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  return editor;
}

/** Where the file is shown already, so that it is not opened twice beside a Traffic tab. */
function columnOf(uri: vscode.Uri): vscode.ViewColumn | undefined {
  return vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri.toString())
    ?.viewColumn;
}

/** A line in the status bar for a few seconds: enough for what went well. */
export function say(text: string): void {
  vscode.window.setStatusBarMessage(text, 5000);
}
