/**
 * Two runs of the same requests, side by side: which decisions differ, and in what.
 * Compares by name (route, policy, service, url), since two plans number their parts differently.
 * Must not judge which is better: more refusals may be the intention.
 */
import { refusalOf } from "../decide/refusals.ts";
import type { Replayed } from "./replay.ts";

/** What became of one request, by names that outlive an edit. */
export interface Verdict {
  readonly id: number;
  readonly refused: boolean;
  /** urn:switchyard:... of the refusal. */
  readonly type?: string;
  readonly status: number;
  readonly policy?: string;
  readonly sentence?: string;
  readonly route?: string;
  readonly service?: string;
  /** Url of the endpoint that the request was last sent to. */
  readonly endpoint?: string;
  readonly attempts: number;
}

export interface Difference {
  readonly id: number;
  readonly before: Verdict | undefined;
  readonly after: Verdict | undefined;
  /** The most that changed: admitted or refused, else why refused, else the route, the service, the endpoint. */
  readonly change: "newly refused" | "newly admitted" | "refusal" | "route" | "service" | "endpoint" | "missing";
}

export interface Comparison {
  readonly total: number;
  readonly same: number;
  readonly newlyRefused: number;
  readonly newlyAdmitted: number;
  readonly differences: readonly Difference[];
}

export function verdictOf({ id, decision, plan, passage, outcome }: Replayed): Verdict {
  const refusal = refusalOf(decision, plan, passage);
  const service = decision.service >= 0 ? plan.services[decision.service] : undefined;
  return {
    id,
    refused: refusal !== undefined,
    type: refusal?.type,
    status: refusal?.status ?? outcome.status,
    policy: refusal?.policy,
    sentence: refusal?.sentence,
    route: decision.route >= 0 ? plan.routes[decision.route].name : undefined,
    service: service?.name,
    endpoint: service?.endpoints[decision.endpoint]?.url,
    attempts: decision.attempts,
  };
}

export function compareRuns(before: readonly Verdict[], after: readonly Verdict[]): Comparison {
  const later = new Map(after.map((verdict) => [verdict.id, verdict]));
  const differences: Difference[] = [];
  for (const verdict of before) {
    const other = later.get(verdict.id);
    later.delete(verdict.id);
    const change = other === undefined ? "missing" : changeOf(verdict, other);
    if (change !== undefined) differences.push({ id: verdict.id, before: verdict, after: other, change });
  }
  for (const verdict of later.values()) {
    differences.push({ id: verdict.id, before: undefined, after: verdict, change: "missing" });
  }
  const count = (wanted: Difference["change"]) => differences.filter(({ change }) => change === wanted).length;
  const total = before.length + later.size;
  return {
    total,
    same: total - differences.length,
    newlyRefused: count("newly refused"),
    newlyAdmitted: count("newly admitted"),
    differences,
  };
}

function changeOf(before: Verdict, after: Verdict): Difference["change"] | undefined {
  if (before.refused !== after.refused) return after.refused ? "newly refused" : "newly admitted";
  if (before.type !== after.type || before.policy !== after.policy) return "refusal";
  if (before.route !== after.route) return "route";
  if (before.service !== after.service) return "service";
  if (before.endpoint !== after.endpoint) return "endpoint";
  return undefined;
}
