/**
 * The running gateway inside the editor of its policy: lenses, numbers in hovers, hints, what an unsaved edit would
 * change, and edits that let a refused request pass. All words are made in the plain files beside this one.
 * Must not ask the gateway for anything while no policy is visible.
 */
import * as vscode from "vscode";
import type { Detail } from "../../contract/detail.ts";
import { mayMint } from "../../contract/minting.ts";
import type { PassingFix, WhatIfResult } from "../../contract/what-if.ts";
import { liveBlocks, type LiveBlock } from "../../policyfile/blocks.ts";
import type { Plan } from "../../model/plan.ts";
import type { Controller } from "../controller.ts";
import { ghostText, previewMarkdown } from "./ghost-text.ts";
import { lensLine, limitsOf, type LensAction, type LensLine } from "./lens-text.ts";
import type { CodePages } from "./code-pages.ts";
import { historyOf, liveMarkdown, unsavedLimit } from "./live-hover.ts";
import { isIll, runtimeHints } from "./runtime-hints.ts";

export interface EditorHost {
  readonly controller: Controller;
  /** Shows the traffic that matches. */
  showTraffic(filter: string): Promise<void>;
  /** What is previewed, for the status bar; undefined = nothing. */
  previewed(result: WhatIfResult | undefined): void;
}

/** Milliseconds of silence after typing: before the unsaved text is asked about, and before lenses move again. */
const QUIET = 500;
const FROZEN = 2000;
/** Lenses change at most this often. */
const PACE = 1000;
const ACT = "switchyard.lens";
const HOVER_COMMANDS = ["switchyard.limits.focus", "switchyard.previewPolicy"];

export class LiveEditor implements vscode.Disposable, vscode.CodeLensProvider {
  readonly #host: EditorHost;
  readonly #pages: CodePages;
  readonly #planOf: (document: vscode.TextDocument) => Plan | undefined;
  readonly #lensesChanged = new vscode.EventEmitter<void>();
  readonly #hints = vscode.languages.createDiagnosticCollection("switchyard-runtime");
  readonly #ghost = vscode.window.createTextEditorDecorationType({});
  readonly #subscriptions: vscode.Disposable[];
  /** What each block last said, while it is frozen. */
  readonly #said = new Map<string, LensLine>();
  readonly onDidChangeCodeLenses = this.#lensesChanged.event;
  #typedAt = 0;
  #paced: NodeJS.Timeout | undefined;
  #quiet: NodeJS.Timeout | undefined;
  #thaw: NodeJS.Timeout | undefined;
  #editedLine = 0;
  #asked = 0;
  #previewing = false;
  /** The running gateway was told that its policy is open. */
  #prepared = false;
  #disposed = false;

  /** @param planOf of the text as it stands in the editor; undefined = it is wrong. */
  constructor(host: EditorHost, pages: CodePages, planOf: (document: vscode.TextDocument) => Plan | undefined) {
    this.#host = host;
    this.#pages = pages;
    this.#planOf = planOf;
    const { controller } = host;
    this.#subscriptions = [
      this.#lensesChanged,
      this.#hints,
      this.#ghost,
      vscode.commands.registerCommand(ACT, (action: LensAction) => this.#act(action)),
      controller.onViewed(() => this.#pace()),
      controller.onChanged(() => this.#follow()),
      vscode.window.onDidChangeVisibleTextEditors(() => this.#look()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("switchyard")) this.#pace();
      }),
      vscode.workspace.onDidChangeTextDocument((change) => this.#typed(change)),
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (this.#serves(document)) this.#end();
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        for (const key of this.#said.keys()) if (key.startsWith(`${uri.toString()} `)) this.#said.delete(key);
      }),
    ];
    this.#look();
  }

  dispose(): void {
    clearTimeout(this.#paced);
    clearTimeout(this.#quiet);
    clearTimeout(this.#thaw);
    this.#disposed = true;
    this.#host.controller.look("editor", []);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  // ---- Lenses ---------------------------------------------------------------------------------------------------

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const { controller } = this.#host;
    if (!setting("codeLens", true)) return [];
    const running = controller.running && this.#serves(document);
    const frozen = Date.now() - this.#typedAt < FROZEN;
    const live = { running, services: controller.services, limits: controller.limits };
    return liveBlocks(document.getText()).flatMap((block) => {
      const key = `${document.uri.toString()} ${keyOf(block)}`;
      const line = (frozen ? this.#said.get(key) : undefined) ?? lensLine(block, live);
      this.#said.set(key, line);
      const range = new vscode.Range(block.range.line - 1, 0, block.range.line - 1, 0);
      return line.map(
        (action) =>
          new vscode.CodeLens(range, {
            title: action.title,
            command: action.act === "none" ? "" : ACT,
            arguments: [action],
          }),
      );
    });
  }

  async #act({ act, argument }: LensAction): Promise<void> {
    if (act === "start") await vscode.commands.executeCommand("switchyard.start");
    else if (act === "send") await vscode.commands.executeCommand("switchyard.sendTest");
    else if (act === "traffic") await this.#host.showTraffic(argument ?? "");
    else if (act === "preview") await vscode.commands.executeCommand("switchyard.previewPolicy");
    else if (act === "keys") await vscode.commands.executeCommand("switchyard.limits.focus");
    else if (act === "reset") await vscode.commands.executeCommand("switchyard.resetBucket");
  }

  // ---- Hover and hints --------------------------------------------------------------------------------------------

  /** Live numbers for the name under the cursor, with the last five minutes and what can be done. */
  async hover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.MarkdownString | undefined> {
    const { controller } = this.#host;
    if (!controller.running || !this.#serves(document)) return undefined;
    const offset = document.offsetAt(position);
    const block = liveBlocks(document.getText()).find(
      ({ range }) => range.offset <= offset && offset <= range.endOffset,
    );
    if (block === undefined) return undefined;
    const limits = limitsOf(block, controller.limits);
    // What passed is worth waiting for, but no reason to show nothing.
    const passed = await controller.gateway.analytics("15m").catch(() => undefined);
    const words = liveMarkdown(block, {
      services: controller.services,
      limits,
      history: passed && historyOf(block, limits, passed.series),
      unsaved: document.isDirty ? unsavedLimit(block, this.#planOf(document)) : undefined,
      docs: this.#pages.ofKind(block.kind === "limit" ? (block.policy ?? block.name) : `${block.kind}s`).toString(),
    });
    if (words === undefined) return undefined;
    const markdown = new vscode.MarkdownString(words);
    markdown.isTrusted = { enabledCommands: HOVER_COMMANDS };
    return markdown;
  }

  async #hint(): Promise<void> {
    const { controller } = this.#host;
    const document = policyDocuments().find((one) => this.#serves(one));
    if (!controller.running || document === undefined || setting<string>("runtimeDiagnostics", "hint") === "off")
      return this.#hints.clear();
    // Rates of routes come with the services; those of listeners and services are asked for where a limit stands on one.
    const beyond = controller.limits?.limits.some(({ owner }) => !owner.startsWith("route ")) === true;
    const passed = beyond ? await controller.gateway.analytics("1m").catch(() => undefined) : undefined;
    const blocks = liveBlocks(document.getText());
    const found = runtimeHints(blocks, controller.services, controller.limits, passed?.series);
    const diagnostics = found.map(({ code, message, block }) => {
      const diagnostic = new vscode.Diagnostic(rangeOf(block), message, vscode.DiagnosticSeverity.Hint);
      diagnostic.code = { value: code, target: this.#pages.of(code) };
      diagnostic.source = "Switchyard";
      return diagnostic;
    });
    if (controller.running && !this.#disposed) this.#hints.set(document.uri, diagnostics);
  }

  // ---- Passing edits ------------------------------------------------------------------------------------------------

  /** Edits under which the latest request that a limit or rule of these lines refused would pass. */
  async passing(
    document: vscode.TextDocument,
    range: vscode.Range,
    token: vscode.CancellationToken,
  ): Promise<vscode.CodeAction[]> {
    const { version } = document;
    const refused = await this.#refusedAt(document, range, token);
    if (refused === undefined) return [];
    const { id, method, path } = refused.row;
    const fixes = await this.#host.controller.gateway.passingFixes(id, document.getText());
    if (document.version !== version) return [];
    return fixes.map((fix) => passingAction(document, fix, `${method} ${path}`));
  }

  /** A token for the latest request that a policy of these lines refused, where another token may help. */
  async minting(
    document: vscode.TextDocument,
    range: vscode.Range,
    token: vscode.CancellationToken,
  ): Promise<vscode.CodeAction[]> {
    const refused = await this.#refusedAt(document, range, token);
    return refused !== undefined && mayMint(refused.verdict) ? [mintAction(refused.row)] : [];
  }

  /** Another endpoint for a service of these lines that has one which is down. Nothing is looked for before it is chosen. */
  adding(document: vscode.TextDocument, range: vscode.Range): vscode.CodeAction[] {
    const { controller } = this.#host;
    if (!controller.running || !this.#serves(document)) return [];
    const ill = new Set(
      (controller.services?.services ?? [])
        .filter(({ endpoints }) => endpoints.some(({ health, managed }) => isIll(health) && managed !== true))
        .map(({ name }) => name),
    );
    const touches = (own: vscode.Range): boolean =>
      own.start.line <= range.end.line && range.start.line <= own.end.line;
    return liveBlocks(document.getText())
      .filter((block) => block.kind === "service" && ill.has(block.name) && touches(rangeOf(block)))
      .map(({ name }) => addAction(name));
  }

  async #refusedAt(
    document: vscode.TextDocument,
    range: vscode.Range,
    token: vscode.CancellationToken,
  ): Promise<Detail | undefined> {
    const { controller } = this.#host;
    if (!controller.running || !this.#serves(document)) return undefined;
    const { gateway } = controller;
    const { rows } = await gateway.rows({ filter: "is:rejected", from: -20, count: 20 });
    const tried = new Set<string>();
    for (const row of rows.toReversed()) {
      const kind = `${row.policy ?? ""} ${row.route ?? ""}`;
      if (tried.has(kind) || token.isCancellationRequested) continue;
      tried.add(kind);
      const detail = await gateway.detail(row.id, false);
      const line = detail?.verdict.location?.line;
      if (line !== undefined && line - 1 >= range.start.line && line - 1 <= range.end.line) return detail;
    }
    return undefined;
  }

  // ---- What if ------------------------------------------------------------------------------------------------------

  #typed({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    if (document.languageId !== "switchyard" || contentChanges.length === 0) return;
    this.#typedAt = Date.now();
    clearTimeout(this.#thaw);
    this.#thaw = setTimeout(() => this.#pace(), FROZEN + 10);
    if (!this.#serves(document)) return;
    this.#editedLine = Math.max(
      ...contentChanges.map(({ range, text }) => range.start.line + text.split("\n").length - 1),
    );
    this.#asked++;
    this.#mark(document, undefined);
    clearTimeout(this.#quiet);
    if (setting<string>("whatIf", "onType") === "onType")
      this.#quiet = setTimeout(() => void this.#ask(document), QUIET);
  }

  async #ask(document: vscode.TextDocument): Promise<void> {
    const { controller } = this.#host;
    if (!controller.running || document.isClosed) return;
    if (!document.isDirty) return this.#end();
    const asked = ++this.#asked;
    try {
      const result = await controller.gateway.whatIf(document.getText(), true);
      if (asked !== this.#asked) {
        // The edit was taken back meanwhile: the pages must not go on showing what it would change.
        if (!document.isDirty) this.#forget();
        return;
      }
      if (result.kind === "superseded") return;
      this.#previewing = result.kind === "compared";
      this.#mark(document, result);
      this.#host.previewed(result);
    } catch (error) {
      if (controller.running) controller.log.warn(`What if: ${String(error)}`);
    }
  }

  /** The edit was saved or taken back. */
  #end(): void {
    clearTimeout(this.#quiet);
    this.#asked++;
    for (const editor of vscode.window.visibleTextEditors) editor.setDecorations(this.#ghost, []);
    this.#host.previewed(undefined);
    if (!this.#previewing) return;
    this.#previewing = false;
    this.#forget();
  }

  #forget(): void {
    if (this.#host.controller.running) void this.#host.controller.gateway.endWhatIf().catch(() => {});
  }

  #mark(document: vscode.TextDocument, result: WhatIfResult | undefined): void {
    const text = result && ghostText(result);
    const line = document.lineAt(Math.min(this.#editedLine, document.lineCount - 1));
    const after = {
      contentText: `    ${text}`,
      color: new vscode.ThemeColor("editorCodeLens.foreground"),
      fontStyle: "italic",
    };
    const hoverMessage =
      result?.kind === "compared" ? new vscode.MarkdownString(previewMarkdown(result.view)) : undefined;
    const end = new vscode.Range(line.range.end, line.range.end);
    for (const editor of vscode.window.visibleTextEditors)
      if (editor.document === document)
        editor.setDecorations(
          this.#ghost,
          text === undefined ? [] : [{ range: end, hoverMessage, renderOptions: { after } }],
        );
  }

  // ---- Following ----------------------------------------------------------------------------------------------------

  #follow(): void {
    if (!this.#host.controller.running && this.#previewing) {
      this.#previewing = false;
      this.#end();
    }
    this.#prepare();
    this.#pace();
  }

  #look(): void {
    const visible = vscode.window.visibleTextEditors.some(({ document }) => document.languageId === "switchyard");
    this.#host.controller.look("editor", visible ? ["services", "limits"] : []);
    this.#prepare();
    if (visible) this.#pace();
  }

  /** The thread that answers what-if takes seconds to start: it is told when its policy comes into sight, not earlier. */
  #prepare(): void {
    const { controller } = this.#host;
    if (!controller.running) {
      this.#prepared = false;
      return;
    }
    const wanted = setting<string>("whatIf", "onType") === "onType";
    if (this.#prepared || !wanted || !vscode.window.visibleTextEditors.some(({ document }) => this.#serves(document)))
      return;
    this.#prepared = true;
    void Promise.resolve(controller.gateway.prepareWhatIf()).catch(() => {});
  }

  #pace(): void {
    this.#paced ??= setTimeout(() => {
      this.#paced = undefined;
      if (Date.now() - this.#typedAt < FROZEN) return;
      this.#lensesChanged.fire();
      void this.#hint();
    }, PACE);
  }

  #serves(document: vscode.TextDocument): boolean {
    return this.#host.controller.file?.uri.toString() === document.uri.toString();
  }
}

function addAction(service: string): vscode.CodeAction {
  const title = `Add a listening replica to ${service}…`;
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.command = { command: "switchyard.addReplica", title, arguments: [service] };
  return action;
}

/** Changes nothing in the policy: a token is made that passes it. */
function mintAction({ id, method, path }: Detail["row"]): vscode.CodeAction {
  const title = `Mint a token with which ${method} ${path} passes`;
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.command = { command: "switchyard.mintToken", title, arguments: [id] };
  return action;
}

function passingAction(document: vscode.TextDocument, fix: PassingFix, request: string): vscode.CodeAction {
  const { admitted, rejected } = fix.view;
  const others = `${admitted} more admitted${rejected > 0 ? `, ${rejected} more rejected` : ""} of ${fix.view.total}`;
  const action = new vscode.CodeAction(
    `${fix.title} (lets ${request} pass; ${others})`,
    vscode.CodeActionKind.QuickFix,
  );
  action.edit = new vscode.WorkspaceEdit();
  for (const { offset, endOffset, newText } of fix.edits)
    action.edit.replace(
      document.uri,
      new vscode.Range(document.positionAt(offset), document.positionAt(endOffset)),
      newText,
    );
  return action;
}

function keyOf({ kind, name, owner, nth }: LiveBlock): string {
  return `${kind} ${owner ?? ""} ${name} ${nth ?? ""}`;
}

function rangeOf({ range }: LiveBlock): vscode.Range {
  return new vscode.Range(range.line - 1, range.column - 1, range.endLine - 1, range.endColumn - 1);
}

function policyDocuments(): vscode.TextDocument[] {
  return vscode.workspace.textDocuments.filter(({ languageId }) => languageId === "switchyard");
}

function setting<Value>(name: string, otherwise: Value): Value {
  return vscode.workspace.getConfiguration("switchyard").get(name, otherwise);
}
