/**
 * Commands about what passed through the gateway: explain, copy, open, clear, record.
 * Each says what it did where no view shows it. Must not reveal secrets: copies stay masked.
 */
import * as vscode from "vscode";
import type { Detail } from "../../contract/detail.ts";
import { requestLine, requestText } from "../request-text.ts";
import { policyOf, say, showLocation, type Window } from "../window.ts";

/** How long the explained line stays marked, unless the text changes before. */
const MARKED = 30_000;

let mark: vscode.Disposable | undefined;

/** Puts the cursor on the line that refused, says why beside it, and opens the request in the page. */
export async function explainLastRejection(window: Window): Promise<void> {
  const { controller } = window;
  const detail = await controller.gateway.lastRejection();
  if (detail === undefined) return say("$(pass) No request has been refused since the gateway started.");
  await window.pages.showQuietly({ kind: "detail", id: detail.row.id });
  const location = detail.verdict.location;
  const policy = await policyOf(window);
  const { row, verdict } = detail;
  const words = `${row.status}: ${verdict.sentence} · ${row.method} ${row.path}`;
  say(`$(shield) ${words}`);
  if (policy === undefined) return;
  const editor = await showLocation(policy, location ?? { file: policy.uri.fsPath, line: 1, column: 1 });
  if (location !== undefined) markLine(editor, location.line, words, detail);
}

function markLine(editor: vscode.TextEditor, line: number, words: string, detail: Detail): void {
  mark?.dispose();
  const style = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor("diffEditor.removedLineBackground"),
    borderColor: new vscode.ThemeColor("editorError.foreground"),
    borderStyle: "solid",
    borderWidth: "0 0 0 3px",
    overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.errorForeground"),
    overviewRulerLane: vscode.OverviewRulerLane.Full,
  });
  const at = Math.min(line, editor.document.lineCount) - 1;
  const { range } = editor.document.lineAt(at);
  const hoverMessage = new vscode.MarkdownString().appendText(words).appendMarkdown("\n\n");
  for (const step of detail.gateway)
    hoverMessage.appendText(`${step.state === "stop" ? "✕" : "·"} ${step.phase}: ${step.sentence}\n`);
  // The square is the one that ends the request's track in the table.
  const contentText = `  ■ ${words.length > 160 ? `${words.slice(0, 159)}…` : words}`;
  const color = new vscode.ThemeColor("editorCodeLens.foreground");
  editor.setDecorations(style, [
    { range, hoverMessage, renderOptions: { after: { contentText, color, fontStyle: "italic" } } },
  ]);
  const timer = setTimeout(() => mark?.dispose(), MARKED);
  const edited = vscode.workspace.onDidChangeTextDocument(({ document }) => {
    if (document === editor.document) mark?.dispose();
  });
  mark = new vscode.Disposable(() => {
    clearTimeout(timer);
    edited.dispose();
    style.dispose();
  });
}

export async function clearTraffic({ controller }: Window): Promise<void> {
  await controller.gateway.clearTraffic();
  say("$(clear-all) Traffic cleared.");
}

/** All of it, or of one cache, or what begins with a URL. */
export async function purgeCache({ controller }: Window): Promise<void> {
  const { caches } = await controller.gateway.caches("", 0);
  if (caches.length === 0) return say("The policy has no cache.");
  const all = { label: "All caches", description: "", identity: "" };
  const one = caches.map(({ identity, owner, count }) => ({ label: owner, description: `${count} stored`, identity }));
  const chosen = await vscode.window.showQuickPick(caches.length === 1 ? one : [all, ...one], { title: "Purge Cache" });
  if (chosen === undefined) return;
  const prefix = await vscode.window.showInputBox({
    title: "Purge Cache",
    prompt: "What URLs begin with, as host/path. Empty: everything.",
    placeHolder: "localhost/catalog",
  });
  if (prefix === undefined) return;
  const gone = await controller.gateway.purgeCache(chosen.identity, prefix.replace(/^[a-z]+:\/\//i, ""));
  say(`$(trash) ${gone} stored ${gone === 1 ? "answer" : "answers"} purged.`);
}

export async function record({ controller }: Window, on: boolean): Promise<void> {
  await controller.setRecording(on);
  say(on ? "$(record) Recording requests." : "$(circle-slash) Recording stopped; requests still pass.");
}

export async function openRequestAsText(window: Window): Promise<void> {
  const detail = await chooseRequest(window, "Open which request as text?");
  if (detail === undefined) return;
  await window.texts.open(`${detail.row.method} ${detail.row.path}.md`, "markdown", requestText(detail));
}

/** @param powerShell for PowerShell instead of a POSIX shell. */
export async function copyAsCurl(window: Window, powerShell = false): Promise<void> {
  const detail = await chooseRequest(window, "Copy which request as cURL?");
  if (detail === undefined) return;
  if (detail.curl === "") {
    say(`${requestLine(detail)} is a connection of layer 4: there is no request that could be sent again.`);
    return;
  }
  await vscode.env.clipboard.writeText(powerShell ? detail.curlPowerShell : detail.curl);
  say(`$(copy) Copied ${requestLine(detail)} as cURL${powerShell ? " for PowerShell" : ""}; secrets stay masked.`);
}

/** One of the latest requests, the latest first. */
export async function chooseRequest({ controller }: Window, title: string): Promise<Detail | undefined> {
  const { gateway } = controller;
  const { rows } = await gateway.rows({ filter: "", from: -50, count: 50 });
  if (rows.length === 0) {
    say("No request has come through the gateway yet.");
    return undefined;
  }
  const items = rows.toReversed().map((row) => ({
    label: requestLine({ row }),
    description: `${new Date(row.at).toLocaleTimeString(undefined, { hour12: false })}${row.caller ? ` · ${row.caller}` : ""}${row.archive === undefined ? "" : ` · imported from ${row.archive}`}`,
    detail: row.why,
    id: row.id,
  }));
  const choice = await vscode.window.showQuickPick(items, { title, matchOnDescription: true, matchOnDetail: true });
  if (choice === undefined) return undefined;
  const detail = await gateway.detail(choice.id, false);
  if (detail === undefined) say("That request is no longer kept.");
  return detail;
}

export async function goToPolicy(window: Window, id: unknown, options?: { preserveFocus?: boolean }): Promise<void> {
  const location = window.leaf(id)?.location;
  const { file } = window.controller;
  if (location === undefined || file === undefined) return;
  await showLocation(file, location, options);
}

export async function filterTraffic(window: Window, id: unknown): Promise<void> {
  const filter = window.leaf(id)?.filter;
  if (filter !== undefined) await window.pages.focusTraffic({ kind: "filter", filter });
}
