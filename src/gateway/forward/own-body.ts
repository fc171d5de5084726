/**
 * The body of an answer that the gateway gives itself, as the policies of the reply want it: rewritten, encoded.
 * Must not be asked on routes where no policy works on bodies.
 */
import type { Shape } from "../../model/policy.ts";
import { codingOf } from "../facts/codings.ts";
import type { Run } from "./run.ts";
import { appliesTo, type AnswerEdit } from "./shapes.ts";

/** @returns the body as latin1, one character per byte; undefined when it is said as it is. */
export function ownBody(text: string, edit: AnswerEdit, run: Run): string | undefined {
  const { decision, passage, active } = run;
  if (decision.route < 0 || text === "") return undefined;
  let written = text;
  for (const index of active.plan.routes[decision.route].bodies ?? []) {
    const step = active.plan.steps[index];
    const work = (step.act as Shape).body?.response;
    if (work?.edit === undefined || !appliesTo(step, passage, decision)) continue;
    if (work.wants(passage, edit.status, edit.get("content-type") ?? "")) {
      const value = parsed(written);
      if (value !== undefined) written = JSON.stringify(work.edit(passage, value)) ?? written;
    }
  }
  const coding = edit.coding === undefined ? undefined : codingOf(edit.coding);
  if (coding !== undefined) return coding.encode(Buffer.from(written, "utf8")).toString("latin1");
  return written === text ? undefined : Buffer.from(written, "utf8").toString("latin1");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
