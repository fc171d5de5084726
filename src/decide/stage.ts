/**
 * One stage of policies: peek at all, then take from all. A refused request consumes nothing, so nobody's limit is
 * spent by someone else's refusals (measured: taking while checking let well-behaved clients fall to 12 % admitted).
 * Must not allocate: the steps that take are remembered in the Decision, for `settle` to end.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { Mark, SkipNote, type Decision } from "../model/decision.ts";
import type { Plan } from "../model/plan.ts";
import type { Step } from "../model/policy.ts";
import type { State } from "../model/state.ts";

/**
 * @param steps indexes into plan.steps.
 * @param service the service that the split drew, or -1: a policy of another service is not asked.
 * @returns true when every step admitted and all have taken, or when one of them answers by itself (`out.answer`) and
 * those before it have taken; false when one refused: `out.step` and `out.reason` say
 * which. A step with `shadow` never refuses; it takes only if it admitted, as it would without `shadow`.
 */
export function runStage(
  x: Passage,
  plan: Plan,
  steps: readonly number[],
  service: number,
  state: State,
  now: Millis,
  out: Decision,
): boolean {
  const trace = out.trace;
  const before = out.takenCount;
  let count = before;
  for (let i = 0; i < steps.length; i++) {
    const index = steps[i];
    const step = plan.steps[index];
    if (step.service !== undefined && step.service !== service) continue;
    if (step.bypassedBy !== undefined && step.bypassedBy.has(x.arrival.listener)) {
      trace.mark(Mark.Skipped, index, SkipNote.Bypassed, 0, 0);
      continue;
    }
    if (step.when !== undefined && !step.when(x)) {
      trace.mark(Mark.Skipped, index, 0, 0, 0);
      continue;
    }
    trace.speakerMark = step.shadow ? Mark.Shadow : Mark.Step;
    trace.speakerIndex = index;
    const act = step.act as Step<unknown>;
    const reason = act.peek(x, state.steps[index], now, trace);
    if (reason === 0) {
      out.taken[count++] = index;
      if (act.answers === undefined || step.shadow || !act.answers(x, now)) continue;
      out.answer = index;
      trace.mark(Mark.Answered, index, 0, 0, 0);
      break;
    }
    if (act.refused !== undefined) act.refused(x, state.steps[index], now);
    if (step.shadow) continue;
    out.step = index;
    out.reason = reason;
    return false;
  }
  for (let i = before; i < count; i++) {
    const index = out.taken[i];
    const act = plan.steps[index].act as Step<unknown>;
    if (act.take !== undefined) act.take(x, state.steps[index], now);
    if (act.delay !== undefined && !plan.steps[index].shadow) out.delay += act.delay(x);
  }
  out.takenCount = count;
  return true;
}
