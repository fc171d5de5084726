/**
 * Where the time went: a waterfall of spans per attempt, and the attempts with why each was followed by another.
 * Must not compute times: spans come from the gateway, in milliseconds after arrival.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { AttemptView, Detail, TimingSpan } from "../../src/contract/detail.ts";
import { icon } from "../parts/icon.ts";
import { duration } from "../parts/words.ts";

const SPAN_WORDS: Readonly<Record<TimingSpan["name"], string>> = {
  decide: "Decide",
  queue: "Queue",
  connect: "Connect",
  send: "Send request",
  wait: "Wait for first byte",
  receive: "Receive response",
};

/** A bar thinner than this share of the width cannot be seen. */
const LEAST_BAR = 0.6;

export function timingTab(detail: Detail): TemplateResult {
  const end = Math.max(0.001, ...detail.timing.map((span) => span.start + span.duration));
  if (detail.timing.length === 0) return html`<p class="note">No times were recorded for this request.</p>`;
  const attempts = [...new Set(detail.timing.map((span) => span.attempt))];
  return html`<div class="timing">
    ${attempts.map(
      (attempt) =>
        html`${attempts.length > 1 ? html`<h2 class="lane">${attemptTitle(detail, attempt)}</h2>` : nothing}
          <ul class="spans">
            ${detail.timing.filter((span) => span.attempt === attempt).map((span) => spanLine(span, end))}
          </ul>`,
    )}
    <p class="total"><span>Total</span><span class="num">${duration(Math.max(end, detail.row.duration))}</span></p>
  </div>`;
}

function attemptTitle(detail: Detail, attempt: number): string {
  const view = detail.attempts.find((one) => one.number === attempt);
  if (view === undefined) return attempt === 0 ? "Gateway" : `Attempt ${attempt}`;
  return `Attempt ${attempt} to ${view.endpoint}: ${view.outcome}`;
}

function spanLine(span: TimingSpan, end: number): TemplateResult {
  const left = (span.start / end) * 100;
  const width = Math.max(LEAST_BAR, (span.duration / end) * 100);
  const words = SPAN_WORDS[span.name] ?? span.name;
  return html`<li class="span" title="${words}: from ${duration(span.start)} for ${duration(span.duration)}">
    <span>${words}</span>
    <span class="rail" aria-hidden="true"
      ><i class="s-${span.name}" .style=${`left: ${Math.min(left, 100 - LEAST_BAR)}%; width: ${width}%`}></i
    ></span>
    <span class="num right">${duration(span.duration)}</span>
  </li>`;
}

export function attemptsTab(detail: Detail): TemplateResult {
  if (detail.attempts.length === 0)
    return html`<p class="note">
      No backend was asked: ${detail.verdict.refused ? "the gateway refused." : "the gateway answered itself."}
    </p>`;
  return html`<ol class="attempts">
    ${detail.attempts.map(attemptLine)}
  </ol>`;
}

function attemptLine(attempt: AttemptView): TemplateResult {
  return html`<li class=${attempt.failed ? "failed" : "good"}>
    <span class="num">${attempt.number}</span>
    <span>${icon(attempt.failed ? "error" : "check", attempt.failed ? "tone-bad" : "tone-ok")}</span>
    <span>
      <b class="num">${attempt.endpoint}</b> ${attempt.outcome}
      <span class="dim">${attempt.reusedConnection ? "on a kept connection" : "on a new connection"}</span>
      ${attempt.then === "" ? nothing : html`<span class="then dim">${attempt.then}</span>`}
    </span>
  </li>`;
}
