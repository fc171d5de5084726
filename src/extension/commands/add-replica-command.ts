/**
 * "Add a listening replica": where a replica of a service is down, another process of the folder may listen on a port that
 * the policy does not name. It is looked for as detection looks, chosen by the person, and put among the service's
 * endpoints as an unsaved edit that undo takes back. Must not save, and must not add what nobody chose.
 */
import * as vscode from "vscode";
import { policyOf, say, type Window } from "../window.ts";
import { look } from "./detect-command.ts";
import { sayUntrusted } from "./gateway-commands.ts";

/** @param service its name in the policy. */
export async function addReplica(window: Window, service: unknown): Promise<void> {
  if (!vscode.workspace.isTrusted) return sayUntrusted();
  const policy = await policyOf(window);
  if (policy === undefined || typeof service !== "string") return;
  const location = { location: vscode.ProgressLocation.Window, title: `Looking for replicas of ${service}` };
  const found = await vscode.window.withProgress(location, look);
  const used = portsOf(window);
  const items = found.services.flatMap(({ name, origin, replicas }) =>
    replicas
      .filter(({ port }) => !used.has(port))
      .map((replica) => ({
        label: `:${replica.port}`,
        description: name,
        detail: `${origin}; ${replica.origin}`,
        replica,
      })),
  );
  if (items.length === 0)
    return void vscode.window.showInformationMessage(
      `Nothing else that runs in this folder listens and answers HTTP: start another replica of ${service} first.`,
    );
  // Of the same name first: most likely it is one.
  items.sort((a, b) => Number(b.description === service) - Number(a.description === service));
  const chosen = await vscode.window.showQuickPick(items, {
    title: `Add which listening port to ${service}?`,
    placeHolder: "The policy is edited and not saved",
    matchOnDetail: true,
  });
  if (chosen !== undefined) await add(policy.uri, service, chosen.replica.url);
}

/** Ports that the serving policy sends to already. */
function portsOf({ controller }: Window): ReadonlySet<number> {
  const endpoints = controller.services?.services.flatMap((service) => service.endpoints) ?? [];
  return new Set(endpoints.map(({ url }) => Number(URL.canParse(url) ? new URL(url).port : "")));
}

async function add(uri: vscode.Uri, service: string, url: string): Promise<void> {
  const [document, language] = await Promise.all([vscode.workspace.openTextDocument(uri), import("../language.ts")]);
  const edits = language.endpointEdit(document, service, url);
  if (edits === undefined) throw new Error(`The policy has no place for another endpoint of ${service}.`);
  const change = new vscode.WorkspaceEdit();
  change.set(document.uri, edits);
  await vscode.workspace.applyEdit(change);
  const editor = await vscode.window.showTextDocument(document);
  const at = document.positionAt(Math.max(0, document.getText().indexOf(url)));
  editor.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  say(`$(add) ${url} is a replica of ${service} once the policy is saved.`);
}
