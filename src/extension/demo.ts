/**
 * The example shop in a folder of the person's own: copied, opened, its services started in a terminal, then the
 * gateway. Opening a folder loads the window anew, so what is left to do is remembered by the folder's path.
 * Must not overwrite anything and must not start anything in an untrusted folder.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { sayUntrusted } from "./commands/gateway-commands.ts";
import type { Window } from "./window.ts";

const PENDING = "switchyard.demo";
const FOLDER = "switchyard-shop";
const TERMINAL = "Shop services";

/** The replicas of the shop, as its policy names them, and some gentle traffic. */
const PROGRAMS: readonly { readonly script: string; readonly environment: Readonly<Record<string, string>> }[] = [
  { script: "services/catalog.mjs", environment: { PORT: "4101" } },
  { script: "services/orders.mjs", environment: { PORT: "4001" } },
  { script: "services/orders.mjs", environment: { PORT: "4002" } },
  { script: "services/orders.mjs", environment: { PORT: "4003", SLOWNESS: "40" } },
  { script: "services/reviews.mjs", environment: { PORT: "4201" } },
  { script: "services/suggestions.mjs", environment: { PORT: "4301" } },
  { script: "traffic.mjs", environment: {} },
];

export async function startDemo({ context }: Window): Promise<void> {
  const open = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (open !== undefined && isShop(open)) return run(open);
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

function isShop(folder: string): boolean {
  return (
    existsSync(join(folder, "switchyard.yaml")) && PROGRAMS.every(({ script }) => existsSync(join(folder, script)))
  );
}

async function run(folder: string): Promise<void> {
  if (!vscode.workspace.isTrusted) return sayUntrusted();
  const running = vscode.window.terminals.find(({ name, exitStatus }) => name === TERMINAL && exitStatus === undefined);
  const iconPath = new vscode.ThemeIcon("server-process");
  const terminal = running ?? vscode.window.createTerminal({ name: TERMINAL, pty: services(folder), iconPath });
  terminal.show(true);
  await vscode.window.showTextDocument(vscode.Uri.file(join(folder, "switchyard.yaml")));
  await vscode.commands.executeCommand("switchyard.start");
  await vscode.commands.executeCommand("switchyard.services.focus");
}

/** A terminal that shows what the services print and ends them when it is closed. */
function services(folder: string): vscode.Pseudoterminal {
  const written = new vscode.EventEmitter<string>();
  const children: ChildProcess[] = [];
  return {
    onDidWrite: written.event,
    open() {
      written.fire("The shop's services. Closing this terminal ends them.\r\n");
      for (const { script, environment } of PROGRAMS) {
        const child = spawn(process.execPath, [join(folder, script)], {
          cwd: folder,
          env: { ...process.env, ...environment, ELECTRON_RUN_AS_NODE: "1", UNTIL_STDIN_ENDS: "1" },
          stdio: ["pipe", "pipe", "pipe"],
        });
        const show = (chunk: Buffer): void => written.fire(chunk.toString().replaceAll("\n", "\r\n"));
        child.stdout.on("data", show);
        child.stderr.on("data", show);
        child.stdin.on("error", () => {});
        child.on("error", (error) => written.fire(`${script}: ${error.message}\r\n`));
        children.push(child);
      }
    },
    close() {
      for (const child of children) child.kill();
      written.dispose();
    },
  };
}
