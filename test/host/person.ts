/**
 * The person at the window: answers what the extension asks, in the order that a test says, and remembers what was said.
 * Exists because VS Code lets no extension see its pickers and messages. Must not answer anything by itself: a question
 * that no test expects fails the command that asked it.
 */
import * as vscode from "vscode";

type Answer =
  | { readonly how: "picks"; readonly text: string }
  | { readonly how: "keeps"; readonly text: string }
  | { readonly how: "types"; readonly text: string }
  | { readonly how: "presses"; readonly text: string }
  | { readonly how: "chooses"; readonly text: string };

/** What is common to the parameters of VS Code's three kinds of message. */
type MessagePart = string | vscode.MessageOptions | vscode.MessageItem;

class Person {
  readonly #answers: Answer[] = [];
  /** Messages, notes in the status bar and questions, oldest first. */
  readonly said: string[] = [];

  /** Takes the first row of the next list that holds `text`. */
  picks(text: string): this {
    this.#answers.push({ how: "picks", text });
    return this;
  }

  /** Takes the rows of the next list that are checked already. */
  keeps(): this {
    this.#answers.push({ how: "keeps", text: "" });
    return this;
  }

  /** Writes into the next box. */
  types(text: string): this {
    this.#answers.push({ how: "types", text });
    return this;
  }

  /** Chooses a file, to be opened or to be written. */
  chooses(path: string): this {
    this.#answers.push({ how: "chooses", text: path });
    return this;
  }

  /** Presses a button of the next message. */
  presses(text: string): this {
    this.#answers.push({ how: "presses", text });
    return this;
  }

  /** What was said that holds `text`. */
  heard(text: string): string | undefined {
    return this.said.findLast((one) => one.includes(text));
  }

  /** Forgets what was said; throws when an answer was never asked for. */
  forget(): void {
    const left = this.#answers.splice(0);
    this.said.length = 0;
    if (left.length > 0)
      throw new Error(`nobody asked for: ${left.map(({ how, text }) => `${how} ${text}`).join(", ")}`);
  }

  /** Puts the person before VS Code's own pickers and messages. */
  sitDown(): void {
    Object.assign(vscode.window, {
      showQuickPick: async (offered: unknown, options?: vscode.QuickPickOptions) =>
        this.#pick((await offered) as (string | vscode.QuickPickItem)[], options),
      showInputBox: (options?: vscode.InputBoxOptions) => this.#type(options),
      showOpenDialog: (options?: vscode.OpenDialogOptions) => Promise.resolve([this.#choose(options?.title)]),
      showSaveDialog: (options?: vscode.SaveDialogOptions) => Promise.resolve(this.#choose(options?.title)),
      showErrorMessage: (text: string, ...parts: MessagePart[]) => this.#read(text, parts),
      showWarningMessage: (text: string, ...parts: MessagePart[]) => this.#read(text, parts),
      showInformationMessage: (text: string, ...parts: MessagePart[]) => this.#read(text, parts),
      setStatusBarMessage: (text: string) => {
        this.said.push(text);
        return new vscode.Disposable(() => {});
      },
    });
  }

  #next(hows: readonly Answer["how"][], question: string): Answer {
    this.said.push(question);
    const answer = this.#answers.shift();
    if (answer === undefined || !hows.includes(answer.how))
      throw new Error(`"${question}" was asked, but the test ${answer?.how ?? "expects nothing"}`);
    return answer;
  }

  #choose(title: string | undefined): vscode.Uri {
    return vscode.Uri.file(this.#next(["chooses"], title ?? "which file?").text);
  }

  async #pick(
    items: readonly (string | vscode.QuickPickItem)[],
    options: vscode.QuickPickOptions | undefined,
  ): Promise<unknown> {
    const lines = items.map((item) =>
      typeof item === "string" ? item : [item.label, item.description, item.detail].filter(Boolean).join(" "),
    );
    const many = options?.canPickMany === true;
    const { how, text } = this.#next(
      many ? ["picks", "keeps"] : ["picks"],
      options?.title ?? options?.placeHolder ?? "which?",
    );
    this.said.push(...lines);
    if (how === "keeps") return items.filter((item) => typeof item !== "string" && item.picked === true);
    const at = lines.findIndex((line) => line.includes(text));
    if (at < 0) throw new Error(`no row holds "${text}":\n${lines.join("\n")}`);
    return many ? [items[at]] : items[at];
  }

  async #type(options: vscode.InputBoxOptions | undefined): Promise<string> {
    const { text } = this.#next(["types"], options?.title ?? options?.prompt ?? "what?");
    const problem = await options?.validateInput?.(text);
    if (problem) throw new Error(`"${text}" is refused: ${JSON.stringify(problem)}`);
    return text;
  }

  #read(text: string, parts: readonly MessagePart[]): Promise<string | undefined> {
    this.said.push(text, ...parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part))));
    if (this.#answers[0]?.how !== "presses") return Promise.resolve(undefined);
    const { text: button } = this.#answers.shift() as Answer;
    if (!parts.includes(button)) throw new Error(`"${text}" has no button "${button}"`);
    return Promise.resolve(button);
  }
}

export const person = new Person();
