/**
 * What policies changed in the bodies of one recorded request: their edits run once more over what was kept of it.
 * Must not change what was recorded, and says so where too little was kept to tell.
 */
import type { Passage } from "../../model/arrival.ts";
import type { JsonWork } from "../../model/body-work.ts";
import type { Plan, PlanStep } from "../../model/plan.ts";
import type { Shape } from "../../model/policy.ts";
import { collectedOf } from "../facts/collected.ts";
import { fieldOf, startLine } from "./heads.ts";
import type { Payload } from "./payload-ring.ts";

export interface BodyChange {
  readonly step: PlanStep;
  readonly words: readonly string[];
}

/** @param route index into the plan. */
export function bodyChanges(plan: Plan, route: number, seen: Passage, payload: Payload): BodyChange[] {
  const changes: BodyChange[] = [];
  for (const index of plan.routes[route].bodies ?? []) {
    const step = plan.steps[index];
    const { request, response } = (step.act as Shape).body ?? {};
    const words: string[] = [];
    if (request?.edit !== undefined && payload.upstreamHead !== "")
      words.push(...wordsOf(request, seen, payload.requestHead, payload.requestBody, 0));
    if (response?.edit !== undefined && payload.replyHead !== "" && payload.responseHead !== "") {
      const status = Number(startLine(payload.responseHead).split(" ")[1]) || 0;
      words.push(...wordsOf(response, seen, payload.responseHead, payload.responseBody, status));
    }
    if (words.length > 0) changes.push({ step, words });
  }
  return changes;
}

function wordsOf(work: JsonWork, seen: Passage, head: string, bytes: Buffer, status: number): readonly string[] {
  const type = fieldOf(head, "content-type") ?? "";
  if (bytes.length === 0 || !work.wants(seen, status, type)) return [];
  const body = collectedOf(Buffer.from(bytes), type, fieldOf(head, "content-encoding") ?? "", work.most);
  const { value, problem } = body.json();
  if (problem !== undefined) return ["rewrote the body, of which too little is kept to say how"];
  const words: string[] = [];
  work.edit?.(seen, value, (change) => words.push(change));
  return words;
}
