/**
 * What the tools stand on in this window: the gateway that it runs, and the policy as it stands in the editor.
 * Must not start a gateway, save a document or reveal a secret.
 */
import { createHash } from "node:crypto";
import * as vscode from "vscode";
import { conceal } from "../../agents/conceal.ts";
import {
  AgentProblem,
  trafficOf,
  type AgentPolicy,
  type AgentTraffic,
  type AgentWorld,
  type EditMade,
} from "../../agents/world.ts";
import type { ExplainRequest } from "../../contract/explaining.ts";
import type { Detail } from "../../contract/detail.ts";
import type { PassingFix } from "../../contract/what-if.ts";
import type { GatewayCalls } from "../controller.ts";
import type { PolicySecrets } from "../editor/policy-secrets.ts";
import { policyOf, type Window } from "../window.ts";

export class EditorWorld implements AgentWorld {
  readonly edit: AgentWorld["edit"];
  readonly #window: Window;

  constructor(window: Window) {
    this.#window = window;
    this.edit = vscode.workspace.isTrusted ? (edits, mark) => this.#edit(edits, mark) : undefined;
  }

  async traffic(): Promise<AgentTraffic> {
    return trafficOf(this.#gateway());
  }

  async explain(request: ExplainRequest): Promise<Detail> {
    return this.#gateway().explain(request);
  }

  async policy(): Promise<AgentPolicy> {
    const document = await this.#document();
    const text = document.getText();
    return { file: vscode.workspace.asRelativePath(document.uri), text, mark: markOf(text) };
  }

  async problem(text: string): Promise<PolicySecrets["problem"]> {
    return (await this.#secrets(text)).problem;
  }

  async secrets(text: string): Promise<readonly string[]> {
    const { values, problem } = await this.#secrets(text);
    if (problem === undefined) return values;
    const { line, message } = problem;
    throw new AgentProblem(
      `The policy in the editor cannot be used as it is. Line ${line}: ${message}`,
      "Have that mended first.",
    );
  }

  /** Without a policy there are none to hide. */
  async conceal<T>(value: T): Promise<T> {
    const policy = await this.policy().catch(() => undefined);
    return policy === undefined ? value : conceal(value, (await this.#secrets(policy.text)).values);
  }

  async #secrets(text: string): Promise<PolicySecrets> {
    const [document, language] = await Promise.all([this.#document(), import("../language.ts")]);
    return language.secretsIn(text, document.fileName);
  }

  #gateway(): GatewayCalls {
    const { controller } = this.#window;
    if (controller.running) return controller.gateway;
    throw new AgentProblem(
      "The gateway does not run in this window, so nothing is recorded or decided.",
      'Ask the person to run the command "Switchyard: Start Gateway" and to send requests through it, then call again.',
    );
  }

  async #document(): Promise<vscode.TextDocument> {
    const policy = await policyOf(this.#window);
    if (policy !== undefined) return vscode.workspace.openTextDocument(policy.uri);
    throw new AgentProblem(
      "This window has no policy file, or the person chose none.",
      "A policy is a file switchyard.yaml in an open folder.",
    );
  }

  async #edit(edits: PassingFix["edits"], mark: string): Promise<EditMade> {
    const document = await this.#document();
    if (markOf(document.getText()) !== mark)
      throw new AgentProblem("The policy has changed meanwhile.", "Call the tool without apply again.");
    const change = new vscode.WorkspaceEdit();
    for (const { offset, endOffset, newText } of edits)
      change.replace(
        document.uri,
        new vscode.Range(document.positionAt(offset), document.positionAt(endOffset)),
        newText,
      );
    await vscode.window.showTextDocument(document, { preserveFocus: true });
    if (!(await vscode.workspace.applyEdit(change)))
      throw new AgentProblem("The editor did not take the edit.", "Tell the person.");
    return {
      mark: markOf(document.getText()),
      sentence: "Made in the editor and not saved: the gateway applies it when the person saves.",
    };
  }
}

function markOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
