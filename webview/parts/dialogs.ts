/**
 * The few things that come up over the page: the list of keys, the question before secrets are shown, the menu of
 * columns. A webview has no window.confirm; these are native dialogs and popovers.
 * Must not do anything by themselves: they answer.
 */
import { html, nothing, render, type TemplateResult } from "lit";
import type { ViewSettings } from "../channel/host.ts";
import { COLUMNS, shownColumns } from "../traffic/columns.ts";
import { icon } from "./icon.ts";

const KEYS: readonly (readonly [string, string])[] = [
  ["↑ ↓ or k j", "previous, next request"],
  ["Enter", "open the decision"],
  ["Esc", "back to the list"],
  ["/", "filter"],
  ["f", "freeze the view"],
  ["End", "newest, and follow"],
  ["p", "pin: keep it when the ring lets go of it"],
  ["w", "line of the policy that decided"],
  ["c", "copy as cURL"],
  ["r", "send again through the gateway"],
  ["e", "edit and send"],
  ["[ ]", "previous, next tab"],
  ["Tab to the head", "← → from column to column, Enter sorts"],
  ["Shift+← →", "move the column"],
  ["+ − 0", "wider, narrower, own width"],
  ["Alt+click", "only requests like this cell"],
  ["Alt+Shift+click", "without requests like this cell"],
  ["Ctrl+Z", "take back what was just done to a bucket"],
  ["F1 or ?", "this list"],
];

/** Resolves with the value of the button that closed it; "" for Escape. */
function show(parent: HTMLElement, label: string, content: TemplateResult): Promise<string> {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", label);
  render(html`<form method="dialog">${content}</form>`, dialog);
  parent.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

export async function keyHelp(parent: HTMLElement): Promise<void> {
  await show(
    parent,
    "Keys",
    html`<h2>Keys</h2>
      <dl class="keys">
        ${KEYS.map(
          ([key, words]) =>
            html`<dt><kbd>${key}</kbd></dt>
              <dd>${words}</dd>`,
        )}
      </dl>
      <div class="btns"><button class="primary" value="">Close</button></div>`,
  );
}

export async function askReveal(parent: HTMLElement): Promise<boolean> {
  const answer = await show(
    parent,
    "Reveal secrets",
    html`<h2>Show secrets?</h2>
      <p>
        Authorization, cookies and API keys of this request will be readable on the screen and in what you copy. This is
        asked once, until the page is closed.
      </p>
      <div class="btns">
        <button class="primary" value="yes">Show Secrets</button>
        <button value="" autofocus>Cancel</button>
      </div>`,
  );
  return answer === "yes";
}

/** @param words "POST /orders/77" */
export async function askResend(parent: HTMLElement, words: string): Promise<boolean> {
  const answer = await show(
    parent,
    "Send again",
    html`<h2>Really send ${words}?</h2>
      <p>
        It goes through the gateway to a service, which may act on it once more. This is asked once, until the page is
        closed.
      </p>
      <div class="btns">
        <button class="primary" value="yes">Send Again</button>
        <button value="" autofocus>Cancel</button>
      </div>`,
  );
  return answer === "yes";
}

/** @returns the text as it was edited; undefined when it was given up. @param problem of the text as it stands. */
export async function askEdited(parent: HTMLElement, text: string, problem: string): Promise<string | undefined> {
  let edited = text;
  const answer = await show(
    parent,
    "Edit and resend",
    html`<h2>Edit and resend</h2>
      <textarea
        class="draft num"
        aria-label="HTTP request"
        aria-invalid=${problem === "" ? "false" : "true"}
        rows="16"
        cols="72"
        spellcheck="false"
        autofocus
        .value=${text}
        @input=${(event: Event) => (edited = (event.target as HTMLTextAreaElement).value)}
      ></textarea>
      <p role="alert">${problem}</p>
      <div class="btns">
        <button class="primary" value="yes">Send</button>
        <button value="">Cancel</button>
      </div>`,
  );
  return answer === "yes" ? edited : undefined;
}

/** @returns undefined when it was given up. @param most of the bucket; `left` is what stands there at first. */
export async function askLeft(
  parent: HTMLElement,
  key: string,
  left: number,
  most: number,
): Promise<number | undefined> {
  let given = Math.floor(left);
  const answer = await show(
    parent,
    "Set bucket",
    html`<h2>What is left for ${key}?</h2>
      <p>
        <input
          type="number"
          aria-label="Left, 0 to ${most}"
          min="0"
          max=${most}
          step="1"
          required
          autofocus
          .value=${String(given)}
          @input=${(event: Event) => (given = (event.target as HTMLInputElement).valueAsNumber)}
        />
        of ${most}
      </p>
      <div class="btns">
        <button class="primary" value="yes">Set</button>
        <button value="" formnovalidate>Cancel</button>
      </div>`,
  );
  return answer === "yes" && given >= 0 && given <= most ? given : undefined;
}

interface MenuActions {
  remember(settings: ViewSettings): void;
  clear(): void;
  /** What the filter shows. */
  clearFiltered(): void;
  importHar(): void;
  /** The requests that the filter lets through, as an HTTP Archive. */
  exportHar(): void;
  help(): void;
}

function closeMenu(event: Event): void {
  (event.currentTarget as HTMLElement).closest<HTMLElement>("[popover]")?.hidePopover();
}

/** A line of the menu that does something and closes it. */
function menuItem(glyph: string, words: string, act: () => void, title?: string): TemplateResult {
  return html`<button
    class="item"
    title=${title ?? nothing}
    @click=${(event: Event) => {
      closeMenu(event);
      act();
    }}
  >
    ${icon(glyph)} ${words}
  </button>`;
}

/** The ⋯ menu: columns, order, clear, keys. */
export function columnsMenu(
  settings: ViewSettings,
  width: number,
  filter: string,
  actions: MenuActions,
): TemplateResult {
  const shown = new Set(shownColumns(settings, width).map((column) => column.name));
  const toggle = (name: string): void =>
    actions.remember({
      ...settings,
      columns: { ...settings.columns, [name]: { ...settings.columns?.[name], shown: !shown.has(name) } },
    });
  return html`<button class="bare" popovertarget="more-menu" aria-label="More" title="Columns, order, export, clear">
      ${icon("ellipsis")}
    </button>
    <div id="more-menu" class="menu" popover>
      ${menuItem("go-to-file", "Export HAR", () => actions.exportHar())}
      ${menuItem("archive", "Import HAR…", () => actions.importHar())}
      ${menuItem("trash", "Clear Traffic", () => actions.clear())}
      ${
        filter === ""
          ? ""
          : menuItem(
              "filter",
              "Clear Filtered",
              () => actions.clearFiltered(),
              `Of the requests that match ${filter}; pinned ones stay`,
            )
      }
      ${menuItem("question", "Keys", () => actions.help())}
      <button
        class="item"
        aria-pressed=${settings.newestFirst === true}
        @click=${() => actions.remember({ ...settings, newestFirst: settings.newestFirst !== true })}
      >
        ${icon(settings.newestFirst === true ? "check" : "")} Newest First
      </button>
      ${
        width < 560
          ? ""
          : html`<p class="menu-title">Columns</p>
              ${COLUMNS.map(
                (column) =>
                  html`<button class="item" aria-pressed=${shown.has(column.name)} @click=${() => toggle(column.name)}>
                    ${icon(shown.has(column.name) ? "check" : "")} ${column.title}
                  </button>`,
              )}
              <button class="item" @click=${() => actions.remember({ ...settings, columns: {}, order: [] })}>
                ${icon("refresh")} Default Columns
              </button>`
      }
    </div>`;
}
