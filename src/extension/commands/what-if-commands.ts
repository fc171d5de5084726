/**
 * Commands about the unsaved policy: preview it, show what it would change, save or take it back, make a passing edit.
 * Every edit is a WorkspaceEdit of the document, so that undo works and nothing is saved by itself.
 */
import * as vscode from "vscode";
import { policyOf, say, type Window } from "../window.ts";

/** How often a preview is asked for anew when a later question came before its answer. */
const ASKED_AGAIN = 10;

/** The policy that the gateway serves, as it stands in the editor. */
async function document(window: Window): Promise<vscode.TextDocument | undefined> {
  const policy = await policyOf(window);
  return policy && vscode.workspace.openTextDocument(policy.uri);
}

export async function previewPolicy(window: Window): Promise<void> {
  const { controller, pages } = window;
  const policy = await document(window);
  if (policy === undefined) return;
  // Typing asks as well, half a second later, and of several questions only the newest is answered.
  let result = await controller.gateway.whatIf(policy.getText(), true);
  for (let again = 0; result.kind === "superseded" && again < ASKED_AGAIN; again++)
    result = await controller.gateway.whatIf(policy.getText(), true);
  if (result.kind === "nothing") return say("$(beaker) No request is recorded yet, so nothing can be decided again.");
  if (result.kind === "superseded") return say("$(beaker) Somebody else is asking what would change.");
  if (result.kind === "invalid") return say(`$(error) Line ${result.line}: ${result.message}`);
  const { total, same, rejected, admitted } = result.view;
  if (total === same) return say(`$(beaker) All ${total} recorded requests would be decided the same.`);
  say(`$(beaker) ${total - same} of ${total} would change: +${rejected} rejected, −${admitted}.`);
  await pages.focusTraffic({ kind: "filter", filter: "is:changed" });
}

export async function showChanged({ pages, controller }: Window): Promise<void> {
  // Throws in words when the gateway does not run.
  void controller.gateway;
  await pages.focusTraffic({ kind: "filter", filter: "is:changed" });
}

/** Makes the edit of that title which lets the request pass. */
export async function applyFix(window: Window, id: number, title: string): Promise<void> {
  const policy = await document(window);
  if (policy === undefined) return;
  const { version } = policy;
  const fixes = await window.controller.gateway.passingFixes(id, policy.getText());
  const fix = fixes.find((one) => one.title === title);
  if (fix === undefined || policy.version !== version)
    return say("$(info) The policy has changed meanwhile, and this edit does not fit any more.");
  const edit = new vscode.WorkspaceEdit();
  for (const { offset, endOffset, newText } of fix.edits)
    edit.replace(policy.uri, new vscode.Range(policy.positionAt(offset), policy.positionAt(endOffset)), newText);
  const editor = await vscode.window.showTextDocument(policy, { preserveFocus: false });
  await vscode.workspace.applyEdit(edit);
  const line = new vscode.Range(fix.line - 1, 0, fix.line - 1, 0);
  editor.revealRange(line, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

export async function savePolicy(window: Window): Promise<void> {
  const policy = await document(window);
  if (policy?.isDirty === true) await policy.save();
}

export async function revertPolicy(window: Window): Promise<void> {
  const policy = await document(window);
  if (policy?.isDirty !== true) return;
  await vscode.window.showTextDocument(policy);
  await vscode.commands.executeCommand("workbench.action.files.revert");
}
