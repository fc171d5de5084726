/**
 * The three places where the page is shown: Live in the sidebar, Traffic in the panel, a tab in the editor.
 * Each is made only when it becomes visible. Must not know what the page draws.
 */
import * as vscode from "vscode";
import type { HostFunctions, PageIntent } from "../../contract/page.ts";
import type { Controller } from "../controller.ts";
import { PageHost, type Place } from "./page-host.ts";

/** Characters: widths and names of some twenty columns, and a filter. */
const LONGEST_VIEW = 16_384;

/** Panel and editor tab show the same table; Live has its own filter. */
function viewKey(place: Place): string {
  return place === "sidebar" ? "switchyard.view.live" : "switchyard.view.traffic";
}

export class Pages implements vscode.Disposable {
  readonly #context: vscode.ExtensionContext;
  readonly #controller: Controller;
  readonly #answers: HostFunctions;
  readonly #hosts = new Map<Place, PageHost>();
  readonly #waiting = new Map<Place, PageIntent>();
  readonly #subscriptions: vscode.Disposable[] = [];
  #tab: vscode.WebviewPanel | undefined;

  constructor(context: vscode.ExtensionContext, controller: Controller, answers: HostFunctions) {
    this.#context = context;
    this.#controller = controller;
    this.#answers = answers;
    this.#subscriptions.push(
      vscode.window.registerWebviewViewProvider("switchyard.live", this.#provider("sidebar")),
      vscode.window.registerWebviewViewProvider("switchyard.traffic", this.#provider("panel")),
    );
  }

  /** Brings the full table to the front, where the person wants it. */
  async focusTraffic(intent?: PageIntent): Promise<void> {
    const wanted = vscode.workspace.getConfiguration("switchyard").get<string>("trafficLocation");
    if (wanted === "editor") return this.openTab(intent);
    this.#intend("panel", intent);
    await vscode.commands.executeCommand("switchyard.traffic.focus");
  }

  /** Shows a request in the page that is open; opens the sidebar's when none is. The editor keeps the focus. */
  async showQuietly(intent: PageIntent): Promise<void> {
    const open = (["panel", "editor", "sidebar"] as const).find((place) => this.#hosts.get(place)?.shown);
    this.#intend(open ?? "sidebar", intent);
    if (open === undefined) await vscode.commands.executeCommand("switchyard.live.focus");
  }

  openTab(intent?: PageIntent, beside = false): void {
    this.#intend("editor", intent);
    if (this.#tab !== undefined) return this.#tab.reveal(undefined, beside);
    const column = beside ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active;
    const tab = vscode.window.createWebviewPanel(
      "switchyard.trafficTab",
      "Traffic",
      { viewColumn: column, preserveFocus: beside },
      { enableFindWidget: true },
    );
    tab.iconPath = vscode.Uri.joinPath(this.#context.extensionUri, "media/icon.png");
    this.#tab = tab;
    const host = this.#make("editor", tab.webview);
    tab.onDidChangeViewState(() => host.show(tab.visible));
    tab.onDidDispose(() => {
      this.#tab = undefined;
      this.#drop("editor", host);
    });
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    for (const host of this.#hosts.values()) host.dispose();
    this.#tab?.dispose();
  }

  #provider(place: Place): vscode.WebviewViewProvider {
    return {
      resolveWebviewView: (view) => {
        const host = this.#make(place, view.webview);
        view.onDidChangeVisibility(() => host.show(view.visible));
        view.onDidDispose(() => this.#drop(place, host));
      },
    };
  }

  #make(place: Place, webview: vscode.Webview): PageHost {
    const host = new PageHost({
      webview,
      place,
      extensionUri: this.#context.extensionUri,
      controller: this.#controller,
      view: this.#context.workspaceState.get(viewKey(place)),
      answers: {
        ...this.#answers,
        rememberView: (view) => {
          if (typeof view === "string" && view.length <= LONGEST_VIEW)
            void this.#context.workspaceState.update(viewKey(place), view);
        },
        // In the sidebar a request opens beside; the other two split themselves.
        openDetail: (id) =>
          place === "sidebar" ? this.openTab({ kind: "detail", id }, true) : this.#answers.openDetail(id),
      },
    });
    this.#hosts.set(place, host);
    const waiting = this.#waiting.get(place);
    this.#waiting.delete(place);
    if (waiting !== undefined) host.intend(waiting);
    return host;
  }

  #drop(place: Place, host: PageHost): void {
    host.dispose();
    if (this.#hosts.get(place) === host) this.#hosts.delete(place);
  }

  #intend(place: Place, intent: PageIntent | undefined): void {
    if (intent === undefined) return;
    const host = this.#hosts.get(place);
    if (host === undefined) this.#waiting.set(place, intent);
    else host.intend(intent);
  }
}
