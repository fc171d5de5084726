/**
 * One webview that shows the page: its document, its gateway session, and the few calls that the window answers.
 * Frames of the page go to the gateway as they are, and back. Nothing is queued: while the webview is hidden there is
 * no session. Must not look into what it relays, but for the name of the call.
 */
import { randomBytes } from "node:crypto";
import { createBirpc, type BirpcReturn } from "birpc";
import * as vscode from "vscode";
import { FRAMING, packFrame, type Frame } from "../../contract/frames.ts";
import { HOST_CALLS, PAGE_EVENTS } from "../../contract/page.ts";
import type { HostFunctions, HostQueries, HostState, PageFunctions, PageIntent } from "../../contract/page.ts";
import type { Controller } from "../controller.ts";

export type Place = "sidebar" | "panel" | "editor";

export interface PageHostOptions {
  readonly webview: vscode.Webview;
  readonly place: Place;
  readonly extensionUri: vscode.Uri;
  readonly controller: Controller;
  readonly answers: HostFunctions;
  /** What the page remembered in this workspace, as JSON; undefined = nothing yet. */
  readonly view: string | undefined;
}

const hostCalls: ReadonlySet<string> = new Set(HOST_CALLS);

export class PageHost implements vscode.Disposable {
  readonly #options: PageHostOptions;
  readonly #subscriptions: vscode.Disposable[] = [];
  readonly #page: BirpcReturn<PageFunctions, HostFunctions & HostQueries>;
  #receive: (frame: unknown) => void = () => {};
  #session: { send(frame: Frame): void; close(): void } | undefined;
  #shown = true;
  #listening = false;
  #intent: PageIntent | undefined;
  #told = "";

  constructor(options: PageHostOptions) {
    this.#options = options;
    const { webview, controller, answers } = options;
    const queries: HostQueries = {
      ready: () => {
        this.#listening = true;
        setTimeout(() => this.#deliver(), 0);
        return this.#state();
      },
    };
    this.#page = createBirpc<PageFunctions, HostFunctions & HostQueries>(
      { ...answers, ...queries },
      {
        post: (frame: Frame) => this.#post(frame),
        on: (listener) => {
          this.#receive = listener;
        },
        ...FRAMING,
        eventNames: [...PAGE_EVENTS],
        onGeneralError: () => true,
        onFunctionError: (error, name) => controller.log.warn(`${name}: ${error.message}`),
      },
    );
    this.#subscriptions.push(
      webview.onDidReceiveMessage((frame) => this.#onFrame(frame)),
      controller.onChanged(() => this.#follow()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#tell()),
    );
    webview.options = {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(options.extensionUri, "dist")],
    };
    webview.html = pageDocument(options);
  }

  get shown(): boolean {
    return this.#shown;
  }

  /** VS Code throws a hidden page away and loads it anew: then it listens again. */
  show(visible: boolean): void {
    this.#shown = visible;
    if (!visible) {
      this.#listening = false;
      this.#disconnect();
    }
  }

  /** Shows or does something in the page, now or as soon as it listens. */
  intend(intent: PageIntent): void {
    this.#intent = intent;
    this.#deliver();
  }

  dispose(): void {
    this.#disconnect();
    this.#page.$close();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #onFrame(frame: unknown): void {
    if (typeof frame !== "object" || frame === null || !this.#shown) return;
    const { t, m, i, a } = frame as { t?: unknown; m?: unknown; i?: unknown; a?: unknown };
    if (t === "q" && typeof m === "string" && hostCalls.has(m)) return this.#receive(frame);
    const { controller } = this.#options;
    this.#session ??= controller.connect((answer) => this.#post(answer));
    if (this.#session === undefined) {
      if (t === "q" && i !== undefined)
        this.#post(packFrame({ t: "s", i, e: new Error("The gateway is not running.") } as { e: unknown }));
      return;
    }
    // The page's record button: the window's own menu shows the same state.
    if (m === "setRecording" && Array.isArray(a)) controller.noteRecording(a[0] === true);
    this.#session.send(frame as Frame);
  }

  #follow(): void {
    if (!this.#options.controller.running) this.#disconnect();
    this.#tell();
  }

  #tell(): void {
    if (!this.#listening) return;
    const state = this.#state();
    const text = JSON.stringify([state, this.#options.controller.status?.stamp.generation]);
    if (text === this.#told) return;
    this.#told = text;
    void this.#page.hostState.asEvent(state);
    this.#deliver();
  }

  #state(): HostState {
    const { state, problem } = this.#options.controller;
    return {
      gateway: state === "stopping" ? "stopped" : state,
      message: problem?.message,
      trusted: vscode.workspace.isTrusted,
    };
  }

  #deliver(): void {
    if (this.#intent === undefined || !this.#listening || !this.#shown) return;
    const intent = this.#intent;
    this.#intent = undefined;
    void this.#page.intent.asEvent(intent);
  }

  #disconnect(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  #post(frame: Frame): void {
    // A webview takes no origin: only its own page listens.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    if (this.#shown) void this.#options.webview.postMessage(frame);
  }
}

function pageDocument({ webview, extensionUri, place, view = "{}" }: PageHostOptions): string {
  const nonce = randomBytes(18).toString("base64");
  const file = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, "dist", name)).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data:`,
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchyard</title>
<link rel="stylesheet" href="${file("page.css")}">
</head>
<body data-place="${place === "sidebar" ? "sidebar" : "panel"}" data-view="${attribute(view)}">
<script nonce="${nonce}" src="${file("page.js")}"></script>
</body>
</html>`;
}

/** A text between double quotes of HTML. */
function attribute(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
