/**
 * Add to Tests: one recorded request and its decision, appended to a test file as a minimal text edit.
 * The file is left unsaved, for whoever added it to read. Must not write a secret.
 */
import { basename, join } from "node:path";
import * as vscode from "vscode";
import { chooseRequest } from "../commands/traffic-commands.ts";
import type { PolicyFile } from "../policy-file.ts";
import { requestLine } from "../request-text.ts";
import { policyOf, say, type Window } from "../window.ts";
import { recordedTest } from "./recorded-test.ts";

export async function addToTests(window: Window): Promise<void> {
  const detail = await chooseRequest(window, "Add which request to the tests?");
  if (detail === undefined) return;
  const policy = await policyOf(window);
  const uri = policy && (await testFileOf(policy));
  if (policy === undefined || uri === undefined) return;
  const change = new vscode.WorkspaceEdit();
  if (!(await exists(uri))) {
    const head = `policy: ./${basename(policy.uri.fsPath)}\n`;
    change.createFile(uri, { contents: new TextEncoder().encode(head) });
    await vscode.workspace.applyEdit(change);
  }
  const document = await vscode.workspace.openTextDocument(uri);
  const language = await import("../language.ts");
  const test = recordedTest(detail, language.testNames(document));
  if (test === undefined)
    return say(`${requestLine(detail)} is a connection of layer 4: policy tests are of requests.`);
  const edits = language.testEdit(document, test.value);
  if (edits === undefined) throw new Error(`${basename(uri.fsPath)} is no file of tests that one could be added to.`);
  const added = new vscode.WorkspaceEdit();
  added.set(uri, edits);
  await vscode.workspace.applyEdit(added);
  const editor = await vscode.window.showTextDocument(document);
  const at = document.positionAt(document.getText().lastIndexOf("name: "));
  editor.selection = new vscode.Selection(at, at);
  editor.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  const missing = test.masked.length > 0 ? ` Masked, so left out: ${test.masked.join(", ")}.` : "";
  say(`$(beaker) Added ${requestLine(detail)}.${missing}`);
}

/** Beside the policy: the one that is there, the one chosen of several, or a new one. */
async function testFileOf({ uri, folder }: PolicyFile): Promise<vscode.Uri | undefined> {
  const entries = await vscode.workspace.fs.readDirectory(vscode.Uri.file(folder));
  const names = entries.map(([name]) => name).filter((name) => /\.switchyard-test\.ya?ml$/.test(name));
  const own = basename(uri.fsPath).replace(/(^|\.)switchyard\.ya?ml$/, "") || "policy";
  const name =
    names.length > 1
      ? await vscode.window.showQuickPick(names, { title: "Add to which tests?" })
      : (names[0] ?? `${own}.switchyard-test.yaml`);
  return name === undefined ? undefined : vscode.Uri.file(join(folder, name));
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
