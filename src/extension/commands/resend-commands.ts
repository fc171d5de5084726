/**
 * "Replay Request": a recorded request really sent again through the gateway, and the new row opened.
 * Asks once per session before a method that may change something. Must not build requests: the gateway holds them whole.
 */
import * as vscode from "vscode";
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
  if (mayChange(method) && !(await mayGo(words))) return;
  await tell(window, await window.controller.gateway.replayRequest(id), words);
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
