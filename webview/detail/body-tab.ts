/**
 * The bodies of a request: one side and one perspective at a time (pretty, raw, hex), with how much was captured.
 * Big ones open as a document. Must not guess: what cannot be decoded here is said to be so.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { unsafeHTML } from "lit/directives/unsafe-html.js";
import type { BodyView, Detail } from "../../src/contract/detail.ts";
import type { Host } from "../channel/host.ts";
import { PageElement } from "../parts/element.ts";
import { icon } from "../parts/icon.ts";
import { bytes as bytesWords } from "../parts/words.ts";
import { decodeBase64, decompress, hexDump, indentJson, languageOf, looksBinary } from "./body-text.ts";
import { highlight } from "./highlight.ts";

type Perspective = "pretty" | "raw" | "hex";
type Side = "request" | "response";

const TEXT = new TextDecoder();
/** Bytes of a dump that are drawn before somebody asks for the rest: each line of it is sixteen. */
const HEX_AT_ONCE = 16_384;

export class BodyTab extends PageElement {
  static override properties = {
    detail: { attribute: false },
    host: { attribute: false },
    side: { state: true },
    perspective: { state: true },
    decoded: { state: true },
    whole: { state: true },
  };
  declare detail: Detail;
  declare host: Host;
  declare side: Side;
  declare perspective: Perspective | undefined;
  /** undefined = cannot be decoded here. */
  declare decoded:
    { readonly body: BodyView; readonly bytes: Uint8Array | undefined; readonly wire: Uint8Array } | undefined;

  /** More of a long body than its beginning is drawn. */
  declare whole: boolean;

  constructor() {
    super();
    this.side = "response";
    this.whole = false;
  }

  get #body(): BodyView {
    return this.side === "request" ? this.detail.requestBody : this.detail.responseBody;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("detail") && this.detail.responseBody.size === 0 && this.detail.requestBody.size > 0)
      this.side = "request";
    if (this.decoded?.body !== this.#body) void this.#decode(this.#body);
  }

  async #decode(body: BodyView): Promise<void> {
    if (body.base64 === undefined) return;
    const wire = decodeBase64(body.base64);
    const bytes = await decompress(wire, body.contentEncoding);
    if (body === this.#body) this.decoded = { body, bytes, wire };
  }

  protected override render(): TemplateResult {
    const body = this.#body;
    return html`<div class="body-tab">
      <div class="switches">
        ${this.#choice("Side", this.side, ["request", "response"], (side) => {
          this.side = side;
          this.perspective = undefined;
          this.whole = false;
        })}
        ${this.#choice("Perspective", this.#shown, ["pretty", "raw", "hex"], (perspective) => {
          this.perspective = perspective;
        })}
      </div>
      <p class="note">${this.#size(body)}</p>
      ${this.#notKept(body)} ${this.#content(body)}
    </div>`;
  }

  #choice<Value extends string>(
    label: string,
    current: Value,
    values: readonly Value[],
    choose: (value: Value) => void,
  ): TemplateResult {
    return html`<div class="segments" role="group" aria-label=${label}>
      ${values.map(
        (value) =>
          html`<button aria-pressed=${value === current} class="segment" @click=${() => choose(value)}>
            ${value[0]?.toUpperCase()}${value.slice(1)}
          </button>`,
      )}
    </div>`;
  }

  get #shown(): Perspective {
    if (this.perspective !== undefined) return this.perspective;
    const decoded = this.decoded?.body === this.#body ? this.decoded : undefined;
    if (decoded === undefined) return "pretty";
    return decoded.bytes === undefined || looksBinary(decoded.bytes) ? "hex" : "pretty";
  }

  #size(body: BodyView): string {
    const kind = body.contentType === "" ? "no content type" : body.contentType;
    const encoded = body.contentEncoding === "" ? "" : `, ${body.contentEncoding}`;
    return body.size === 0 ? "" : `${kind}${encoded} · ${bytesWords(body.size)}`;
  }

  /** Only the beginning passes through the recorder: the rest went to the other side, and nobody can load it from here. */
  #notKept(body: BodyView): TemplateResult | typeof nothing {
    if (body.captured >= body.size || body.evicted || body.base64 === undefined) return nothing;
    const { curl, imported } = this.detail;
    const rest = bytesWords(body.size - body.captured);
    return html`<div class="not-kept" role="note">
      ${icon("warning")}
      <span
        ><b>The first ${bytesWords(body.captured)} were kept, ${rest} were not.</b> The rest passed by and cannot be
        loaded.</span
      >
      ${
        curl === "" || imported !== undefined || this.side === "request"
          ? nothing
          : html`<button
              title="A command that asks for it once more and gets all of it"
              @click=${() => this.host.copyText(curl)}
            >
              ${icon("copy")} Copy cURL
            </button>`
      }
    </div>`;
  }

  #content(body: BodyView): TemplateResult {
    if (body.evicted) return html`<p class="note">The body has left the ring to make room for newer ones.</p>`;
    if (body.size === 0) return html`<p class="note">No ${this.side} body.</p>`;
    if (body.base64 === undefined) return html`<p class="note">This body was not captured.</p>`;
    const decoded = this.decoded?.body === body ? this.decoded : undefined;
    if (decoded === undefined) return html`<p class="note">Decoding…</p>`;
    const shown = this.#shown;
    if (shown === "hex") {
      const bytes = decoded.bytes ?? decoded.wire;
      return this.#text(hexDump(bytes, this.whole ? bytes.length : HEX_AT_ONCE), nothing, bytes.length - HEX_AT_ONCE);
    }
    if (decoded.bytes === undefined)
      return html`<p class="note">
        A body encoded as ${body.contentEncoding} cannot be decoded here; Hex shows its bytes.
      </p>`;
    const language = languageOf(body.contentType);
    const raw = TEXT.decode(decoded.bytes);
    const text = shown === "pretty" && language === "json" ? indentJson(raw) : raw;
    const coloured = shown === "pretty" && language !== "plain" ? unsafeHTML(highlight(text, language)) : nothing;
    return this.#text(text, coloured);
  }

  /** @param more bytes that are kept and were not drawn at first. */
  #text(text: string, coloured: ReturnType<typeof unsafeHTML> | typeof nothing, more = 0): TemplateResult {
    return html`<pre class="body num" tabindex="0" aria-label="${this.side} body">
${coloured === nothing ? text : coloured}</pre>
      <div class="btns">
        ${
          more > 0 && !this.whole
            ? html`<button @click=${() => (this.whole = true)}>Load Rest (${bytesWords(more)})</button>`
            : nothing
        }
        <button @click=${() => this.host.copyText(text)}>${icon("copy")} Copy</button>
        <button @click=${() => this.#openAsText(text)}>
          ${icon("go-to-file")} ${this.host.place === "browser" ? "Save" : "Open as Text"}
        </button>
      </div>`;
  }

  #openAsText(text: string): void {
    const language = languageOf(this.#body.contentType);
    this.host.openText(`${this.side}-${this.detail.row.id}`, language === "plain" ? "plaintext" : language, text);
  }
}
