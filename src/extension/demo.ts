/**
 * The example shop in a folder of the person's own: copied, opened, its services started in a terminal, then the
 * gateway. Opening a folder loads the window anew, so what is left to do is remembered by the folder's path.
 * Must not overwrite anything and must not start anything in an untrusted folder.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import type { Window } from "./window.ts";

const PENDING = "switchyard.demo";
const FOLDER = "switchyard-shop";

export async function startDemo({ context }: Window): Promise<void> {
  const open = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (open !== undefined && isDemo(open)) return run(open);
  const picked = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: "Put the Demo Here",
    title: `Where should the folder ${FOLDER} be made?`,
  });
  if (picked === undefined) return;
  const from = vscode.Uri.joinPath(context.extensionUri, "examples", "shop");
  const to = vscode.Uri.joinPath(picked[0], FOLDER);
  if (!existsSync(to.fsPath)) await vscode.workspace.fs.copy(from, to, { overwrite: false });
  await context.globalState.update(PENDING, to.fsPath);
  await vscode.commands.executeCommand("vscode.openFolder", to, { forceReuseWindow: true });
}

/** After the folder was opened. True when this window is the demo that was asked for. */
export async function resume(context: vscode.ExtensionContext): Promise<boolean> {
  const pending = context.globalState.get<string>(PENDING);
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (pending === undefined || folder !== pending) return false;
  await context.globalState.update(PENDING, undefined);
  if (vscode.workspace.isTrusted) await run(folder);
  else context.subscriptions.push(vscode.workspace.onDidGrantWorkspaceTrust(() => void run(folder)));
  return true;
}

function isDemo(folder: string): boolean {
  return existsSync(join(folder, "switchyard.yaml")) && existsSync(join(folder, SERVICES));
}

/** Starts every service of the shop. */
const SERVICES = "services.mjs";

async function run(folder: string): Promise<void> {
  const terminal = vscode.window.createTerminal({
    name: "Shop services",
    cwd: folder,
    shellPath: process.execPath,
    shellArgs: [SERVICES],
    env: { ELECTRON_RUN_AS_NODE: "1" },
    iconPath: new vscode.ThemeIcon("server-process"),
  });
  terminal.show(true);
  await vscode.window.showTextDocument(vscode.Uri.file(join(folder, "switchyard.yaml")));
  await vscode.commands.executeCommand("switchyard.start");
  await vscode.commands.executeCommand("switchyard.services.focus");
}
