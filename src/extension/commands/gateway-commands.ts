/**
 * Start, stop and restart, and what to say when it does not work: the only places that show an error by themselves.
 * Must not start anything in an untrusted workspace.
 */
import { basename } from "node:path";
import * as vscode from "vscode";
import { GatewayStartError, type StartFailure } from "../gateway-process.ts";
import { choosePolicyFile, type PolicyFile } from "../policy-file.ts";
import { nextFreePort, portHolder } from "../../machine/ports.ts";
import { clock } from "../trees/tree.ts";
import { policyOf, say, showLocation, type Window } from "../window.ts";

export async function start(window: Window): Promise<void> {
  const { controller, context } = window;
  if (controller.running || controller.state === "starting") return say("The gateway runs already.");
  if (!vscode.workspace.isTrusted) return sayUntrusted();
  const file = await choosePolicyFile(context.workspaceState);
  if (file === undefined) return sayNoPolicy();
  await startWith(window, file);
}

export async function startWith(window: Window, file: PolicyFile): Promise<void> {
  try {
    await window.controller.start(file);
    const urls = window.controller.status?.listeners.map(({ url }) => url).join(", ");
    say(`$(check) Switchyard listens on ${urls}`);
  } catch (error) {
    if (!(error instanceof GatewayStartError)) throw error;
    await sayFailed(window, file, error.failure);
  }
}

export async function stop({ controller }: Window): Promise<void> {
  await controller.stop();
  say("The gateway has stopped.");
}

export async function restart(window: Window): Promise<void> {
  const { file } = window.controller;
  await window.controller.stop();
  if (file === undefined) return start(window);
  if (!vscode.workspace.isTrusted) return sayUntrusted();
  await startWith(window, file);
}

export async function openPolicy(window: Window): Promise<void> {
  const file = await policyOf(window);
  if (file === undefined) return sayNoPolicy();
  await vscode.window.showTextDocument(file.uri);
}

/** The saved text beside the one that serves. */
export async function comparePolicy(window: Window): Promise<void> {
  const { controller, texts } = window;
  const { file } = controller;
  if (file === undefined) return;
  const { text, revision } = await controller.gateway.policyText();
  const name = basename(file.uri.fsPath);
  const serving = texts.add(name, text);
  await vscode.commands.executeCommand(
    "vscode.diff",
    serving,
    file.uri,
    `${name}: revision ${revision} serves ↔ saved`,
  );
}

export async function showStatus(window: Window): Promise<void> {
  const { controller } = window;
  const { status, state } = controller;
  const invalid = status?.policy.invalid
    ? status.policy.diagnostics.find(({ severity }) => severity === "error")
    : undefined;
  type Item = vscode.QuickPickItem & { readonly run: string | (() => unknown) };
  const items: Item[] = [];
  if (invalid !== undefined && status !== undefined && controller.file !== undefined) {
    const { file } = controller;
    items.push(
      {
        label: `$(error) Go to Line ${invalid.location.line}`,
        description: `serving the ${clock(status.policy.acceptedAt)} version`,
        detail: `${invalid.code} ${invalid.message}`,
        run: () => showLocation(file, invalid.location),
      },
      { label: "$(diff) Compare with Serving Policy", run: "switchyard.comparePolicy" },
    );
  }
  if (controller.running) {
    items.push(
      { label: "$(layout-panel) Focus Traffic", run: "switchyard.focusTraffic" },
      { label: "$(question) Explain Last Rejection", run: "switchyard.explainLastRejection" },
      { label: "$(debug-restart) Restart Gateway", run: "switchyard.restart" },
      { label: "$(debug-stop) Stop Gateway", run: "switchyard.stop" },
    );
  } else if (state === "lost") items.push({ label: "$(debug-restart) Restart Gateway", run: "switchyard.restart" });
  else items.push({ label: "$(play) Start Gateway", run: "switchyard.start" });
  items.push(
    { label: "$(go-to-file) Open Policy", run: "switchyard.openPolicy" },
    { label: "$(output) Show Gateway Log", run: "switchyard.showLog" },
  );
  const title =
    controller.running && status !== undefined
      ? `Switchyard on ${status.listeners.map(({ url }) => url).join(", ")}`
      : `Switchyard: gateway ${state}`;
  const choice = await vscode.window.showQuickPick(items, { title, matchOnDetail: true });
  if (choice === undefined) return;
  await (typeof choice.run === "string" ? vscode.commands.executeCommand(choice.run) : choice.run());
}

async function sayFailed(window: Window, file: PolicyFile, failure: StartFailure): Promise<void> {
  if (failure.code === "EADDRINUSE" && failure.port !== undefined)
    return sayPortBusy(window, file, failure.port, failure.listener ?? "");
  const invalid = failure.diagnostics?.find(({ severity }) => severity === "error");
  if (invalid !== undefined) {
    const text = `The gateway was not started: line ${invalid.location.line} of ${basename(file.uri.fsPath)}: ${invalid.message}`;
    const go = `Go to Line ${invalid.location.line}`;
    if ((await vscode.window.showErrorMessage(text, go)) === go) await showLocation(file, invalid.location);
    return;
  }
  const choice = await vscode.window.showErrorMessage(`The gateway was not started. ${failure.message}`, "Show Log");
  if (choice !== undefined) window.controller.log.show(true);
}

async function sayPortBusy(window: Window, file: PolicyFile, port: number, listener: string): Promise<void> {
  const [holder, free] = await Promise.all([portHolder(port), nextFreePort(port)]);
  const by = holder === undefined ? "held by another process" : `held by ${holder.name} (${holder.processId})`;
  const use = `Use ${free}`;
  const actions = [...(free > 0 ? [use] : []), ...(holder === undefined ? [] : ["Show Process"])];
  const choice = await vscode.window.showErrorMessage(`The gateway was not started: :${port} ${by}.`, ...actions);
  if (choice === use) {
    if (await changePort(file, listener, free)) await startWith(window, file);
  } else if (choice === "Show Process" && holder !== undefined) {
    const lines = [holder.commandLine, holder.folder === undefined ? "" : `in ${holder.folder}`, `listens on :${port}`];
    await vscode.window.showInformationMessage(`Process ${holder.processId}: ${holder.name}`, {
      modal: true,
      detail: lines.filter(Boolean).join("\n"),
    });
  }
}

/** Writes the port into the policy (undo works) and saves it. */
async function changePort(file: PolicyFile, listener: string, port: number): Promise<boolean> {
  const document = await vscode.workspace.openTextDocument(file.uri);
  const language = await import("../language.ts");
  const edits = language.portEdit(document, listener, port);
  if (edits === undefined) {
    await vscode.window.showErrorMessage("The policy has no listener whose port could be changed.");
    return false;
  }
  const change = new vscode.WorkspaceEdit();
  change.set(file.uri, edits);
  await vscode.workspace.applyEdit(change);
  await document.save();
  await vscode.window.showTextDocument(document);
  return true;
}

export async function sayUntrusted(): Promise<void> {
  const text = "This folder is not trusted: its policy is read-only, and no gateway is started.";
  const choice = await vscode.window.showWarningMessage(text, "Manage Trust");
  if (choice !== undefined) await vscode.commands.executeCommand("workbench.trust.manage");
}

async function sayNoPolicy(): Promise<void> {
  const text = "There is no switchyard.yaml in the open folders.";
  const detect = "Detect Running Services";
  const choice = await vscode.window.showWarningMessage(text, detect, "Start Demo");
  if (choice === detect) await vscode.commands.executeCommand("switchyard.detectServices");
  else if (choice !== undefined) await vscode.commands.executeCommand("switchyard.startDemo");
}

/** Adds a rate limit to the first route and puts the cursor there; nothing is saved. */
export async function addLimit(window: Window): Promise<void> {
  const file = await policyOf(window);
  if (file === undefined) return sayNoPolicy();
  const document = await vscode.workspace.openTextDocument(file.uri);
  const language = await import("../language.ts");
  const edits = language.limitEdit(document);
  const editor = await vscode.window.showTextDocument(document);
  if (edits === undefined) return say("The policy has no route to limit yet.");
  const change = new vscode.WorkspaceEdit();
  change.set(file.uri, edits);
  await vscode.workspace.applyEdit(change);
  const at = document.positionAt(document.getText().indexOf("rateLimit", document.offsetAt(edits[0].range.start)));
  editor.selection = new vscode.Selection(at, at);
  editor.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  say("Save to apply the new limit.");
}
