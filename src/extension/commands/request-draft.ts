/**
 * "Edit and Resend": a recorded request as a text in the editor, and "Send" above its request line. The gateway made the text
 * and reads it; here it is only held open. Must not keep more than which document stands for which request.
 */
import * as vscode from "vscode";
import { mayChange } from "../../contract/methods.ts";
import { say, type Window } from "../window.ts";
import { mayGo, tell } from "./resend-commands.ts";
import { chooseRequest } from "./traffic-commands.ts";

/** Number of the request, by the document that it was opened in. */
const drafts = new Map<vscode.TextDocument, number>();
const changed = new vscode.EventEmitter<void>();

export async function editAndResend(window: Window): Promise<void> {
  const detail = await chooseRequest(window, "Edit which request and send it?");
  if (detail !== undefined) await editRequest(window, detail.row.id);
}

export async function editRequest({ controller }: Window, id: number): Promise<void> {
  const draft = await controller.gateway.requestDraft(id);
  if (draft.kind === "refused") {
    await vscode.window.showWarningMessage(`Switchyard: ${draft.message}`);
    return;
  }
  const known = await vscode.languages.getLanguages();
  const language = known.includes("http") ? "http" : "plaintext";
  const document = await vscode.workspace.openTextDocument({ language, content: draft.text });
  drafts.set(document, id);
  changed.fire();
  await vscode.window.showTextDocument(document);
}

/** Sends the text of the active editor, or puts the cursor where it is no request. */
export async function sendEdited(window: Window): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const id = editor && drafts.get(editor.document);
  if (editor === undefined || id === undefined) return say("$(info) Open a request by Edit and Resend… first.");
  const { document } = editor;
  const line = firstLine(document);
  const words = document.lineAt(line).text.split(" ").slice(0, 2).join(" ");
  if (mayChange(words.split(" ")[0]) && !(await mayGo(words))) return;
  const result = await window.controller.gateway.sendDraft(id, document.getText());
  if (result.kind !== "invalid") return tell(window, result, words);
  const { range } = document.lineAt(Math.min(result.line, document.lineCount) - 1);
  editor.selection = new vscode.Selection(range.start, range.end);
  editor.revealRange(range);
  await vscode.window.showWarningMessage(`Switchyard: line ${result.line}: ${result.message} It was not sent.`);
}

/** Lenses above the request lines of the drafts that are open. */
export function draftLenses(): vscode.Disposable {
  const closed = vscode.workspace.onDidCloseTextDocument((document) => drafts.delete(document));
  const lenses = vscode.languages.registerCodeLensProvider([{ scheme: "untitled" }, { scheme: "file" }], {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses(document) {
      if (!drafts.has(document)) return [];
      const line = firstLine(document);
      const command = { command: "switchyard.sendEdited", title: "$(play) Send through the gateway" };
      return [new vscode.CodeLens(new vscode.Range(line, 0, line, 0), command)];
    },
  });
  return vscode.Disposable.from(closed, lenses);
}

/** The request line: comments stand above it. */
function firstLine(document: vscode.TextDocument): number {
  let line = 0;
  while (line < document.lineCount - 1 && document.lineAt(line).text.startsWith("#")) line++;
  return line;
}
