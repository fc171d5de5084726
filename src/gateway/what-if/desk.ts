/**
 * The gateway's end of "what if": starts the thread when a policy is opened or with the first question, hands over what
 * it does not have yet, and asks one question at a time; of several that wait, only the newest is asked.
 * Must not work on the recording itself: nothing here may take longer than handing over does.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { BlockView } from "./packed.ts";
import type { PlanRecipe } from "./recipe.ts";
import type { Answer, Question } from "./study.ts";
import type { JournalView, TrafficJournal } from "./traffic-journal.ts";
import type { Reply } from "./worker.ts";

export type Ask = Question["ask"];

/** A later question of the same kind was asked before this one came to its turn. */
export interface Superseded {
  readonly kind: "superseded";
}

/** Nothing is recorded. */
export interface Nothing {
  readonly kind: "nothing";
}

export type Told = (Answer & { readonly milliseconds: number }) | Superseded | Nothing;

interface Waiting {
  readonly ask: Ask;
  tell(told: Told): void;
  fail(error: Error): void;
}

interface Asked extends Waiting {
  readonly id: number;
  readonly late: NodeJS.Timeout;
}

/** A thread that has not answered after so long is given up. Milliseconds. */
const PATIENCE = 60_000;

export class WhatIfDesk {
  readonly #journal: TrafficJournal;
  readonly #serving: () => number;
  readonly #recipes = new Map<number, PlanRecipe>();
  /** Revisions that the thread has. */
  readonly #brought = new Set<number>();
  #worker: Worker | undefined;
  #asked: Asked | undefined;
  #waiting: Waiting[] = [];
  #nextId = 1;
  #closed = false;

  constructor(journal: TrafficJournal, serving: () => number) {
    this.#journal = journal;
    this.#serving = serving;
  }

  /** A plan serves, or is about to. */
  add(recipe: PlanRecipe): void {
    this.#recipes.set(recipe.revision, recipe);
  }

  /** Recipes of older plans are not needed any more. */
  keepFrom(revision: number): void {
    for (const known of this.#recipes.keys()) if (known < revision) this.#recipes.delete(known);
  }

  /** Starts the thread before there is a question. @returns false = there was one, or there can be none. */
  prepare(): boolean {
    if (this.#worker !== undefined || this.#closed) return false;
    try {
      this.#worker = this.#start();
      return true;
    } catch {
      // The first question says why.
      return false;
    }
  }

  /** It has a thread, and nobody waits for it. */
  get idle(): boolean {
    return this.#worker !== undefined && this.#asked === undefined && this.#waiting.length === 0;
  }

  ask(ask: Ask): Promise<Told> {
    const stays = this.#waiting.filter((one) => one.ask.kind !== ask.kind);
    for (const one of this.#waiting) if (!stays.includes(one)) one.tell({ kind: "superseded" });
    this.#waiting = stays;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ask, tell: resolve, fail: reject });
      this.#next();
    });
  }

  close(): void {
    this.#closed = true;
    this.#end(new Error("The gateway is stopping."));
    for (const one of this.#waiting) one.fail(new Error("The gateway is stopping."));
    this.#waiting = [];
  }

  #next(): void {
    if (this.#asked !== undefined || this.#closed) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const journal = this.#journal.handOver();
    if (journal === undefined) {
      next.tell({ kind: "nothing" });
      return this.#next();
    }
    const late = setTimeout(
      () => this.#end(new Error(`"What if" took longer than ${PATIENCE / 1000} s.`)),
      PATIENCE,
    ).unref();
    const asked = (this.#asked = { ...next, id: this.#nextId++, late });
    this.#bring(asked, journal, 0);
  }

  /** Block by block, each in a turn of its own: copying is the gateway's work, and requests wait for it. */
  #bring(asked: Asked, journal: JournalView, at: number): void {
    if (this.#asked !== asked) return;
    const { blocks } = journal;
    let place = at;
    while (typeof blocks[place] === "number") place++;
    try {
      this.#worker ??= this.#start();
      if (place < blocks.length) {
        post(this.#worker, blocks[place] as BlockView);
        setImmediate(() => this.#bring(asked, journal, place + 1));
        return;
      }
      const recipes = [...this.#recipes.values()].filter(({ revision }) => !this.#brought.has(revision));
      const { snapshot } = journal;
      const numbers = blocks.map((block) => (typeof block === "number" ? block : block.number));
      post(this.#worker, {
        id: asked.id,
        journal: { snapshot, blocks: numbers },
        recipes,
        serving: this.#serving(),
        ask: asked.ask,
      });
      for (const { revision } of recipes) this.#brought.add(revision);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #start(): Worker {
    const worker = new Worker(scriptPath());
    worker.unref();
    worker.on("message", (reply: Reply) => this.#replied(reply));
    worker.on("error", (error) => this.#end(error));
    worker.on("exit", () => {
      if (worker === this.#worker) this.#end(new Error('The thread that answers "what if" has ended.'));
    });
    return worker;
  }

  #replied(reply: Reply): void {
    const asked = this.#asked;
    if (asked === undefined || asked.id !== reply.id) return;
    clearTimeout(asked.late);
    this.#asked = undefined;
    if ("problem" in reply) asked.fail(new Error(reply.problem));
    else asked.tell({ ...reply.answer, milliseconds: reply.milliseconds });
    this.#next();
  }

  /** The thread is gone, or to go; the next question starts another, which is brought everything anew. */
  #end(error: Error): void {
    const worker = this.#worker;
    const asked = this.#asked;
    this.#worker = this.#asked = undefined;
    this.#brought.clear();
    this.#journal.forgetHandOver();
    void worker?.terminate();
    if (asked === undefined) return;
    clearTimeout(asked.late);
    asked.fail(error);
    this.#next();
  }
}

function post(worker: Worker, message: Question | BlockView): void {
  // A thread has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  worker.postMessage(message);
}

/** Beside the bundle, whose shared parts stand in a folder below; the source itself in tests. */
function scriptPath(): string {
  const places = ["./what-if.js", "../what-if.js", "./worker.fixture.mjs"];
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? paths[0];
}
