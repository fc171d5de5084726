/**
 * Header fields on their journey: what the client sent, what the backend was sent, what it answered, what the client
 * got. Each change names the policy that made it and its line.
 * Must not unmask: masked values arrive masked.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Detail, FieldJourney } from "../../src/contract/messages.ts";
import { placeLink, type OpenPlace } from "../parts/place.ts";

interface Change {
  readonly mark: string;
  readonly word: "unchanged" | "added" | "removed" | "changed";
}

function changeOf(before: string | undefined, after: string | undefined): Change {
  if (before === undefined) return { mark: "+", word: "added" };
  if (after === undefined) return { mark: "−", word: "removed" };
  return before === after ? { mark: "=", word: "unchanged" } : { mark: "~", word: "changed" };
}

/** First and last station of a field; a refused request's fields ended in the gateway. */
function ends(field: FieldJourney): [string | undefined, string | undefined] {
  return field.side === "request"
    ? [field.client, field.upstream ?? field.gateway]
    : [field.upstream ?? field.gateway, field.reply];
}

export function headersTab(detail: Detail, open: OpenPlace): TemplateResult {
  const request = detail.fields.filter((field) => field.side === "request");
  const response = detail.fields.filter((field) => field.side === "response");
  const forwarded = request.some((field) => field.upstream !== undefined);
  const answered = response.some((field) => field.upstream !== undefined);
  return html`<div class="headers">
    ${
      detail.row.evicted
        ? html`<p class="note">The header block has left the ring; the decision is kept.</p>`
        : html`${side("Request", "Client", forwarded ? "Backend" : "Gateway", request, open, forwarded)}
          ${side("Response", answered ? "Backend" : "Gateway", "Client", response, open, answered)}`
    }
  </div>`;
}

function side(
  title: string,
  from: string,
  to: string,
  fields: readonly FieldJourney[],
  open: OpenPlace,
  both: boolean,
): TemplateResult {
  if (fields.length === 0)
    return html`<h2 class="lane">${title}</h2>
      <p class="note">No fields.</p>`;
  return html`<table class="fields" aria-label="${title} fields">
    <thead>
      <tr>
        <th scope="col">${title}</th>
        <th scope="col">${from}</th>
        ${both ? html`<th scope="col">${to}</th>` : nothing}
        <th scope="col"><span class="unseen">Changed by</span></th>
      </tr>
    </thead>
    <tbody>
      ${fields.map((field) => fieldRow(field, open, both))}
    </tbody>
  </table>`;
}

function fieldRow(field: FieldJourney, open: OpenPlace, both: boolean): TemplateResult {
  const [before, after] = ends(field);
  const only = before ?? after;
  const change = both ? changeOf(before, after) : { mark: "", word: "unchanged" as const };
  const by =
    field.changedBy === undefined
      ? nothing
      : html`<span class="by" title="${change.word} by ${field.changedBy}">${field.changedBy}</span>`;
  return html`<tr class=${change.word}>
    <th scope="row" class="num">
      <span class="mark" aria-hidden="true">${change.mark}</span>${field.name}<span class="unseen">
        ${change.word}</span
      >
    </th>
    ${
      both && change.word !== "unchanged"
        ? html`<td class="num">${before ?? html`<span class="dim">–</span>`}</td>
            <td class="num">${after ?? html`<span class="dim">removed</span>`}</td>`
        : html`<td class="num" colspan=${both ? 2 : 1}>${only}</td>`
    }
    <td>${by} ${placeLink(field.location, open)}</td>
  </tr>`;
}
