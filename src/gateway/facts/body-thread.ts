/**
 * The thread in which large bodies are judged, one after the other: it makes the plan anew from what the plan was read
 * from, finds the policy's question by its name, and answers it.
 * Must not hold a body beyond its answer; whoever asks ends the thread when one takes too long.
 */
import { parentPort } from "node:worker_threads";
import type { PlanRecipe } from "../what-if/recipe.ts";
import { readRecipe } from "../what-if/recipe.ts";
import { Collected } from "./collected.ts";
import { passageOf, type BodyAnswer, type BodyNeed, type BodyQuestion } from "./body-reader.ts";

/** Questions by name, of the newest plans. */
const plans = new Map<number, ReadonlyMap<string, BodyNeed>>();
const MOST_PLANS = 2;

function questionsOf(recipe: PlanRecipe): ReadonlyMap<string, BodyNeed> {
  const needs = readRecipe(recipe).plan?.routes.flatMap((route) => route.needs) ?? [];
  return new Map(needs.filter((need): need is BodyNeed => need.kind === "body").map((need) => [need.name, need]));
}

function answer(question: BodyQuestion): unknown {
  const { revision, recipe, need, body } = question;
  if (recipe !== undefined) {
    plans.set(revision, questionsOf(recipe));
    for (const known of plans.keys()) if (plans.size > MOST_PLANS) plans.delete(known);
  }
  const asked = plans.get(revision)?.get(need);
  if (asked === undefined) throw new Error(`the plan asks nothing by the name ${need}`);
  say({ id: question.id, begun: true });
  const bytes = Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength);
  return asked.source.read(
    new Collected(body.state, body.length, body.type, bytes),
    passageOf(question.arrival, question.wallClock),
  );
}

function say(reply: BodyAnswer): void {
  // A thread has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(reply);
}

parentPort?.on("message", (question: BodyQuestion) => {
  const { id } = question;
  try {
    say({ id, fact: answer(question) });
  } catch (error) {
    say({ id, problem: error instanceof Error ? error.message : String(error) });
  }
});
