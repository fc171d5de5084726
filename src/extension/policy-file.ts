/**
 * Which policy file this window works with, and where a Location of the gateway is in it.
 * Prefers switchyard.yaml at the root of a folder, then any *.switchyard.yaml; asks when there are several.
 * Must not read or change the file's content.
 */
import { basename, dirname, isAbsolute, join } from "node:path";
import * as vscode from "vscode";
import type { Location } from "../contract/location.ts";

export interface PolicyFile {
  readonly uri: vscode.Uri;
  /** Where relative paths of the policy start. */
  readonly folder: string;
}

const NAMES = "**/{switchyard.yaml,switchyard.yml,*.switchyard.yaml,*.switchyard.yml}";
const REMEMBERED = "switchyard.policyFile";

export function isPolicyName(path: string): boolean {
  return /(^|[/\\.])switchyard\.ya?ml$/.test(path);
}

export function asPolicyFile(uri: vscode.Uri): PolicyFile {
  return { uri, folder: dirname(uri.fsPath) };
}

/** Every policy file of the open folders: nearest to the root first, at most 50. */
export async function findPolicyFiles(): Promise<PolicyFile[]> {
  const found = await vscode.workspace.findFiles(NAMES, "**/{node_modules,.git,dist,out}/**", 50);
  return found.toSorted((a, b) => depth(a) - depth(b) || a.path.localeCompare(b.path)).map(asPolicyFile);
}

function depth(uri: vscode.Uri): number {
  return uri.path.split("/").length;
}

/** The one to work with; asks the person when it is not clear. undefined = there is none, or they chose none. */
export async function choosePolicyFile(memento: vscode.Memento): Promise<PolicyFile | undefined> {
  const active = vscode.window.activeTextEditor?.document;
  if (active?.languageId === "switchyard" && active.uri.scheme === "file") return asPolicyFile(active.uri);
  const files = await findPolicyFiles();
  if (files.length <= 1) return files[0];
  const atRoot = files.filter(({ uri }) => vscode.workspace.asRelativePath(uri, false) === basename(uri.path));
  if (atRoot.length === 1) return atRoot[0];
  const remembered = memento.get<string>(REMEMBERED);
  const items = files.map((file) => ({
    label: vscode.workspace.asRelativePath(file.uri),
    description: file.uri.toString() === remembered ? "used last" : undefined,
    file,
  }));
  const choice = await vscode.window.showQuickPick(
    items.toSorted((a, b) => Number(b.description !== undefined) - Number(a.description !== undefined)),
    { title: "Switchyard: which policy file?" },
  );
  if (choice !== undefined) await memento.update(REMEMBERED, choice.file.uri.toString());
  return choice?.file;
}

export function locate(policy: PolicyFile, location: Location): { uri: vscode.Uri; range: vscode.Range } {
  const { file, line, column } = location;
  const sameName = basename(file) === basename(policy.uri.fsPath);
  const uri = sameName ? policy.uri : vscode.Uri.file(isAbsolute(file) ? file : join(policy.folder, file));
  const position = new vscode.Position(Math.max(0, line - 1), Math.max(0, column - 1));
  return { uri, range: new vscode.Range(position, position) };
}
