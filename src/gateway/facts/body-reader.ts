/**
 * Asks about a body: at once where it is small, in a thread of its own where it is large or turns out to cost much, so that
 * nobody else's request waits for it. What clients send and what backends answer have a thread each: neither waits for the
 * other. Must not let a body wait without a bound: see the queue.
 */
import type { FactRequest, Passage } from "../../model/arrival.ts";
import { BodyState, WHOLE_ALLOWANCE } from "../../model/body.ts";
import type { Plan } from "../../model/plan.ts";
import type { Shape } from "../../model/policy.ts";
import type { PlanRecipe } from "../what-if/recipe.ts";
import { workOnAnswer, type Worked } from "./answer-work.ts";
import { BodyQueue, passageOf, sentOf, type SentPassage } from "./body-queue.ts";
import { Collected } from "./collected.ts";

export type BodyNeed = Extract<FactRequest, { kind: "body" }>;

/** Decoded bytes that are judged at once: parsing as much takes a few milliseconds, whatever it holds. */
const AT_ONCE = 8192;
/** The same of an answer: a backend is not out to hurt, and most answers are no larger. Some ten milliseconds at worst. */
const ANSWER_AT_ONCE = 32_768;
/** Steps that a small body may cost here before it goes to the thread: some ten milliseconds. */
const STEPS_AT_ONCE = 5000;

export class BodyReader {
  readonly #requests = new BodyQueue();
  readonly #answers = new BodyQueue();
  readonly #recipes = new WeakMap<BodyNeed | Plan, PlanRecipe>();

  /** A plan is about to serve: its questions can be asked elsewhere too. Without it all are answered here. */
  planned(plan: Plan, recipe: PlanRecipe | undefined): void {
    if (recipe === undefined) return;
    this.#recipes.set(plan, recipe);
    for (const route of plan.routes)
      for (const need of route.needs) if (need.kind === "body") this.#recipes.set(need, recipe);
  }

  /** What a policy's question finds in a request's body. Never rejects. */
  fact(need: BodyNeed, x: Passage, body: Collected): unknown {
    const recipe = this.#recipes.get(need);
    const { read, headers = [] } = need.source;
    if (recipe === undefined || body.bytes === undefined) return read(body, x);
    if (body.bytes.length <= AT_ONCE) {
      const fact = atOnce(body, () => read(body, x));
      if (fact !== undefined) return fact.value;
    }
    const sent = sentOf(x, headers);
    const asked = this.#requests.ask(recipe, { need: need.name }, sent, body);
    if (asked === undefined) return read(inState(body, BodyState.Busy), x);
    return asked.then((told) => ("found" in told ? told.found : read(inState(body, told.state), passageOf(sent))));
  }

  /** What steps of a plan make of an answer's body. Never rejects. @param steps those that want it, in order. */
  work(plan: Plan, steps: readonly number[], x: Passage, status: number, body: Collected): Worked | Promise<Worked> {
    const recipe = this.#recipes.get(plan);
    const here = () => workOnAnswer(plan, steps, x, status, body);
    if (recipe === undefined || body.bytes === undefined) return here();
    if (body.bytes.length <= ANSWER_AT_ONCE) {
      const worked = atOnce(body, here);
      if (worked !== undefined) return worked.value;
    }
    const sent = sentForWork(plan, steps, x);
    const asked = this.#answers.ask(recipe, { steps, status }, sent, body);
    const without = (state: number) => workOnAnswer(plan, steps, passageOf(sent), status, inState(body, state));
    if (asked === undefined) return without(BodyState.Busy);
    return asked.then((told) => ("found" in told ? (told.found as Worked) : without(told.state)));
  }

  close(): void {
    this.#requests.close();
    this.#answers.close();
  }
}

/** @returns undefined when it costs more than it may here; then nothing of it counts. */
function atOnce<T>(body: Collected, look: () => T): { readonly value: T } | undefined {
  body.allowance.left = STEPS_AT_ONCE;
  const value = look();
  if (body.allowance.left >= 0) return { value };
  body.allowance.left = WHOLE_ALLOWANCE;
  return undefined;
}

/** @param state one of BodyState: what became of the body instead. */
function inState({ length, type }: Collected, state: number): Collected {
  return new Collected(state, length, type);
}

function sentForWork(plan: Plan, steps: readonly number[], x: Passage): SentPassage {
  const names = steps.flatMap((step) => (plan.steps[step].act as Shape).body?.response?.headers ?? []);
  return sentOf(x, names);
}
