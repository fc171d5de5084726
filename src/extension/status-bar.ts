/**
 * One item in the status bar: the gravest thing to know about the gateway, in a few characters.
 * `statusBarText` is plain, so that the states can be tested without a window. Must not start anything.
 */
import * as vscode from "vscode";
import type { Controller } from "./controller.ts";
import { statusText } from "./status-text.ts";

export class StatusBar implements vscode.Disposable {
  readonly #item: vscode.StatusBarItem;
  readonly #controller: Controller;
  readonly #subscriptions: vscode.Disposable[];

  constructor(controller: Controller) {
    this.#controller = controller;
    this.#item = vscode.window.createStatusBarItem("switchyard.status", vscode.StatusBarAlignment.Left, 10);
    this.#item.name = "Switchyard";
    this.#item.command = "switchyard.showStatus";
    this.#subscriptions = [
      this.#item,
      controller.onChanged(() => this.#show()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("switchyard.statusBar")) this.#show();
      }),
    ];
    this.#show();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #show(): void {
    if (!vscode.workspace.getConfiguration("switchyard").get("statusBar", true)) return this.#item.hide();
    const { state, status, preview } = this.#controller;
    const { text, tooltip, grave } = statusText(state, status, preview);
    this.#item.text = text;
    this.#item.tooltip = new vscode.MarkdownString(tooltip);
    this.#item.accessibilityInformation = {
      label: `Switchyard: ${text.replaceAll(/\$\([^)]*\)\s*/g, "")}`,
      role: "button",
    };
    this.#item.backgroundColor =
      grave === undefined ? undefined : new vscode.ThemeColor(`statusBarItem.${grave}Background`);
    this.#item.show();
  }
}
