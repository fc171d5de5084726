/**
 * What the language-model tools of this window do: the same four tools as `switchyard mcp`, over the extension's own
 * channel. An edit is asked about first, made in the editor, and left unsaved.
 * Must not act for a model that the person did not let: VS Code asks by what `prepare` says.
 */
import * as vscode from "vscode";
import { callTool } from "../../agents/call.ts";
import { manifestName, TOOLS, type ToolDeclaration } from "../../agents/declarations.ts";
import type { Window } from "../window.ts";
import { EditorWorld } from "./editor-world.ts";

export async function invoke(window: Window, name: string, input: unknown): Promise<vscode.LanguageModelToolResult> {
  const answer = await callTool(new EditorWorld(window), toolOf(name).name, input);
  const text = answer.ok ? JSON.stringify(answer.value) : answer.message;
  return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
}

export function prepare(name: string, input: object): vscode.PreparedToolInvocation {
  const { title } = toolOf(name);
  const invocationMessage = `Switchyard: ${title}`;
  const { apply } = input as { readonly apply?: unknown };
  if (apply === undefined) return { invocationMessage };
  // What a model wrote is shown as text, never read as Markdown.
  const message = new vscode.MarkdownString()
    .appendText(`Makes this edit in the editor: "${String(apply).slice(0, 200)}". `)
    .appendText("It can be undone, and the gateway applies it only when you save.");
  return { invocationMessage, confirmationMessages: { title: "Edit the Switchyard policy?", message } };
}

function toolOf(name: string): ToolDeclaration {
  const tool = TOOLS.find((one) => manifestName(one) === name);
  if (tool === undefined) throw new Error(`Switchyard has no tool ${name}.`);
  return tool;
}
