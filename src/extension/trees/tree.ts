/**
 * A native tree over leaves: tells VS Code which rows changed and nothing else, at most once a second, and asks the
 * gateway only while it is visible. Must not reveal or select anything by itself: that yanks the scroll position.
 */
import * as vscode from "vscode";
import type { GatewayStatus } from "../../contract/status.ts";
import type { Controller } from "../controller.ts";
import { changes, type Leaf } from "./leaf.ts";

const INTERVAL = 1000;
/** Rows that have children sooner or later. */
const HOLDERS: ReadonlySet<string> = new Set(["switchyard.service", "switchyard.service.managed", "switchyard.limit"]);

export interface TreeOptions {
  readonly id: string;
  readonly topic: "services" | "limits";
  leaves(controller: Controller): Leaf[];
  /** Whether the rows change by themselves as time goes. */
  moving?(controller: Controller): boolean;
}

export class LeafTree implements vscode.TreeDataProvider<string>, vscode.Disposable {
  readonly #options: TreeOptions;
  readonly #controller: Controller;
  readonly #view: vscode.TreeView<string>;
  readonly #fire = new vscode.EventEmitter<string | undefined>();
  readonly #subscriptions: vscode.Disposable[] = [];
  readonly #byId = new Map<string, { leaf: Leaf; parent: string | undefined }>();
  #roots: readonly Leaf[] = [];
  #greyed = false;
  #timer: NodeJS.Timeout | undefined;
  #shownAt = 0;

  readonly onDidChangeTreeData = this.#fire.event;

  constructor(controller: Controller, options: TreeOptions) {
    this.#controller = controller;
    this.#options = options;
    this.#view = vscode.window.createTreeView(options.id, { treeDataProvider: this, showCollapseAll: false });
    const look = (): void => controller.look(options.id, this.#view.visible ? [options.topic] : []);
    this.#subscriptions.push(
      this.#view,
      this.#fire,
      this.#view.onDidChangeVisibility(look),
      controller.onViewed((topic) => {
        if (topic === options.topic) this.#soon();
      }),
      controller.onChanged(() => this.#sayState()),
    );
    look();
  }

  /** The row behind an element that a menu hands over. */
  leaf(id: string): Leaf | undefined {
    return this.#byId.get(id)?.leaf;
  }

  getChildren(id?: string): string[] {
    const children = id === undefined ? this.#roots : (this.leaf(id)?.children ?? []);
    return children.map((leaf) => leaf.id);
  }

  getParent(id: string): string | undefined {
    return this.#byId.get(id)?.parent;
  }

  getTreeItem(id: string): vscode.TreeItem {
    const leaf = this.leaf(id);
    if (leaf === undefined) return new vscode.TreeItem("");
    // Also while it has no children: VS Code does not unfold a row that it has seen without any.
    const state = HOLDERS.has(leaf.context) ? "Expanded" : "None";
    const item = new vscode.TreeItem(leaf.label, vscode.TreeItemCollapsibleState[state]);
    item.id = id;
    item.description = leaf.description;
    const color = this.#greyed ? "disabledForeground" : leaf.color;
    item.iconPath = new vscode.ThemeIcon(leaf.icon, color === undefined ? undefined : new vscode.ThemeColor(color));
    item.tooltip = new vscode.MarkdownString(leaf.tooltip);
    item.accessibilityInformation = { label: leaf.say };
    item.contextValue = leaf.context;
    if (leaf.location !== undefined)
      item.command = {
        command: "switchyard.goToPolicy",
        title: "Go to Policy",
        arguments: [id, { preserveFocus: true }],
      };
    return item;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #soon(): void {
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#shownAt + INTERVAL - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#show();
    }, wait);
  }

  #show(): void {
    this.#shownAt = Date.now();
    const before = this.#roots;
    this.#roots = this.#options.leaves(this.#controller);
    if (this.#view.visible && this.#controller.running && this.#options.moving?.(this.#controller)) this.#soon();
    this.#byId.clear();
    const index = (leaves: readonly Leaf[], parent: string | undefined): void => {
      for (const leaf of leaves) {
        this.#byId.set(leaf.id, { leaf, parent });
        index(leaf.children, leaf.id);
      }
    };
    index(this.#roots, undefined);
    const { leaves, parents } = changes(before, this.#roots);
    if (parents.includes(undefined)) return this.#fire.fire(undefined);
    for (const id of new Set([...parents, ...leaves])) this.#fire.fire(id);
  }

  /** Above the rows: that they are old, or that the file on the disk is not what runs. */
  #sayState(): void {
    const { state, status, lostAt } = this.#controller;
    const lost = state === "lost";
    if (lost) this.#view.message = `Gateway lost. As of ${clock(lostAt)}.`;
    else if (state === "running" && status?.policy.invalid) {
      const at = status.policy.diagnostics.find(({ severity }) => severity === "error")?.location.line;
      const where = at === undefined ? "The saved policy is invalid" : `Line ${at} of the policy is invalid`;
      this.#view.message = `${where}; serving the ${clock(status.policy.acceptedAt)} version.`;
    } else this.#view.message = simulationWords(state === "running" ? status : undefined);
    if (lost === this.#greyed) return;
    this.#greyed = lost;
    this.#fire.fire(undefined);
  }
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false });
}

/** Always visible while something is pretended. */
function simulationWords(status: GatewayStatus | undefined): string | undefined {
  const { simulations = [], frozen = [] } = status ?? {};
  const words: string[] = [];
  if (simulations.length > 0)
    words.push(
      `Simulating ${simulations.map(({ service, label, words: what }) => `${service} ${label}: ${what}`).join("; ")}.`,
    );
  if (frozen.length > 0) words.push(`Frozen: ${frozen.map(({ name, key }) => `${name} ${key}`).join("; ")}.`);
  return words.length === 0 ? undefined : words.join(" ");
}
