/**
 * The thread in which large bodies are judged and rewritten, one after the other: it makes the plan anew from what the plan was
 * read from, finds in it what was asked for, and answers.
 * Must not hold a body beyond its answer; whoever asks ends the thread when one takes too long.
 */
import { parentPort } from "node:worker_threads";
import type { Plan } from "../../model/plan.ts";
import type { PlanRecipe } from "../what-if/recipe.ts";
import { readRecipe } from "../what-if/recipe.ts";
import { workOnAnswer, type Worked } from "./answer-work.ts";
import { passageOf, type BodyAnswer, type BodyQuestion } from "./body-queue.ts";
import type { BodyNeed } from "./body-reader.ts";
import { Collected } from "./collected.ts";

interface Known {
  readonly plan: Plan;
  readonly needs: ReadonlyMap<string, BodyNeed>;
}

/** The newest plans, by revision. */
const plans = new Map<number, Known>();
const MOST_PLANS = 2;

function knownOf(recipe: PlanRecipe): Known | undefined {
  const { plan } = readRecipe(recipe);
  if (plan === undefined) return undefined;
  const needs = plan.routes.flatMap((route) => route.needs).filter((need): need is BodyNeed => need.kind === "body");
  return { plan, needs: new Map(needs.map((need) => [need.name, need])) };
}

function answer(question: BodyQuestion): unknown {
  const { revision, recipe, asked, body } = question;
  if (recipe !== undefined) {
    const known = knownOf(recipe);
    if (known !== undefined) plans.set(revision, known);
    for (const oldest of plans.keys()) if (plans.size > MOST_PLANS) plans.delete(oldest);
  }
  const known = plans.get(revision);
  if (known === undefined) throw new Error(`there is no plan ${revision}`);
  say({ id: question.id, begun: true });
  const bytes = Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength);
  const collected = new Collected(body.state, body.length, body.type, bytes);
  const passage = passageOf(question.passage);
  if ("steps" in asked) return workOnAnswer(known.plan, asked.steps, passage, asked.status, collected);
  const need = known.needs.get(asked.need);
  if (need === undefined) throw new Error(`the plan asks nothing by the name ${asked.need}`);
  return need.source.read(collected, passage);
}

function say(reply: BodyAnswer, moved: ArrayBuffer[] = []): void {
  // A thread has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(reply, moved);
}

parentPort?.on("message", (question: BodyQuestion) => {
  const { id } = question;
  try {
    const found = answer(question);
    const { bytes } = (found ?? {}) as Partial<Worked>;
    if (!("steps" in question.asked) || bytes === undefined) return say({ id, found });
    // Memory of its own: a small Buffer's is shared.
    const own = new Uint8Array(bytes);
    say({ id, found: { ...(found as Worked), bytes: own } }, [own.buffer]);
  } catch (error) {
    say({ id, problem: error instanceof Error ? error.message : String(error) });
  }
});
