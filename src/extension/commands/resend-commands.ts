/**
 * "Replay Request": a recorded request really sent again through the gateway, and the new row opened.
 * Asks once per session before a method that may change something. Must not build requests: the gateway holds them whole.
 */
import * as vscode from "vscode";
import type { Detail } from "../../contract/detail.ts";
import { mayChange } from "../../contract/methods.ts";
import type { SendResult } from "../../contract/sending.ts";
import { say, type Window } from "../window.ts";
import { chooseRequest } from "./traffic-commands.ts";

/** Unsafe methods were allowed, until the window is closed. */
let allowed = false;

export async function replayRequest(window: Window): Promise<void> {
  const detail = await chooseRequest(window, "Send which request again?");
  if (detail === undefined) return;
  const { method, path, id } = detail.row;
  const words = `${method} ${path}`;
  const unsaved = unsavedPolicy(window);
  if (unsaved !== undefined) {
    const choice = await vscode.window.showQuickPick([SEND, DECIDE], { title: `Replay ${words} under which policy?` });
    if (choice === undefined) return;
    if (choice === DECIDE) return decideUnsaved(window, detail, unsaved);
  }
  if (mayChange(method) && !(await mayGo(words))) return;
  await tell(window, await window.controller.gateway.replayRequest(id), words);
}

const SEND = { label: "The saved policy", description: "really sent again through the gateway" };
const DECIDE = { label: "The unsaved policy", description: "decided again from the recording; no service is called" };

/** The policy's text, when it differs from what is saved. */
function unsavedPolicy(window: Window): string | undefined {
  const { file } = window.controller;
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === file?.uri.toString());
  return open?.isDirty === true ? open.getText() : undefined;
}

async function decideUnsaved({ controller, pages }: Window, { row }: Detail, text: string): Promise<void> {
  let result = await controller.gateway.whatIf(text, false);
  // What was typed is asked about by itself, and overtakes.
  for (let again = 0; result.kind === "superseded" && again < 3; again++)
    result = await controller.gateway.whatIf(text, false);
  const words = `${row.method} ${row.path}`;
  if (result.kind === "invalid") return say(`$(error) Line ${result.line}: ${result.message}`);
  if (result.kind !== "compared") return say("$(info) It is not recorded whole, so it cannot be decided again.");
  const shift = result.shifts.find(({ id }) => id === row.id);
  const status = (code: number): string => (code === 0 ? "an answer that nobody knows" : String(code));
  say(
    shift === undefined
      ? `$(beaker) ${words} is decided the same under the unsaved policy.`
      : `$(beaker) ${words}: ${status(shift.before)} becomes ${status(shift.after)}, ${shift.why}`,
  );
  await pages.focusTraffic({ kind: "detail", id: row.id });
}

/** Asked once. @param words "POST /orders/77" */
export async function mayGo(words: string): Promise<boolean> {
  if (allowed) return true;
  const detail = "It goes through the gateway to a service, which may act on it once more. This is asked once.";
  const choice = await vscode.window.showWarningMessage(`Really send ${words}?`, { modal: true, detail }, "Send Again");
  allowed = choice === "Send Again";
  return allowed;
}

/** Says what became of it, and opens its row. */
export async function tell({ pages }: Window, result: SendResult, words: string): Promise<void> {
  if (result.kind !== "sent") {
    await vscode.window.showWarningMessage(`Switchyard: ${result.message}`);
    return;
  }
  const outcome = result.status === 0 ? "was sent; there is no answer yet" : `answered ${result.status}`;
  if (result.id === 0) return say(`$(debug-rerun) ${words} ${outcome}; nothing is recorded at the moment.`);
  say(`$(debug-rerun) ${words} ${outcome}.`);
  await pages.focusTraffic({ kind: "detail", id: result.id });
}
