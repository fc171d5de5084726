/**
 * A policy's verdict that came when bytes had passed already: a body longer than announced, an answer that breaks its
 * contract. It is written into the decision's trace like any other, so that the story tells it with its line and fix.
 * Must not touch state: nothing is taken or given back, and a replay, which has no bytes, decides as before.
 */
import { Mark } from "../../model/decision.ts";
import type { Verdict } from "../../model/body-work.ts";
import type { Run } from "./run.ts";

/** @param onlyTells as if the step stood in shadow. @returns true when the request is refused by it. */
export function lateVerdict(run: Run, index: number, { reason, x, y, fact }: Verdict, onlyTells = false): boolean {
  const { decision, passage, recording } = run;
  if (fact !== undefined && recording !== undefined)
    passage.facts = recording.facts = { ...passage.facts, [fact.name]: fact.value };
  const shadow = onlyTells || run.active.plan.steps[index].shadow;
  decision.trace.mark(shadow ? Mark.Shadow : Mark.Step, index, reason, x, y);
  if (shadow) return false;
  decision.step = index;
  decision.reason = reason;
  return true;
}
