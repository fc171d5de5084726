/**
 * "Mint Passing Token…": a token for a refused request, on the clipboard, and the request sent again with it on demand.
 * Asks what no rule says. Must not show the key, keep a token, or sign anything that the person did not ask for.
 */
import * as vscode from "vscode";
import type { ExplainRequest } from "../../contract/explaining.ts";
import { mayChange } from "../../contract/methods.ts";
import { mayMint, type MintResult, type MintTarget, type MintWish } from "../../contract/minting.ts";
import { mayGo, tell } from "../commands/resend-commands.ts";
import { say, type Window } from "../window.ts";
import { offerKey } from "./development-keys.ts";

const TITLE = "Mint Passing Token";

type Minted = Extract<MintResult, { kind: "minted" }>;

/** @param id of a recorded request; anything else = the person chooses. */
export async function mintToken(window: Window, id?: unknown): Promise<void> {
  const target = typeof id === "number" ? { id } : await chooseTarget(window);
  if (target === undefined) return;
  const result = await minted(window, target);
  if (result === undefined) return;
  if (result.kind === "refused") return void (await vscode.window.showWarningMessage(`Switchyard: ${result.message}`));
  if (result.kind === "noKey") {
    if (await offerKey(window, result)) await mintToken(window, "id" in target ? target.id : undefined);
    return;
  }
  await vscode.env.clipboard.writeText(result.token);
  await told(window, target, result);
}

/** Asks until everything is said. undefined = the person gave up. */
async function minted(
  { controller }: Window,
  target: MintTarget,
): Promise<Exclude<MintResult, { kind: "asks" }> | undefined> {
  const key = vscode.workspace.getConfiguration("switchyard").get("developmentKey", "");
  const given: Record<string, string> = {};
  for (;;) {
    const wish: MintWish = { target, given, ...(key === "" ? {} : { key }) };
    const result = await controller.gateway.mintToken(wish);
    if (result.kind !== "asks") return result;
    for (const { claim, prompt, value } of result.questions) {
      const typed = await vscode.window.showInputBox({
        title: `${TITLE}: ${claim}`,
        prompt,
        value,
        ignoreFocusOut: true,
      });
      if (typed === undefined) return undefined;
      given[claim] = typed;
    }
  }
}

/** Of the latest refusals those that another token may help, or any request in words. */
async function chooseTarget({ controller }: Window): Promise<MintTarget | undefined> {
  const { gateway } = controller;
  const { rows } = await gateway.rows({ filter: "is:rejected", from: -30, count: 30 });
  const refused = rows.toReversed().filter(({ status }) => status === 401 || status === 403);
  const details = await Promise.all(refused.map(({ id }) => gateway.detail(id, false)));
  const items = details
    .filter((detail) => detail !== undefined && mayMint(detail.verdict))
    .map((detail) => ({
      label: `${detail?.row.status} ${detail?.row.method} ${detail?.row.path}`,
      description: detail?.row.caller ?? "",
      detail: detail?.row.why ?? "",
      id: detail?.row.id,
    }));
  const other = { label: "$(edit) Another request…", description: "a method and a path", detail: "", id: undefined };
  const choice = await vscode.window.showQuickPick([...items, other], {
    title: `${TITLE} for which request?`,
    matchOnDetail: true,
  });
  if (choice === undefined) return undefined;
  return choice.id === undefined ? typedTarget() : { id: choice.id };
}

async function typedTarget(): Promise<ExplainRequest | undefined> {
  const typed = await vscode.window.showInputBox({
    title: `${TITLE} for which request?`,
    value: "GET /",
    prompt: "A method and a path, or a whole address",
    validateInput: (text) => (/^[A-Z]+ \S+$/.test(text) ? undefined : "Write a method and a path: GET /orders"),
  });
  const [method, url] = typed?.split(" ") ?? [];
  return method === undefined || url === undefined ? undefined : { method, url, headers: {} };
}

async function told(window: Window, target: MintTarget, result: Minted): Promise<void> {
  const { claims, key, expires, policies, field } = result;
  const minutes = Math.round((expires - Date.now()) / 60_000);
  const words = `Token copied: signed with ${key}, valid for ${minutes} min, passes ${policies.join(", ")}`;
  say(`$(key) ${words}.`);
  const replay = {
    label: "$(debug-rerun) Replay with This Token",
    description: `sends the request again, with it in ${field}`,
    act: "replay",
  };
  const show = { label: "$(json) Show Its Claims", description: claimWords(claims), act: "show" };
  const items = "id" in target ? [replay, show] : [show];
  const choice = await vscode.window.showQuickPick(items, { title: words, placeHolder: "It is on the clipboard." });
  if (choice?.act === "show") await window.texts.open("claims.json", "json", `${JSON.stringify(claims, null, 2)}\n`);
  if (choice?.act === "replay" && "id" in target) await replayWith(window, target.id, result);
}

function claimWords(claims: Readonly<Record<string, unknown>>): string {
  return Object.entries(claims)
    .filter(([name]) => name !== "iat" && name !== "exp")
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" · ");
}

/** The recorded request as it was, but for the field that carries the token. */
async function replayWith(window: Window, id: number, { field, value }: Minted): Promise<void> {
  const { gateway } = window.controller;
  const draft = await gateway.requestDraft(id);
  if (draft.kind === "refused") return tell(window, draft, "");
  const text = withField(draft.text, field, value);
  if (typeof text !== "string") return tell(window, { kind: "refused", message: text.message }, "");
  const words =
    text
      .split("\n")
      .find((line) => !line.startsWith("#"))
      ?.split(" ")
      .slice(0, 2)
      .join(" ") ?? "";
  if (mayChange(words.split(" ")[0]) && !(await mayGo(words))) return;
  await tell(window, await gateway.sendDraft(id, text), words);
}

/** @returns the draft with that field, or why it cannot be sent as it was recorded. */
function withField(draft: string, field: string, value: string): string | { readonly message: string } {
  const lines = draft.split("\n");
  const remarks = lines.findIndex((line) => !line.startsWith("#"));
  // Behind the first remark stands what was not kept of it.
  if (remarks > 1) return { message: `${lines[1].slice(2)} It was not sent; Edit and Resend… lets you write it.` };
  const end = lines.indexOf("", remarks);
  const head = lines
    .slice(remarks + 1, end)
    .filter((line) => !line.toLowerCase().startsWith(`${field.toLowerCase()}:`));
  return [...lines.slice(0, remarks + 1), ...head, `${field}: ${value}`, ...lines.slice(end)].join("\n");
}
