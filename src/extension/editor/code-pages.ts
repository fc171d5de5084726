/**
 * Where each diagnostic code and each kind is explained: the page, and the line in it.
 * Must not word anything: the page is derived from the declarations.
 */
import { readFileSync } from "node:fs";
import type * as vscode from "vscode";

export class CodePages {
  readonly #page: vscode.Uri;
  #lines: readonly string[] | undefined;

  constructor(page: vscode.Uri) {
    this.#page = page;
  }

  of(code: string): vscode.Uri {
    return this.#at((text) => text.includes(`id="${code.toLowerCase()}"`));
  }

  /** @param kind of a policy, or a part of the document: "routes". */
  ofKind(kind: string): vscode.Uri {
    return this.#at((text) => text.startsWith(`### ${kind}`));
  }

  #at(holds: (line: string) => boolean): vscode.Uri {
    this.#lines ??= readFileSync(this.#page.fsPath, "utf8").split("\n");
    const line = this.#lines.findIndex(holds) + 1;
    return line > 0 ? this.#page.with({ fragment: `L${line}` }) : this.#page;
  }
}
