/**
 * What the policies of a route do with the body of one answer: judge it, rewrite it, each in its turn and none after one that
 * refuses. A function of its arguments: it runs here or in a thread of its own, and says the same.
 * Must not touch the request: what was found is told to whoever answers it.
 */
import type { Passage } from "../../model/arrival.ts";
import type { JsonWork, Verdict } from "../../model/body-work.ts";
import { BodyState } from "../../model/body.ts";
import type { Plan } from "../../model/plan.ts";
import type { Shape } from "../../model/policy.ts";
import type { Collected } from "./collected.ts";

/** A verdict that is one: its reason is not 0. */
export interface Found {
  /** Index into `plan.steps`. */
  readonly step: number;
  readonly verdict: Verdict;
}

export interface Worked {
  /** In the order of the steps. Nothing was done after one that refuses. */
  readonly found: readonly Found[];
  /** What the body became; undefined when nothing changed, or when it is refused. */
  readonly bytes: Uint8Array | undefined;
}

/** Whether a step's verdict on an answer is only told. */
export function onlyTells(plan: Plan, step: number): boolean {
  return (plan.steps[step].act as Shape).body?.onlyTells === true || plan.steps[step].shadow;
}

/** @param steps of the plan that want this answer, in order. @param status of the answer. */
export function workOnAnswer(
  plan: Plan,
  steps: readonly number[],
  x: Passage,
  status: number,
  body: Collected,
): Worked {
  const found: Found[] = [];
  let value: unknown;
  let changed = false;
  for (const step of steps) {
    const work = (plan.steps[step].act as Shape).body?.response;
    if (work === undefined) continue;
    const verdict = unseen(work, body) ?? work.judge?.(x, status, body);
    if (verdict !== undefined) {
      if (verdict.reason !== 0) found.push({ step, verdict });
      if (verdict.reason !== 0 && !onlyTells(plan, step)) return { found, bytes: undefined };
    }
    if (work.edit === undefined || body.state !== BodyState.Whole || tooLarge(work, body)) continue;
    const read = changed ? { value } : body.exactJson();
    if (read.problem !== undefined) {
      if (work.unreadable !== 0) found.push({ step, verdict: { reason: work.unreadable, x: body.length, y: 0 } });
      if (work.unreadable !== 0 && !onlyTells(plan, step)) return { found, bytes: undefined };
      continue;
    }
    const edited = work.edit(x, read.value);
    if (edited === read.value) continue;
    changed = true;
    value = edited;
  }
  return { found, bytes: changed ? Buffer.from(JSON.stringify(value) ?? "null", "utf8") : undefined };
}

/** When the body cannot be looked at at all. */
export function unseen(work: JsonWork, body: Collected): Verdict | undefined {
  const { state, length } = body;
  if (state === BodyState.Busy || state === BodyState.TooMuch) return { reason: work.unjudged, x: length, y: state };
  if (tooLarge(work, body)) return { reason: work.tooLarge, x: body.bytes?.length ?? length, y: work.most };
  if (state === BodyState.Undecodable && work.judge === undefined) return { reason: work.unreadable, x: length, y: 0 };
  return undefined;
}

function tooLarge(work: JsonWork, body: Collected): boolean {
  return body.state === BodyState.TooLarge || (body.bytes?.length ?? 0) > work.most;
}
