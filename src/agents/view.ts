/**
 * Rows and details of the gateway as the shorter forms that agents are given.
 * Must not give bodies or header values: a tool that needs none of them must not spread them.
 */
import type * as z from "zod/mini";
import type { Detail, TimelineStep } from "../contract/detail.ts";
import type { Row } from "../contract/traffic.ts";
import type { WhatIfView } from "../contract/what-if.ts";
import type { explainOutput, fixOutput, listOutput } from "./declarations.ts";

export type ExplainedRequest = z.output<typeof explainOutput>;
type RequestView = z.output<typeof listOutput>["rejections"][number];
type OutcomeView = z.output<typeof fixOutput>["fixes"][number]["outcome"];

export function requestView(row: Row): RequestView {
  const { id, at, method, host, path, client, status, state, listener } = row;
  const { route, service, endpoint, caller, policy, why } = row;
  return {
    ...(id > 0 && { id, at: new Date(at).toISOString() }),
    method,
    host,
    path,
    client,
    status,
    state,
    listener,
    ...given({ route, service, endpoint, caller, policy }),
    why,
  };
}

export function outcomeView({ total, same, admitted, rejected, elsewhere, unknown }: WhatIfView): OutcomeView {
  return { total, same, admitted, rejected, elsewhere, unknown };
}

export function explained(detail: Detail, source: ExplainedRequest["source"], next: string): ExplainedRequest {
  const { row, verdict, balance } = detail;
  const { refused, status, title, sentence, type, policy, location } = verdict;
  return {
    source,
    request: requestView(row),
    verdict: { refused, status, title, sentence, ...given({ type, policy, location }) },
    steps: [
      ...detail.gateway.map((step) => stepView("gateway", step)),
      ...detail.balancer.map((step) => stepView("balancer", step)),
    ],
    routes: detail.routes.map(({ route, match, verdict: word, why, location: at }) => ({
      route,
      match,
      verdict: word,
      why,
      ...given({ line: at?.line }),
    })),
    ...given({
      balance: balance && {
        algorithm: balance.algorithm,
        sentence: balance.sentence,
        candidates: balance.candidates.map(({ label, url, verdict: word, why, inFlight, weight }) => {
          return { label, url, verdict: word, why, inFlight, weight };
        }),
      },
    }),
    attempts: detail.attempts.map(({ number, endpoint, outcome, then: following }) => {
      return { number, endpoint, outcome, next: following };
    }),
    fixes: verdict.fixes.map((fix) => ({ title: fix.title, line: fix.location.line, newText: fix.newText })),
    next,
  };
}

function stepView(lane: "gateway" | "balancer", step: TimelineStep): ExplainedRequest["steps"][number] {
  const { phase, label, state, sentence, location, facts } = step;
  return {
    lane,
    phase,
    label,
    state,
    sentence,
    ...given({ line: location?.line }),
    // Those of a route are the candidates, which are told by themselves.
    ...(facts.length > 0 &&
      phase !== "route" && { facts: Object.fromEntries(facts.map(({ name, value }) => [name, value])) }),
  };
}

/** Without what is undefined: an absent field and one that is undefined are the same to JSON, but not to a check. */
function given<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
