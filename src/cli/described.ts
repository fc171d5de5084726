/**
 * The decision on a request that is only described, by a policy file and nothing else.
 * Must not send the request anywhere.
 */
import type { ExplainRequest } from "../contract/explaining.ts";
import type { Detail } from "../contract/detail.ts";
import { PolicyReader } from "../gateway/control/policy-reader.ts";
import { explainRequest, type WhatIfContext } from "../gateway/control/what-if.ts";
import { FactGatherer } from "../gateway/facts/gatherer.ts";
import { Mask } from "../gateway/record/mask.ts";
import { freshState } from "../model/fresh.ts";
import type { Plan } from "../model/plan.ts";
import type { Fixable } from "./diagnostics.ts";
import { policyText } from "./policy-text.ts";

export type Described = { readonly detail: Detail } | { readonly diagnostics: readonly Fixable[] };

/** @throws NoPolicy; Error in words when the request cannot be understood. */
export async function decideDescribed(file: string, request: ExplainRequest): Promise<Described> {
  const reader = new PolicyReader(file);
  const { plan, diagnostics } = reader.read(policyText(file));
  if (plan === undefined) return { diagnostics };
  const facts = new FactGatherer({ baseDirectory: reader.directory });
  try {
    const context = aloneWith(plan, facts);
    return { detail: await explainRequest(context, request) };
  } finally {
    facts.close();
  }
}

/** What decides where nothing runs: a state in which nothing has happened, and one seed: the same request gets the same answer. */
export function aloneWith(plan: Plan, facts: FactGatherer): WhatIfContext {
  return {
    plan,
    state: freshState(plan),
    revision: 1,
    facts,
    mask: Mask.of([plan]),
    now: () => performance.now(),
    wallClock: () => Date.now(),
    seed: () => 1,
  };
}
