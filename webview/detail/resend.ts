/**
 * Sending a recorded request again, for the page: asks once before a method that may change something is sent, says what
 * became of it, and names the row to be opened. Must not send by itself: the gateway does.
 */
import { mayChange } from "../../src/contract/methods.ts";
import type { DraftResult, SendResult } from "../../src/contract/sending.ts";
import type { Row } from "../../src/contract/traffic.ts";
import { askEdited, askResend } from "../parts/dialogs.ts";

export interface ResendPlace {
  readonly parent: HTMLElement;
  say(text: string): void;
  open(id: number): void;
}

interface EditGateway {
  requestDraft(id: number): Promise<DraftResult>;
  sendDraft(id: number, text: string): Promise<SendResult>;
}

export class Resend {
  readonly #place: ResendPlace;
  /** Unsafe methods were allowed, until the page is closed. */
  #allowed = false;

  constructor(place: ResendPlace) {
    this.#place = place;
  }

  async replay(row: Row, send: (id: number) => Promise<SendResult>): Promise<void> {
    const words = `${row.method} ${row.path}`;
    if (!(await this.#mayGo(row.method, words))) return;
    this.#place.say(`Sending ${words} again …`);
    try {
      this.#tell(await send(row.id), words);
    } catch (error) {
      this.#place.say(`Not sent again: ${(error as Error).message}`);
    }
  }

  /** Shows the text until it was sent or given up; what is wrong with it stands beneath. */
  async edit(id: number, gateway: EditGateway): Promise<void> {
    try {
      const draft = await gateway.requestDraft(id);
      if (draft.kind === "refused") return this.#place.say(draft.message);
      let { text } = draft;
      for (let problem = ""; ;) {
        const edited = await askEdited(this.#place.parent, text, problem);
        if (edited === undefined) return;
        text = edited;
        const words = text
          .replaceAll(/^#.*\n/gmu, "")
          .split(" ", 2)
          .join(" ");
        if (!(await this.#mayGo(words.split(" ", 1)[0] ?? "", words))) continue;
        const result = await gateway.sendDraft(id, text);
        if (result.kind !== "invalid") return this.#tell(result, words);
        problem = `Line ${result.line}: ${result.message}`;
      }
    } catch (error) {
      this.#place.say(`Not sent: ${(error as Error).message}`);
    }
  }

  async #mayGo(method: string, words: string): Promise<boolean> {
    if (!mayChange(method)) return true;
    this.#allowed ||= await askResend(this.#place.parent, words);
    return this.#allowed;
  }

  #tell(result: SendResult, words: string): void {
    if (result.kind !== "sent") return this.#place.say(result.message);
    const outcome = result.status === 0 ? "sent; no answer yet" : `answered ${result.status}`;
    if (result.id === 0) return this.#place.say(`${words} ${outcome}; nothing is recorded at the moment.`);
    this.#place.say(`${words} ${outcome}`);
    this.#place.open(result.id);
  }
}
