/**
 * "Trust Local CA…" and "Untrust Local CA…": tells exactly what would be changed, asks, and then runs it in a terminal
 * where it can be seen. Must not change a trust store without the question.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { trustSteps, untrustSteps, type TrustStep } from "../../contract/trust.ts";
import { say, type Window } from "../window.ts";

interface LocalCa {
  readonly file: string;
  readonly fingerprint: string;
  readonly sha1: string;
}

async function localCa({ context }: Window): Promise<LocalCa> {
  const script = context.asAbsolutePath("dist/cli.js");
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
  const { stdout } = await promisify(execFile)(process.execPath, [script, "ca", "--json"], { env });
  return JSON.parse(stdout) as LocalCa;
}

export async function trust(window: Window): Promise<void> {
  const ca = await localCa(window);
  const steps = trustSteps(process.platform, ca.file);
  const limits =
    "It vouches only for names that nobody on the internet can own (localhost, .test, .local and the like) and for this machine's loopback addresses. Its key stays in your data folder, readable by you alone. “Untrust Local CA…” takes this back.";
  await ask("Trust the development CA of Switchyard?", `${limits}\n\nSHA-256 ${ca.fingerprint}`, steps);
}

export async function untrust(window: Window): Promise<void> {
  const ca = await localCa(window);
  const steps = untrustSteps(process.platform, ca.file, ca.sha1);
  await ask(
    "Stop trusting the development CA of Switchyard?",
    "The CA itself stays: `switchyard ca remove` deletes it.",
    steps,
  );
}

async function ask(question: string, more: string, steps: readonly TrustStep[]): Promise<void> {
  const list = steps.map(({ what, command }, i) => `${i + 1}. ${what}:\n${command}`).join("\n\n");
  const detail = `${more}\n\nThis will be typed into a terminal:\n\n${list}`;
  const copy = "Copy Commands";
  const run = steps.length === 1 ? "Run in Terminal" : "Run All in Terminal";
  const choice = await vscode.window.showWarningMessage(question, { modal: true, detail }, run, copy);
  if (choice === copy) {
    await vscode.env.clipboard.writeText(steps.map(({ command }) => command).join("\n"));
    say("$(copy) Copied.");
  } else if (choice === run) {
    const terminal = vscode.window.createTerminal("Switchyard CA");
    terminal.show();
    for (const { command } of steps) terminal.sendText(command);
  }
}
