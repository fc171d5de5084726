/**
 * "What if this policy had been served instead?": the recorded requests decided under the saved plan and under the
 * edited one, from the same snapshot, and what differs. The saved plan is asked again too, so that requests that an
 * older revision judged are compared with what is saved now.
 * Must not guess: what the recording does not say is counted and said in `assumptions`.
 */
import type { FactRequest, Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import type { JournalEvent } from "../model/journal.ts";
import type { Plan } from "../model/plan.ts";
import type { State } from "../model/state.ts";
import { carry } from "../policyfile/carry.ts";
import { changeOf, comparison, outlineOf, verdictOf, type Comparison, type Difference } from "./compare.ts";
import { Assumed, replay, type Replayed } from "./replay.ts";

/** A recording from which replays begin. */
export interface Recorded {
  readonly journal: readonly JournalEvent[];
  /** The plan that served when it begins. */
  readonly plan: Plan;
  /** When it begins. */
  readonly at: Millis;
  /** The state then: a copy of its own for each call. */
  state(): State;
  planOf(revision: number): Plan | undefined;
  factOf?(need: FactRequest, passage: Passage): unknown;
}

export interface Assessment extends Comparison {
  /** Sentences: what was taken as given. */
  readonly assumptions: readonly string[];
}

/** Every recorded request as `plan` decides it, in the order in which they ended. */
export function runUnder(recorded: Recorded, plan: Plan, ended: (request: Replayed) => void, recycles = false): void {
  const before = recorded.state();
  const state = plan === recorded.plan ? before : carry(before, recorded.plan, plan, recorded.at);
  replay(
    {
      plan,
      state,
      recorded: recorded.plan,
      planOf: (revision) => recorded.planOf(revision),
      factOf: (need, passage) => recorded.factOf?.(need, passage),
      ended,
      recycles,
    },
    recorded.journal,
  );
}

export function assess(recorded: Recorded, saved: Plan, edited: Plan): Assessment {
  const before = new Map<number, Replayed>();
  runUnder(recorded, saved, (request) => before.set(request.id, request));
  const differences: Difference[] = [];
  const assumed = { moved: 0, sent: 0, fact: 0 };
  runUnder(
    recorded,
    edited,
    (request) => {
      const other = before.get(request.id);
      if (other === undefined) return;
      if (request.assumed & Assumed.Moved) assumed.moved++;
      if (request.assumed & Assumed.NewlySent) assumed.sent++;
      if (request.assumed & Assumed.Fact) assumed.fact++;
      const was = outlineOf(other);
      const change = changeOf(was, outlineOf(request));
      if (change === undefined) return;
      differences.push({ id: request.id, before: was, after: verdictOf(request), change });
    },
    true,
  );
  return { ...comparison(before.size, differences), assumptions: assumptionsOf(recorded, assumed) };
}

function assumptionsOf(
  { journal }: Recorded,
  { moved, sent, fact }: { readonly moved: number; readonly sent: number; readonly fact: number },
): string[] {
  const swaps = journal.filter(({ kind }) => kind === "swap").length;
  const given = "Buckets, health and requests in flight start as they were, at the recorded times";
  return [
    given,
    "clients would not have retried differently",
    ...(swaps > 0
      ? [
          `${swaps === 1 ? "one save" : `${swaps} saves`} in between: older requests are decided again under the saved policy too`,
        ]
      : []),
    ...(sent > 0
      ? [`how ${requests(sent)} would end that ${sent === 1 ? "was" : "were"} not sent on is not known`]
      : []),
    ...(moved > 0 ? [`how ${requests(moved)} would end on another replica is not known`] : []),
    ...(fact > 0 ? [`${requests(fact)} cannot be decided: a token or password was never checked`] : []),
  ];
}

function requests(count: number): string {
  return count === 1 ? "1 request" : `${count} requests`;
}
