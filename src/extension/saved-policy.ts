/**
 * A save of the policy file reaches the running gateway, whoever wrote it: this editor, another one, or git.
 * A text that is refused leaves the last good plan serving; the trees and the status bar say so.
 * Must not read what is unsaved.
 */
import * as vscode from "vscode";
import type { ProposeResult } from "../contract/policy.ts";
import type { Controller } from "./controller.ts";
import { say } from "./window.ts";

/** Milliseconds: an editor that writes in two steps is read once. */
const SETTLED = 100;

export class SavedPolicy implements vscode.Disposable {
  readonly #controller: Controller;
  readonly #subscriptions: vscode.Disposable[];
  #watcher: vscode.FileSystemWatcher | undefined;
  #watched: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(controller: Controller) {
    this.#controller = controller;
    this.#subscriptions = [
      controller.onChanged(() => this.#follow()),
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (document.uri.toString() === this.#watched) this.#soon(0);
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#watcher?.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #follow(): void {
    const { running, file } = this.#controller;
    const wanted = running ? file : undefined;
    if (wanted?.uri.toString() === this.#watched) return;
    this.#watcher?.dispose();
    this.#watcher = undefined;
    this.#watched = wanted?.uri.toString();
    if (wanted === undefined) return;
    const name = wanted.uri.path.split("/").at(-1) ?? "";
    this.#watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(wanted.folder, name));
    this.#watcher.onDidChange(() => this.#soon());
    this.#watcher.onDidCreate(() => this.#soon());
  }

  #soon(wait = SETTLED): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#propose(), wait);
  }

  async #propose(): Promise<void> {
    const { file, log } = this.#controller;
    if (file === undefined) return;
    try {
      const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(file.uri));
      const result = await this.#controller.propose(text);
      if (result !== undefined) tell(result);
    } catch (error) {
      log.error(`The saved policy could not be applied: ${String(error)}`);
    }
  }
}

function tell(result: ProposeResult): void {
  if (result.kind === "accepted") return say(`$(check) Policy applied: revision ${result.revision} serves.`);
  if (result.kind === "invalid") {
    const first = result.diagnostics.find(({ severity }) => severity === "error");
    return say(`$(error) Policy invalid${first ? ` at line ${first.location.line}` : ""}: the last good one serves.`);
  }
  if (result.kind === "failed")
    void vscode.window.showErrorMessage(
      `The saved policy is good, but ${result.message} The one before keeps serving.`,
    );
}
