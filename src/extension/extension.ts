/**
 * Where VS Code enters: registers what the manifest promises and returns. Nothing runs, is read or is started before
 * a command, a view or a policy file asks; the language features are a bundle of their own.
 * Must stay small: it is part of every window that opens a policy file.
 */
import { performance } from "node:perf_hooks";
import * as vscode from "vscode";
import { registerLanguageModelTools } from "./agents/language-model-tools.ts";
import { Commands } from "./commands/commands.ts";
import { Controller } from "./controller.ts";
import type { EditorHost } from "./editor/live-editor.ts";
import { findPolicyFiles, isPolicyName } from "./policy-file.ts";
import { Pages } from "./pages/pages.ts";
import { SavedPolicy } from "./saved-policy.ts";
import { StatusBar } from "./status-bar.ts";
import { TestExplorer } from "./testing/test-explorer.ts";
import { TextDocuments } from "./text-documents.ts";
import { limitLeaves, routeLeaves, serviceLeaves, stillFilling } from "./trees/leaves.ts";
import { LeafTree } from "./trees/tree.ts";
import type { Window } from "./window.ts";

let controller: Controller | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const before = performance.now();
  const log = vscode.window.createOutputChannel("Switchyard", { log: true });
  const script = vscode.Uri.joinPath(context.extensionUri, "dist", "gateway.js").fsPath;
  const own = (controller = new Controller(script, log));
  const texts = new TextDocuments();
  const trees = [
    new LeafTree(own, { id: "switchyard.services", topic: "services", leaves: (from) => serviceLeaves(from.services) }),
    new LeafTree(own, { id: "switchyard.routes", topic: "services", leaves: (from) => routeLeaves(from.services) }),
    new LeafTree(own, {
      id: "switchyard.limits",
      topic: "limits",
      leaves: ({ limits, seenAt }) => limitLeaves(limits, limits === undefined ? 0 : seenAt - limits.at),
      moving: ({ limits, seenAt }) => limits !== undefined && stillFilling(limits, seenAt - limits.at),
    }),
  ];
  const commands = new Commands();
  const pages = new Pages(context, own, commands.pageAnswers);
  const window: Window = {
    context,
    controller: own,
    pages,
    texts,
    leaf: (id) =>
      trees.map((tree) => (typeof id === "string" ? tree.leaf(id) : undefined)).find((leaf) => leaf !== undefined),
  };
  commands.register(window);
  context.subscriptions.push(
    log,
    own,
    texts,
    ...trees,
    commands,
    pages,
    new StatusBar(own),
    new SavedPolicy(own),
    new TestExplorer(vscode.Uri.joinPath(context.extensionUri, "dist", "cli.js").fsPath, log),
    watchPolicyFiles(),
    registerLanguageModelTools(window),
    loadLanguageWhenNeeded(context.extensionUri, {
      controller: own,
      showTraffic: (filter) => pages.focusTraffic({ kind: "filter", filter }),
      previewed: (result) => own.notePreview(result?.kind === "compared" ? result.view : undefined),
    }),
    keepContextKeys(own),
  );
  autoStart(context, own).catch((error: unknown) => log.error(`Nothing was started by itself: ${String(error)}`));
  // The budget is 50 ms; the end-to-end tests read this line.
  log.info(`Activated in ${(performance.now() - before).toFixed(1)} ms`);
}

/** The gateway goes with the window; its channel's end would do it as well. */
export async function deactivate(): Promise<void> {
  await controller?.stop(1500);
}

/** `when` clauses of the manifest. */
function keepContextKeys(own: Controller): vscode.Disposable {
  const told = new Map<string, boolean>();
  const tell = (key: string, value: boolean): void => {
    if (told.get(key) === value) return;
    told.set(key, value);
    void vscode.commands.executeCommand("setContext", `switchyard.${key}`, value);
  };
  const all = (): void => {
    tell("running", own.state === "running");
    tell("starting", own.state === "starting" || own.state === "stopping");
    tell("lost", own.state === "lost");
    tell("recording", own.recording);
    tell("simulating", (own.status?.simulations?.length ?? 0) > 0);
    tell("traffic", (own.status?.perSecond ?? 0) > 0);
    tell("invalid", own.status?.policy.invalid === true);
  };
  all();
  return own.onChanged(all);
}

async function tellPolicyFiles(): Promise<void> {
  const found = await findPolicyFiles();
  await vscode.commands.executeCommand("setContext", "switchyard.hasPolicy", found.length > 0);
  // Before, nobody may say that there is none.
  await vscode.commands.executeCommand("setContext", "switchyard.looked", true);
}

function watchPolicyFiles(): vscode.Disposable {
  void tellPolicyFiles();
  const changed = (uris: readonly vscode.Uri[]): void => {
    if (uris.some(({ path }) => isPolicyName(path))) void tellPolicyFiles();
  };
  const watcher = vscode.workspace.createFileSystemWatcher("**/*switchyard.{yaml,yml}", false, true, false);
  return vscode.Disposable.from(
    watcher,
    watcher.onDidCreate((uri) => changed([uri])),
    watcher.onDidDelete((uri) => changed([uri])),
    vscode.workspace.onDidChangeWorkspaceFolders(() => void tellPolicyFiles()),
  );
}

function loadLanguageWhenNeeded(extension: vscode.Uri, host: EditorHost): vscode.Disposable {
  let loaded: Promise<vscode.Disposable> | undefined;
  const look = (document: vscode.TextDocument): void => {
    if (document.languageId === "switchyard" || document.languageId === "switchyard-test")
      loaded ??= import("./language.ts").then(
        (language) => language.register(extension, host),
        (error: unknown) => {
          host.controller.log.error(`The editor's help for policies could not be loaded: ${String(error)}`);
          return new vscode.Disposable(() => {});
        },
      );
  };
  vscode.workspace.textDocuments.forEach(look);
  const opened = vscode.workspace.onDidOpenTextDocument(look);
  return new vscode.Disposable(() => {
    opened.dispose();
    void loaded?.then((registration) => registration.dispose());
  });
}

async function autoStart(context: vscode.ExtensionContext, own: Controller): Promise<void> {
  const demo = await import("./demo.ts");
  if (await demo.resume(context)) return;
  const wanted = vscode.workspace.getConfiguration("switchyard").get("autoStart", false);
  if (wanted && vscode.workspace.isTrusted && own.state === "stopped" && (await findPolicyFiles()).length > 0)
    await vscode.commands.executeCommand("switchyard.start");
}
