/**
 * Read-only texts that exist only in this window: a request in words, a captured body, the policy that serves.
 * Must not keep more than the last few.
 */
import * as vscode from "vscode";

const SCHEME = "switchyard";
const KEPT = 20;

export class TextDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #texts = new Map<string, string>();
  readonly #registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  #count = 0;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? "This text is no longer kept. Open it again from the traffic table.";
  }

  /** A document that shows `text` under `title`. */
  add(title: string, text: string): vscode.Uri {
    this.#count += 1;
    const name = title.replaceAll(/[^\w.\- ]+/g, "-").slice(0, 60) || "text";
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${this.#count}/${name}` });
    this.#texts.set(uri.toString(), text);
    for (const old of this.#texts.keys()) {
      if (this.#texts.size <= KEPT) break;
      this.#texts.delete(old);
    }
    return uri;
  }

  async open(title: string, language: string, text: string): Promise<void> {
    const document = await vscode.workspace.openTextDocument(this.add(title, text));
    const known = await vscode.languages.getLanguages();
    if (known.includes(language)) await vscode.languages.setTextDocumentLanguage(document, language);
    await vscode.window.showTextDocument(document, { preview: true });
  }

  dispose(): void {
    this.#registration.dispose();
    this.#texts.clear();
  }
}
