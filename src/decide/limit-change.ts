/**
 * What a person, or the disk, changes about a limit: one function for the running gateway and for replay.
 * Must not ask anything but the limit's own gauge.
 */
import type { Millis } from "../model/basics.ts";
import type { LimitChange } from "../model/journal.ts";
import type { PlanStep } from "../model/plan.ts";
import type { State } from "../model/state.ts";
import { clone } from "./clone.ts";

/** @returns false when this limit has nothing of that kind. */
export function changeLimit(step: PlanStep, state: State, change: LimitChange, now: Millis): boolean {
  const { gauge } = step.policy;
  const { config, index } = step;
  if (change.kind === "whole") {
    state.steps[index] = clone(change.state);
    return true;
  }
  const own = state.steps[index];
  switch (change.kind) {
    case "reset":
      gauge?.reset(config, own, change.key, now);
      return gauge !== undefined;
    case "set":
      gauge?.set?.(config, own, change.key, change.left, now);
      return gauge?.set !== undefined;
    case "freeze":
      gauge?.freeze?.(config, own, change.key, change.frozen, now);
      return gauge?.freeze !== undefined;
    case "put":
      gauge?.restore?.(config, own, change.key, clone(change.saved), now);
      return gauge?.restore !== undefined;
  }
}
