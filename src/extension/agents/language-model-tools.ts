/**
 * The tools that language models in this window may call: registered by the names in the manifest, loaded when the first
 * is called. Must stay small: it is part of every window that opens a policy file.
 */
import * as vscode from "vscode";
import type { Window } from "../window.ts";

interface Manifest {
  readonly contributes: { readonly languageModelTools: readonly { readonly name: string }[] };
}

export function registerLanguageModelTools(window: Window): vscode.Disposable {
  const { languageModelTools } = (window.context.extension.packageJSON as Manifest).contributes;
  const load = () => import("./agent-tools.ts");
  return vscode.Disposable.from(
    ...languageModelTools.map(({ name }) =>
      vscode.lm.registerTool<object>(name, {
        prepareInvocation: async ({ input }) => (await load()).prepare(name, input),
        invoke: async ({ input }) => (await load()).invoke(window, name, input),
      }),
    ),
  );
}
