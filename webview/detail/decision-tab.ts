/**
 * The decision as a timeline in two lanes - what the gateway asked, where the balancer sent it - with the request's
 * track, upright, as their spine. Steps that were not reached stay visible. Every step opens to its facts.
 * Must not decide or word anything: sentences come from the gateway.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Detail, EndpointCandidate, RouteCandidate, TimelineStep } from "../../src/contract/detail.ts";
import { breakable } from "../parts/words-break.ts";
import { placeLink, type OpenPlace } from "../parts/place.ts";

const WORDS: Readonly<Record<TimelineStep["state"], string>> = {
  ok: "passed",
  stop: "stopped here",
  off: "not reached",
  shadow: "would have refused (shadow)",
  skipped: "skipped",
};

export function decisionTab(detail: Detail, open: OpenPlace, buckets: TemplateResult | typeof nothing): TemplateResult {
  const chosenRoute = detail.routes.find((candidate) => candidate.verdict === "chosen");
  return html`<div class="decision">
    <h2 class="lane">Gateway: who is calling, and what may they do?</h2>
    <ol class="steps">
      ${detail.gateway.map((step, index) => timelineStep(step, open, index === 0 ? detail.routes : []))}
    </ol>
    ${detail.gateway.length === 0 && chosenRoute === undefined ? routeList(detail.routes, open) : nothing}
    <h2 class="lane">Balancer: where should it go?</h2>
    <ol class="steps">
      ${detail.balancer.map((step) => timelineStep(step, open, []))}
    </ol>
    ${detail.balance === undefined ? nothing : balancePanel(detail.balance, open)} ${buckets}
  </div>`;
}

/** The first step is the choice of the route: it opens to every candidate and why it lost. */
function timelineStep(step: TimelineStep, open: OpenPlace, routes: readonly RouteCandidate[]): TemplateResult {
  const more = step.facts.length > 0 || routes.length > 0;
  const line = html`<span class="phase">${breakable(step.label || step.phase)}</span
    ><span class="sentence">${step.sentence}<span class="unseen"> (${WORDS[step.state]})</span></span>`;
  return html`<li class="step ${step.state}" title=${step.state === "ok" ? nothing : WORDS[step.state]}>
    <span class="dot" aria-hidden="true"></span>
    ${
      more
        ? html`<details>
            <summary>${line}</summary>
            ${factList(step)} ${routes.length > 0 ? routeList(routes, open) : nothing}
          </details>`
        : html`<div class="plain">${line}</div>`
    }
    ${placeLink(step.location, open)}
  </li>`;
}

function factList(step: TimelineStep): TemplateResult | typeof nothing {
  if (step.facts.length === 0) return nothing;
  return html`<dl class="facts">
    ${step.facts.map(
      (fact) =>
        html`<div>
          <dt>${fact.name}</dt>
          <dd class="num">${fact.value}</dd>
        </div>`,
    )}
  </dl>`;
}

function routeList(routes: readonly RouteCandidate[], open: OpenPlace): TemplateResult {
  return html`<ul class="candidates" aria-label="Route candidates">
    ${routes.map(
      (candidate) =>
        html`<li class=${candidate.verdict}>
          <span class="mark" aria-hidden="true">${candidate.verdict === "chosen" ? "✓" : "–"}</span>
          <span
            ><b>${candidate.route}</b> <span class="num">${candidate.match}</span>
            <span class="why dim">${candidate.verdict === "chosen" ? "chosen" : "lost"}: ${candidate.why}</span></span
          >
          ${placeLink(candidate.location, open)}
        </li>`,
    )}
  </ul>`;
}

function balancePanel(balance: NonNullable<Detail["balance"]>, open: OpenPlace): TemplateResult {
  const most = Math.max(...balance.candidates.map((candidate) => candidate.inFlight));
  return html`<section class="balance" aria-label="Replicas">
    <h2 class="lane">
      Candidates, as they stood then
      <span class="seed num" title="Every draw of this request comes from this seed">seed ${balance.seed}</span>
    </h2>
    <ul class="replicas">
      ${balance.candidates.map((candidate) => replica(candidate, most, open))}
    </ul>
  </section>`;
}

function replica(candidate: EndpointCandidate, most: number, open: OpenPlace): TemplateResult {
  const excluded = candidate.verdict === "excluded";
  const share = excluded ? 100 : most > 0 ? (candidate.inFlight / most) * 100 : 0;
  return html`<li class="replica ${candidate.verdict} ${most > 0 ? "" : "idle"}">
    <span class="num name" title=${candidate.url}>${candidate.label}</span>
    ${
      most > 0
        ? html`<span class="meter" aria-hidden="true"><i .style=${`width: ${share.toFixed(1)}%`}></i></span>`
        : nothing
    }
    <span class="words"
      ><span class="verdict-word">${candidate.verdict}</span>
      ${excluded ? nothing : html`<span class="num">${candidate.inFlight} in flight</span>`}
      ${candidate.weight === 1 ? nothing : html`<span class="num">weight ${candidate.weight}</span>`}
      ${candidate.why === "" ? nothing : html`<span class="why">${candidate.why}</span>`}</span
    >
    ${placeLink(candidate.location, open)}
  </li>`;
}
