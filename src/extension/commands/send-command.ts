/**
 * "Send Test Request…": one GET through the running gateway, and the decision about it opened.
 * Must not send anything but GET, and only to the gateway's own listener on this machine.
 */
import { request } from "node:http";
import * as vscode from "vscode";
import { say, type Window } from "../window.ts";

/** Milliseconds until a test request is given up. */
const PATIENCE = 10_000;

export async function sendTest(window: Window): Promise<void> {
  const { routes } = await window.controller.gateway.services();
  const [, path = "/"] = /(?:^|\s)(\/[^\s*]*)/.exec(routes[0]?.summary ?? "") ?? [];
  const typed = await vscode.window.showInputBox({
    title: "GET through the gateway",
    value: path,
    prompt: "A path that begins with /",
    validateInput: (text) => (/^\/[\x21-\x7e]*$/.test(text) ? undefined : "A path begins with / and has no spaces"),
  });
  if (typed !== undefined) await sendThrough(window, typed);
}

/** Sends GET `path` to the first HTTP listener, and shows how it was decided. */
export async function sendThrough({ controller, pages }: Window, path: string): Promise<void> {
  const listener = controller.status?.listeners.find(({ url }) => url.startsWith("http:"));
  if (listener === undefined) return say("The policy has no listener of plain HTTP to send a test request to.");
  const before = await controller.gateway.rows({ filter: "", from: -1, count: 1 });
  const status = await statusOf(listener.port, path);
  const { rows } = await controller.gateway.rows({ filter: "", from: -20, count: 20 });
  const known = before.rows.at(-1)?.id ?? -1;
  const row = rows.find(({ id, method, path: own }) => id > known && method === "GET" && own === path) ?? rows.at(-1);
  say(`$(check) GET ${listener.url}${path} answered ${status}: this is how it was decided.`);
  if (row !== undefined) await pages.focusTraffic({ kind: "detail", id: row.id });
}

function statusOf(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false, timeout: PATIENCE }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
      response.once("error", reject);
    });
    sent.once("timeout", () => sent.destroy(new Error(`GET ${path} was not answered within ${PATIENCE / 1000} s.`)));
    sent.once("error", reject);
    sent.end();
  });
}
