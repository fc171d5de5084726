/**
 * The filter box: highlighted text, suggestions with counts, and in words how the filter was understood.
 * Invalid text never replaces a valid filter: it stays in the box with its problem, and the rows keep what they obey.
 * Must not interpret the filter itself; the gateway does.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { FilterVerdict, Suggestion } from "../../src/contract/filter.ts";
import type { Connection } from "../channel/connection.ts";
import { PageElement } from "../parts/element.ts";
import { icon } from "../parts/icon.ts";
import { whole } from "../parts/words.ts";
import { pieces } from "./filter-pieces.ts";

/** Milliseconds of quiet before the text is asked about. */
const QUIET = 120;

export class FilterBox extends PageElement {
  static override properties = {
    connection: { attribute: false },
    value: { type: String },
    text: { state: true },
    verdict: { state: true },
    suggestions: { state: true },
    active: { state: true },
    focused: { state: true },
  };
  declare connection: Connection;
  /** The filter that the rows obey. */
  declare value: string;
  declare text: string;
  declare verdict: FilterVerdict | undefined;
  declare suggestions: readonly Suggestion[];
  declare active: number;
  declare focused: boolean;
  #timer = 0;
  #asked = 0;

  constructor() {
    super();
    this.value = "";
    this.text = "";
    this.suggestions = [];
    this.active = -1;
    this.focused = false;
  }

  protected override willUpdate(): void {
    if (!this.hasUpdated && this.text === "") this.text = this.value;
  }

  get #input(): HTMLInputElement {
    return this.renderRoot.querySelector("input")!;
  }

  override focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  /** Replaces the text, as a command or Alt+click does. */
  set(text: string): void {
    this.text = text;
    this.suggestions = [];
    void this.#ask(false);
  }

  /** Asks again how the text is understood: the gateway has come, or is another one. */
  refresh(): void {
    void this.#ask(false);
  }

  /** Adds a term to what stands there. */
  include(term: string, exclude: boolean): void {
    const wanted = exclude ? `-${term}` : term;
    const opposite = exclude ? term : `-${term}`;
    const terms = this.text.split(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/u).filter((had) => had !== "" && had !== opposite);
    if (!terms.includes(wanted)) terms.push(wanted);
    this.set(terms.join(" "));
  }

  #onInput(): void {
    this.text = this.#input.value;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#ask(true), QUIET);
  }

  /** Asks how the text is understood; a good one becomes the filter. Only the latest answer counts. */
  async #ask(withSuggestions: boolean): Promise<void> {
    await this.updateComplete;
    const { text } = this;
    const { gateway, state } = this.connection;
    if (state !== "ready") return;
    const asked = (this.#asked += 1);
    const caret = this.#input.selectionStart ?? text.length;
    try {
      const [verdict, suggestions] = await Promise.all([
        gateway.parseFilter(text),
        withSuggestions && this.focused ? gateway.suggest(text, caret) : [],
      ]);
      if (asked !== this.#asked) return;
      this.verdict = verdict;
      // An answer that comes between an arrow key and Enter must not take the choice away.
      const chosen = this.suggestions[this.active];
      this.suggestions = Array.isArray(suggestions) ? suggestions.slice(0, 12) : [];
      this.active = this.suggestions.findIndex(
        ({ insert, label }) => insert === chosen?.insert && label === chosen.label,
      );
      if (verdict?.ok === true && text !== this.value)
        this.dispatchEvent(new CustomEvent("filter", { detail: text, bubbles: true }));
    } catch {
      // Without an answer the filter stays what it was; the connection's own state says why.
    }
  }

  #accept(suggestion: Suggestion): void {
    const { start, insert } = suggestion;
    const input = this.#input;
    // What was typed after the suggestions were made belongs to the word that they complete.
    const end = Math.max(suggestion.end, input.selectionStart ?? 0);
    this.text = this.text.slice(0, start) + insert + this.text.slice(end);
    this.suggestions = [];
    this.active = -1;
    input.value = this.text;
    input.setSelectionRange(start + insert.length, start + insert.length);
    void this.#ask(/[:=~<>]$/u.test(insert));
    input.focus();
  }

  #onKey(event: KeyboardEvent): void {
    const count = this.suggestions.length;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.active = (this.active + step + count + (this.active === -1 && step === -1 ? 1 : 0)) % count;
    } else if (event.key === "ArrowDown" || (event.key === "Enter" && this.active === -1)) {
      event.preventDefault();
      this.suggestions = [];
      void this.#ask(false);
      this.dispatchEvent(new CustomEvent("leave", { bubbles: true }));
    } else if ((event.key === "Enter" || event.key === "Tab") && this.active !== -1) {
      event.preventDefault();
      const chosen = this.suggestions[this.active];
      if (chosen !== undefined) this.#accept(chosen);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (count > 0) this.suggestions = [];
      else this.dispatchEvent(new CustomEvent("leave", { bubbles: true }));
    }
  }

  #onFocus(): void {
    this.focused = true;
    void this.#ask(true);
  }

  #onBlur(): void {
    this.focused = false;
    this.suggestions = [];
  }

  #onScroll(): void {
    const paint = this.renderRoot.querySelector(".paint");
    if (paint !== null) paint.scrollLeft = this.#input.scrollLeft;
  }

  protected override render(): TemplateResult {
    const problem = this.verdict?.ok === false ? this.verdict.problem : undefined;
    const open = this.suggestions.length > 0;
    return html`<div class="filter ${problem !== undefined ? "invalid" : ""}">
        <div class="paint" aria-hidden="true">${this.#painted(problem)}</div>
        <input
          type="text"
          role="combobox"
          aria-label="Filter requests"
          aria-autocomplete="list"
          aria-expanded=${open}
          aria-controls="filter-suggestions"
          aria-invalid=${problem !== undefined}
          aria-describedby="filter-words"
          aria-activedescendant=${this.active === -1 ? nothing : `suggestion-${this.active}`}
          placeholder="Filter: is:rejected route:… status>=500"
          spellcheck="false"
          autocomplete="off"
          .value=${this.text}
          @input=${this.#onInput}
          @keydown=${this.#onKey}
          @focus=${this.#onFocus}
          @blur=${this.#onBlur}
          @scroll=${this.#onScroll}
        />
        ${
          this.text === ""
            ? nothing
            : html`<button
                class="bare clear"
                title="Clear Filter"
                aria-label="Clear Filter"
                @click=${() => this.set("")}
              >
                ${icon("close")}
              </button>`
        }
      </div>
      <div
        id="filter-words"
        class="filter-words ${problem !== undefined ? "problem" : ""}"
        ?hidden=${!this.#wordsShown}
      >
        ${problem?.message ?? this.verdict?.description ?? ""}
      </div>
      <ul id="filter-suggestions" class="suggestions" role="listbox" aria-label="Suggestions" ?hidden=${!open}>
        ${this.suggestions.map((suggestion, index) => this.#suggestion(suggestion, index))}
      </ul>`;
  }

  get #wordsShown(): boolean {
    if (this.verdict?.ok === false) return true;
    return this.focused && this.text.trim() !== "" && (this.verdict?.description ?? "") !== "";
  }

  #painted(problem: FilterVerdict["problem"]): TemplateResult[] {
    let at = 0;
    return pieces(this.text).map((piece) => {
      const start = at;
      at += piece.text.length;
      const wrong = problem !== undefined && start < problem.end && at > problem.start && piece.kind !== "space";
      return html`<span class="p-${piece.kind} ${wrong ? "wrong" : ""}">${piece.text}</span>`;
    });
  }

  #suggestion(suggestion: Suggestion, index: number): TemplateResult {
    return html`<li
      id="suggestion-${index}"
      role="option"
      aria-selected=${index === this.active}
      class=${index === this.active ? "active" : ""}
      @pointerdown=${(event: Event) => event.preventDefault()}
      @click=${() => this.#accept(suggestion)}
    >
      <span class="num">${suggestion.insert}</span>
      <span class="dim">${suggestion.label === suggestion.insert ? "" : suggestion.label}</span>
      <span class="num dim right">${suggestion.count < 0 ? "" : whole(suggestion.count)}</span>
    </li>`;
  }
}
