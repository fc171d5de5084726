/**
 * What the extension hands to VS Code and no API gives back: its trees and its context keys. Watching must begin before
 * the extension is activated. Must not change what is handed over.
 */
import * as vscode from "vscode";

const trees = new Map<string, vscode.TreeDataProvider<unknown>>();
/** Every context key of the extension, with its latest value. */
export const contextKeys = new Map<string, unknown>();

/** The tools that it gives to language models. */
export const languageModelTools = new Map<string, vscode.LanguageModelTool<object>>();

/** The Test Explorer's side of the extension, and what its runs told. */
export const testing = {
  controller: undefined as vscode.TestController | undefined,
  passed: [] as string[],
  failed: [] as { readonly name: string; readonly message: vscode.TestMessage }[],
  coverage: [] as vscode.FileCoverage[],
};

export interface Row {
  /** What a menu of this row hands to its command. */
  readonly element: unknown;
  /** "orders 2/2 healthy · idle": label and description. */
  readonly text: string;
  readonly item: vscode.TreeItem;
}

export function watchExtension(): void {
  const { createTreeView } = vscode.window;
  const { executeCommand } = vscode.commands;
  Object.assign(vscode.window, {
    createTreeView(id: string, options: vscode.TreeViewOptions<unknown>) {
      trees.set(id, options.treeDataProvider);
      return createTreeView(id, options);
    },
  });
  const { createTestController } = vscode.tests;
  Object.assign(vscode.tests, {
    createTestController(id: string, label: string) {
      return (testing.controller = watched(createTestController(id, label)));
    },
  });
  const { registerTool } = vscode.lm;
  Object.assign(vscode.lm, {
    registerTool(name: string, tool: vscode.LanguageModelTool<object>) {
      languageModelTools.set(name, tool);
      return registerTool(name, tool);
    },
  });
  Object.assign(vscode.commands, {
    executeCommand(command: string, ...rest: unknown[]) {
      if (command === "setContext") contextKeys.set(String(rest[0]), rest[1]);
      return executeCommand(command, ...rest);
    },
  });
}

function watched(controller: vscode.TestController): vscode.TestController {
  const { createTestRun } = controller;
  return Object.assign(controller, {
    createTestRun(request: vscode.TestRunRequest) {
      const run = createTestRun(request);
      const { passed, failed, addCoverage } = run;
      return Object.assign(run, {
        passed(test: vscode.TestItem) {
          testing.passed.push(test.label);
          passed(test);
        },
        failed(test: vscode.TestItem, message: vscode.TestMessage | readonly vscode.TestMessage[]) {
          testing.failed.push(...[message].flat().map((one) => ({ name: test.label, message: one })));
          failed(test, message);
        },
        addCoverage(file: vscode.FileCoverage) {
          testing.coverage.push(file);
          addCoverage(file);
        },
      });
    },
  });
}

/** Every row of a view with those below it, top to bottom. */
export async function rowsOf(view: string): Promise<Row[]> {
  const tree = trees.get(view);
  if (tree === undefined) throw new Error(`The extension has made no tree ${view}`);
  const found: Row[] = [];
  const walk = async (parent: unknown): Promise<void> => {
    for (const element of (await tree.getChildren(parent)) ?? []) {
      const item = await tree.getTreeItem(element);
      found.push({ element, item, text: `${String(item.label)} ${String(item.description ?? "")}` });
      await walk(element);
    }
  };
  await walk(undefined);
  return found;
}

/** The first row that holds every part. */
export async function rowOf(view: string, ...parts: readonly string[]): Promise<Row | undefined> {
  return (await rowsOf(view)).find(({ text }) => parts.every((part) => text.includes(part)));
}
