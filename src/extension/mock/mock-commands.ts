/**
 * "Create Mock" and "Remove Mock": a recorded answer as a route of the policy that answers in the services' place, as an
 * unsaved edit that undo takes back. A long body goes into a file beside the policy, with the same edit.
 * Must not write a secret, and must not save.
 */
import { posix } from "node:path";
import * as vscode from "vscode";
import type { Detail } from "../../contract/detail.ts";
import { chooseRequest } from "../commands/traffic-commands.ts";
import { requestLine } from "../request-text.ts";
import { policyOf, say, type Window } from "../window.ts";
import { mockAnswer, mockQuery, type MockAnswer } from "./mock-answer.ts";

/** Characters of a body that stand in the policy itself. */
const LONGEST_INLINE = 2000;
const FOLDER = "mocks";

/** @param id of a recorded request; anything else = the person chooses. */
export async function createMock(window: Window, id?: unknown): Promise<void> {
  const detail =
    typeof id === "number"
      ? await window.controller.gateway.detail(id, false)
      : await chooseRequest(window, "Create a mock from which request?");
  if (detail === undefined) return;
  const answer = mockAnswer(detail);
  if (typeof answer === "string")
    return void (await vscode.window.showWarningMessage(`Switchyard: ${requestLine(detail)}: ${answer}`));
  const document = await policyDocument(window);
  if (document === undefined) return;
  const { row } = detail;
  const language = await import("../language.ts");
  const name = language.mockNameFor(document, row.method, pathOf(row.path));
  const { written, file } = placed(answer, name);
  const edits = language.mockEdit(document, name, {
    method: row.method,
    path: pathOf(row.path),
    query: mockQuery(row.path),
    route: row.route,
    answer: written,
    remark: remarkOf(detail, answer),
  });
  if (edits === undefined) throw new Error("The policy has no place for another route: mend its errors first.");
  const change = new vscode.WorkspaceEdit();
  change.set(document.uri, edits);
  if (file !== undefined) {
    const uri = vscode.Uri.joinPath(document.uri, "..", file);
    change.createFile(uri, { contents: new TextEncoder().encode(answer.body), overwrite: true });
  }
  await vscode.workspace.applyEdit(change);
  await reveal(document, answer.empty ? "body: " : name);
  const next = answer.empty
    ? "No service had answered: write what it should say, then save."
    : "Save the policy to serve it.";
  say(`$(circle-outline) ${name}: ${requestLine(detail)} is mocked in the policy. ${next}`);
}

/** @param name of the mock's route; anything else = the person chooses. */
export async function removeMock(window: Window, name?: unknown): Promise<void> {
  const document = await policyDocument(window);
  if (document === undefined) return;
  const language = await import("../language.ts");
  const mocks = language.mocksOf(document);
  if (mocks.length === 0) return say("$(info) No route of the policy answers by itself.");
  const known = mocks.find((mock) => mock.name === name);
  const items = mocks.map((mock) => ({ label: mock.name, description: mock.summary }));
  const chosen = known?.name ?? (await vscode.window.showQuickPick(items, { title: "Remove which mock?" }))?.label;
  const edits = chosen === undefined ? undefined : language.mockRemoval(document, chosen);
  if (edits === undefined) return;
  const change = new vscode.WorkspaceEdit();
  change.set(document.uri, edits);
  await vscode.workspace.applyEdit(change);
  await vscode.window.showTextDocument(document);
  say(`$(trash) ${chosen} is taken out of the policy; save it to ask the services again.`);
}

async function policyDocument(window: Window): Promise<vscode.TextDocument | undefined> {
  const policy = await policyOf(window);
  return policy && vscode.workspace.openTextDocument(policy.uri);
}

function pathOf(target: string): string {
  return target.split("?", 1)[0];
}

/** The answer as it is written, and the file that holds its body when that is long. */
function placed({ status, contentType, body }: MockAnswer, name: string) {
  const inline = body.length <= LONGEST_INLINE;
  const file =
    body === "" || inline ? undefined : posix.join(FOLDER, `${name}.${/json/i.test(contentType) ? "json" : "txt"}`);
  const written = {
    status,
    ...(contentType === "" ? {} : { headers: { "content-type": contentType } }),
    ...(file === undefined ? (body === "" ? {} : { body }) : { file: `./${file}` }),
  };
  return { written, file };
}

function remarkOf({ row }: Detail, { empty }: MockAnswer): string {
  const at = new Date(row.at).toISOString().slice(0, 16).replace("T", " ");
  return empty ? "a mock; no service had answered" : `a mock, from the answer of ${at} UTC`;
}

async function reveal(document: vscode.TextDocument, words: string): Promise<void> {
  const editor = await vscode.window.showTextDocument(document);
  const at = document.positionAt(Math.max(0, document.getText().indexOf(words)));
  editor.selection = new vscode.Selection(at, at);
  editor.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
