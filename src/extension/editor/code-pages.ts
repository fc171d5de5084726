/**
 * Where each diagnostic code is explained: the page, and the line of the code in it.
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
    this.#lines ??= readFileSync(this.#page.fsPath, "utf8").split("\n");
    const line = this.#lines.findIndex((text) => text.includes(`id="${code.toLowerCase()}"`)) + 1;
    return line > 0 ? this.#page.with({ fragment: `L${line}` }) : this.#page;
  }
}
