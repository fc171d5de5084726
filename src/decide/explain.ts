/**
 * From numbers to words: the whole Story of one decision, when somebody looks.
 * Reads only what was recorded, so that an old request is explained by the plan that judged it and not by today's.
 * Must not decide anything, and must not throw on a decision that was cut short.
 */
import type { Passage } from "../model/arrival.ts";
import type { Plan } from "../model/plan.ts";
import type { Ended, Judged, Story } from "./story.ts";

/** @param seen the recorded passage. @param ended absent while the request is on its way, or when only judged. */
export function explain(decision: Judged, plan: Plan, seen: Passage, ended?: Ended): Story {
  throw new Error(`not there yet ${decision.route} ${plan.file} ${seen.seed} ${ended?.status}`);
}
