/**
 * Where there is no development key: says why, and offers to make one - a file for this machine alone, whose public half
 * goes where the policy believes it. Everything that will be written is said before it is written.
 * Must not overwrite a key, nor change a policy but as an unsaved edit.
 */
import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import * as vscode from "vscode";
import type { KeyLack } from "../../contract/minting.ts";
import { policyOf, say, type Window } from "../window.ts";

const KEY = "dev-key.json";
const KEY_SET = "dev-jwks.json";

/** @returns true when a key is there now, and serves. */
export async function offerKey(window: Window, lack: KeyLack): Promise<boolean> {
  const policy = await policyOf(window);
  if (policy === undefined) return false;
  const own = lack.source === "keySet" && lack.keySet !== undefined;
  const offer = own ? "Create Development Key…" : "Add Development Issuer…";
  const choice = await vscode.window.showWarningMessage(`Switchyard: ${lack.message}`, offer);
  if (choice !== offer) return false;
  if (own) return keyFor(resolve(policy.folder, lack.keySet ?? ""), policy.folder);
  await issuerFor(window, lack, policy.folder);
  return false;
}

/** Another key for a set of this workspace. */
async function keyFor(keySet: string, folder: string): Promise<boolean> {
  const path = join(dirname(keySet), KEY);
  const name = relative(folder, path);
  if (await exists(path)) {
    const message = `${name} is there already and is not changed: name another key by the setting switchyard.developmentKey.`;
    await vscode.window.showWarningMessage(`Switchyard: ${message}`);
    return false;
  }
  const detail = `Writes a new private key to ${name}, for you alone, adds its public half to ${relative(folder, keySet)}, and names ${KEY} in .gitignore. Whoever has the key can sign tokens that this policy takes.`;
  if (!(await agreed("Create a development key?", detail, "Create"))) return false;
  const { own, shown } = newKey();
  const set = JSON.parse(await readFile(keySet, "utf8")) as { keys?: unknown };
  const keys = Array.isArray(set.keys) ? (set.keys as unknown[]) : [];
  await writeKey(path, own);
  await writeFile(keySet, `${JSON.stringify({ ...set, keys: [...keys, shown] }, null, 2)}\n`);
  say(`$(key) ${name} signs tokens for this policy from now on.`);
  return true;
}

/** A second issuer beside the one whose keys are elsewhere. */
async function issuerFor(window: Window, lack: KeyLack, folder: string): Promise<void> {
  const [key, set] = [join(folder, KEY), join(folder, KEY_SET)];
  const made = await exists(set);
  if (!made && (await exists(key))) {
    const message = `${KEY} is there already, and no ${KEY_SET} with its public half: move it away first.`;
    return void (await vscode.window.showWarningMessage(`Switchyard: ${message}`));
  }
  const files = made
    ? ""
    : `Writes a new private key to ${KEY}, for you alone, its public half to ${KEY_SET}, and names ${KEY} in .gitignore. `;
  const detail = `${files}In the policy, which stays unsaved, an issuer "urn:switchyard:development" is believed beside the one that is there. Take it out before this policy serves anybody else.`;
  if (!(await agreed("Add an issuer for development only?", detail, "Add"))) return;
  if (!made) {
    const { own, shown } = newKey();
    await writeKey(key, own);
    await writeFile(set, `${JSON.stringify({ keys: [shown] }, null, 2)}\n`);
  }
  await editPolicy(window, lack);
}

async function editPolicy(window: Window, { location }: KeyLack): Promise<void> {
  const policy = await policyOf(window);
  const document = policy && (await vscode.workspace.openTextDocument(policy.uri));
  const language = await import("../language.ts");
  const place = location && new vscode.Position(location.line - 1, location.column - 1);
  const edits = document && place && language.issuerEdit(document, place, `./${KEY_SET}`);
  if (document === undefined || place === undefined || edits === undefined)
    return say(`$(info) The policy has changed meanwhile: add { jwt: { jwks: ./${KEY_SET} } } to it by hand.`);
  const change = new vscode.WorkspaceEdit();
  change.set(document.uri, edits);
  await vscode.workspace.applyEdit(change);
  const editor = await vscode.window.showTextDocument(document);
  editor.selection = new vscode.Selection(place, place);
  editor.revealRange(new vscode.Range(place, place), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  say("$(key) Save the policy, then mint: the issuer for development is in it.");
}

function newKey(): { readonly own: JsonWebKey; readonly shown: JsonWebKey } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const named = { kid: `dev-${Date.now().toString(36)}`, alg: "ES256", use: "sig" };
  return {
    own: { ...privateKey.export({ format: "jwk" }), ...named },
    shown: { ...publicKey.export({ format: "jwk" }), ...named },
  };
}

/** For this user alone, and for no version control. Rejects when there is such a file. */
async function writeKey(path: string, key: JsonWebKey): Promise<void> {
  await writeFile(path, `${JSON.stringify(key, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  const ignored = join(dirname(path), ".gitignore");
  const text = (await exists(ignored)) ? await readFile(ignored, "utf8") : "";
  if (text.split(/\r?\n/).includes(KEY)) return;
  await writeFile(ignored, `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${KEY}\n`);
}

async function agreed(question: string, detail: string, yes: string): Promise<boolean> {
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, yes)) === yes;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
