/**
 * Commands about HTTP Archives: what is recorded goes into a file, and what a file holds is shown beside the recording.
 * Secrets stay masked both ways. Must not read an entry: the gateway does.
 */
import { basename } from "node:path";
import * as vscode from "vscode";
import { importArchive, importWords, MOST_ARCHIVE_BYTES, readArchive, tooLarge } from "../../contract/archive.ts";
import { say, type Window } from "../window.ts";

const KINDS = { "HTTP Archive": ["har"], JSON: ["json"] };

/** Where the workspace is, or VS Code's own choice. */
function besidePolicy(name: string): vscode.Uri | undefined {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  return folder && vscode.Uri.joinPath(folder.uri, name);
}

export async function exportHar({ controller }: Window): Promise<void> {
  const { gateway } = controller;
  const filter = await vscode.window.showInputBox({
    title: "Export HAR",
    prompt: "Which requests, as a filter of the Traffic view. Empty: all.",
    placeHolder: "is:rejected route:orders",
    validateInput: async (text) => {
      const { ok, problem } = await gateway.parseFilter(text);
      return ok ? undefined : problem?.message;
    },
  });
  if (filter === undefined) return;
  const { text, count, matched } = await gateway.exportHar(filter);
  if (count === 0) return say("There is no ended HTTP request to export.");
  const uri = await vscode.window.showSaveDialog({
    title: "Export HAR",
    filters: KINDS,
    defaultUri: besidePolicy("switchyard.har"),
  });
  if (uri === undefined) return;
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  const part = count < matched ? `The newest ${count} of ${matched}` : String(count);
  say(`$(archive) ${part} requests exported to ${basename(uri.path)}; secrets stay masked.`);
}

export async function importHar({ controller, pages }: Window): Promise<void> {
  const { gateway } = controller;
  const [uri] =
    (await vscode.window.showOpenDialog({
      title: "Import HAR",
      openLabel: "Import",
      filters: KINDS,
      defaultUri: besidePolicy(""),
    })) ?? [];
  if (uri === undefined) return;
  const name = basename(uri.path);
  const { size } = await vscode.workspace.fs.stat(uri);
  if (size > MOST_ARCHIVE_BYTES) throw new Error(tooLarge(name, size));
  const entries = readArchive(new TextDecoder().decode(await vscode.workspace.fs.readFile(uri)));
  if (typeof entries === "string") throw new Error(`${name} was not imported. ${entries}`);
  const imported = await importArchive(entries, (first, part) => gateway.importRequests(name, first, part));
  await pages.focusTraffic({ kind: "filter", filter: "is:imported" });
  say(`$(archive) ${importWords(name, imported)}`);
}
