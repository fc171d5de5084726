/**
 * Header fields on their journey, station by station: what the client sent, what the policies made of it, what the
 * backend was sent; then what it answered, what the policies made of that, and what the client got. A value stands once
 * and reaches over the stations where it stayed the same; where it changed, it names the policy and its line.
 * Must not unmask: masked values arrive masked.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Detail, FieldJourney } from "../../src/contract/detail.ts";
import { breakable } from "../parts/words-break.ts";
import { placeLink, type OpenPlace } from "../parts/place.ts";

type Word = "unchanged" | "added" | "removed" | "changed";

const MARKS: Readonly<Record<Word, string>> = { unchanged: "=", added: "+", removed: "−", changed: "~" };

interface Station {
  readonly title: string;
  value(field: FieldJourney): string | undefined;
}

const CLIENT: Station = { title: "Client", value: (field) => field.client };
const POLICIES: Station = { title: "Policies", value: (field) => field.gateway };
const BACKEND: Station = { title: "Backend", value: (field) => field.upstream };
const REPLY: Station = { title: "Client", value: (field) => field.reply };

export function headersTab(detail: Detail, open: OpenPlace): TemplateResult {
  if (detail.row.evicted) return html`<p class="note">The header block has left the ring; the decision is kept.</p>`;
  const request = detail.fields.filter((field) => field.side === "request");
  const response = detail.fields.filter((field) => field.side === "response");
  // A refused request ended in the gateway, and so did its answer begin there.
  const forwarded = request.some((field) => field.upstream !== undefined);
  const answered = response.some((field) => field.upstream !== undefined);
  return html`<div class="headers">
    ${side("Request", request, forwarded ? [CLIENT, POLICIES, BACKEND] : [CLIENT], open)}
    ${side("Response", response, answered ? [BACKEND, POLICIES, REPLY] : [REPLY], open)}
  </div>`;
}

function side(
  title: string,
  fields: readonly FieldJourney[],
  stations: readonly Station[],
  open: OpenPlace,
): TemplateResult {
  if (fields.length === 0)
    return html`<h2 class="lane">${title}</h2>
      <p class="note">No fields.</p>`;
  return html`<table class="fields" aria-label="${title} fields">
    <thead>
      <tr>
        <th scope="col">${title}</th>
        ${stations.map(({ title: station }, i) => html`<th scope="col">${i === 0 ? "" : "→ "}${station}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${fields.map((field) => fieldRow(field, stations, open))}
    </tbody>
  </table>`;
}

/** A value and the stations at which it was the same. */
interface Stretch {
  readonly value: string | undefined;
  readonly first: number;
  length: number;
  readonly word: Word;
}

function stretchesOf(field: FieldJourney, stations: readonly Station[]): Stretch[] {
  const stretches: Stretch[] = [];
  stations.forEach((station, first) => {
    const value = station.value(field);
    const last = stretches.at(-1);
    if (last !== undefined && last.value === value) last.length++;
    else
      stretches.push({ value, first, length: 1, word: last === undefined ? "unchanged" : wordOf(last.value, value) });
  });
  return stretches;
}

function wordOf(before: string | undefined, after: string | undefined): Word {
  if (before === undefined) return "added";
  return after === undefined ? "removed" : "changed";
}

function fieldRow(field: FieldJourney, stations: readonly Station[], open: OpenPlace): TemplateResult {
  const stretches = stretchesOf(field, stations);
  const word = stretches.length === 1 ? "unchanged" : wordOf(stretches[0]?.value, stretches.at(-1)?.value);
  const mark = stations.length === 1 ? "" : MARKS[word];
  return html`<tr class=${word}>
    <th scope="row" class="num">
      <span class="mark" aria-hidden="true">${mark}</span>${field.name}<span class="unseen"> ${word}</span>
    </th>
    ${stretches.map(
      (stretch) =>
        html`<td
          class="num ${stretch.word}"
          colspan=${stretch.length}
          data-station=${stations[stretch.first]?.title ?? ""}
        >
          ${stretch.value ?? html`<span class="dim">${stretch.word === "removed" ? "removed" : "–"}</span>`}
          ${stretch.word === "unchanged" ? nothing : owner(field, stretch, stretches, open)}
        </td>`,
    )}
  </tr>`;
}

/** The policies act before the gateway's own changes: of two changes to a request the second is the gateway's. */
function owner(
  field: FieldJourney,
  stretch: Stretch,
  stretches: readonly Stretch[],
  open: OpenPlace,
): TemplateResult | typeof nothing {
  const gatewayToo = field.location !== undefined && stretches.length > 2 && stretch === stretches.at(-1);
  const by = gatewayToo ? "gateway" : (field.changedBy ?? "gateway");
  return html`<span class="by" title="${stretch.word} by ${by}"
    >by ${breakable(by)} ${gatewayToo ? nothing : placeLink(field.location, open)}</span
  >`;
}
