/**
 * "Detect Running Services": from what listens in this folder to a policy that a person has seen before it is written,
 * a running gateway, and one request whose decision is open. Every step can be left, and nothing but switchyard.yaml is
 * ever written. Must not speak to anything except by GET of a health path.
 */
import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import type { PortHint } from "../detect/hints.ts";
import { listening } from "../../machine/listening.ts";
import { pathThrough, policyText } from "../detect/policy-text.ts";
import { probe } from "../detect/probe.ts";
import {
  candidates,
  services,
  type Answer,
  type Candidate,
  type DetectedService,
  type Package,
} from "../detect/services.ts";
import { asPolicyFile } from "../policy-file.ts";
import { nextFreePort } from "../../machine/ports.ts";
import { say, type Window } from "../window.ts";
import { sayUntrusted, startWith } from "./gateway-commands.ts";
import { sendThrough } from "./send-command.ts";

const HINTS = "**/{package.json,compose*.yaml,compose*.yml,docker-compose*.yaml,docker-compose*.yml,launch.json}";
const BUILT = "**/{node_modules,.git,dist,out,build,target,vendor}/**";
/** Files that are looked at for hints at most. */
const MOST_FILES = 200;
const USUAL_PORT = 8080;
const AGAIN = "Detect Again";

interface Findings {
  readonly services: readonly DetectedService[];
  /** Ports of the folder that did not answer HTTP. */
  readonly silent: readonly number[];
  readonly scripts: readonly { readonly command: string; readonly folder: string }[];
}

export async function detectServices(window: Window): Promise<void> {
  if (!vscode.workspace.isTrusted) return sayUntrusted();
  const folder = vscode.workspace.workspaceFolders?.[0];
  if (folder === undefined) {
    void vscode.window.showInformationMessage(
      "Open the folder of your services first: only what runs in it is looked for.",
    );
    return;
  }
  const location = { location: vscode.ProgressLocation.Window, title: "Looking for services" };
  const found = await vscode.window.withProgress(location, look);
  if (found.services.length === 0) return offerScripts(window, found);
  const chosen = await choose(found);
  if (chosen.length === 0) return;
  await preview(window, folder, chosen);
}

/** For who is told that a service is down: the folder's own scripts, in terminals. */
export async function runScripts(): Promise<void> {
  if (!vscode.workspace.isTrusted) return sayUntrusted();
  const { scripts } = await scriptsOf(await hintTexts());
  if (scripts.length === 0)
    return void vscode.window.showInformationMessage(
      "No package.json of this folder has a script that starts a service: start it as you usually do.",
    );
  await pickScripts(scripts, "Start services");
}

interface HintText {
  readonly uri: vscode.Uri;
  readonly path: string;
  readonly text: string;
}

async function hintTexts(): Promise<HintText[]> {
  const files = await vscode.workspace.findFiles(HINTS, BUILT, MOST_FILES);
  return Promise.all(
    files.map(async (uri) => ({
      uri,
      path: vscode.workspace.asRelativePath(uri, false),
      text: new TextDecoder().decode(await vscode.workspace.fs.readFile(uri)),
    })),
  );
}

async function scriptsOf(texts: readonly HintText[]): Promise<Pick<Findings, "scripts"> & { packages: HintText[] }> {
  const language = await import("../language.ts");
  const packages = texts.filter(({ path }) => /(^|\/)package\.json$/.test(path));
  const scripts = packages.flatMap(({ uri, text }) =>
    language.startScripts(text).map(({ command }) => ({ command, folder: dirname(uri.fsPath) })),
  );
  return { packages, scripts };
}

export async function look(): Promise<Findings> {
  const language = await import("../language.ts");
  const texts = await hintTexts();
  const hints: PortHint[] = texts.flatMap(({ path, text }) => language.portHints(path, text));
  const { packages, scripts } = await scriptsOf(texts);
  const folders = await Promise.all(
    (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => realpath(uri.fsPath).catch(() => uri.fsPath)),
  );
  const owned = packages.map(({ uri, text }): Package => ({ folder: dirname(uri.fsPath), name: nameIn(text) }));
  const own = candidates(await listening(), hints, folders, (path) => nearest(owned, path));
  const answers = await Promise.all(own.map(async (one) => [one, await probe(one.listening)] as const));
  const speaking = answers.filter((one): one is readonly [Candidate, Answer] => one[1] !== undefined);
  const silent = answers
    .filter(([, answer]) => answer === undefined)
    .map(
      ([
        {
          listening: { port },
        },
      ]) => port,
    );
  return { services: services(speaking), silent, scripts };
}

function nameIn(packageText: string): string | undefined {
  try {
    const { name } = JSON.parse(packageText) as { name?: unknown };
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    return undefined;
  }
}

/** The package whose folder is `path` or above it, the deepest. */
function nearest(packages: readonly Package[], path: string): Package | undefined {
  return packages
    .filter(({ folder }) => path === folder || path.startsWith(join(folder, "/")))
    .toSorted((a, b) => b.folder.length - a.folder.length)[0];
}

async function choose({ services: found, silent }: Findings): Promise<readonly DetectedService[]> {
  const items = found.map((service) => ({
    label: service.name,
    description: service.replicas.map(({ port }) => `:${port}`).join(" "),
    detail: [service.origin, ...(service.health === undefined ? ["no health path answers 2xx"] : [])].join("; "),
    picked: true,
    service,
  }));
  const ignored = silent.length === 0 ? "" : ` Not HTTP: ${silent.map((port) => `:${port}`).join(" ")}.`;
  const picked = await vscode.window.showQuickPick(items, {
    title: "Services that run in this folder",
    placeHolder: `Which should stand behind the gateway? Nothing is written yet.${ignored}`,
    canPickMany: true,
    matchOnDetail: true,
  });
  return picked?.map(({ service }) => service) ?? [];
}

/** Shows what would be written, in the place where it would be written, and asks. */
async function preview(
  window: Window,
  folder: vscode.WorkspaceFolder,
  chosen: readonly DetectedService[],
): Promise<void> {
  const port = await nextFreePort(USUAL_PORT - 1);
  const file = vscode.Uri.joinPath(folder.uri, "switchyard.yaml");
  const text = policyText(chosen, port);
  const there = await vscode.workspace.fs.stat(file).then(
    () => true,
    () => false,
  );
  if (there) {
    await window.texts.open("switchyard.yaml", "switchyard", text);
    say("There is a switchyard.yaml already: this one is only shown, to copy from.");
    return;
  }
  const document = await vscode.workspace.openTextDocument(file.with({ scheme: "untitled" }));
  const whole = new vscode.Range(0, 0, document.lineCount, 0);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, whole, text);
  await vscode.workspace.applyEdit(edit);
  await vscode.window.showTextDocument(document);
  const write = "Write and Start";
  const question =
    "This switchyard.yaml is not written yet. Write it, start the gateway and send one request through it?";
  if ((await vscode.window.showInformationMessage(question, write)) !== write) return;
  // What stands there now counts: it may have been edited meanwhile.
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(document.getText()));
  await vscode.window.showTextDocument(document);
  await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  await vscode.window.showTextDocument(file);
  await startWith(window, asPolicyFile(file));
  const [first] = chosen;
  if (window.controller.running)
    await sendThrough(window, pathThrough(first, first.replicas[0].answer.path, chosen.length));
}

/** Nothing runs yet: the folder's own scripts may start it. */
async function offerScripts(window: Window, { scripts, silent }: Findings): Promise<void> {
  const nothing =
    silent.length === 0
      ? "Nothing that runs in this folder listens on a port."
      : `What listens in this folder does not speak HTTP: ${silent.map((port) => `:${port}`).join(" ")}.`;
  if (scripts.length === 0) {
    const choice = await vscode.window.showInformationMessage(
      `${nothing} Start your services first.`,
      AGAIN,
      "Start Demo",
    );
    if (choice === AGAIN) await detectServices(window);
    else if (choice === "Start Demo") await vscode.commands.executeCommand("switchyard.startDemo");
    return;
  }
  if (!(await pickScripts(scripts, nothing))) return;
  const message = "The scripts run in terminals. Look again when they listen.";
  if ((await vscode.window.showInformationMessage(message, AGAIN)) === AGAIN) await detectServices(window);
}

/** @returns whether any was started. */
async function pickScripts(scripts: Findings["scripts"], title: string): Promise<boolean> {
  const items = scripts.map(({ command, folder }) => ({
    label: `$(terminal) ${command}`,
    description: vscode.workspace.asRelativePath(folder, false),
    command,
    folder,
  }));
  const options = { title, placeHolder: "Which scripts start your services?", canPickMany: true as const };
  const picked = await vscode.window.showQuickPick(items, options);
  for (const { command, folder } of picked ?? []) {
    const terminal = vscode.window.createTerminal({ name: command, cwd: folder });
    terminal.show(true);
    terminal.sendText(command);
  }
  return picked !== undefined && picked.length > 0;
}
