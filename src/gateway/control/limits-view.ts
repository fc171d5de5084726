/**
 * Every limit with its fullest use: gauges per key, emptiest first. What a limit measures is its policy's to say.
 * Must not send a message per tick: the view counts down by itself from what stands here.
 */
import type { LimitKeyView, LimitView } from "../../contract/limits.ts";
import type { Millis } from "../../model/basics.ts";
import type { Plan, PlanStep } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import { locationOf } from "../record/location.ts";

/** Keys that are looked through for emptiness; a limit may hold many more. */
const MAX_LOOKED_AT = 10_000;

/** @param search part of a key. @param count keys per limit. */
export function limitViews(plan: Plan, state: State, now: Millis, search: string, count: number): LimitView[] {
  return plan.steps
    .filter((step) => step.policy.gauge !== undefined)
    .map((step) => limitView(step, state, now, search, count));
}

function limitView(step: PlanStep, state: State, now: Millis, search: string, count: number): LimitView {
  const gauge = step.policy.gauge!;
  const own = state.steps[step.index];
  const { capacity, perSecond, algorithm, text } = gauge.describe(step.config);
  const wanted = search.toLowerCase();
  const keys: LimitKeyView[] = [];
  let emptyCount = 0;
  let looked = 0;
  for (const { key, left, fullIn, nextIn, rejected, frozen } of gauge.keys(step.config, own, now)) {
    if (looked++ === MAX_LOOKED_AT) break;
    if (left < 1) emptyCount++;
    if (keys.length < count && key.toLowerCase().includes(wanted))
      keys.push({
        key,
        left: Math.round(left * 1000) / 1000,
        capacity,
        nextIn,
        fullIn,
        rejected,
        ...(frozen && { frozen }),
      });
  }
  return {
    identity: step.identity,
    name: step.name,
    owner: step.identity.split("/").slice(0, 2).join(" "),
    algorithm,
    text,
    capacity,
    perSecond,
    keys,
    keyCount: gauge.size(own),
    emptyCount,
    ...(gauge.freeze && { adjustable: true }),
    location: locationOf(step.source),
  };
}
